//! A k0s join token: base64 of a gzipped kubeconfig that brings the cluster and a bootstrap token
//! (k0s `pkg/token/joinencode.go`, `pkg/token/kubeconfig.go`).
//!
//! The kubeconfig inside is foreign: it is bounded before it is unpacked, and everything that is not
//! one cluster with its CA and one plain token is refused. A kubeconfig can name programs to run; this
//! one is never handed to anybody who would.

use super::Refusal;
use super::cluster::Cluster;
use super::server::ServerUrl;
use super::trust::{Authorities, Trust};
use crate::secret::{Secret, SecretBytes};
use crate::token::Token;
use crate::yaml::{self, Fault, Fields};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;

/// A kubeconfig with a bundle of CAs is a few KiB.
const LARGEST: u64 = 256 * 1024;
const WORKER: &str = "kubelet-bootstrap";
const EXPECTED: &str =
    "expected a bootstrap token (6 characters, a dot, 16 characters of a-z and 0-9) or a k0s join token";

/// The token, and the cluster that the document or the token itself names.
pub(super) fn token_and_cluster(
    token: Secret,
    cluster: Option<Cluster>,
) -> Result<(Token, Cluster), Refusal> {
    let refused = |what: &str| Refusal::invalid("token", what);
    if let Some(packed) = unpack(&token)? {
        if cluster.is_some() {
            return Err(Refusal::invalid("cluster", "expected none: the k0s join token brings its cluster"));
        }
        return read(&packed);
    }
    let token = Token::parse(token).ok_or_else(|| refused(EXPECTED))?;
    match cluster {
        Some(cluster) => Ok((token, cluster)),
        None => Err(Refusal::invalid(
            "cluster",
            "the field cluster is missing: a bootstrap token does not say where its cluster is",
        )),
    }
}

/// The kubeconfig inside, where the text is base64 of gzip.
fn unpack(token: &Secret) -> Result<Option<SecretBytes>, Refusal> {
    let compact =
        SecretBytes::new(token.expose().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let Ok(packed) = STANDARD.decode(&*compact) else { return Ok(None) };
    let packed = SecretBytes::new(packed);
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(None);
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut plain = SecretBytes::new(Vec::with_capacity(LARGEST as usize + 1));
    GzDecoder::new(&packed[..]).take(LARGEST + 1).read_to_end(&mut plain).map_err(|_| {
        Refusal::invalid("token", "expected a whole k0s join token: this one is cut off or damaged")
    })?;
    if plain.len() as u64 > LARGEST {
        return Err(Refusal::invalid(
            "token",
            "expected a k0s join token: this one unpacks to more than any has",
        ));
    }
    Ok(Some(plain))
}

/// One cluster, one context, one user, and nothing but what a join token has of each.
fn read(kubeconfig: &[u8]) -> Result<(Token, Cluster), Refusal> {
    let refused = |what: &str| Refusal::invalid("token", what);
    // Line and column of what is inside the token would only mislead.
    let inside = |fault: Fault| {
        let Fault { field, what, .. } = fault;
        let field = if field.is_empty() { field } else { format!("{field}: ") };
        refused(&format!("expected the kubeconfig of a k0s worker inside; {field}{what}"))
    };
    let config: Value = yaml::read(kubeconfig).map_err(inside)?;
    let config = Fields::of(&config)
        .and_then(|config| {
            config.only(&[
                "apiVersion",
                "kind",
                "preferences",
                "clusters",
                "contexts",
                "current-context",
                "users",
            ])
        })
        .map_err(inside)?;
    let named = |list: &str, what: &str| -> Result<_, Fault> {
        let named = config.list(list)?;
        named.into_iter().map(|named| named.only(&["name", what])).collect::<Result<Vec<_>, _>>()
    };
    let (clusters, contexts, users) = (
        named("clusters", "cluster").map_err(inside)?,
        named("contexts", "context").map_err(inside)?,
        named("users", "user").map_err(inside)?,
    );
    let ([cluster], [context], [user]) = (&clusters[..], &contexts[..], &users[..]) else {
        return Err(refused("expected one cluster, one context and one user inside the k0s join token"));
    };
    let names = |fields: &Fields<'_>| fields.text("name").map(str::to_owned).map_err(inside);
    let (cluster_name, context_name, user_name) = (names(cluster)?, names(context)?, names(user)?);
    let context = context.inside("context").and_then(|it| it.only(&["cluster", "user"])).map_err(inside)?;
    if config.text("current-context").map_err(inside)? != context_name
        || context.text("cluster").map_err(inside)? != cluster_name
        || context.text("user").map_err(inside)? != user_name
    {
        return Err(refused("expected a k0s join token whose context names its cluster and its user"));
    }
    if user_name != WORKER {
        return Err(refused(
            "expected a k0s join token for a worker: this one is for another role (a controller's?)",
        ));
    }
    let cluster = cluster
        .inside("cluster")
        .and_then(|it| it.only(&["server", "certificate-authority-data"]))
        .map_err(inside)?;
    let cluster = Cluster {
        servers: vec![cluster.parsed("server", ServerUrl::parse).map_err(inside)?],
        trust: Trust::Authorities(
            cluster.parsed("certificate-authority-data", Authorities::parse).map_err(inside)?,
        ),
    };
    let user = user.inside("user").and_then(|it| it.only(&["token"])).map_err(inside)?;
    let token = Secret::new(user.text("token").map_err(inside)?.to_owned());
    let token =
        Token::parse(token).ok_or_else(|| refused("expected a bootstrap token inside the k0s join token"))?;
    Ok((token, cluster))
}
