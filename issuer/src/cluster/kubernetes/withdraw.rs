//! Making a token useless. The version that was read decides: a use that was bound in between makes the
//! deletion fail, and what is there is read again.

use super::error::{Said, ask};
use super::secret::{self, Held, Kind};
use super::{Cluster, ClusterError, promise};
use crate::clock;
use crate::cluster::{Promise, Withdrawn};
use kube::api::{Patch, PatchParams};
use time::Duration;
use worker_bootstrap::token::TokenId;

/// How long the machine that used a token may go on with it: for the end of a join that is under way.
const GRACE: Duration = Duration::minutes(10);
const REMOVING: &str = "deleting the token's Secret";
/// Each time round somebody else has written to the Secret, which happens twice in a token's life.
const ROUNDS: usize = 8;

pub(super) async fn withdraw(cluster: &Cluster, token: &TokenId) -> Result<Withdrawn, ClusterError> {
    let secrets = cluster.secrets();
    let name = secret::name(token);
    for _ in 0..ROUNDS {
        let Said::Done(found) = ask("reading the token's Secret", secrets.get(&name)).await? else {
            return Ok(Withdrawn::Gone);
        };
        let held = Held::of(&found)?;
        if held.bootstrap.is_none() {
            return Err(ClusterError::Refused(format!("the Secret {name} is not of this issuer's making")));
        }
        let Some(bound) = &held.bound else {
            match cluster.remove(REMOVING, &held).await? {
                // Nothing may come between the reading and the deletion, or the use always wins.
                Said::Done(()) => {
                    return Ok(if several(cluster, held.kind).await.unwrap_or(false) {
                        Withdrawn::MultiUse(None)
                    } else {
                        Withdrawn::Unused
                    });
                }
                Said::Absent => return Ok(Withdrawn::Gone),
                Said::Conflict => continue,
            }
        };
        // Whoever has the token could go on with it for as long as it is there.
        if several(cluster, held.kind).await? {
            match cluster.remove(REMOVING, &held).await? {
                Said::Done(()) => return Ok(Withdrawn::MultiUse(Some(bound.by()))),
                Said::Absent => return Ok(Withdrawn::Gone),
                Said::Conflict => continue,
            }
        }
        let end = clock::now() + GRACE;
        if held.expires.is_some_and(|at| at <= end) {
            return Ok(Withdrawn::Used(bound.by()));
        }
        let change = Patch::Merge(held.end_at(end));
        let params = PatchParams::default();
        match ask("shortening the token's life", secrets.patch(&name, &params, &change)).await? {
            Said::Done(_) | Said::Absent => return Ok(Withdrawn::Used(bound.by())),
            Said::Conflict => {}
        }
    }
    Err(ClusterError::Unavailable(format!("the Secret {name} changes each time it is read")))
}

/// Whether the cluster approves by itself what tokens of this kind ask for. What is no answer is no yes, but for
/// an outage: that is waited for.
async fn several(cluster: &Cluster, kind: Kind) -> Result<bool, ClusterError> {
    match promise::of(cluster, kind).await {
        Ok(promise) => Ok(promise != Promise::OneTime),
        Err(error @ ClusterError::Unavailable(_)) => Err(error),
        Err(_) => Ok(false),
    }
}
