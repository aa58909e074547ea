//! What the node is to be called and registered with.

use super::labels::{Label, Taint};
use super::text::{from_text, is_dns_subdomain};
use std::fmt;
use std::net::IpAddr;

/// What the node is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Its name; the host's where there is none.
    pub name: Option<NodeName>,
    /// Its address; that of the connection to the API server where there is none.
    pub ip: Option<IpAddr>,
    /// The cloud's id of the machine.
    pub provider_id: Option<String>,
    /// Labels it registers with.
    pub labels: Vec<Label>,
    /// Taints it registers with.
    pub taints: Vec<Taint>,
}

/// The name of a node: a DNS-1123 subdomain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName(String);

impl NodeName {
    /// The name in `text`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_dns_subdomain(text) {
            return Ok(NodeName(text.to_owned()));
        }
        Err("expected the name of a node: lower-case letters, digits, - and ., at most 253 characters, \
             beginning and ending with a letter or digit"
            .to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(NodeName, {"type": "string", "maxLength": 253, "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "a".repeat(64);
        for (name, good) in [
            ("worker-1", true),
            ("worker-1.pool.example", true),
            ("1", true),
            ("Worker-1", false),
            ("worker_1", false),
            ("-worker", false),
            ("worker.", false),
            ("worker..1", false),
            (long.as_str(), false),
            ("", false),
        ] {
            assert_eq!(NodeName::parse(name).is_ok(), good, "{name}");
        }
    }
}
