//! The cases, by what they are about. Those that take a [`crate::Cluster`] run on every kind of it.

pub mod again;
pub mod count;
pub mod files;
pub mod memory;
pub mod node;
pub mod outward;
pub mod request;
pub mod reset;
pub mod server;
pub mod token;
pub mod trust;

/// With libfaketime between the agent and its clock.
mod clock;
/// Against servers that are none; needs no cluster.
mod nonsense;
/// With a real kubelet; needs a real cluster and root.
mod real_kubelet;
/// A real API server that is restarted; needs a real cluster.
mod restart;
