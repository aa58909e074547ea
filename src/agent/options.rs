//! What the command line asks of a run.

use crate::check::CheckId;
use crate::document::{Document, NodeName, WaitFor};
use crate::find::Search;
use std::time::Duration;

/// What the command line asks of a run.
#[derive(Debug)]
pub struct Options {
    /// Where to look for the bootstrap.
    pub search: Search,
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
    /// Flags win over the document.
    pub fn apply(&self, document: &mut Document) {
        if let Some(name) = &self.node_name {
            document.node.name = Some(name.clone());
        }
        if let Some(wait) = self.wait {
            document.join.wait_for = wait;
        }
        if let Some(timeout) = self.timeout {
            document.join.timeout = timeout;
        }
    }
}
