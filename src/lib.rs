//! worker-bootstrap: turns a one-time worker bootstrap into a cluster node.

pub mod failure;
pub mod progress;
pub mod reason;
pub mod secret;
pub mod token;
