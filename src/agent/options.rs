//! What the command line asks of a run.

use crate::check::CheckId;
use crate::document::{Document, Given, NodeName, WaitFor};
use crate::find::Search;
use crate::machine::Machine;
use std::time::Duration;

/// What the command line asks of a run.
#[derive(Debug)]
pub struct Options {
    /// Where to look for the bootstrap.
    pub search: Search,
    /// What is said beside the bootstrap.
    pub given: Given,
    /// Overrides the document's `node.name`.
    pub node_name: Option<NodeName>,
    /// Checks that are left out.
    pub skip: Vec<CheckId>,
    /// Overrides the document's `join.waitFor`.
    pub wait: Option<WaitFor>,
    /// Overrides the document's `join.timeout`.
    pub timeout: Option<Duration>,
    /// Do everything but start the kubelet.
    pub no_start: bool,
}

impl Options {
    /// Whether this run starts the kubelet.
    pub fn starts(&self, machine: &Machine) -> bool {
        !self.no_start && machine.manager.is_some()
    }

    /// How far the join is followed. Where nothing is started, nothing comes up that could be waited for,
    /// unless it is said so.
    pub fn awaited(&self, machine: &Machine, documented: WaitFor) -> WaitFor {
        let documented = if self.starts(machine) { documented } else { WaitFor::Credential };
        self.wait.unwrap_or(documented)
    }

    /// Flags win over the document.
    pub fn apply(&self, document: &mut Document, machine: &Machine) {
        if let Some(name) = &self.node_name {
            document.node.name = Some(name.clone());
        }
        document.join.wait_for = self.awaited(machine, document.join.wait_for);
        if let Some(timeout) = self.timeout {
            document.join.timeout = timeout;
        }
    }
}
