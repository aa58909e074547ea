//! Making a token good. Written once under a name that its public half gives; whoever finds the name
//! taken looks whether it is this very token.

use super::error::{Said, ask};
use super::secret::{self, Held};
use super::{Cluster, ClusterError, accepted};
use crate::clock;
use crate::cluster::Grant;
use kube::api::PostParams;

pub(super) async fn grant(cluster: &Cluster, grant: &Grant<'_>) -> Result<(), ClusterError> {
    if grant.expires <= clock::now() {
        return Err(ClusterError::Refused("the token has expired already".to_owned()));
    }
    let secrets = cluster.secrets();
    let object = secret::object(grant);
    let params = PostParams::default();
    match ask("creating the token's Secret", secrets.create(&params, &object)).await? {
        Said::Done(_) => {}
        Said::Absent => {
            return Err(ClusterError::Refused("there is no namespace kube-system".to_owned()));
        }
        Said::Conflict => same(cluster, grant).await?,
    }
    accepted::everywhere(&cluster.reach, grant.token).await
}

/// The Secret that is there is this grant's own, from a try whose answer was lost.
async fn same(cluster: &Cluster, grant: &Grant<'_>) -> Result<(), ClusterError> {
    let secrets = cluster.secrets();
    let name = secret::name(grant.token.id());
    let found = match ask("reading the token's Secret", secrets.get(&name)).await? {
        Said::Done(found) => found,
        Said::Absent | Said::Conflict => {
            return Err(ClusterError::Unavailable(
                "the token's Secret has gone while it was written".to_owned(),
            ));
        }
    };
    let held = Held::of(&found).map_err(|_| ClusterError::Taken)?;
    let own = held.bootstrap.as_deref() == Some(grant.bootstrap.as_str());
    if own && secret::holds(&found, grant.token) { Ok(()) } else { Err(ClusterError::Taken) }
}
