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
use crate::yaml;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::Deserialize;
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

/// The parts of a kubeconfig that a join token has; all others are refused.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Kubeconfig {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default, rename = "preferences")]
    _preferences: serde_json::Map<String, serde_json::Value>,
    clusters: Vec<NamedCluster>,
    contexts: Vec<NamedContext>,
    current_context: String,
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedCluster {
    name: String,
    cluster: Inner,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Inner {
    server: ServerUrl,
    certificate_authority_data: Authorities,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    token: Secret,
}

fn read(kubeconfig: &[u8]) -> Result<(Token, Cluster), Refusal> {
    let refused = |what: &str| Refusal::invalid("token", what);
    // Line and column of what is inside the token would only mislead.
    let config: Kubeconfig = yaml::read(kubeconfig).map_err(|fault| {
        refused(&format!("expected the kubeconfig of a k0s worker inside; {}: {}", fault.field, fault.what))
    })?;
    let ([cluster], [context], [user]) = (&config.clusters[..], &config.contexts[..], &config.users[..])
    else {
        return Err(refused("expected one cluster, one context and one user inside the k0s join token"));
    };
    if context.name != config.current_context
        || context.context.cluster != cluster.name
        || context.context.user != user.name
    {
        return Err(refused("expected a k0s join token whose context names its cluster and its user"));
    }
    if user.name != WORKER {
        return Err(refused(
            "expected a k0s join token for a worker: this one is for another role (a controller's?)",
        ));
    }
    let cluster = Cluster {
        servers: vec![cluster.cluster.server.clone()],
        trust: Trust::Authorities(cluster.cluster.certificate_authority_data.clone()),
    };
    let [user] = <[NamedUser; 1]>::try_from(config.users).map_err(|_| refused(EXPECTED))?;
    let token = Token::parse(user.user.token)
        .ok_or_else(|| refused("expected a bootstrap token inside the k0s join token"))?;
    Ok((token, cluster))
}
