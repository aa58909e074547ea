//! Making a token good. Written once under a name that its public half gives; whoever finds the name
//! taken looks whether it is this very token.

use super::error::{Said, ask};
use super::secret::{self, Held, Kind};
use super::{Cluster, ClusterError, accepted, accounts, promise};
use crate::clock;
use crate::cluster::{Grant, Standing};
use kube::api::PostParams;

pub(super) async fn grant(cluster: &Cluster, grant: &Grant<'_>) -> Result<(), ClusterError> {
    if grant.expires <= clock::now() {
        return Err(ClusterError::Refused("the token has expired already".to_owned()));
    }
    let (_, kind) = promise::ask(cluster).await?;
    let secrets = cluster.secrets();
    let object = secret::object(grant, kind);
    let params = PostParams::default();
    let kind = match ask("creating the token's Secret", secrets.create(&params, &object)).await? {
        Said::Done(_) => kind,
        Said::Absent => {
            return Err(ClusterError::Refused("there is no namespace kube-system".to_owned()));
        }
        Said::Conflict => own(cluster, grant).await?.ok_or_else(|| {
            ClusterError::Unavailable("the token's Secret has gone while it was written".to_owned())
        })?,
    };
    match kind {
        Kind::Token => accepted::everywhere(&cluster.reach, grant.token.text()).await,
        Kind::Account => accounts::make(cluster, grant.token.id()).await,
    }
}

/// How it stands. One that has ended stands as a new one would, and has no credential.
pub(super) async fn standing(cluster: &Cluster, grant: &Grant<'_>) -> Result<Standing, ClusterError> {
    let Some(kind) = own(cluster, grant).await? else {
        return Ok(Standing { promise: promise::ask(cluster).await?.0, credential: None });
    };
    let promise = promise::of(cluster, kind).await?;
    let credential = match kind {
        Kind::Token => None,
        Kind::Account => {
            let credential = accounts::token(cluster, grant).await?;
            accepted::everywhere(&cluster.reach, &credential).await?;
            Some(credential)
        }
    };
    Ok(Standing { promise, credential })
}

/// The kind of the Secret that is there, if it is this grant's own: from a try whose answer was lost, say.
async fn own(cluster: &Cluster, grant: &Grant<'_>) -> Result<Option<Kind>, ClusterError> {
    let secrets = cluster.secrets();
    let name = secret::name(grant.token.id());
    let Said::Done(found) = ask("reading the token's Secret", secrets.get(&name)).await? else {
        return Ok(None);
    };
    let held = Held::of(&found).map_err(|_| ClusterError::Taken)?;
    let own = held.bootstrap.as_deref() == Some(grant.bootstrap.as_str());
    let same = held.kind == Kind::Account || secret::holds(&found, grant.token);
    if own && same { Ok(Some(held.kind)) } else { Err(ClusterError::Taken) }
}
