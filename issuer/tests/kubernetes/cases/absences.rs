//! What happened while nobody enforced is made up for.

use super::once::used;
use crate::csr::{Bearer, Csr, End, ask, end_of};
use crate::rig::{Issuer, id, secret, use_by_hand};
use crate::support::cluster::{Cluster, Kind, SecondServer};
use crate::support::eventually;
use crate::support::front::Mode;
use crate::support::machine::Machine;
use crate::support::token::{Trust, document};
use bootstrap_issuer::cluster::{Happened, Withdrawn};
use time::Duration;

pub async fn requests_that_waited_are_one_use(cluster: Cluster) {
    let mut issuer = Issuer::idle(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let mut names = Vec::new();
    for _ in 0..5 {
        names.push(bearer.post(&Csr::fresh()).await.unwrap());
    }
    issuer.enforce();
    let ends = futures_util::future::join_all(names.iter().map(|name| end_of(&cluster, name))).await;
    assert_eq!(ends.iter().filter(|end| **end == End::Issued).count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| **end == used()).count(), 4, "{ends:?}");
}

/// One that has just come knows that they have gone; one that was there all the time knows why, also where its
/// watch tells of it after the requests were seen.
pub async fn gone_while_nobody_looked(cluster: Cluster) {
    let door = cluster.door();
    let mut witness = Issuer::by_way_of(&cluster, &door.url()).await;
    let (revoked, expired, joined) =
        (witness.token().await, witness.token_for(Duration::seconds(5)).await, witness.token().await);
    witness.enforce();
    let first = Csr::fresh();
    assert_eq!(ask(&cluster, &Bearer::of(&cluster, &joined), &first).await, End::Issued);
    door.set(Mode::Reset);
    door.reset_all();

    let mut names = Vec::new();
    for token in [&revoked, &expired, &joined] {
        names.push(Bearer::of(&cluster, token).post(&Csr::fresh()).await.unwrap());
    }
    let other = Issuer::idle(&cluster).await;
    assert_eq!(other.backend.withdraw(&id(&revoked)).await.unwrap(), Withdrawn::Unused);
    for token in [&expired, &joined] {
        cluster.admin.revoke(token).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    door.set(cluster.forward());
    for (name, reason) in names.iter().zip(["TokenRevoked", "TokenExpired", "TokenAlreadyUsed"]) {
        assert_eq!(end_of(&cluster, name).await, End::Denied(reason.to_owned()));
    }

    witness.kill().await;
    let token = witness.token().await;
    let name = Bearer::of(&cluster, &token).post(&Csr::fresh()).await.unwrap();
    assert_eq!(witness.backend.withdraw(&id(&token)).await.unwrap(), Withdrawn::Unused);
    let _newcomer = Issuer::start(&cluster).await;
    assert_eq!(end_of(&cluster, &name).await, End::Denied("TokenGone".to_owned()));
}

/// As after a crash between the two writes.
pub async fn bound_and_not_approved(cluster: Cluster) {
    let mut issuer = Issuer::idle(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let (bound, other) = (Csr::fresh(), Csr::fresh());
    let names = [bearer.post(&other).await.unwrap(), bearer.post(&bound).await.unwrap()];
    use_by_hand(&cluster, &token, &bound).await;
    issuer.enforce();
    assert_eq!(end_of(&cluster, &names[0]).await, used());
    assert_eq!(end_of(&cluster, &names[1]).await, End::Issued);
}

pub async fn told_again_after_a_restart(cluster: Cluster) {
    let mut before = Issuer::start(&cluster).await;
    let token = before.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let first = Csr::fresh();
    assert_eq!(ask(&cluster, &bearer, &first).await, End::Issued);
    assert_eq!(ask(&cluster, &bearer, &Csr::fresh()).await, used());
    // One that ended before it could tell anybody.
    before.kill().await;
    cluster.admin.create_node(&first.node, "True", "its-own").await;
    let after = Issuer::start(&cluster).await;
    after.tells("the use", &token, |what| matches!(what, Happened::Bound(_)).then_some(())).await;
    after.tells("the denial", &token, |what| matches!(what, Happened::Denied { .. }).then_some(())).await;
    after.tells("the join", &token, |what| matches!(what, Happened::Joined(_)).then_some(())).await;
    // And one that comes when the Secret has gone already.
    crate::rig::secret_goes(&cluster, &token).await;
    let late = Issuer::start(&cluster).await;
    late.tells("the join", &token, |what| matches!(what, Happened::Joined(_)).then_some(())).await;
}

/// A join is told until it is kept, by whoever is there, and the Secret stays until then.
pub async fn told_until_it_is_kept(cluster: Cluster) {
    let joined = |what: &Happened| matches!(what, Happened::Joined(_));
    let mut issuer = Issuer::start(&cluster).await;
    issuer.keeps(false);
    let tokens = [issuer.token().await, issuer.token().await];
    for token in &tokens {
        let csr = Csr::fresh();
        assert_eq!(ask(&cluster, &Bearer::of(&cluster, token), &csr).await, End::Issued);
        cluster.admin.create_node(&csr.node, "True", "its-own").await;
        eventually("it is told more than once", async || (issuer.times(token, joined) > 1).then_some(()))
            .await;
        assert!(secret(&cluster, token).await.is_some(), "nobody has kept the join");
    }
    issuer.keeps(true);
    crate::rig::secret_goes(&cluster, &tokens[0]).await;
    crate::rig::secret_goes(&cluster, &tokens[1]).await;

    // One that ended between the cluster's word and its store.
    issuer.keeps(false);
    let token = issuer.token().await;
    let csr = Csr::fresh();
    assert_eq!(ask(&cluster, &Bearer::of(&cluster, &token), &csr).await, End::Issued);
    cluster.admin.create_node(&csr.node, "True", "its-own").await;
    issuer.tells("the join", &token, |what| joined(what).then_some(())).await;
    issuer.kill().await;
    assert!(secret(&cluster, &token).await.is_some(), "nobody has kept the join");
    let after = Issuer::start(&cluster).await;
    after.tells("the join", &token, |what| joined(what).then_some(())).await;
    crate::rig::secret_goes(&cluster, &token).await;
}

/// An agent that died while it waited finishes on its next run; on the real cluster by way of another API
/// server.
pub async fn killed_before_the_certificate(cluster: Cluster) {
    let mut issuer = Issuer::idle(&cluster).await;
    let token = issuer.token().await;
    let machine = Machine::ready();
    let server = format!("https://{}", cluster.address);
    machine.deliver(&document(&token, std::slice::from_ref(&server), Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    run.kill().await;
    issuer.enforce();
    issuer.tells("the use", &token, |what| matches!(what, Happened::Bound(_)).then_some(())).await;
    let second = (cluster.kind == Kind::Real).then(|| SecondServer::add("after-the-kill"));
    let server = second.as_ref().map_or(server, |second| format!("https://{}", second.address));
    machine.join(&document(&token, &[server], Trust::Ca(&cluster.ca))).await.must_join();
    Machine::ready()
        .join(&document(&token, &[format!("https://{}", cluster.address)], Trust::Ca(&cluster.ca)))
        .await
        .must_be(7, "token_already_used");
}
