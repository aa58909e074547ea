//! What is written by hand for systemd and the package quotes the types of the program.

use std::path::Path;
use worker_bootstrap::find::{CREDENTIAL, WELL_KNOWN};
use worker_bootstrap::reason::Exit;

#[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every value of `key`, in the order of the file.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_unit_is_not_restarted_where_a_restart_is_useless() {
    let unit = read("systemd/worker-bootstrap.service");
    let useless: Vec<String> = Exit::ALL
        .into_iter()
        .filter(|exit| exit.restart_is_useless())
        .map(|exit| exit.number().to_string())
        .collect();
    assert_eq!(values(&unit, "RestartPreventExitStatus"), [useless.join(" ")]);
    assert_eq!(values(&unit, "Restart"), ["on-failure"]);
}

/// The sweep comes after cloud-init's last stage, and nothing that precedes that stage waits for it.
#[test]
fn the_sweep_closes_no_circle_and_blocks_nobody() {
    let unit = read("systemd/worker-bootstrap-sweep.service");
    assert_eq!(values(&unit, "After"), ["cloud-final.service"]);
    assert_eq!(values(&unit, "WantedBy"), ["cloud-init.target"]);
    assert_eq!(values(&unit, "Type"), ["exec"]);
    assert_eq!(values(&unit, "Before"), Vec::<&str>::new());
    let join = read("systemd/worker-bootstrap.service");
    assert_eq!(values(&unit, "RestartPreventExitStatus"), values(&join, "RestartPreventExitStatus"));
}

#[test]
fn the_watch_covers_the_places_that_are_searched() {
    let unit = read("systemd/worker-bootstrap.path");
    assert_eq!(values(&unit, "PathChanged"), WELL_KNOWN);
}

/// By name alone: with a path of its own the unit would fail where there is none.
#[test]
fn the_unit_is_handed_the_credential_that_is_looked_for() {
    let unit = read("systemd/worker-bootstrap.service");
    assert_eq!(values(&unit, "LoadCredential"), [CREDENTIAL]);
}

#[test]
fn tmpfiles_makes_what_the_program_expects() {
    let text = read("systemd/worker-bootstrap.tmpfiles");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        ["d /run/worker-bootstrap 0755 root root -", "d /var/lib/worker-bootstrap 0755 root root -"]
    );
}

/// The document of the example user-data is one that the program accepts, apart from being an example.
#[test]
fn the_example_user_data_holds_a_document_of_the_right_form() {
    let text = read("packaging/cloud-init/user-data.example.yaml");
    let document = block(&text, "content: |");
    let parsed = worker_bootstrap::document::parse(document.as_bytes(), "user-data.example.yaml");
    let bootstrap = parsed.unwrap_or_else(|failure| panic!("{}", failure.line()));
    assert_eq!(bootstrap.token.id().as_str(), "abcdef");
    assert!(text.contains(&format!("- path: {}\n", WELL_KNOWN[0])));
    let start = "  - [systemctl, start, --no-block, worker-bootstrap.service]\n";
    assert!(text.ends_with(start), "the last command must start the unit and not wait for it");
}

/// The lines below `head` that are indented further than it, without their indent.
fn block(text: &str, head: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim() != head);
    let outer = indent(lines.next().expect("the head of the block"));
    let inner: Vec<&str> = lines.take_while(|line| indent(line) > outer).collect();
    let depth = inner.iter().map(|line| indent(line)).min().expect("a line in the block");
    inner.iter().map(|line| format!("{}\n", &line[depth..])).collect()
}
