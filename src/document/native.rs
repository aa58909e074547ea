//! The document of our own, `bootstrap.akua.dev/v1alpha1`: one type for reading and for writing.

use super::cluster::Cluster;
use super::credential;
use super::join::{self, Join, Method};
use super::k0s_token;
use super::kubelet::{Kubelet, refuse_args};
use super::labels::{Label, NoLabel, Taint};
use super::moment::UnixSeconds;
use super::node::{Node, NodeName};
use super::packages::Package;
use super::reporting::Reporting;
use super::text::{from_text, is_default, is_plain_word};
use super::version::VersionRange;
use super::{Bootstrap, Document, Refusal, at};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::token::Token;
use crate::yaml;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

const API_VERSION: &str = "bootstrap.akua.dev/v1alpha1";
const KIND: &str = "WorkerBootstrap";
const MOST_LABELS: usize = 100;
const MOST_PACKAGES: usize = 100;

/// Turns one machine into a worker node, once.
#[derive(Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "WorkerBootstrap")]
pub(super) struct Native {
    /// Form and version of this document.
    api_version: ApiVersion,
    /// What it is.
    kind: Kind,
    /// Public names, for the journal.
    #[serde(default, skip_serializing_if = "is_default")]
    metadata: Metadata,
    /// When the token ends: Unix seconds or RFC 3339.
    expires_at: UnixSeconds,
    /// A Kubernetes bootstrap token, or a k0s join token.
    #[serde(serialize_with = "exposed")]
    token: Secret,
    /// Where the cluster is; a k0s join token brings it.
    cluster: Option<Cluster>,
    /// What the machine authenticates with in the token's place, where the cluster would approve the machine of
    /// every bootstrap token: sealed, so that the token alone opens it. Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
    /// What the node is to be.
    #[serde(default, skip_serializing_if = "is_default")]
    node: NodeWritten,
    /// What must be installed.
    #[serde(default, skip_serializing_if = "is_default")]
    packages: Packages,
    /// How the kubelet is to run.
    #[serde(default, skip_serializing_if = "is_default")]
    kubelet: KubeletWritten,
    /// How the join goes.
    #[serde(default, skip_serializing_if = "is_default")]
    join: join::Written,
    /// Where progress is told; nowhere where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Reporting>,
}

/// A document is what a token is handed over in: the one place that writes it out.
fn exposed<S: Serializer>(token: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

struct ApiVersion;

impl ApiVersion {
    fn parse(text: &str) -> Result<Self, String> {
        if text == API_VERSION { Ok(ApiVersion) } else { Err(format!("expected {API_VERSION}")) }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(API_VERSION)
    }
}

from_text!(ApiVersion, {"const": API_VERSION});

struct Kind;

impl Kind {
    fn parse(text: &str) -> Result<Self, String> {
        if text == KIND { Ok(Kind) } else { Err(format!("expected {KIND}")) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KIND)
    }
}

from_text!(Kind, {"const": KIND});

/// Public names, for the journal.
#[derive(PartialEq, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Metadata {
    /// The bootstrap's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<PublicId>,
    /// The cluster's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<PublicId>,
}

/// An id that is logged: a short plain word that is not a token.
#[derive(PartialEq)]
pub(super) struct PublicId(pub String);

impl PublicId {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        let is_token = Token::parse(Secret::new(text.to_owned())).is_some();
        if plain && !is_token && (1..=64).contains(&text.len()) {
            return Ok(PublicId(text.to_owned()));
        }
        Err("expected an id of 1 to 64 letters, digits, _, - and .".to_owned())
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(PublicId, {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"});

/// What the node is to be.
#[derive(PartialEq, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct NodeWritten {
    /// Its name; the host's where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<NodeName>,
    /// Its address; that of the connection to the API server where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<Address>,
    /// The cloud's id of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<ProviderId>,
    /// Labels it registers with; those that NodeRestriction forbids are refused.
    #[serde(skip_serializing_if = "is_default")]
    labels: BTreeMap<String, String>,
    /// Taints it registers with.
    #[serde(skip_serializing_if = "is_default")]
    taints: Vec<Taint>,
}

#[derive(PartialEq)]
struct Address(IpAddr);

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Address).map_err(|_| "expected an IPv4 or IPv6 address".to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

from_text!(Address, {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]});

#[derive(PartialEq)]
struct ProviderId(String);

impl ProviderId {
    fn parse(text: &str) -> Result<Self, String> {
        if is_plain_word(text) && (1..=1024).contains(&text.len()) {
            return Ok(ProviderId(text.to_owned()));
        }
        Err("expected a provider id, as in cloud://region/instance".to_owned())
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(ProviderId, {"type": "string", "minLength": 1, "maxLength": 1024});

/// What must be installed.
#[derive(PartialEq, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Packages {
    /// What is done about a missing one: verify refuses the join.
    #[serde(skip_serializing_if = "is_default")]
    policy: Policy,
    /// The packages.
    #[serde(skip_serializing_if = "is_default")]
    require: Vec<Package>,
}

/// What is done about a missing package.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Policy {
    #[default]
    Verify,
    /// Known, and not done by this version.
    Install,
}

/// How the kubelet is to run.
#[derive(PartialEq, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct KubeletWritten {
    /// Which versions may run here.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<VersionRange>,
    /// A fragment of a KubeletConfiguration.
    #[serde(skip_serializing_if = "is_default")]
    config: serde_json::Map<String, serde_json::Value>,
    /// Flags, by name without dashes.
    #[serde(skip_serializing_if = "is_default")]
    extra_args: BTreeMap<String, String>,
}

