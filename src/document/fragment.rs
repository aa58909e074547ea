//! The part of a document that is one and the same for every machine of a cluster: whoever issues
//! bootstraps sets it once, and it is read by the rules that hold on the machine.

use super::cluster::Cluster;
use super::join::{self, Join};
use super::kubelet::Kubelet;
use super::moment::UnixSeconds;
use super::native::{self, KubeletWritten, NodeWritten, Packages};
use super::node::Node;
use super::packages::Package;
use super::{Document, Refusal};
use serde::Deserialize;

/// How the machines of a cluster are to be.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "Written")]
pub struct Fragment {
    node: Node,
    packages: Vec<Package>,
    kubelet: Kubelet,
    join: Join,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Written {
    node: NodeWritten,
    packages: Packages,
    kubelet: KubeletWritten,
    join: join::Written,
}

impl TryFrom<Written> for Fragment {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        // No secret comes near this text, so that the field may be named beside what was expected of it.
        let told = |refusal: Refusal| format!("expected a document's part: {}", refusal.fault);
        let node = native::node(written.node).map_err(told)?;
        if node.name.is_some() || node.ip.is_some() || node.provider_id.is_some() {
            return Err(
                "expected no node.name, node.ip and node.providerId: they are one machine's".to_owned()
            );
        }
        Ok(Fragment {
            node,
            packages: native::packages(written.packages).map_err(told)?,
            kubelet: native::kubelet(written.kubelet).map_err(told)?,
            join: native::join(written.join).map_err(told)?,
        })
    }
}

impl Fragment {
    /// The document of one bootstrap. `id` and `cluster_id` are public, 1 to 64 letters, digits, `_`, `-`
    /// and `.`. Where progress is told is the caller's to add.
    pub fn document(
        &self,
        id: String,
        cluster_id: String,
        expires_at: UnixSeconds,
        cluster: Cluster,
    ) -> Document {
        Document {
            id: Some(id),
            cluster_id: Some(cluster_id),
            expires_at,
            cluster,
            node: self.node.clone(),
            packages: self.packages.clone(),
            kubelet: self.kubelet.clone(),
            join: self.join,
            report: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn it_is_held_to_the_rules_of_a_document() {
        let rows = [
            ("{}", None),
            ("node: {labels: {pool: a}}\nkubelet: {config: {maxPods: 5}}\njoin: {waitFor: ready}", None),
            ("node: {name: a}", Some("one machine's")),
            ("node: {labels: {node-role.kubernetes.io/worker: ''}}", Some("may not give itself")),
            ("kubelet: {extraArgs: {kubeconfig: /x}}", Some("kubelet.extraArgs.kubeconfig")),
            ("packages: {policy: install}", Some("packages.policy")),
            ("token: abcdef.0123456789abcdef", Some("unknown field token")),
        ];
        for (text, refusal) in rows {
            let read: Result<Fragment, _> = yaml::read(text.as_bytes());
            match refusal {
                None => assert!(read.is_ok(), "{text}: {read:?}"),
                Some(what) => assert!(read.unwrap_err().to_string().contains(what), "{text}"),
            }
        }
    }
}
