//! A Kubernetes cluster as a backend.

#![allow(clippy::unimplemented)]

use super::{Grant, Promise, Reach, Seen, Withdrawn};
use tokio::sync::mpsc;
use worker_bootstrap::token::TokenId;

/// Why the cluster did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// It cannot be reached, or is not ready: worth another try.
    #[error("cannot reach the cluster: {0}")]
    Unavailable(String),
    /// Another token has this public half.
    #[error("the cluster knows another token of this id")]
    Taken,
    /// It said no, and will say so again.
    #[error("the cluster refused: {0}")]
    Refused(String),
}

/// A connection to the cluster; clones share it.
#[derive(Debug, Clone)]
pub struct Cluster {}

impl Cluster {
    /// What machines must know.
    pub fn reach(&self) -> Reach {
        unimplemented!()
    }

    /// What can be promised of its tokens.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn promise(&self) -> Result<Promise, ClusterError> {
        unimplemented!()
    }

    /// Makes the token good, and returns when it authenticates. The same grant again is the same.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn grant(&self, _grant: Grant<'_>) -> Result<(), ClusterError> {
        unimplemented!()
    }

    /// Makes the token useless.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn withdraw(&self, _token: &TokenId) -> Result<Withdrawn, ClusterError> {
        unimplemented!()
    }

    /// Enforces single use until the process ends, and tells what it sees.
    pub async fn enforce(self, _seen: mpsc::Sender<Seen>) {
        unimplemented!()
    }
}