pub(super) fn schema() -> schemars::Schema {
    schemars::schema_for!(Native)
}

pub(super) fn read(text: &[u8]) -> Result<Bootstrap, Refusal> {
    let native: Native = yaml::read(text)?;
    let Native { api_version: ApiVersion, kind: Kind, metadata, expires_at, token, cluster, .. } = native;
    let (token, cluster) = k0s_token::token_and_cluster(token, cluster)?;
    let token = match native.credential {
        Some(sealed) => credential::unsealing(token, &sealed, &cluster)?,
        None => token,
    };
    let document = Document {
        id: metadata.id.map(|id| id.0),
        cluster_id: metadata.cluster_id.map(|id| id.0),
        expires_at,
        cluster,
        node: node(native.node)?,
        packages: packages(native.packages)?,
        kubelet: kubelet(native.kubelet)?,
        join: join(native.join)?,
        report: native.report,
    };
    Ok(Bootstrap { document, token })
}

pub(super) fn node(written: NodeWritten) -> Result<Node, Refusal> {
    if written.labels.len() > MOST_LABELS || written.taints.len() > MOST_LABELS {
        return Err(Refusal::invalid("node", format!("expected at most {MOST_LABELS} labels and taints")));
    }
    let mut labels = Vec::new();
    for (key, value) in &written.labels {
        labels.push(Label::new(key, value).map_err(|no| match no {
            NoLabel::Form(what) => Refusal::invalid("node.labels", what),
            NoLabel::Forbidden => Refusal {
                reason: Reason::LabelForbidden,
                fault: at("node.labels", format!("a node may not give itself the label {key}")),
            },
        })?);
    }
    Ok(Node {
        name: written.name,
        ip: written.ip.map(|ip| ip.0),
        provider_id: written.provider_id.map(|id| id.0),
        labels,
        taints: written.taints,
    })
}

pub(super) fn packages(written: Packages) -> Result<Vec<Package>, Refusal> {
    if written.policy == Policy::Install {
        return Err(Refusal::unsupported(
            "packages.policy",
            "expected verify: this version installs no packages",
        ));
    }
    if written.require.len() > MOST_PACKAGES {
        return Err(Refusal::invalid("packages.require", format!("expected at most {MOST_PACKAGES}")));
    }
    Ok(written.require)
}

pub(super) fn kubelet(written: KubeletWritten) -> Result<Kubelet, Refusal> {
    refuse_args(&written.extra_args).map_err(|(flag, what)| {
        Refusal::invalid(format!("kubelet.extraArgs.{flag}").trim_end_matches('.'), what)
    })?;
    Ok(Kubelet { version: written.version, config: written.config, extra_args: written.extra_args })
}

pub(super) fn join(written: join::Written) -> Result<Join, Refusal> {
    if written.method == Method::K0s {
        return Err(Refusal::unsupported("join.method", "expected kubelet: this version does not start k0s"));
    }
    Ok(written.into())
}

impl Native {
    /// A document and its token as they are written. Whoever gives the document a new field says here how
    /// it is written.
    pub(super) fn of(document: &Document, token: &Token) -> Native {
        let Document { id, cluster_id, expires_at, cluster, node, packages, kubelet, join, report } =
            document;
        let Node { name, ip, provider_id, labels, taints } = node;
        let Kubelet { version, config, extra_args } = kubelet;
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Native {
            api_version: ApiVersion,
            kind: Kind,
            metadata: Metadata { id: id.clone().map(PublicId), cluster_id: cluster_id.clone().map(PublicId) },
            expires_at: *expires_at,
            token: Secret::new(token.text().expose().to_owned()),
            cluster: Some(cluster.clone()),
            credential: token.sealed_credential(),
            node: NodeWritten {
                name: name.clone(),
                ip: ip.map(Address),
                provider_id: provider_id.clone().map(ProviderId),
                labels: labels.iter().map(|label| owned(label.parts())).collect(),
                taints: taints.clone(),
            },
            packages: Packages { policy: Policy::Verify, require: packages.clone() },
            kubelet: KubeletWritten {
                version: version.clone(),
                config: config.clone(),
                extra_args: extra_args.clone(),
            },
            join: (*join).into(),
            report: report.clone(),
        }
    }
}
