//! What lies outside the table: where a run found the token, and a bootstrap that nobody has used.

use super::{ID, Root, token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// A bootstrap in our own form.
fn document() -> String {
    format!(
        "apiVersion: bootstrap.akua.dev/v1alpha1\nkind: WorkerBootstrap\nexpiresAt: 4000000000\ntoken: {}\ncluster:\n  \
         servers: [\"https://127.0.0.1:1\"]\n  caCertHashes: [\"sha256:{}\"]\n",
        token(),
        "ab".repeat(32)
    )
}

/// That the token is spent, and that a run found it there.
fn spent(root: &Root, source: &str) {
    let mark = json!({
        "schema": 1, "tokenId": ID, "machineId": "0123456789abcdef0123456789abcdef", "phase": "finished", "node": "n",
        "servers": [], "waitFor": "ready", "timeoutSeconds": 1, "bootstrapId": null, "clusterId": null,
        "sources": [root.path(source)],
    });
    root.put(&format!("var/lib/worker-bootstrap/ledger/{ID}.json"), mark.to_string().as_bytes());
}

fn private(root: &Root, below: &str, bytes: &[u8], mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let path = root.put(below, bytes);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Whatever its form: of a crash nothing is left but the mark, which names the place.
#[test]
fn where_a_run_found_it_nothing_is_left() {
    let kubeconfig = format!("users: [{{name: kubelet-bootstrap, user: {{token: {}}}}}]\n", token());
    for (form, bytes) in [
        ("a document", document().into_bytes()),
        ("a token", token().into_bytes()),
        ("a k0s token", STANDARD.encode(super::copies::gzip(kubeconfig.as_bytes())).into_bytes()),
        ("a command", format!("k0s worker {}\n", token()).into_bytes()),
        (
            "a command without an expiry",
            format!("kubeadm join 127.0.0.1:1 --token {}\n", token()).into_bytes(),
        ),
    ] {
        let root = Root::new();
        private(&root, "opt/elsewhere", &bytes, 0o600);
        spent(&root, "opt/elsewhere");
        let shown = root.shown("opt/elsewhere");
        let dry = root.wipe_known(&["--dry-run"]);
        assert!(dry.reports("erased", &shown), "{form}: {}", dry.said);
        assert!(root.path("opt/elsewhere").exists(), "{form}");
        let wiped = root.wipe_known(&[]);
        assert!(wiped.exit == 0 && wiped.reports("erased", &shown), "{form}: {}", wiped.said);
        assert!(!root.path("opt/elsewhere").exists(), "{form}");
    }
}

/// Wherever a run would find it, and where it would refuse it.
#[test]
fn one_that_nobody_has_used_is_erased_where_that_is_asked_for() {
    let kubeadm = format!(
        "kubeadm join 127.0.0.1:1 --token {} --discovery-token-ca-cert-hash sha256:{}\n",
        token(),
        "ab".repeat(32)
    );
    for (case, path, bytes, mode) in [
        ("a document", "etc/worker-bootstrap/bootstrap.yaml", document(), 0o600),
        ("one that others can read", "etc/worker-bootstrap/bootstrap.yaml", document(), 0o644),
        ("a command without an expiry", "etc/worker-bootstrap/bootstrap.yaml", kubeadm, 0o600),
        ("user-data", "var/lib/cloud/instances/i-1/user-data.txt", document(), 0o600),
    ] {
        let root = Root::new();
        private(&root, path, bytes.as_bytes(), mode);
        if path.contains("cloud") {
            std::os::unix::fs::symlink("instances/i-1", root.path("var/lib/cloud/instance")).unwrap();
            root.put("var/lib/cloud/data/instance-id", b"i-1\n");
        }
        let left_alone = root.wipe_known(&[]);
        assert!(left_alone.exit == 0 && root.holds(path), "{case}: {}", left_alone.said);
        let wiped = root.wipe_known(&["--unused"]);
        assert!(wiped.exit == 0 && wiped.reports("erased", &root.shown(path)), "{case}: {}", wiped.said);
        assert!(!root.path(path).exists() || !root.holds(path), "{case}");
    }
}
