//! worker-bootstrap: turns a one-time worker bootstrap into a cluster node.
pub mod document;
pub mod failure;
pub mod host;
pub mod kube;
pub mod progress;
pub mod reason;
pub mod secret;
pub mod step;
pub mod token;
pub mod yaml;
