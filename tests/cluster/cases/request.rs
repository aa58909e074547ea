//! What becomes of the certificate request.

use crate::support::cluster::Cluster;
use crate::support::machine::{DOCUMENT, Machine};
use crate::support::token::{MANUAL, Trust, document};
use serde_json::json;

const PEM: &str = "var/lib/kubelet/pki/kubelet-client-current.pem";

pub async fn denied(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let csr = cluster.admin.csr_of(&token).await;
    cluster.admin.deny(&csr, "NotOnSundays", "come back tomorrow").await;
    let name = csr["metadata"]["name"].as_str().unwrap();
    run.end().await.must_be(9, "csr_denied").must_name(&["NotOnSundays", "come back tomorrow", name]);
    assert!(machine.has(DOCUMENT) && !machine.has(PEM));

    // What was in the way is mended: the next run is not told the old verdict.
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let all = cluster.admin.csrs_of(&token).await;
    let another = all.iter().find(|it| it["metadata"]["name"] != csr["metadata"]["name"]).unwrap();
    cluster.admin.approve(another).await;
    run.end().await.must_join();
}

/// The verdict is told also where its key cannot be removed, and that the next run meets it again.
pub async fn denied_and_the_key_stays(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let key = machine.path("var/lib/kubelet/pki/kubelet-client.key.tmp");
    std::fs::remove_file(&key).unwrap();
    std::fs::create_dir(&key).unwrap();
    let csr = cluster.admin.csr_of(&token).await;
    cluster.admin.deny(&csr, "NotOnSundays", "come back tomorrow").await;
    run.end().await.must_be(9, "csr_denied").must_name(&["come back tomorrow", "with the same key"]);
}

pub async fn denied_because_the_token_was_used(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let csr = cluster.admin.csr_of(&token).await;
    cluster.admin.deny(&csr, "TokenAlreadyUsed", "bound to worker-7").await;
    run.end().await.must_be(7, "token_already_used").must_name(&["bound to worker-7"]);
    assert!(!machine.has(DOCUMENT) && !machine.has(PEM));
}

pub async fn deleted_while_pending(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let csr = cluster.admin.csr_of(&token).await;
    cluster.admin.delete_csr(&csr).await;
    run.end().await.must_be(9, "csr_conflict").must_name(&[csr["metadata"]["name"].as_str().unwrap()]);
}

/// Nobody approves; the next run waits for the same request.
pub async fn pending_until_the_timeout(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    document["join"]["timeout"] = json!("3s");
    machine.join(&document).await.must_be(75, "csr_pending");
    assert!(machine.has(DOCUMENT));
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    machine.run(&[]).await.must_join();
    assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1);
}

/// Killed between the request and the certificate: same key, same name, one request.
pub async fn adopted_after_a_crash(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    run.kill().await;
    let before = cluster.admin.csr_of(&token).await;
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    cluster.admin.approve(&before).await;
    run.end().await.must_join();
    let after = cluster.admin.csrs_of(&token).await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["metadata"]["uid"], before["metadata"]["uid"]);
    let posts: Vec<u16> = cluster
        .requests_through(&door)
        .iter()
        .filter(|request| request.verb == "create")
        .map(|request| request.status)
        .collect();
    assert_eq!(posts, [201, 409]);
}
