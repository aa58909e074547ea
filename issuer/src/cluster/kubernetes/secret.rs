//! The Secret by which a cluster knows a token, and what this backend reads from it: whose the token is,
//! when it ends, and who used it.

use super::words::{ACCOUNT_TYPE, BOOTSTRAP, GROUP, MANAGED_BY, NODE_HASH, TOKEN_TYPE, USED_BY};
use crate::clock;
use crate::cluster::{Grant, Use};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Preconditions;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use worker_bootstrap::token::{Token, TokenId};

/// What the names of tokens' Secrets begin with.
pub(super) const PREFIX: &str = "bootstrap-token-";

/// The name of a token's Secret: Kubernetes finds it by that. Its account has the same.
pub(super) fn name(token: &TokenId) -> String {
    format!("{PREFIX}{token}")
}

/// What a machine with the token authenticates with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The token itself: its Secret makes it good.
    Token,
    /// A token of its account.
    Account,
}

impl Kind {
    fn of(secret: &Secret) -> Option<Kind> {
        match secret.type_.as_deref()? {
            TOKEN_TYPE => Some(Kind::Token),
            ACCOUNT_TYPE => Some(Kind::Account),
            _ => None,
        }
    }
}

/// What binds a token: written once, before the request that it names is approved, and never taken back: a
/// token that was free again could have been used in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bound {
    /// The node's name.
    pub(super) node: String,
    /// `sha256:` and the hash of its public key.
    pub(super) key: String,
    /// The request that was first, for people.
    pub(super) request: String,
    /// When, RFC 3339.
    pub(super) at: String,
}

impl Bound {
    /// Whether `wanted` is the use it was bound to.
    pub(super) fn is(&self, wanted: &Use) -> bool {
        self.node == wanted.node && self.key == wanted.key
    }

    pub(super) fn by(&self) -> Use {
        Use { node: self.node.clone(), key: self.key.clone() }
    }

    pub(super) fn at(&self) -> OffsetDateTime {
        clock::parse(&self.at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// A Secret of ours that does not say what it must.
#[derive(Debug, thiserror::Error)]
#[error("the Secret {name} cannot be read: {why}")]
pub(super) struct Unreadable {
    name: String,
    why: &'static str,
}

/// A token as the cluster holds it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) token: TokenId,
    pub(super) kind: Kind,
    /// The bootstrap it is tied to; none where it is not ours.
    pub(super) bootstrap: Option<String>,
    /// None: it never expires, which none of ours does.
    pub(super) expires: Option<OffsetDateTime>,
    pub(super) bound: Option<Bound>,
    /// Whether it has our label, so that whoever watches our Secrets hears of it.
    pub(super) watched: bool,
    uid: String,
    version: String,
}

impl Held {
    /// Reads a Secret. The token itself is not kept.
    ///
    /// # Errors
    /// It is no token's, or what binds it cannot be read: then nothing may be decided by it.
    pub(super) fn of(secret: &Secret) -> Result<Held, Unreadable> {
        let metadata = &secret.metadata;
        let name = metadata.name.clone().unwrap_or_default();
        let unreadable = |why| Unreadable { name: name.clone(), why };
        let token = name.strip_prefix(PREFIX).and_then(TokenId::parse);
        let known = token.zip(Kind::of(secret));
        let (token, kind) = known.ok_or_else(|| unreadable("it is not a bootstrap token's"))?;
        let annotation = |key: &str| metadata.annotations.as_ref().and_then(|all| all.get(key));
        let bound = annotation(USED_BY)
            .map(|text| {
                serde_json::from_str(text).map_err(|_| unreadable("its used-by annotation is not ours"))
            })
            .transpose()?;
        let expires = text(secret, "expiration")
            .filter(|text| !text.is_empty())
            .map(|text| clock::parse(text).ok_or_else(|| unreadable("its expiration is not a time")))
            .transpose()?;
        Ok(Held {
            token,
            kind,
            bootstrap: annotation(BOOTSTRAP).cloned(),
            expires,
            bound,
            watched: metadata.labels.iter().flatten().any(|(key, value)| (&**key, &**value) == MANAGED_BY),
            uid: metadata.uid.clone().unwrap_or_default(),
            version: metadata.resource_version.clone().unwrap_or_default(),
        })
    }

    /// Whether both were read from one Secret, and not from two that had its name one after the other.
    pub(super) fn is_of(&self, other: &Held) -> bool {
        self.uid == other.uid
    }

    /// Whether its time is up.
    pub(super) fn expired(&self, now: OffsetDateTime) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// For a deletion: this Secret, as it was when it was read.
    pub(super) fn precisely(&self) -> Preconditions {
        Preconditions { resource_version: Some(self.version.clone()), uid: Some(self.uid.clone()) }
    }

    /// A merge patch that is refused unless the Secret is as it was when it was read.
    fn patch(&self, mut change: Value) -> Value {
        change["metadata"]["resourceVersion"] = json!(self.version);
        change["metadata"]["uid"] = json!(self.uid);
        change
    }

    /// The patch that binds the token.
    pub(super) fn bind(&self, bound: &Bound) -> Value {
        let text = serde_json::to_string(bound).unwrap_or_default();
        self.patch(json!({"metadata": {
            "annotations": {USED_BY: text},
            "labels": {NODE_HASH: node_hash(&bound.node)},
        }}))
    }

    /// The patch that lets the token end at this time.
    pub(super) fn end_at(&self, at: OffsetDateTime) -> Value {
        self.patch(json!({"data": {"expiration": ByteString(clock::seconds(at).into_bytes())}}))
    }
}

/// A text of the Secret's data.
fn text<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    std::str::from_utf8(&secret.data.as_ref()?.get(key)?.0).ok()
}

/// Whether the Secret holds this very token.
pub(super) fn holds(secret: &Secret, token: &Token) -> bool {
    use subtle::ConstantTimeEq as _;
    text(secret, "token-secret")
        .is_some_and(|held| bool::from(held.as_bytes().ct_eq(token.secret_half().as_bytes())))
}

/// The label value that stands for a node's name, which may be longer than a label value may be.
pub(super) fn node_hash(node: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, node.as_bytes());
    digest.as_ref()[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The Secret that makes a token good: for authentication alone, in our group, until it expires. One that an
/// account stands in for holds nothing secret.
pub(super) fn object(grant: &Grant<'_>, kind: Kind) -> Secret {
    let id = grant.token.id();
    let expiration = clock::seconds(grant.expires);
    let mut data = vec![
        ("token-id", id.as_str()),
        ("expiration", &expiration),
        ("description", "One-time token of a worker bootstrap; see the annotations."),
    ];
    let of_kind = match kind {
        Kind::Token => {
            data.push(("token-secret", grant.token.secret_half()));
            data.push(("usage-bootstrap-authentication", "true"));
            data.push(("auth-extra-groups", GROUP));
            TOKEN_TYPE
        }
        Kind::Account => ACCOUNT_TYPE,
    };
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    Secret {
        metadata: ObjectMeta {
            name: Some(name(id)),
            labels: Some(BTreeMap::from([owned(MANAGED_BY)])),
            annotations: Some(BTreeMap::from([owned((BOOTSTRAP, grant.bootstrap.as_str()))])),
            ..ObjectMeta::default()
        },
        type_: Some(of_kind.to_owned()),
        data: Some(data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into()))).collect()),
        ..Secret::default()
    }
}
