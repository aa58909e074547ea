//! What is rendered, before the eyes of shellcheck.

use crate::machine::{Machine, said};
use crate::order::{Case, authority, bare, nasty, stocked};
use serde_json::Value;

#[test]
#[ignore = "needs shellcheck"]
fn shellcheck_finds_nothing() {
    for renderer in [bare(), stocked("https://issuer.example/it's", Some(&authority().0), &["amd64"])] {
        let rendered = Case::new(&nasty()).render(&renderer).unwrap();
        let data: Value = serde_yaml::from_str(rendered.cloud_init.expose()).unwrap();
        let start = data["write_files"][1]["content"].as_str().unwrap();
        for (name, shell, text) in [
            ("command", "bash", rendered.command.expose()),
            ("command", "sh", rendered.command.expose()),
            ("start", "sh", start),
            ("install", "sh", renderer.script()),
        ] {
            let output = Machine::new(&[]).run(&["shellcheck", "--shell", shell, "-"], &[], text);
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
            assert!(output.status.success(), "{name} as {shell}: {said}");
        }
    }
}

#[test]
fn each_shell_can_read_it() {
    let renderer = stocked("https://issuer.example/it's", Some(&authority().0), &["amd64"]);
    let rendered = Case::new(&nasty()).render(&renderer).unwrap();
    for (shell, text) in
        [("bash", rendered.command.expose()), ("sh", rendered.command.expose()), ("sh", renderer.script())]
    {
        let output = Machine::new(&[]).run(&[shell, "-n"], &[], text);
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {}", said(&output));
    }
}
