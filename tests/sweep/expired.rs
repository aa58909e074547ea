//! A token's end: swept for once more, and not at every boot ever after.

use super::{ID, Root, token};

const MARK: &str = "var/lib/worker-bootstrap/ledger/q7x2mz.json";
const LOG: &str = "var/log/cloud-init.log";
const SYNCHRONIZED: &str = "run/systemd/timesync/synchronized";

/// A machine that has joined with a token that expires at `expires`.
fn joined(expires: u64) -> Root {
    let root = Root::new();
    let mark = serde_json::json!({
        "schema": 1, "tokenId": ID, "machineId": "0123456789abcdef0123456789abcdef", "phase": "done",
        "node": "worker-1", "servers": ["https://127.0.0.1:6443"], "waitFor": "registered",
        "timeoutSeconds": 600, "bootstrapId": null, "clusterId": null, "sources": [],
        "expiresAt": expires,
    });
    root.put(MARK, mark.to_string().as_bytes());
    root
}

fn written_again(root: &Root) {
    root.put(LOG, format!("token: {}\n", token()).as_bytes());
}

fn closed(root: &Root) -> bool {
    let mark: serde_json::Value = serde_json::from_slice(&root.read(MARK)).unwrap();
    mark["sweptAfterExpiry"] == true
}

#[test]
fn an_expired_token_is_swept_for_once_more_and_then_left_to_whoever_asks() {
    let root = joined(1_700_000_000);
    root.put(SYNCHRONIZED, b"");
    written_again(&root);
    assert_eq!(root.wipe_known(&["--until-expiry"]).exit, 0);
    assert!(!root.holds(LOG) && closed(&root));
    written_again(&root);
    let swept = root.wipe_known(&["--until-expiry"]);
    assert!(root.holds(LOG), "{}", swept.said);
    assert!(swept.said.contains("has expired and was swept for since"), "{}", swept.said);
    assert_eq!(root.wipe_known(&[]).exit, 0);
    assert!(!root.holds(LOG));
}

#[test]
fn a_token_that_lives_is_swept_for_at_every_boot() {
    let root = joined(99_999_999_999);
    root.put(SYNCHRONIZED, b"");
    for _ in 0..2 {
        written_again(&root);
        assert_eq!(root.wipe_known(&["--until-expiry"]).exit, 0);
        assert!(!root.holds(LOG) && !closed(&root));
    }
}

/// A machine whose clock runs ahead must not give up on a token that lives.
#[test]
fn a_clock_that_is_not_synchronized_ends_nothing() {
    let root = joined(1_700_000_000);
    for _ in 0..2 {
        written_again(&root);
        assert_eq!(root.wipe_known(&["--until-expiry"]).exit, 0);
        assert!(!root.holds(LOG) && !closed(&root));
    }
}

/// What waits for cloud-init's end has not been swept for yet.
#[test]
fn a_sweep_that_leaves_something_ends_nothing() {
    let root = joined(1_700_000_000);
    root.put(SYNCHRONIZED, b"");
    root.put("run/cloud-init/status.json", b"{}");
    let pickle = "var/lib/cloud/instances/i-1/obj.pkl";
    root.put(pickle, token().as_bytes());
    std::os::unix::fs::symlink("instances/i-1", root.path("var/lib/cloud/instance")).unwrap();
    let waits = root.wipe_known(&["--until-expiry"]);
    assert!(root.holds(pickle) && !closed(&root), "{}", waits.said);
    root.put("run/cloud-init/result.json", b"{}");
    root.wipe_known(&["--until-expiry"]);
    assert!(!root.holds(pickle) && closed(&root));
}
