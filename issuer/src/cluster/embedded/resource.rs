//! The four resources this API server serves, and what is true of each by its type.

use super::status::About;
use serde_json::{Value, json};

/// A resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// certificates.k8s.io/v1 certificatesigningrequests.
    Csr,
    /// v1 nodes.
    Node,
    /// v1 secrets.
    Secret,
    /// v1 configmaps.
    ConfigMap,
}

/// The namespaces there are. They are fixed: nothing in a join makes one.
pub const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

impl Resource {
    /// All types, for discovery.
    pub const ALL: [Resource; 4] = [Resource::Csr, Resource::Node, Resource::Secret, Resource::ConfigMap];

    /// The type a request path names.
    pub fn find(group: &str, version: &str, plural: &str) -> Option<Resource> {
        Resource::ALL.into_iter().find(|one| (one.group(), "v1", one.plural()) == (group, version, plural))
    }

    /// API group, empty for core.
    pub const fn group(self) -> &'static str {
        match self {
            Resource::Csr => "certificates.k8s.io",
            _ => "",
        }
    }

    /// `apiVersion` of its objects.
    pub const fn api_version(self) -> &'static str {
        match self {
            Resource::Csr => "certificates.k8s.io/v1",
            _ => "v1",
        }
    }

    /// Name in paths.
    pub const fn plural(self) -> &'static str {
        match self {
            Resource::Csr => "certificatesigningrequests",
            Resource::Node => "nodes",
            Resource::Secret => "secrets",
            Resource::ConfigMap => "configmaps",
        }
    }

    /// `kind` of its objects.
    pub const fn kind(self) -> &'static str {
        match self {
            Resource::Csr => "CertificateSigningRequest",
            Resource::Node => "Node",
            Resource::Secret => "Secret",
            Resource::ConfigMap => "ConfigMap",
        }
    }

    /// Whether its objects live in a namespace.
    pub const fn namespaced(self) -> bool {
        matches!(self, Resource::Secret | Resource::ConfigMap)
    }

    /// The parts of an object that are written through paths of their own.
    pub const fn subresources(self) -> &'static [&'static str] {
        match self {
            Resource::Csr => &["approval", "status"],
            Resource::Node => &["status"],
            _ => &[],
        }
    }

    /// Where the real server keeps an object of this type; some errors quote it.
    pub fn storage_key(self, namespace: &str, name: &str) -> String {
        match self {
            Resource::Node => format!("/registry/minions/{name}"),
            _ if self.namespaced() => format!("/registry/{}/{namespace}/{name}", self.plural()),
            _ => format!("/registry/{}/{name}", self.plural()),
        }
    }

    /// For errors that name the plural.
    pub const fn about(self, name: &str) -> About<'_> {
        About { group: self.group(), kind: self.plural(), name }
    }

    /// For errors that name the kind.
    pub const fn about_kind(self, name: &str) -> About<'_> {
        About { group: self.group(), kind: self.kind(), name }
    }

    /// The value of a field that a field selector may name. `Err` for a field that cannot be
    /// selected by, in the words of the real server.
    pub fn selectable(self, object: &Value, field: &str) -> Result<String, String> {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (self, field) {
            (_, "metadata.name") => Ok(text("/metadata/name")),
            (Resource::Secret | Resource::ConfigMap, "metadata.namespace") => Ok(text("/metadata/namespace")),
            (Resource::Csr, "spec.signerName") => Ok(text("/spec/signerName")),
            (Resource::Secret, "type") => Ok(text("/type")),
            (Resource::Node, "spec.unschedulable") => Ok(object
                .pointer("/spec/unschedulable")
                .and_then(Value::as_bool)
                .unwrap_or(false)
                .to_string()),
            (Resource::ConfigMap, other) => Err(format!(
                "{other:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )),
            (_, other) => Err(format!("field label not supported: {other}")),
        }
    }

    /// The row of this type in the group's discovery document.
    pub fn discovery(self) -> Vec<Value> {
        let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
        let mut rows = vec![json!({
            "name": self.plural(), "singularName": self.kind().to_lowercase(), "namespaced": self.namespaced(),
            "kind": self.kind(), "verbs": verbs,
        })];
        for sub in self.subresources() {
            rows.push(json!({
                "name": format!("{}/{sub}", self.plural()), "singularName": "", "namespaced": self.namespaced(),
                "kind": self.kind(), "verbs": ["get", "patch", "update"],
            }));
        }
        rows
    }
}
