//! The few fields of the few objects that are read. Unknown fields are the server's business.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An answer with a known `kind`.
pub trait Object: DeserializeOwned {
    /// What its `kind` must be; `None` for the one answer that has none, `/version`.
    const KIND: Option<&'static str>;
}

/// `GET /version`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// As in `v1.31.2+k0s.0`.
    pub git_version: String,
}

/// Name and version of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Which of all objects that ever bore that name.
    pub uid: String,
    /// From where a watch can go on.
    pub resource_version: String,
}

/// certificates.k8s.io/v1 CertificateSigningRequest.
#[derive(Debug, Clone, Deserialize)]
pub struct CertificateSigningRequest {
    /// Name and version.
    pub metadata: Metadata,
    /// What was asked for.
    pub spec: CsrSpec,
    /// What became of it.
    #[serde(default)]
    pub status: CsrStatus,
}

/// What was asked for.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CsrSpec {
    /// Base64 of the PEM of the PKCS#10 request.
    pub request: String,
    /// Who is to sign it.
    pub signer_name: String,
    /// For what the certificate is to be good.
    #[serde(default)]
    pub usages: Vec<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CsrStatus {
    /// Approved, Denied, Failed.
    pub conditions: Vec<Condition>,
    /// Base64 of the PEM chain, once issued.
    pub certificate: Option<String>,
}

/// A condition of a CSR or a Node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// Its name.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`; absent in old CSR conditions, where it means `True`.
    pub status: Option<String>,
    /// One word for programs.
    pub reason: String,
    /// Words for people.
    pub message: String,
}

impl Condition {
    /// Whether the condition holds.
    pub fn holds(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status == "True")
    }
}

/// v1 Node.
#[derive(Debug, Clone, Deserialize)]
pub struct Node {
    /// Name and version.
    pub metadata: Metadata,
    /// What its kubelet says of it.
    #[serde(default)]
    pub status: NodeStatus,
}

impl Node {
    /// The `Ready` condition, where the node has one.
    pub fn ready(&self) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == "Ready")
    }
}

/// What a kubelet says of its node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// Ready and others.
    pub conditions: Vec<Condition>,
    /// Which machine it is.
    pub node_info: NodeInfo,
}

/// Which machine a node is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeInfo {
    /// `/etc/machine-id`.
    #[serde(rename = "machineID")]
    pub machine_id: String,
    /// DMI product UUID, or the machine id where there is none.
    #[serde(rename = "systemUUID")]
    pub system_uuid: String,
    /// `/proc/sys/kernel/random/boot_id`.
    #[serde(rename = "bootID")]
    pub boot_id: String,
    /// As in `v1.31.2`.
    #[serde(rename = "kubeletVersion")]
    pub kubelet_version: String,
}

/// v1 ConfigMap.
#[derive(Debug, Clone, Deserialize)]
pub struct ConfigMap {
    /// Its texts.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
}

/// v1 Status: how an API server says no.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    /// `Status`.
    pub kind: String,
    /// One word for programs.
    pub reason: String,
    /// Words for people.
    pub message: String,
    /// The HTTP status.
    pub code: u16,
}

impl Object for VersionInfo {
    const KIND: Option<&'static str> = None;
}
impl Object for CertificateSigningRequest {
    const KIND: Option<&'static str> = Some("CertificateSigningRequest");
}
impl Object for Node {
    const KIND: Option<&'static str> = Some("Node");
}
impl Object for ConfigMap {
    const KIND: Option<&'static str> = Some("ConfigMap");
}
