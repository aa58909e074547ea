//! When a token's Secret goes, and not before.

use super::once::used;
use crate::csr::{Bearer, Csr, End, ask};
use crate::rig::{Issuer, id, secret, secret_goes};
use crate::support::cluster::Cluster;
use bootstrap_issuer::cluster::{Happened, Withdrawn};
use time::{Duration, OffsetDateTime};

/// And every issuer tells so, whichever of them removed the Secret.
pub async fn a_node_ends_its_token(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let other = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let first = Csr::fresh();
    assert_eq!(ask(&cluster, &bearer, &first).await, End::Issued);
    // A certificate is not yet a node.
    assert!(secret(&cluster, &token).await.is_some());
    cluster.admin.create_node(&first.node, "True", "its-own").await;
    secret_goes(&cluster, &token).await;
    let by = issuer
        .tells("the join", &token, |what| match what {
            Happened::Joined(by) => Some(by.clone()),
            _ => None,
        })
        .await;
    assert_eq!(by.node, first.node);
    other.tells("the join", &token, |what| matches!(what, Happened::Joined(_)).then_some(())).await;
    assert_eq!(issuer.told_of(&token), [Happened::Bound(by.clone()), Happened::Joined(by)]);
    assert_eq!(issuer.backend.withdraw(&id(&token)).await.unwrap(), Withdrawn::Gone);
    // A server may accept it from its cache for some seconds more.
    for csr in [&Csr::fresh(), &first] {
        match bearer.post(csr).await {
            Ok(name) => assert_eq!(crate::csr::end_of(&cluster, &name).await, used()),
            Err(status) => assert_eq!(status, 401),
        }
    }
}

pub async fn a_token_ends_at_its_time(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let life = Duration::seconds(4);
    let end = OffsetDateTime::now_utc() + life;
    let (unused, used) = (issuer.token_for(life).await, issuer.token_for(life).await);
    assert_eq!(ask(&cluster, &Bearer::of(&cluster, &used), &Csr::fresh()).await, End::Issued);
    for token in [&unused, &used] {
        secret_goes(&cluster, token).await;
        // Written in whole seconds.
        assert!(OffsetDateTime::now_utc() >= end - Duration::seconds(1));
    }
}
