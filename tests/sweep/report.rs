//! What is told of the copies afterwards.

use super::{Root, token};
use std::process::Command;

const LOG: &str = "var/log/cloud-init.log";
const HISTORY: &str = "root/.bash_history";

/// What a run leaves: its own account, at both places.
fn after_a_run() -> Root {
    let root = Root::new();
    let run = serde_json::json!({
        "schema": 1, "state": "joined", "startedAt": 1_700_000_000, "steps": [], "tokenId": super::ID,
        "custody": {"erased": [{"path": "/run/worker-bootstrap/bootstrap.yaml", "bytes": 22, "notGuaranteed": null}]},
        "sweep": null,
    });
    for place in ["run/worker-bootstrap/status.json", "var/lib/worker-bootstrap/result.json"] {
        root.put(place, run.to_string().as_bytes());
    }
    root
}

fn status(root: &Root) -> String {
    let said = Command::new(env!("CARGO_BIN_EXE_worker-bootstrap"))
        .args(["status", "--root"])
        .arg(root.path(""))
        .output()
        .unwrap();
    String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
}

#[test]
fn status_has_the_copies_of_the_run_and_of_every_sweep_after_it() {
    let root = after_a_run();
    for (count, place) in [(2, LOG), (3, HISTORY), (3, LOG)] {
        root.put(place, token().as_bytes());
        assert_eq!(root.wipe(&[]).exit, 0);
        let said = status(&root);
        assert!(said.contains(&format!("custody:   {count} erased")), "{place}: {said}");
        for copy in ["/run/worker-bootstrap/bootstrap.yaml", place] {
            assert!(said.contains(copy), "{copy}: {said}");
        }
    }
}

/// While a run is under way the last result is that of another.
#[test]
fn status_of_a_run_under_way_is_that_run_s() {
    let root = after_a_run();
    root.put("run/worker-bootstrap/status.json", br#"{"state": "running", "startedAt": 1700000009}"#);
    let said = status(&root);
    assert!(said.contains("state:     running") && !said.contains("custody"), "{said}");
}
