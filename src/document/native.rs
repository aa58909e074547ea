//! The document of our own, `bootstrap.akua.dev/v1alpha1`.

use super::cluster::Cluster;
use super::join::{self, Method};
use super::k0s_token;
use super::kubelet::{Kubelet, refuse_args};
use super::labels::{Label, NoLabel, Taint};
use super::moment::UnixSeconds;
use super::node::{Node, NodeName};
use super::packages::Package;
use super::reporting::Reporting;
use super::text::{from_text, is_plain_word};
use super::version::VersionRange;
use super::{Bootstrap, Document, Refusal, at};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::token::Token;
use crate::yaml;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

const API_VERSION: &str = "bootstrap.akua.dev/v1alpha1";
const KIND: &str = "WorkerBootstrap";
const MOST_LABELS: usize = 100;
const MOST_PACKAGES: usize = 100;

/// Turns one machine into a worker node, once.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "WorkerBootstrap")]
struct Native {
    /// Form and version of this document.
    api_version: ApiVersion,
    /// What it is.
    kind: Kind,
    /// Public names, for the journal.
    #[serde(default)]
    metadata: Metadata,
    /// When the token ends: Unix seconds or RFC 3339.
    expires_at: UnixSeconds,
    /// A Kubernetes bootstrap token, or a k0s join token.
    token: Secret,
    /// Where the cluster is; a k0s join token brings it.
    cluster: Option<Cluster>,
    /// What the node is to be.
    #[serde(default)]
    node: NodeWritten,
    /// What must be installed.
    #[serde(default)]
    packages: Packages,
    /// How the kubelet is to run.
    #[serde(default)]
    kubelet: KubeletWritten,
    /// How the join goes.
    #[serde(default)]
    join: join::Written,
    /// Where progress is told; nowhere where it is missing.
    report: Option<Reporting>,
}

struct ApiVersion;

impl ApiVersion {
    fn parse(text: &str) -> Result<Self, String> {
        if text == API_VERSION { Ok(ApiVersion) } else { Err(format!("expected {API_VERSION}")) }
    }
}

from_text!(ApiVersion, {"const": API_VERSION});

struct Kind;

impl Kind {
    fn parse(text: &str) -> Result<Self, String> {
        if text == KIND { Ok(Kind) } else { Err(format!("expected {KIND}")) }
    }
}

from_text!(Kind, {"const": KIND});

/// Public names, for the journal.
#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Metadata {
    /// The bootstrap's id.
    id: Option<PublicId>,
    /// The cluster's id.
    cluster_id: Option<PublicId>,
}

/// An id that is logged: a short plain word that is not a token.
pub(super) struct PublicId(pub String);

impl PublicId {
    fn parse(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        let is_token = Token::parse(Secret::new(text.to_owned())).is_some();
        if plain && !is_token && (1..=64).contains(&text.len()) {
            return Ok(PublicId(text.to_owned()));
        }
        Err("expected an id of 1 to 64 letters, digits, _, - and .".to_owned())
    }
}

from_text!(PublicId, {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"});

/// What the node is to be.
#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NodeWritten {
    /// Its name; the host's where there is none.
    name: Option<NodeName>,
    /// Its address; that of the connection to the API server where there is none.
    ip: Option<Address>,
    /// The cloud's id of the machine.
    provider_id: Option<ProviderId>,
    /// Labels it registers with; those that NodeRestriction forbids are refused.
    labels: BTreeMap<String, String>,
    /// Taints it registers with.
    taints: Vec<Taint>,
}

struct Address(IpAddr);

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Address).map_err(|_| "expected an IPv4 or IPv6 address".to_owned())
    }
}

from_text!(Address, {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]});

struct ProviderId(String);

impl ProviderId {
    fn parse(text: &str) -> Result<Self, String> {
        if is_plain_word(text) && (1..=1024).contains(&text.len()) {
            return Ok(ProviderId(text.to_owned()));
        }
        Err("expected a provider id, as in cloud://region/instance".to_owned())
    }
}

from_text!(ProviderId, {"type": "string", "minLength": 1, "maxLength": 1024});

/// What must be installed.
#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Packages {
    /// What is done about a missing one: verify refuses the join.
    policy: Policy,
    /// The packages.
    require: Vec<Package>,
}

/// What is done about a missing package.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Policy {
    #[default]
    Verify,
    /// Known, and not done by this version.
    Install,
}

/// How the kubelet is to run.
#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct KubeletWritten {
    /// Which versions may run here.
    version: Option<VersionRange>,
    /// A fragment of a KubeletConfiguration.
    config: serde_json::Map<String, serde_json::Value>,
    /// Flags, by name without dashes.
    extra_args: BTreeMap<String, String>,
}

pub(super) fn schema() -> schemars::Schema {
    schemars::schema_for!(Native)
}

pub(super) fn read(text: &[u8]) -> Result<Bootstrap, Refusal> {
    let native: Native = yaml::read(text)?;
    let Native { api_version: ApiVersion, kind: Kind, metadata, expires_at, token, cluster, .. } = native;
    if native.join.method == Method::K0s {
        return Err(Refusal::unsupported("join.method", "expected kubelet: this version does not start k0s"));
    }
    if native.packages.policy == Policy::Install {
        return Err(Refusal::unsupported(
            "packages.policy",
            "expected verify: this version installs no packages",
        ));
    }
    if native.packages.require.len() > MOST_PACKAGES {
        return Err(Refusal::invalid("packages.require", format!("expected at most {MOST_PACKAGES}")));
    }
    refuse_args(&native.kubelet.extra_args).map_err(|(flag, what)| {
        Refusal::invalid(format!("kubelet.extraArgs.{flag}").trim_end_matches('.'), what)
    })?;
    let (token, cluster) = k0s_token::token_and_cluster(token, cluster)?;
    let document = Document {
        id: metadata.id.map(|id| id.0),
        cluster_id: metadata.cluster_id.map(|id| id.0),
        expires_at,
        cluster,
        node: node(native.node)?,
        packages: native.packages.require,
        kubelet: Kubelet {
            version: native.kubelet.version,
            config: native.kubelet.config,
            extra_args: native.kubelet.extra_args,
        },
        join: native.join.into(),
        report: native.report,
    };
    Ok(Bootstrap { document, token })
}

fn node(written: NodeWritten) -> Result<Node, Refusal> {
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
