//! The real agent on a machine that cannot join: what is wrong with it is read from the timeline alone.

use super::rig::{CLUSTER, Rig, bearer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootstrap_issuer::api::{self, Api, Limits};
use bootstrap_issuer::config::Tls;
use bootstrap_issuer::listen::tls::Certificate;
use bootstrap_issuer::listen::{Listener, Stop};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The agent that is built beside the issuer.
fn agent() -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_bootstrap-issuer")).with_file_name("worker-bootstrap");
    assert!(path.exists(), "{} is not there: cargo build --workspace", path.display());
    path
}

#[expect(clippy::disallowed_methods, reason = "a test sets up a machine")]
fn write(path: &Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_machine_is_read_from_outside() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let id = made.text_at("/id");

    // The same router, where machines find it.
    let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let files =
        Tls { certificate: rig.directory.path().join("tls.crt"), key: rig.directory.path().join("tls.key") };
    write(&files.certificate, &certified.cert.pem(), 0o644);
    write(&files.key, &certified.signing_key.serialize_pem(), 0o600);
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("https://{}/v1/reports/{id}", listener.address());
    let (_stop, stopped) = Stop::new();
    let router = api::router(Api::new(rig.issuer.clone(), Limits::default()));
    tokio::spawn(listener.serve(Some(Certificate::open(&files).unwrap()), router, stopped));

    // A machine without a kubelet.
    let machine = tempfile::tempdir().unwrap();
    let at = |path: &str| machine.path().join(path);
    write(&at("etc/machine-id"), &format!("{}\n", "0123456789abcdef".repeat(2)), 0o444);
    write(&at("etc/hostname"), "worker-1\n", 0o644);
    write(&at("run/systemd/timesync/synchronized"), "", 0o644);
    let document = json!({
        "apiVersion": "bootstrap.akua.dev/v1alpha1", "kind": "WorkerBootstrap",
        "metadata": {"id": id, "clusterId": "clu_1"}, "expiresAt": made.at("/expires_at"), "token": bearer(&made),
        "cluster": {"servers": ["https://127.0.0.1:1"], "caCertHashes": [format!("sha256:{}", "ab".repeat(32))]},
        "report": {"url": url, "certificateAuthorityData": STANDARD.encode(certified.cert.pem())},
    });
    write(&at("run/worker-bootstrap/bootstrap.yaml"), &document.to_string(), 0o600);
    #[expect(clippy::disallowed_methods, reason = "the agent on that machine")]
    let ended = tokio::process::Command::new(agent())
        .args(["run", "--root"])
        .arg(machine.path())
        .env_clear()
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(8), "{said}");

    let answer = rig.get(&format!("{CLUSTER}/{id}/events")).await;
    let events: Vec<&Value> = answer.at("/data").as_array().unwrap().iter().collect();
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["issued", "step", "step", "step", "warning", "outcome"], "{answer:?}");
    let last = events[5];
    assert_eq!((&last["reason"], &last["exit_code"]), (&json!("kubelet_unusable"), &json!(8)));
    assert_eq!((&last["node"], &last["step"]), (&json!("worker-1"), &json!("check")));
    for field in ["message", "next"] {
        let text = last[field].as_str().unwrap();
        assert!(
            !text.is_empty() && said.contains(text),
            "{text} is not what the machine's own log says: {said}"
        );
    }
    assert!(!answer.text.contains(bearer(&made).split_once('.').unwrap().1));
}
