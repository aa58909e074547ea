//! The second run.

use crate::support::cluster::Cluster;
use crate::support::front::Mode;
use crate::support::immutable::Immutable;
use crate::support::machine::{DOCUMENT, Machine};
use crate::support::token::{AUTO, MANUAL, Trust, document};
use crate::support::unix_now;
use std::time::Duration;

const RESULT: &str = "var/lib/worker-bootstrap/result.json";
const PEM: &str = "var/lib/kubelet/pki/kubelet-client-current.pem";

/// Also when the document was written anew, as some clouds do at each boot; that copy is erased too.
pub async fn a_second_run_does_nothing(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    machine.join(&document).await.must_join();
    let custody = || {
        let result: serde_json::Value = serde_json::from_str(&machine.read(RESULT)).unwrap();
        result["custody"]["erased"].as_array().unwrap().len()
    };
    let (pem, connections) = (machine.read(PEM), door.accepted());
    assert_eq!(custody(), 1);
    let again = machine.join(&document).await.must_join();
    assert!(again.took < Duration::from_secs(2), "{:?}", again.took);
    assert_eq!(custody(), 1, "a place that is written to again counts once");
    assert!(!machine.has(DOCUMENT));
    machine.write("etc/worker-bootstrap/bootstrap.yaml", &document.to_string(), 0o600);
    machine.run(&[]).await.must_join();
    assert_eq!(custody(), 2);
    let plan = machine.command_under(&["env"], "plan", &["--json"]).end().await;
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan, serde_json::json!({"node": machine.name, "steps": []}));
    machine.run(&[]).await.must_join();
    assert_eq!(custody(), 2, "a run with nothing to do forgets what those before it did");
    assert_eq!(door.accepted(), connections);
    assert_eq!(machine.read(PEM), pem);
    assert!(!machine.has(DOCUMENT));
}

/// Each run tries again, and says so by its end, until the copy is gone.
pub async fn a_copy_that_resists(cluster: Cluster) {
    const HISTORY: &str = "root/.bash_history";
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.write(HISTORY, &format!("echo {}\n", token.text()), 0o600);
    let resists = Immutable::new(machine.path(HISTORY));
    let document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    let runs = [machine.join(&document).await, machine.run(&[]).await];
    drop(resists);
    assert!(runs[0].says("[ 9/10] start"), "{:?}", runs[0]);
    assert!(!runs[1].says("[ 9/10] start"), "a kubelet that runs is started again: {:?}", runs[1]);
    for run in runs {
        run.must_be(10, "residue_left").must_name(&[HISTORY]);
    }
    machine.run(&[]).await.must_join();
    assert!(!machine.read(HISTORY).contains(&token.secret));
    machine.run(&[]).await.must_join();
}

pub async fn two_runs_at_once(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut first = machine.start(&[]);
    first.waits_for("csr_approval").await;
    let mut second = machine.start(&[]);
    second.waits_for("lock").await;
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    first.end().await.must_exit(0);
    second.end().await.must_join();
    assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1);
    let posts = cluster.requests_through(&door).iter().filter(|request| request.verb == "create").count();
    assert_eq!(posts, 1);
}

/// A crash after the credential was installed and before it was noted: the token is not needed.
pub async fn a_credential_on_disk_is_proven_without_the_token(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    machine.join(&document).await.must_join();
    let (pem, before) = (machine.read(PEM), cluster.requests_through(&door).len());
    let mark = format!("var/lib/worker-bootstrap/ledger/{}.json", token.id);
    let mut text: serde_json::Value = serde_json::from_str(&machine.read(&mark)).unwrap();
    text["phase"] = "started".into();
    machine.write(&mark, &text.to_string(), 0o600);
    machine.join(&document).await.must_join();
    let requests = cluster.requests_through(&door).split_off(before);
    let node = format!("system:node:{}", machine.name);
    assert!(!requests.is_empty() && requests.iter().all(|request| request.user == node), "{requests:?}");
    assert_eq!(machine.read(PEM), pem);
}

/// Nor does its expiry matter then: while no server is there it is not the token that the run waits for.
pub async fn a_credential_on_disk_outlives_the_token(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    machine.join(&document).await.must_join();
    let mark = format!("var/lib/worker-bootstrap/ledger/{}.json", token.id);
    let mut text: serde_json::Value = serde_json::from_str(&machine.read(&mark)).unwrap();
    text["phase"] = "started".into();
    machine.write(&mark, &text.to_string(), 0o600);
    document["expiresAt"] = (unix_now() - 60).into();
    document["join"]["timeout"] = "1s".into();
    door.set(Mode::Reset);
    machine.join(&document).await.must_be(75, "server_unreachable");
    assert!(machine.has(DOCUMENT));
    door.set(cluster.forward());
    machine.run(&[]).await.must_join();
    assert!(!machine.has(DOCUMENT));
}

/// Each place in which any run found the token, however it was named there.
pub async fn found_elsewhere_before(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    document["join"]["timeout"] = "1s".into();
    machine.write("opt/elsewhere", &document.to_string(), 0o600);
    let elsewhere = machine.path("opt/elsewhere");
    // A run begins in /.
    let relative = elsewhere.strip_prefix("/").unwrap().to_str().unwrap();
    door.set(Mode::Reset);
    machine.run(&["--document", relative]).await.must_be(75, "server_unreachable");
    door.set(cluster.forward());
    machine.join(&document).await.must_join();
    assert!(!elsewhere.exists(), "a copy that an earlier run used is left");
    let mark: serde_json::Value =
        serde_json::from_str(&machine.read(&format!("var/lib/worker-bootstrap/ledger/{}.json", token.id)))
            .unwrap();
    let sources = mark["sources"].as_array().unwrap();
    assert!(
        sources.len() == 2 && sources.iter().all(|path| path.as_str().unwrap().starts_with('/')),
        "{mark}"
    );
}

/// What is delivered to a joined machine is named, and stays.
pub async fn another_bootstrap_on_a_joined_machine(cluster: Cluster) {
    let (token, other, door, machine) =
        (cluster.issue(&AUTO).await, cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    machine.write(
        "etc/worker-bootstrap/bootstrap.yaml",
        &document(&other, &[door.url()], Trust::Ca(&cluster.ca)).to_string(),
        0o600,
    );
    let again = machine.run(&[]).await.must_join();
    assert!(again.says(&other.id) && again.says("wipe --unused"), "{again:?}");
    assert!(machine.has("etc/worker-bootstrap/bootstrap.yaml"));
}

/// The disk of a machine that has joined, in another machine: its state is not believed.
pub async fn a_copied_disk(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let first = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    machine.join(&first).await.must_join();
    let pem = machine.read(PEM);
    machine.give_identity();
    machine.join(&first).await.must_be(7, "token_other_machine").must_name(&[&token.id, &machine.name]);
    let token = cluster.issue(&AUTO).await;
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    let fresh = machine.read(PEM);
    let key = |pem: &str| pem[pem.find("PRIVATE KEY").unwrap()..].to_owned();
    assert_ne!(key(&fresh), key(&pem), "a key that another machine has is not used");
}

/// A stop is like a crash: nothing is lost, and the next run goes on with the same request.
pub async fn told_to_stop(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    run.terminate();
    run.end().await.must_be(75, "interrupted").must_name(&["SIGTERM"]);
    assert!(machine.has(DOCUMENT));
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    machine.run(&[]).await.must_join();
    assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1);
}
