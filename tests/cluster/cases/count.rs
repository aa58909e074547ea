//! How many requests a join makes, counted by the API server.

use crate::support::audit::Request;
use crate::support::cluster::Cluster;
use crate::support::front::Front;
use crate::support::machine::Machine;
use crate::support::token::{AUTO, Token, Trust, document};

/// version, request and watch with the token on one connection; the proof and the cluster's kubelet
/// configuration with the certificate on another.
pub async fn with_the_ca(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    join_requests(&cluster, &door, &token, &machine, 0);
    // The third, before those two, is the check whether the server can be reached: nothing is sent on it.
    assert_eq!(door.accepted(), 3);
}

/// Two more, neither of which carries the token.
pub async fn with_hashes(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.join(&document(&token, &[door.url()], Trust::Hashes(&[cluster.ca_hash()]))).await.must_join();
    join_requests(&cluster, &door, &token, &machine, 2);
}

fn join_requests(cluster: &Cluster, door: &Front, token: &Token, machine: &Machine, discovery: usize) {
    let requests = cluster.requests_through(door);
    let of =
        |user: &str| -> Vec<&Request> { requests.iter().filter(|request| request.user == user).collect() };
    let anonymous = of("system:anonymous");
    let bearer = of(&token.user());
    let node = of(&format!("system:node:{}", machine.name));
    assert_eq!(anonymous.len(), discovery, "{anonymous:#?}");
    assert!(anonymous.iter().all(|request| request.path().ends_with("/cluster-info")), "{anonymous:#?}");
    let verbs: Vec<&str> = bearer.iter().map(|request| request.verb.as_str()).collect();
    assert_eq!(verbs, ["get", "create", "watch"], "{bearer:#?}");
    let configuration = node.iter().filter(|request| request.path().contains("/configmaps/")).count();
    assert_eq!((node.len(), configuration), (2, 1), "{node:#?}");
    assert_eq!(requests.len(), anonymous.len() + bearer.len() + node.len(), "{requests:#?}");
    assert!(requests.iter().all(|request| request.agent.starts_with("worker-bootstrap/")), "{requests:#?}");
}
