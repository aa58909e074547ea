//! The credential that is on disk: whether it is one for this node, and in force.

use super::certificate::Leaf;
use super::install::{CURRENT, KUBECONFIG, PKI};
use crate::document::NodeName;
use crate::failure::Failure;
use crate::host::root::Root;
use crate::host::{files, secret_file};
use crate::kube::{ClientIdentity, DateJudge};
use crate::reason::Reason;
use crate::secret::SecretBytes;

/// Whether certificate, key and kubelet.conf of this node are on disk and in force. Whether the cluster
/// accepts them is another question, which [`super::existing`] asks.
pub fn on_disk(root: &Root, node: &NodeName, judge: DateJudge) -> bool {
    files::exists(&root.at(KUBECONFIG)) && credential(root).is_ok_and(|pem| is_for(&pem, node, judge))
}

fn is_for(pem: &SecretBytes, node: &NodeName, judge: DateJudge) -> bool {
    let leaf = |identity: ClientIdentity| Leaf::read(identity.chain().first()?).ok();
    ClientIdentity::from_pem(pem)
        .ok()
        .and_then(leaf)
        .is_some_and(|leaf| leaf.is_for(node).is_ok() && leaf.is_in_force(judge).is_ok())
}

/// The node's certificate and key, PEM.
///
/// # Errors
/// `local_write_failed` where they are not there or may not be believed.
pub fn credential(root: &Root) -> Result<SecretBytes, Failure> {
    let link = root.at(CURRENT);
    let failed = || Failure::new(Reason::LocalWrite, format!("reading the credential {}", link.display()));
    let target = files::link_target(&link).map_err(|error| failed().because(error))?;
    // Whatever the link says, the file lies beside it: no link leads this program elsewhere.
    let name = target.file_name().ok_or_else(|| failed().because("the link names no file"))?;
    let path = root.at(PKI).join(name);
    match secret_file::open(&path, root) {
        Ok(Some(opened)) => Ok(opened.bytes),
        Ok(None) => Err(failed().because(format!("{} is not there", path.display()))),
        Err(refused) => Err(failed().because(refused)),
    }
}
