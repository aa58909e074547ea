//! Step 3: the plan, drawn up from the document and the facts of the machine. Pure and printable;
//! `worker-bootstrap plan` shows it, `run` follows it.

use crate::check::CheckId;
use crate::document::{Document, NodeName, Trust, WaitFor};
use crate::step::Step;
use serde::Serialize;

/// Directory of drop-ins that an administrator or this program adds to the kubelet's unit.
pub const DROP_IN: &str = "/etc/systemd/system/kubelet.service.d/20-worker-bootstrap.conf";
/// The unit itself, where no package brings one.
pub const UNIT: &str = "/etc/systemd/system/kubelet.service";

/// Who brings the unit that starts the kubelet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KubeletUnit {
    /// A package's unit with kubeadm's drop-in, which reads the flags file: nothing to write.
    Kubeadm,
    /// A package's unit without that drop-in: ours is added.
    DropIn,
    /// No unit at all: unit and drop-in are ours.
    Whole,
}

/// What of the machine decides the plan.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// Whether kubeadm's drop-in is installed.
    pub kubeadm_drop_in: bool,
    /// Whether there is a kubelet.service.
    pub kubelet_unit: bool,
    /// Whether the root is this running machine's.
    pub is_machine: bool,
    /// Whether the kubelet is to be started.
    pub start: bool,
}

/// What will be done in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// From 1 to 10.
    pub number: u8,
    /// The step's verb.
    pub step: &'static str,
    /// What will be done, one line each.
    pub actions: Vec<String>,
}

/// The whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The node's name.
    pub node: String,
    /// Who brings the kubelet's unit.
    pub unit: KubeletUnit,
    /// What happens, step by step.
    pub steps: Vec<Planned>,
}

impl Plan {
    /// Draws the plan. `sources` are the places that hold the token, `skip` the checks that are left out.
    pub fn draw(
        document: &Document,
        node: &NodeName,
        sources: &[String],
        skip: &[CheckId],
        ground: Ground,
    ) -> Plan {
        let unit = match ground {
            Ground { kubeadm_drop_in: true, .. } => KubeletUnit::Kubeadm,
            Ground { kubelet_unit: true, .. } => KubeletUnit::DropIn,
            _ => KubeletUnit::Whole,
        };
        let steps = [
            (Step::Check, check_actions(document, skip)),
            (Step::Prepare, prepare_actions(unit)),
            (Step::Join, join_actions(document, node)),
            (Step::Mark, vec!["note that the token is spent: /var/lib/worker-bootstrap/ledger".to_owned()]),
            (Step::Wipe, wipe_actions(sources)),
            (Step::Start, start_actions(document, node, ground)),
        ]
        .into_iter()
        .map(|(step, actions)| Planned { number: step.number(), step: step.name(), actions })
        .collect();
        Plan { node: node.to_string(), unit, steps }
    }
}

fn check_actions(document: &Document, skip: &[CheckId]) -> Vec<String> {
    let asked = |id: &&CheckId| !skip.contains(id);
    let names = |ids: Vec<&CheckId>| ids.into_iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    let mut actions = vec![format!("check {}", names(CheckId::ALL.iter().filter(asked).collect()))];
    if let Some(version) = document.kubelet.version.as_ref().filter(|_| asked(&&CheckId::Kubelet)) {
        actions.push(format!("check that the kubelet is {version}"));
    }
    for package in document.packages.iter().filter(|_| asked(&&CheckId::Packages)) {
        actions.push(match &package.version {
            Some(version) => format!("check package {} {version}", package.name),
            None => format!("check package {}", package.name),
        });
    }
    if !skip.is_empty() {
        actions.push(format!("leave out {}", names(skip.iter().collect())));
    }
    actions
}

fn prepare_actions(unit: KubeletUnit) -> Vec<String> {
    match unit {
        KubeletUnit::Kubeadm => vec!["leave the kubelet's unit as the package brings it".to_owned()],
        KubeletUnit::DropIn => vec![format!("write {DROP_IN}")],
        KubeletUnit::Whole => vec![format!("write {UNIT}"), format!("write {DROP_IN}")],
    }
}

fn join_actions(document: &Document, node: &NodeName) -> Vec<String> {
    let servers: Vec<String> = document.cluster.servers.iter().map(ToString::to_string).collect();
    let servers = servers.join(", ");
    let mut actions = Vec::new();
    match &document.cluster.trust {
        Trust::Authorities(_) => actions.push(format!("trust {servers} by the CA of the document")),
        Trust::Pins(pins) => {
            let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
            actions.push(format!("discover the CA of {servers} by {}", pins.join(" or ")));
        }
    }
    actions.push(format!("request a client certificate for system:node:{node} and prove it"));
    actions.push(
        "write /var/lib/kubelet/pki/kubelet-client-current.pem, /etc/kubernetes/kubelet.conf".to_owned(),
    );
    actions.push("write /var/lib/kubelet/config.yaml, /var/lib/kubelet/kubeadm-flags.env".to_owned());
    actions
}

fn wipe_actions(sources: &[String]) -> Vec<String> {
    if sources.is_empty() {
        return vec!["nothing: the token lies in no file".to_owned()];
    }
    sources.iter().map(|source| format!("erase {source}")).collect()
}

fn start_actions(document: &Document, node: &NodeName, ground: Ground) -> Vec<String> {
    let mut actions = Vec::new();
    actions.push(match ground {
        Ground { is_machine: false, .. } => "start nothing: another root".to_owned(),
        Ground { start: false, .. } => "start nothing: --no-start".to_owned(),
        _ => "enable and start kubelet.service".to_owned(),
    });
    actions.push(match document.join.wait_for {
        WaitFor::Credential => "wait for nothing further: the credential is what was asked for".to_owned(),
        state => format!("wait until node {node} is {state}"),
    });
    actions
}
