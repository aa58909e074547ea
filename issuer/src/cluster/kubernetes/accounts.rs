//! Credentials for clusters that approve by themselves what every bootstrap token asks for: a ServiceAccount
//! for each bootstrap, in a namespace of their own, whose group nothing approves. The Secret that binds the
//! token lies where every other does; only that it makes no token good by itself.
//!
//! An account without its Secret opens nothing: what it asks for is denied. It is removed when the Secret is
//! seen to go, and by the looks at what is left over where nobody saw it.

use super::error::{Said, ask, ask_plainly};
use super::secret;
use super::words::{ACCOUNTS, MANAGED_BY};
use super::{Cluster, ClusterError};
use crate::clock;
use crate::cluster::Grant;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use std::collections::BTreeMap;
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::TokenId;

/// The shortest life of a ServiceAccount's token that Kubernetes gives, seconds. What lives on after its
/// bootstrap is denied.
const SHORTEST: i64 = 600;
/// By how much a token may end before its bootstrap, seconds: clocks differ.
const SLACK: i64 = 30;

fn accounts(cluster: &Cluster) -> Api<ServiceAccount> {
    Api::namespaced(cluster.client.clone(), ACCOUNTS)
}

fn no_namespace() -> ClusterError {
    ClusterError::Refused(format!(
        "there is no namespace {ACCOUNTS}: apply the manifest (bootstrap-issuer manifest)"
    ))
}

/// Makes the account, or finds it made.
pub(super) async fn make(cluster: &Cluster, token: &TokenId) -> Result<(), ClusterError> {
    let (key, value) = MANAGED_BY;
    let account = ServiceAccount {
        metadata: ObjectMeta {
            name: Some(secret::name(token)),
            labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
            ..ObjectMeta::default()
        },
        // It is for no pod.
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let params = PostParams::default();
    match ask("creating a bootstrap's ServiceAccount", accounts(cluster).create(&params, &account)).await? {
        Said::Done(_) | Said::Conflict => Ok(()),
        Said::Absent => Err(no_namespace()),
    }
}

/// A token of the account, which ends with the bootstrap. Every one is another, and all end with the account.
pub(super) async fn token(cluster: &Cluster, grant: &Grant<'_>) -> Result<Secret, ClusterError> {
    let left = (grant.expires - clock::now()).whole_seconds();
    let wanted = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(left.max(SHORTEST)),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let name = secret::name(grant.token.id());
    let params = PostParams::default();
    let asked = accounts(cluster);
    let answer =
        match ask("asking for a ServiceAccount's token", asked.create_token_request(&name, &params, &wanted))
            .await?
        {
            Said::Done(answer) => answer,
            Said::Absent | Said::Conflict => {
                return Err(ClusterError::Unavailable("the bootstrap's ServiceAccount has gone".to_owned()));
            }
        };
    let status = answer.status.unwrap_or_default();
    let token = status.token.filter(|token| !token.is_empty()).map(Secret::new);
    let token = token.ok_or_else(|| ClusterError::Refused("the cluster gave an empty token".to_owned()))?;
    let ends = status.expiration_timestamp.map_or(0, |at| at.0.as_second());
    if ends + SLACK < grant.expires.unix_timestamp() {
        return Err(ClusterError::Refused(format!(
            "the cluster lets a ServiceAccount's token live {} s at most, and the bootstrap is to live {left} s: \
             --service-account-max-token-expiration of its API server",
            ends - clock::now().unix_timestamp()
        )));
    }
    Ok(token)
}

/// Removes the account, if there is one.
pub(super) async fn remove(cluster: &Cluster, token: &TokenId) -> Result<(), ClusterError> {
    let name = secret::name(token);
    ask("removing a ServiceAccount", accounts(cluster).delete(&name, &DeleteParams::default())).await?;
    Ok(())
}

/// Removes the accounts whose Secret went while nobody looked.
pub(super) async fn remove_left_over(cluster: &Cluster) -> Result<(), ClusterError> {
    let (key, value) = MANAGED_BY;
    let ours = ListParams::default().labels(&format!("{key}={value}"));
    // Accounts first: one that is made meanwhile has its Secret before.
    let found = ask_plainly("listing ServiceAccounts", accounts(cluster).list_metadata(&ours)).await?;
    for account in found.items {
        let name = account.metadata.name.unwrap_or_default();
        let Some(token) = name.strip_prefix(secret::PREFIX).and_then(TokenId::parse) else { continue };
        let secret = ask("reading the token's Secret", cluster.secrets().get_metadata(&name)).await?;
        if let Said::Absent = secret {
            remove(cluster, &token).await?;
        }
    }
    Ok(())
}
