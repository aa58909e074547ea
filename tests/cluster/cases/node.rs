//! The node's name and labels.

use crate::support::cluster::Cluster;
use crate::support::machine::{DOCUMENT, Machine};
use crate::support::token::{AUTO, Trust, document};
use serde_json::json;

/// Another machine that is alive carries the name.
pub async fn name_taken(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    cluster.admin.create_node(&machine.name, "True", &another_machine()).await;
    let outcome = machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await;
    outcome.must_be(9, "node_name_taken").must_name(&[&machine.name]);
    assert!(!machine.has("etc/kubernetes/kubelet.conf"), "a kubelet must not start as somebody else's node");
    cluster.admin.delete_node(&machine.name).await;
}

/// The machine that carried the name is gone: this one may take its place, and says so.
pub async fn name_of_a_dead_node(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    cluster.admin.create_node(&machine.name, "False", &another_machine()).await;
    let outcome = machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    let said = outcome.lines.iter().any(|line| line.contains(&machine.name) && line.contains("Ready"));
    assert!(said, "nothing is said of the node that was there: {:?}", outcome.lines);
    cluster.admin.delete_node(&machine.name).await;
}

/// The node is this very machine's, which has lost its credential.
pub async fn name_of_this_machine(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    cluster.admin.create_node(&machine.name, "True", machine.read("etc/machine-id").trim()).await;
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    cluster.admin.delete_node(&machine.name).await;
}

/// Refused here and now, not by the kubelet an hour later.
pub async fn forbidden_label(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    for label in
        ["node-role.kubernetes.io/worker", "node-restriction.kubernetes.io/zone", "kubernetes.io/anything"]
    {
        let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
        document["node"] = json!({"labels": {label: "x"}});
        machine.join(&document).await.must_be(4, "label_forbidden").must_name(&[label]);
    }
    assert_eq!(door.accepted(), 0);
    assert!(machine.has(DOCUMENT));
}

fn another_machine() -> String {
    "0123456789abcdef".repeat(2)
}
