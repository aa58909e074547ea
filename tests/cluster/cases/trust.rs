//! Whom the agent believes.

use crate::support::authority::Authority;
use crate::support::cluster::Cluster;
use crate::support::machine::Machine;
use crate::support::token::{AUTO, Trust, document};

pub async fn ca_data(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
}

pub async fn ca_hash(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.join(&document(&token, &[door.url()], Trust::Hashes(&[cluster.ca_hash()]))).await.must_join();
}

pub async fn several_hashes(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let hashes = [another_hash(), cluster.ca_hash()];
    machine.join(&document(&token, &[door.url()], Trust::Hashes(&hashes))).await.must_join();
}

pub async fn upper_case_hash(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let hash = cluster.ca_hash();
    let hash = format!("sha256:{}", hash["sha256:".len()..].to_ascii_uppercase());
    machine.join(&document(&token, &[door.url()], Trust::Hashes(&[hash]))).await.must_join();
}

/// A CA bundle may hold more than one: during a rotation both are good.
pub async fn two_authorities(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let bundle = format!("{}{}", Authority::new("old").pem(), cluster.ca);
    machine.join(&document(&token, &[door.url()], Trust::Ca(&bundle))).await.must_join();
}

/// The token is not sent to a server that the document does not vouch for.
pub async fn wrong_ca(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let other = Authority::new("another cluster");
    let outcome = machine.join(&document(&token, &[door.url()], Trust::Ca(other.pem()))).await;
    outcome.must_be(9, "server_not_trusted").must_name(&[&door.url(), &issuer_of(&cluster)]);
    assert!(door.accepted() >= 1);
    assert!(cluster.requests_through(&door).is_empty(), "{:?}", cluster.requests_through(&door));
}

pub async fn wrong_hash(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let outcome = machine.join(&document(&token, &[door.url()], Trust::Hashes(&[another_hash()]))).await;
    outcome.must_be(9, "discovery_failed").must_name(&[&door.url()]);
    let requests = cluster.requests_through(&door);
    assert!(requests.iter().all(|request| request.user == "system:anonymous"), "{requests:?}");
}

fn another_hash() -> String {
    format!("sha256:{}", "0123456789abcdef".repeat(4))
}

/// The common name of the cluster's CA.
fn issuer_of(cluster: &Cluster) -> String {
    let (_, pem) = x509_parser::pem::parse_x509_pem(cluster.ca.as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    certificate.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned()
}
