//! What a run made, taken back: nothing else is touched, and a new token can be used.

use crate::support::cluster::Cluster;
use crate::support::issuer::KEPT;
use crate::support::machine::{DOCUMENT, Machine, Outcome};
use crate::support::token::{AUTO, MANUAL, Trust, document};
use crate::support::tree::{changes, tree};
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

const PKI: &str = "var/lib/kubelet/pki";
const CURRENT: &str = "var/lib/kubelet/pki/kubelet-client-current.pem";
const CONFIG: &str = "var/lib/kubelet/config.yaml";
const KUBECONFIG: &str = "etc/kubernetes/kubelet.conf";
const FOREIGN: &str = "/var/lib/kubelet/pki/kubelet-client-2020-01-02-03-04-05.pem";
const RECORD: &str = "var/lib/worker-bootstrap/made";

/// What a run remembers of itself does not count; the record does.
fn state(machine: &Machine) -> BTreeMap<String, String> {
    const OWN: [&str; 10] = [
        "run/worker-bootstrap",
        "run/worker-bootstrap/lock",
        "run/worker-bootstrap/status.json",
        DOCUMENT,
        "var",
        "var/lib",
        "var/lib/worker-bootstrap",
        "var/lib/worker-bootstrap/ledger",
        "var/lib/worker-bootstrap/result.json",
        "run",
    ];
    let mut tree = tree(machine.root());
    tree.retain(|name, _| {
        !OWN.contains(&name.as_str()) && !name.starts_with("var/lib/worker-bootstrap/ledger/")
    });
    tree
}

/// What a reset says of each thing, as JSON.
fn items(outcome: &Outcome) -> Vec<(String, String)> {
    let said: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = said["items"].as_array().unwrap().iter();
    items.map(|item| (text(&item["what"]), text(&item["path"]))).collect()
}

fn relink(machine: &Machine, target: &str) {
    std::fs::remove_file(machine.path(CURRENT)).ok();
    symlink(target, machine.path(CURRENT)).unwrap();
}

/// A machine on which a kubelet of another cluster has left its files.
fn used_before() -> Machine {
    let machine = Machine::ready();
    machine.write(FOREIGN, "a certificate and its PRIVATE KEY", 0o600);
    relink(&machine, FOREIGN);
    machine.write(CONFIG, "old: true\n", 0o640);
    machine.write("etc/kubernetes/pki/ca.crt", "an old CA\n", 0o604);
    machine.write("etc/kubernetes/manifests/pod.yaml", "a pod\n", 0o600);
    machine
}

/// The kubelet makes files of its own and rotates its certificate; all but its credentials stay.
pub async fn a_reset_and_a_new_token(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), used_before());
    let first = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    let before = state(&machine);
    machine.join(&first).await.must_join();
    let serial = machine.read(CURRENT);
    let rotated = format!("{PKI}/kubelet-client-2031-01-02-03-04-05.pem");
    machine.write(&rotated, "rotated, with its PRIVATE KEY", 0o600);
    relink(&machine, &format!("/{rotated}"));
    machine.write("var/lib/kubelet/cpu_manager_state", "{}", 0o600);
    machine.write("var/lib/kubelet/pki/kubelet.crt", "a serving certificate", 0o644);
    let theirs = ["var/lib/kubelet/cpu_manager_state", "var/lib/kubelet/pki/kubelet.crt"];
    machine.write(KEPT, "not through yet", 0o600);
    machine.deliver(&first);

    let standing = tree(machine.root());
    let planned = machine.reset(&["--dry-run", "--json"]).await.must_exit(0);
    assert_eq!(tree(machine.root()), standing, "a dry run changed something");
    let done = machine.reset(&["--json"]).await.must_exit(0);
    assert_eq!(items(&planned), items(&done));
    for (what, path) in [
        ("removed", KUBECONFIG),
        ("removed", &rotated),
        ("restored", CURRENT),
        ("restored", CONFIG),
        ("restored", "etc/kubernetes/pki/ca.crt"),
        ("removed", "run/cluster-api/bootstrap-success.complete"),
        ("removed", "run/cluster-api"),
        ("stays", DOCUMENT),
    ] {
        let item = (what.to_owned(), machine.path(path).display().to_string());
        assert!(items(&done).contains(&item), "{item:?} is not among {:#?}", items(&done));
    }
    assert_eq!(changes(&before, &state(&machine)), theirs);
    for status in [&done.status, &done.result] {
        assert_eq!((&status["state"], &status["exitCode"]), (&"reset".into(), &0.into()), "{status}");
        assert_eq!((&status["reason"], &status["tokenId"]), (&Value::Null, &token.id.clone().into()));
        assert!(status["custody"]["erased"].is_array(), "{status}");
    }

    let settled = tree(machine.root());
    let again = machine.reset(&[]).await.must_exit(0);
    assert_eq!(again.stdout, "nothing to undo");
    assert_eq!(changes(&settled, &tree(machine.root())), ["run/worker-bootstrap/lock"]);

    machine.join(&first).await.must_be(7, "token_already_used");
    let token = cluster.issue(&AUTO).await;
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    assert_ne!(machine.read(CURRENT), serial);
    machine.reset(&[]).await.must_exit(0);
    assert_eq!(changes(&before, &state(&machine)), theirs);
}

