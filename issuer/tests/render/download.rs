//! A machine without the agent: what the command downloads, what it believes, and what it says.

use crate::counter::Counter;
use crate::machine::{CODE, Machine, said};
use crate::order::{Case, stocked};
use axum::Router;
use bootstrap_issuer::render::Renderer;
use serde_json::json;
use std::process::Output;

/// In the place of the shell that runs the script stands one that notes it; the agent is there afterwards.
fn without_agent(tools: &[&str]) -> Machine {
    let machine = Machine::new(&[tools, &["ln"]].concat());
    machine.program("agent", &machine.agent());
    machine.program("sh", "cat \"$1\" >\"$HOME/script\"; ln -s agent \"$HOME/bin/worker-bootstrap\"");
    machine
}

async fn paste(machine: Machine, renderer: &Renderer) -> (Machine, Output) {
    let rendered = Case::new(&json!({})).render(renderer).unwrap();
    tokio::task::spawn_blocking(move || {
        let output = machine.run(&["bash"], &[], rendered.command.expose());
        (machine, output)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn the_script_comes_over_tls_by_the_issuers_own_authority() {
    for tool in ["curl", "wget"] {
        let counter = Counter::open().await;
        let renderer = stocked(&counter.url, Some(&counter.authority), &["amd64"]);
        let url = counter.url.clone();
        counter.serve(renderer.router());
        let (machine, output) = paste(without_agent(&[tool]), &renderer).await;
        assert_eq!(output.status.code(), Some(CODE), "{tool}: {}", said(&output));
        let script = machine.note("script");
        assert!(script.starts_with("#!/bin/sh\n") && script.contains(&format!("origin='{url}'")), "{script}");
        assert!(!script.contains("abcdef"), "the script knows of no bootstrap");
        assert_eq!(machine.note("arguments"), "run --document -\n");
        let installs = format!("installs it by {url}/artifacts/");
        assert!(said(&output).contains(&installs), "{}", said(&output));
        assert!(!machine.path("pauses").exists());
    }
}

#[tokio::test]
async fn what_has_another_sum_is_not_run() {
    let counter = Counter::open().await;
    let renderer = stocked(&counter.url, Some(&counter.authority), &["amd64"]);
    counter.serve(Router::new().fallback(|| async { "#!/bin/sh\n" }));
    let (machine, output) = paste(without_agent(&["curl"]), &renderer).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("is not what was expected: its SHA-256 is "), "{}", said(&output));
    assert!(!machine.path("script").exists() && !machine.path("document").exists());
}

/// Another authority, an answer that is an error, and nobody there: each is said with the tool's own words,
/// tried again a few times and no more, and ends with the code for what may be better later.
#[tokio::test]
async fn what_does_not_come_is_tried_again_a_few_times() {
    for tool in ["curl", "wget"] {
        for (fault, words) in [("authority", "certificate"), ("missing", "404"), ("nobody", "")] {
            let counter = Counter::open().await;
            let other = crate::order::authority().0;
            let authority = if fault == "authority" { other } else { counter.authority.clone() };
            let renderer = stocked(&counter.url, Some(&authority), &["amd64"]);
            match fault {
                "nobody" => drop(counter),
                "missing" => counter.serve(stocked("https://issuer.example", None, &["arm64"]).router()),
                _ => counter.serve(renderer.router()),
            }
            let (machine, output) = paste(without_agent(&[tool]), &renderer).await;
            let said = said(&output);
            assert_eq!(output.status.code(), Some(75), "{tool}, {fault}: {said}");
            assert!(said.contains(words), "{tool}, {fault}: {said}");
            assert!(said.contains("given up after 6 attempts"), "{tool}, {fault}: {said}");
            assert_eq!(machine.note("pauses"), "5\n10\n15\n20\n25\n", "{tool}, {fault}: {said}");
            assert!(!machine.path("script").exists() && !machine.path("document").exists());
        }
    }
}

#[tokio::test]
async fn a_machine_without_curl_and_wget_is_told() {
    let renderer = stocked("https://127.0.0.1:1", None, &["amd64"]);
    let (machine, output) = paste(without_agent(&[]), &renderer).await;
    assert_eq!(output.status.code(), Some(8));
    assert!(said(&output).contains("neither curl nor wget is installed"), "{}", said(&output));
    assert!(!machine.path("script").exists());
}
