//! Many at once, in numbers that take a while.

use super::withdrawals::race;
use crate::csr::{Bearer, Csr, End, ask, read};
use crate::rig::Issuer;
use crate::support::cluster::{Cluster, Kind, SecondServer};
use crate::support::machine::Machine;
use crate::support::token::{Trust, document};
use std::time::{Duration, Instant};

#[test]
#[ignore = "takes a minute"]
fn two_hundred_withdrawals_against_a_use_embedded() {
    crate::on(Kind::Embedded, async |cluster: Cluster| {
        let other = Issuer::idle(&cluster).await;
        race(&cluster, &other, 200).await;
    });
}

/// Withdrawn by way of another API server than the machine and the issuer that enforces use.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn two_hundred_withdrawals_against_a_use_real() {
    crate::on(Kind::Real, async |cluster: Cluster| {
        let second = SecondServer::add("withdrawing");
        let other = Issuer::by_way_of(&cluster, &format!("https://{}", second.address)).await;
        race(&cluster, &other, 200).await;
    });
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
}

/// A connection that stands and carries nothing is noticed, without a word from the network.
#[test]
#[ignore = "takes a minute"]
fn a_watch_that_froze_is_noticed() {
    crate::alone_on(Kind::Embedded, async |cluster: Cluster| {
        let door = cluster.door();
        let mut issuer = Issuer::by_way_of(&cluster, &door.url()).await;
        issuer.enforce();
        let (before, after) = (issuer.token().await, issuer.token().await);
        assert_eq!(ask(&cluster, &Bearer::of(&cluster, &before), &Csr::fresh()).await, End::Issued);
        door.freeze_all();
        let name = Bearer::of(&cluster, &after).post(&Csr::fresh()).await.unwrap();
        let began = Instant::now();
        while read(&cluster, &name).await["status"].get("certificate").is_none() {
            assert!(began.elapsed() < Duration::from_secs(90), "not noticed");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
}