/// A credential that was there before, of this very node, is put back; the machine does not stand on it.
pub async fn a_reset_to_an_older_credential(cluster: Cluster) {
    let (door, machine) = (cluster.door(), Machine::ready());
    let next = async || document(&cluster.issue(&AUTO).await, &[door.url()], Trust::Ca(&cluster.ca));
    machine.join(&next().await).await.must_join();
    // As if it had been joined by other means.
    let pem = machine.read(CURRENT);
    std::fs::remove_file(
        machine
            .path(CURRENT)
            .parent()
            .unwrap()
            .join(machine.path(CURRENT).read_link().unwrap().file_name().unwrap()),
    )
    .unwrap();
    machine.write(FOREIGN, &pem, 0o600);
    relink(&machine, FOREIGN);
    std::fs::remove_dir_all(machine.path("var/lib/worker-bootstrap")).unwrap();
    let before = state(&machine);

    machine.join(&next().await).await.must_join();
    assert_ne!(machine.read(CURRENT), pem);
    machine.reset(&[]).await.must_exit(0);
    assert_eq!(changes(&before, &state(&machine)), [""; 0]);
    assert_eq!(machine.read(CURRENT), pem);
    machine.join(&next().await).await.must_join();
    assert_ne!(machine.read(CURRENT), pem, "no new credential was obtained");
}

/// Where a join fails, whatever it had come to, nothing of it is left; the same token joins afterwards, as
/// it was not spent.
pub async fn a_reset_of_a_join_that_failed_half_way(cluster: Cluster) {
    for (obstacle, made) in [
        ("etc/systemd/system/kubelet.service.d/20-worker-bootstrap.conf", false),
        ("var/lib/kubelet/pki/kubelet-client.key.tmp", true),
        (CURRENT, true),
        ("etc/kubernetes/pki/ca.crt", true),
        (KUBECONFIG, true),
        (CONFIG, true),
        ("var/lib/kubelet/kubeadm-flags.env", true),
    ] {
        let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
        std::fs::create_dir_all(machine.path(obstacle).join("with something in it")).unwrap();
        machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
        let before = state(&machine);
        machine.run(&[]).await.must_be(1, "local_write_failed").must_name(&[obstacle]);
        assert_eq!(changes(&before, &state(&machine)).len() > 2, made, "{obstacle}");
        machine.reset(&[]).await.must_exit(0);
        assert_eq!(changes(&before, &state(&machine)), [""; 0], "{obstacle}");
        std::fs::remove_dir_all(machine.path(obstacle)).unwrap();
        machine.run(&[]).await.must_join();
        machine.reset(&[]).await.must_exit(0);
    }
}

