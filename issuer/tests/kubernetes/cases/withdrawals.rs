//! Tokens taken back.

use super::once::used as already_used;
use crate::csr::{Bearer, Csr, End, ask, end_of};
use crate::rig::{Issuer, id, secret};
use crate::support::cluster::Cluster;
use crate::support::eventually;
use crate::support::token::MANUAL;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootstrap_issuer::cluster::Withdrawn;
use bootstrap_issuer::cluster::kubernetes::ClusterError;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub async fn unused(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    assert_eq!(issuer.backend.withdraw(&id(&token)).await.unwrap(), Withdrawn::Unused);
    assert!(secret(&cluster, &token).await.is_none());
    assert_eq!(issuer.backend.withdraw(&id(&token)).await.unwrap(), Withdrawn::Gone);
    let bearer = Bearer::of(&cluster, &token);
    eventually("the token is refused", async || match bearer.post(&Csr::fresh()).await {
        // From a server's cache.
        Ok(name) => match end_of(&cluster, &name).await {
            End::Denied(reason) => {
                // Whoever enforces may hear of the token's end after it hears of the request.
                assert!(reason == "TokenRevoked" || reason == "TokenGone", "{reason}");
                None
            }
            End::Issued => panic!("issued with a token that was withdrawn"),
        },
        Err(status) => (status == 401).then_some(()),
    })
    .await;
}

pub async fn used(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let first = Csr::fresh();
    assert_eq!(ask(&cluster, &bearer, &first).await, End::Issued);
    for _ in 0..2 {
        match issuer.backend.withdraw(&id(&token)).await.unwrap() {
            Withdrawn::Used(by) => assert_eq!(by.node, first.node),
            other => panic!("{other:?}"),
        }
    }
    // Its machine can finish, and no other can begin.
    assert_eq!(ask(&cluster, &bearer, &first).await, End::Issued);
    assert_eq!(ask(&cluster, &bearer, &Csr::fresh()).await, already_used());
    let secret = secret(&cluster, &token).await.unwrap();
    let ends = STANDARD.decode(secret["data"]["expiration"].as_str().unwrap()).unwrap();
    let ends = OffsetDateTime::parse(std::str::from_utf8(&ends).unwrap(), &Rfc3339).unwrap();
    let left = ends - OffsetDateTime::now_utc();
    assert!(left > time::Duration::ZERO && left <= time::Duration::minutes(10), "{left}");
}

pub async fn not_ours(cluster: Cluster) {
    let issuer = Issuer::idle(&cluster).await;
    let foreign = cluster.issue(&MANUAL).await;
    let error = issuer.backend.withdraw(&id(&foreign)).await.unwrap_err();
    assert!(matches!(error, ClusterError::Refused(_)), "{error}");
    assert!(secret(&cluster, &foreign).await.is_some());
}

pub async fn against_a_use(cluster: Cluster) {
    let other = Issuer::idle(&cluster).await;
    race(&cluster, &other, 20).await;
}

/// A use and a withdrawal at the same moment, so many times: exactly one of them is first, and whoever
/// withdrew is told which. Another issuer than the one that enforces withdraws.
pub async fn race(cluster: &Cluster, other: &Issuer, times: u32) {
    let issuer = Issuer::start(cluster).await;
    let (mut unused, mut used) = (0, 0);
    for time in 0..times {
        let token = issuer.token().await;
        let bearer = Bearer::of(cluster, &token);
        let csr = Csr::fresh();
        // From long before the use to long after it, on a quick machine and on a slow one.
        let (ahead, behind) = match time % 20 {
            early @ 0..4 => (4 - early, 0),
            late => (0, late - 4),
        };
        let [ahead, behind] = [ahead * 20, behind * 3].map(|ms| Duration::from_millis(u64::from(ms)));
        let (end, withdrawn) = tokio::join!(
            async {
                tokio::time::sleep(ahead).await;
                match bearer.post(&csr).await {
                    Ok(name) => Some(end_of(cluster, &name).await),
                    Err(status) => {
                        assert_eq!(status, 401);
                        None
                    }
                }
            },
            async {
                tokio::time::sleep(behind).await;
                other.backend.withdraw(&id(&token)).await.unwrap()
            }
        );
        match (&end, &withdrawn) {
            (Some(End::Issued), Withdrawn::Used(by)) => {
                assert_eq!(by.node, csr.node);
                used += 1;
            }
            (None | Some(End::Denied(_)), Withdrawn::Unused) => unused += 1,
            both => panic!("time {time}: {both:?}"),
        }
    }
    assert!(unused > 0 && used > 0, "no race: {unused} withdrawn first, {used} used first");
}
