//! Labels and taints that a node is registered with.
//!
//! A node may not give itself every label: the NodeRestriction admission plug-in refuses some, and the
//! kubelet then exits. They are refused here, by the kubelet's own list (kubernetes
//! `pkg/kubelet/apis/well_known_labels.go`).

use super::text::is_dns_subdomain;
use serde::{Deserialize, Serialize};
use std::fmt;

const ALLOWED: [&str; 11] = [
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];
const ALLOWED_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const RESERVED_NAMESPACES: [&str; 2] = ["kubernetes.io", "k8s.io"];

/// A label that a node may give itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    key: String,
    value: String,
}

/// Why a label is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoLabel {
    /// It has not the form of one.
    Form(&'static str),
    /// NodeRestriction refuses it.
    Forbidden,
}

impl Label {
    pub(super) fn new(key: &str, value: &str) -> Result<Self, NoLabel> {
        if !is_qualified_name(key) {
            return Err(NoLabel::Form("expected the key of a label: [prefix/]name"));
        }
        if !is_value(value) {
            return Err(NoLabel::Form(
                "expected the value of a label: at most 63 letters, digits, -, _ and .",
            ));
        }
        if forbidden(key) {
            return Err(NoLabel::Forbidden);
        }
        Ok(Label { key: key.to_owned(), value: value.to_owned() })
    }

    /// Key and value.
    pub fn parts(&self) -> (&str, &str) {
        (&self.key, &self.value)
    }
}

impl fmt::Display for Label {
    /// As the kubelet's flag has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

fn forbidden(key: &str) -> bool {
    let Some((namespace, _)) = key.split_once('/') else { return false };
    let within = |namespaces: &[&str]| {
        namespaces.iter().any(|other| {
            namespace == *other || namespace.strip_suffix(other).is_some_and(|rest| rest.ends_with('.'))
        })
    };
    within(&RESERVED_NAMESPACES) && !ALLOWED.contains(&key) && !within(&ALLOWED_NAMESPACES)
}

/// A taint that the node is registered with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Taint {
    key: String,
    value: String,
    effect: Effect,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    key: String,
    #[serde(default)]
    value: String,
    effect: Effect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
enum Effect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

impl TryFrom<Written> for Taint {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if !is_qualified_name(&written.key) || !is_value(&written.value) {
            return Err("expected key and value of a taint in the form of a label's");
        }
        Ok(Taint { key: written.key, value: written.value, effect: written.effect })
    }
}

impl fmt::Display for Taint {
    /// As the kubelet's flag has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{:?}", self.key, self.value, self.effect)
    }
}

/// `[DNS subdomain/]name`, apimachinery `IsQualifiedName`.
fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name(name),
        None => is_name(key),
    }
}

fn is_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        && bytes[0].is_ascii_alphanumeric()
        && bytes[bytes.len() - 1].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_may_call_itself() {
        let forbidden = Some(NoLabel::Forbidden);
        for (key, refusal) in [
            ("zone", None),
            ("example.com/pool", None),
            ("topology.kubernetes.io/zone", None),
            ("node.kubernetes.io/anything", None),
            ("sub.kubelet.kubernetes.io/x", None),
            ("mykubernetes.io/x", None),
            ("node-role.kubernetes.io/worker", forbidden.clone()),
            ("node-restriction.kubernetes.io/x", forbidden.clone()),
            ("kubernetes.io/role", forbidden.clone()),
            ("foo.k8s.io/x", forbidden.clone()),
            ("topology.kubernetes.io/rack", forbidden),
        ] {
            assert_eq!(Label::new(key, "a").err(), refusal, "{key}");
        }
        for (key, value) in
            [("", "a"), ("a b", "a"), ("a/b/c", "a"), ("Prefix/x", "a"), ("a", "-a"), ("a", "a,b=c")]
        {
            assert!(matches!(Label::new(key, value), Err(NoLabel::Form(_))), "{key} {value}");
        }
    }
}
