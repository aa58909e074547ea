//! Whether anything in the cluster approves what our credentials ask for by itself. The approving controller
//! of Kubernetes asks the same question of each request. Approvers that ask nothing of the kind (some
//! providers bring one) cannot be seen from here.

use super::error::ask_plainly;
use super::secret::{Held, Kind};
use super::words::{ACCOUNT_USER, ACCOUNTS, ACCOUNTS_GROUP, GROUP, MANAGED_BY, TOKEN_USER};
use super::{Cluster, ClusterError};
use crate::cluster::{Exposed, Promise};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::api::{Api, ListParams, PostParams};

/// A credential that nobody has: what is allowed to it is allowed to its groups.
const PROBE: &str = "probe";

/// What can be promised of a new token, and of what kind it then is.
pub(super) async fn ask(cluster: &Cluster) -> Result<(Promise, Kind), ClusterError> {
    let Promise::MultiUse { why } = of(cluster, Kind::Token).await? else {
        return Ok((Promise::OneTime, Kind::Token));
    };
    let several = |why: String| (Promise::MultiUse { why }, Kind::Token);
    if let Some(also) = no_accounts(cluster).await? {
        return Ok(several(format!("{why}, and {also}")));
    }
    Ok(match of(cluster, Kind::Account).await? {
        Promise::OneTime => (Promise::OneTime, Kind::Account),
        Promise::MultiUse { why: also } => several(format!("{why}, and {also}")),
    })
}

/// What can be promised of a token of this kind.
pub(super) async fn of(cluster: &Cluster, kind: Kind) -> Result<Promise, ClusterError> {
    let (whose, namespace) = match kind {
        Kind::Token => ("every bootstrap token asks", String::new()),
        Kind::Account => ("the ServiceAccounts ask", format!(" in the namespace {ACCOUNTS}")),
    };
    Ok(match asked_for(cluster, kind, Some("nodeclient")).await? {
        None => Promise::OneTime,
        Some(by) => {
            let why = format!("the cluster approves by itself what {whose} for{namespace} ({by})");
            Promise::MultiUse { why }
        }
    })
}

/// Tokens of ours that were granted before the cluster began to approve what their kind asks for.
pub(super) async fn exposed(cluster: &Cluster) -> Result<Option<Exposed>, ClusterError> {
    let mut loose: Option<(Vec<Kind>, String)> = None;
    for kind in [Kind::Token, Kind::Account] {
        if let Promise::MultiUse { why } = of(cluster, kind).await? {
            let (kinds, _) = loose.get_or_insert_with(|| (Vec::new(), why));
            kinds.push(kind);
        }
    }
    let Some((kinds, why)) = loose else { return Ok(None) };
    let (key, value) = MANAGED_BY;
    let ours = ListParams::default().labels(&format!("{key}={value}"));
    let found = ask_plainly("listing the tokens' Secrets", cluster.secrets().list(&ours)).await?;
    let held = found.items.iter().filter_map(|secret| Held::of(secret).ok());
    let tokens: Vec<_> = held.filter(|held| kinds.contains(&held.kind)).map(|held| held.token).collect();
    Ok((!tokens.is_empty()).then_some(Exposed { tokens, why }))
}

/// By which binding credentials of this kind may create certificate requests, if they may; with `nodeclient`, by
/// which the cluster itself approves them.
async fn asked_for(
    cluster: &Cluster,
    kind: Kind,
    subresource: Option<&str>,
) -> Result<Option<String>, ClusterError> {
    let (user, groups) = match kind {
        Kind::Token => (TOKEN_USER, ["system:bootstrappers", GROUP, "system:authenticated"]),
        Kind::Account => (ACCOUNT_USER, ["system:serviceaccounts", ACCOUNTS_GROUP, "system:authenticated"]),
    };
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("{user}{PROBE}")),
            groups: Some(groups.into_iter().map(str::to_owned).collect()),
            resource_attributes: Some(ResourceAttributes {
                verb: Some("create".to_owned()),
                group: Some("certificates.k8s.io".to_owned()),
                version: Some("v1".to_owned()),
                resource: Some("certificatesigningrequests".to_owned()),
                subresource: subresource.map(str::to_owned),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client.clone());
    let answer =
        ask_plainly("asking who approves requests", reviews.create(&PostParams::default(), &review)).await?;
    Ok(allowed(answer.status))
}

/// By which binding, where it is allowed.
fn allowed(status: Option<SubjectAccessReviewStatus>) -> Option<String> {
    let status = status.filter(|status| status.allowed)?;
    let why = status.reason.filter(|reason| !reason.is_empty());
    Some(why.unwrap_or_else(|| "the authorizer does not say by which binding".to_owned()))
}

/// Why accounts cannot stand in for tokens: the manifest that brings them was not applied in full. An
/// administrator may do everything, so the accounts' own right is asked after as well: it comes from the manifest.
async fn no_accounts(cluster: &Cluster) -> Result<Option<String>, ClusterError> {
    for subresource in [None, Some("token")] {
        if !may_create(cluster, subresource).await? {
            return Ok(Some(format!("this issuer may make no ServiceAccounts in the namespace {ACCOUNTS}")));
        }
    }
    if asked_for(cluster, Kind::Account, None).await?.is_some() {
        return Ok(None);
    }
    Ok(Some(format!("the ServiceAccounts in the namespace {ACCOUNTS} may not ask for certificates")))
}

/// Whether this issuer may create accounts, or what is below them.
async fn may_create(cluster: &Cluster, subresource: Option<&str>) -> Result<bool, ClusterError> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(ACCOUNTS.to_owned()),
                verb: Some("create".to_owned()),
                version: Some("v1".to_owned()),
                resource: Some("serviceaccounts".to_owned()),
                subresource: subresource.map(str::to_owned),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer =
        ask_plainly("asking what this issuer may do", reviews.create(&PostParams::default(), &review))
            .await?;
    Ok(allowed(answer.status).is_some())
}