pub async fn a_reset_of_a_join_that_was_stopped(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let before = state(&machine);
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let standing = state(&machine);
    let refused = machine.reset(&[]).await.must_exit(75);
    assert!(refused.says("lock_held") && !refused.says("waiting for lock"), "{refused:?}");
    assert_eq!(state(&machine), standing, "a run under way was disturbed");
    run.terminate();
    run.end().await.must_be(75, "interrupted");
    let dry = machine.reset(&["--dry-run"]).await.must_exit(0);
    assert!(dry.stdout.contains("wipe --unused"), "the document is not named: {}", dry.stdout);
    machine.reset(&[]).await.must_exit(0);
    assert_eq!(changes(&before, &state(&machine)), [""; 0]);
    assert!(machine.has(DOCUMENT));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let requests = cluster.admin.csrs_of(&token).await;
    assert_eq!(requests.len(), 2, "a key that was taken back is not used again");
    for request in &requests {
        cluster.admin.approve(request).await;
    }
    run.end().await.must_join();
}

/// What somebody has put in the place of what a run made, whatever it is, is theirs.
pub async fn a_reset_keeps_what_somebody_changed(cluster: Cluster) {
    type Change = fn(&Machine);
    let rows: [(&str, Change); 4] = [
        (CONFIG, |machine| machine.write(CONFIG, "changed: true\n", 0o644)),
        (CONFIG, |machine| {
            machine.write("elsewhere", "theirs\n", 0o644);
            std::fs::remove_file(machine.path(CONFIG)).unwrap();
            symlink(machine.path("elsewhere"), machine.path(CONFIG)).unwrap();
        }),
        (KUBECONFIG, |machine| {
            std::fs::remove_file(machine.path(KUBECONFIG)).unwrap();
            std::fs::create_dir(machine.path(KUBECONFIG)).unwrap();
        }),
        (KUBECONFIG, |machine| {
            machine.write(KUBECONFIG, "of another join\n", 0o600);
            machine.write(FOREIGN, "of another join as well", 0o600);
            relink(machine, FOREIGN);
        }),
    ];
    for (number, (path, change)) in rows.into_iter().enumerate() {
        let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
        let before = state(&machine);
        machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
        change(&machine);
        let changed = tree(machine.path(path).parent().unwrap());
        for _ in 0..2 {
            let reset = machine.reset(&[]).await;
            let reset = reset.must_be(8, "reset_incomplete").must_name(&[path]);
            assert_eq!(reset.status["state"], "failed");
            assert!(machine.has(RECORD), "{number}");
        }
        let name = machine.path(path).file_name().unwrap().display().to_string();
        assert_eq!(tree(machine.path(path).parent().unwrap())[&name], changed[&name], "{number}");
        assert_eq!(machine.has("elsewhere"), number == 1);
        assert_eq!(machine.has(FOREIGN) && machine.has(CURRENT), number == 3);
        for theirs in [path, "elsewhere", FOREIGN, CURRENT] {
            let theirs = machine.path(theirs);
            if theirs.is_dir() {
                std::fs::remove_dir(theirs).ok()
            } else {
                std::fs::remove_file(theirs).ok()
            };
        }
        machine.reset(&[]).await.must_exit(0);
        assert_eq!(changes(&before, &state(&machine)), [""; 0], "{number}");
    }
}

/// A join of which nothing is recorded, and a record that cannot be read: nothing is guessed.
pub async fn a_reset_without_a_record(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    let standing = state(&machine);
    machine.write(RECORD, "half a rec", 0o600);
    let torn = machine.reset(&[]).await.must_exit(1);
    assert!(torn.says("local_write_failed") && torn.says(RECORD), "{torn:?}");
    std::fs::remove_file(machine.path(RECORD)).unwrap();
    let unknown = machine.reset(&[]).await.must_exit(8);
    assert!(unknown.says("reset_incomplete") && unknown.says(&machine.name), "{unknown:?}");
    let mut now = state(&machine);
    now.insert(RECORD.to_owned(), standing[RECORD].clone());
    assert_eq!(now, standing);
}
