//! Step 9: start the kubelet without blocking the boot, and watch until the node is in the awaited state.
//!
//! Works as the node, with the credential on disk; the token is gone. A restart starts again what runs
//! already and watches on.

mod watch;

pub use watch::watch;

use crate::document::{Authorities, NodeName, ServerUrl, WaitFor};
use crate::failure::Failure;
use crate::host::files;
use crate::host::made::{self, Kind, Put};
use crate::host::root::Root;
use crate::host::systemd::Manager;
use crate::join::{self, CA_FILE, Joined};
use crate::kube::{Client, ClientIdentity, DateJudge, Identity};
use crate::mark::Mark;
use crate::reason::Reason;

/// The kubelet's unit.
pub const KUBELET: &str = "kubelet.service";

const CA_LIMIT: u64 = 1024 * 1024;

/// A node and its connection to the cluster.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// A client that speaks as this node.
    pub client: Client<'static>,
}

impl From<Joined> for Node {
    fn from(joined: Joined) -> Self {
        Node { name: joined.node, client: joined.client }
    }
}

impl Node {
    /// The node this disk belongs to, from what the join left: credential, CA and mark.
    ///
    /// # Errors
    /// `local_write_failed` where one of them cannot be read.
    pub fn from_disk(root: &Root, mark: &Mark, judge: DateJudge) -> Result<Node, Failure> {
        let failed = |what: &str| Failure::new(Reason::LocalWrite, format!("reading {what}"));
        let name = NodeName::parse(&mark.node).map_err(|why| failed("the mark").because(why))?;
        let servers = mark
            .servers
            .iter()
            .map(|server| ServerUrl::parse(server))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| failed("the mark").because(why))?;
        let ca = files::read(&root.at(CA_FILE), CA_LIMIT).map_err(|error| failed(CA_FILE).because(error))?;
        let authorities = Authorities::from_pem(&ca).map_err(|why| failed(CA_FILE).because(why))?;
        let identity = ClientIdentity::from_pem(&join::credential(root)?)
            .map_err(|why| failed("the node's certificate").because(why))?;
        let client = Client::new(&servers, authorities.der(), judge, Identity::Certificate(identity))?;
        Ok(Node { name, client })
    }
}

/// The state the mark says a join is to be followed to.
pub fn awaited(mark: &Mark) -> WaitFor {
    WaitFor::parse(&mark.wait_for).unwrap_or_default()
}

/// Enables the kubelet and starts it, without waiting for it. Nothing under another root.
///
/// # Errors
/// `kubelet_failed` with systemd's words.
pub async fn kubelet(manager: Option<&Manager>, root: &Root) -> Result<(), Failure> {
    let Some(manager) = manager else { return Ok(()) };
    let failed = |what: &str| Failure::new(Reason::KubeletFailed, format!("{what} {KUBELET}"));
    manager.daemon_reload().await.map_err(|error| failed("reloading the units for").because(error))?;
    let state = manager.unit_state(KUBELET).await.map_err(|error| failed("looking at").because(error))?;
    let runs = !matches!(state.active.as_str(), "inactive" | "failed");
    let mut noted = vec![Put::Unit(if runs { Kind::Restarted } else { Kind::Started }, KUBELET)];
    if state.file != "enabled" {
        noted.push(Put::Unit(Kind::Enabled, KUBELET));
    }
    made::put(root, &noted)
        .map_err(|error| Failure::new(Reason::LocalWrite, format!("noting {KUBELET}")).because(error))?;
    manager.enable(KUBELET).await.map_err(|error| failed("enabling").because(error))?;
    manager.restart_no_block(KUBELET).await.map_err(|error| failed("starting").because(error))
}
