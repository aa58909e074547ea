//! Many at once, in numbers that take a while.

use super::withdrawals::race;
use crate::rig::Issuer;
use crate::support::cluster::{Cluster, Kind, SecondServer};
use crate::support::machine::Machine;
use crate::support::token::{Trust, document};
use std::time::Duration;

#[test]
#[ignore = "takes a minute"]
fn two_hundred_withdrawals_against_a_use_embedded() {
    crate::on(Kind::Embedded, async |cluster: Cluster| race(&cluster, 200).await);
}

#[test]
#[ignore = "needs a control plane: tests/run"]
fn two_hundred_withdrawals_against_a_use_real() {
    crate::on(Kind::Real, async |cluster: Cluster| race(&cluster, 200).await);
}

#[test]
#[ignore = "takes a minute"]
fn fifty_agents_with_one_token_embedded() {
    crate::on(Kind::Embedded, async |cluster: Cluster| {
        fifty(&cluster, &[format!("https://{}", cluster.address)]).await;
    });
}

/// Half of them by way of another API server, and two issuers.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn fifty_agents_with_one_token_real() {
    crate::on(Kind::Real, async |cluster: Cluster| {
        let second = SecondServer::add("fifty");
        let servers = [format!("https://{}", cluster.address), format!("https://{}", second.address)];
        let mut other = Issuer::by_way_of(&cluster, &servers[1]).await;
        other.enforce();
        fifty(&cluster, &servers).await;
    });
}

async fn fifty(cluster: &Cluster, servers: &[String]) {
    let issuer = Issuer::start(cluster).await;
    let token = issuer.token().await;
    let machines: Vec<Machine> = (0..50).map(|_| Machine::ready()).collect();
    let mut runs = Vec::new();
    for (at, machine) in machines.iter().enumerate() {
        let server = servers[at % servers.len()].clone();
        machine.deliver(&document(&token, &[server], Trust::Ca(&cluster.ca)));
        runs.push(machine.start(&[]));
    }
    let ends = futures_util::future::join_all(runs.into_iter().map(|run| run.end())).await;
    let exits: Vec<i32> = ends.iter().map(|end| end.exit).collect();
    assert_eq!(exits.iter().filter(|exit| **exit == 0).count(), 1, "{exits:?}");
    assert_eq!(exits.iter().filter(|exit| **exit == 7).count(), 49, "{exits:?}");
    let issued = cluster.admin.csrs_of(&token).await;
    let issued = issued.iter().filter(|csr| csr["status"]["certificate"].is_string()).count();
    assert_eq!(issued, 1);
    tokio::time::sleep(Duration::ZERO).await;
}
