//! The command, pasted or run as a script.

use crate::machine::{CODE, Machine, said};
use crate::order::{Case, TOKEN, authority, bare, nasty, stocked};
use serde_json::json;
use worker_bootstrap::document;

const SHELLS: [&[&str]; 4] = [&["bash"], &["sh"], &["bash", "--posix"], &["bash", "--norc", "-i"]];

#[test]
fn the_agent_gets_the_document_and_its_exit_code_comes_through() {
    let case = Case::new(&nasty());
    let rendered = case.render(&bare()).unwrap();
    for shell in SHELLS {
        let machine = Machine::with_agent(&[]);
        let output = machine.run(shell, &[], rendered.command.expose());
        assert_eq!(output.status.code(), Some(CODE), "{shell:?}: {}", said(&output));
        assert_eq!(machine.note("arguments"), "run --document -\n");
        let document = machine.note("document");
        assert_eq!(document, rendered.document.expose(), "{shell:?}");
        let parsed = document::parse(document.as_bytes(), "it").unwrap();
        assert_eq!(serde_json::Value::from(parsed.document.kubelet.config), nasty());
        assert_eq!(parsed.token.bearer().expose(), TOKEN);
        assert!(!machine.note("environment").contains("0123456789abcdef"), "{shell:?}");
        let spoken = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
        assert!(spoken.contains("joins this machine to clu_01"), "{shell:?}: {spoken}");
        if !shell.contains(&"-i") {
            assert!(!spoken.contains("0123456789abcdef"), "{shell:?}: {spoken}");
        }
    }
}

/// As in user-data that carries it, or in a file that somebody saved it to: the agent needs no shell for it.
#[test]
fn the_agent_reads_command_and_user_data_as_they_are() {
    let case = Case::new(&nasty());
    for renderer in
        [bare(), stocked("https://issuer.example/it's", Some(&authority().0), &["amd64", "arm64"])]
    {
        let rendered = case.render(&renderer).unwrap();
        let document = document::parse(rendered.document.expose().as_bytes(), "it").unwrap();
        let script = format!("#!/bin/sh\n{}", rendered.command.expose());
        for text in [rendered.command.expose(), rendered.cloud_init.expose(), &script] {
            let parsed = document::parse(text.as_bytes(), "it")
                .unwrap_or_else(|failure| panic!("{}\n{text}", failure.line()));
            assert!(parsed == document);
        }
        for user_data in [rendered.cloud_init.expose(), &script] {
            assert_eq!(document::is_carried_by(user_data.as_bytes()), Ok(true));
        }
    }
}

/// A shell that keeps here-documents in files keeps this one in memory.
#[test]
fn the_document_touches_no_disk() {
    let rendered = Case::new(&json!({})).render(&bare()).unwrap();
    for (environment, place) in
        [(&[][..], "pipe:"), (&[("BASH_COMPAT", "50"), ("TMPDIR", "/tmp")], "/dev/shm/")]
    {
        let machine = Machine::with_agent(&[]);
        machine.run(&["bash"], environment, rendered.command.expose());
        assert!(machine.note("input").starts_with(place), "{}", machine.note("input"));
    }
}

/// The person's own shell: it lives on with its own settings, and with a history that has no token in it
/// where lines that begin with a space are left out. Elsewhere the person is told.
#[test]
fn a_shell_that_it_is_pasted_into_is_left_as_it_was() {
    let rendered = Case::new(&nasty()).render(&bare()).unwrap();
    for (control, is_kept) in [("ignoreboth", false), ("ignorespace", false), ("ignoredups", true)] {
        let machine = Machine::with_agent(&[]);
        let history = machine.path("history");
        let environment = [("HISTCONTROL", control), ("HISTFILE", history.to_str().unwrap())];
        let text =
            format!("echo before\n{}echo \"after $? $- ${{TMPDIR:-none}}\"\n", rendered.command.expose());
        let output = machine.run(&["bash", "--norc", "-i"], &environment, &text);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let after =
            stdout.lines().find(|line| line.starts_with("after ")).unwrap_or_else(|| panic!("{stdout}"));
        let words: Vec<&str> = after.split(' ').collect();
        assert_eq!((words[1], words[3]), ("7", "none"), "{after}");
        assert!(!words[2].contains('e') && !words[2].contains('u'), "{after}");
        let kept = machine.note("history");
        assert!(kept.contains("echo before"), "{kept}");
        assert_eq!(kept.contains(TOKEN), is_kept, "{control}: {kept}");
        let advice = said(&output)
            .lines()
            .find_map(|line| Some(line.split_once("have the bootstrap in it: '")?.1.to_owned()));
        assert_eq!(advice.is_some(), is_kept, "{control}");
        if let Some(advice) = advice {
            let advice = advice.split_once('\'').unwrap().0;
            std::fs::remove_file(&history).unwrap();
            let text = format!("echo before\n{}{advice}\necho after\n", rendered.command.expose());
            machine.run(&["bash", "--norc", "-i"], &environment, &text);
            let kept = machine.note("history");
            assert!(kept.contains("echo after") && !kept.contains("set -eu"), "{advice}: {kept}");
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let rendered = Case::new(&json!({})).render(&bare()).unwrap();
    let machine = Machine::new(&[]);
    let output = machine.run(&["bash"], &[], rendered.command.expose());
    assert_eq!(output.status.code(), Some(8));
    assert!(said(&output).contains("worker-bootstrap is not installed"), "{}", said(&output));
    let machine = Machine::with_agent(&[]);
    std::fs::remove_file(machine.path("bin/sudo")).unwrap();
    let output = machine.run(&["bash"], &[], rendered.command.expose());
    assert_eq!(output.status.code(), Some(8));
    assert!(said(&output).contains("run it as root"), "{}", said(&output));
}
