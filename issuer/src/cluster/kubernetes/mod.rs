//! A Kubernetes cluster as a backend: bootstrap tokens are Secrets in kube-system, and their single use
//! is enforced by whoever approves certificate requests, which is this program.
//!
//! What is trusted: the API server's answers. What is not: requests for certificates, and watches, which
//! may lag or break. Whether a token is unused, used or gone is decided by writes to its Secret that
//! name the version they were decided on, so that of two deciders one is told that it came too late:
//! two issuers, a revoke and a use, or one issuer before and after its restart.
//!
//! Nothing is kept here: after a restart everything is read from the cluster again.

mod accepted;
mod accounts;
mod connect;
mod enforce;
mod error;
mod grant;
mod manifest;
mod promise;
mod secret;
mod token_file;
mod withdraw;
mod words;

pub use connect::{Settings, Source};
pub use error::ClusterError;
pub use manifest::MANIFEST;
pub use words::GROUP;
pub use words::reason::ALREADY_USED as TOKEN_ALREADY_USED;

use super::{Exposed, Grant, Notice, Promise, Reach, Standing, Withdrawn};
use error::{Said, ask};
use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use secret::Held;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use worker_bootstrap::token::TokenId;

/// Where bootstrap tokens live.
const NAMESPACE: &str = "kube-system";

/// A connection to the cluster; clones share it.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    reach: Arc<Reach>,
    approved: Option<Measure>,
}

/// Is told how long an approval took, from the look at the request to the cluster's word that it stands.
pub type Measure = Arc<dyn Fn(Duration) + Send + Sync>;

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("servers", &self.reach.servers).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Prepares the connection. The cluster is not asked: it may be down.
    ///
    /// # Errors
    /// [`ClusterError::Refused`] where the settings say too little or what is not safe.
    pub async fn connect(settings: &Settings) -> Result<Cluster, ClusterError> {
        connect::connect(settings).await
    }

    /// The same connection, whose approvals are measured.
    #[must_use]
    pub fn measured(self, approved: Measure) -> Cluster {
        Cluster { approved: Some(approved), ..self }
    }

    /// What machines must know.
    pub fn reach(&self) -> Reach {
        Reach::clone(&self.reach)
    }

    /// What can be promised of a new token, now. Roles can be bound at any time: worth asking again before
    /// a promise is given to somebody.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn promise(&self) -> Result<Promise, ClusterError> {
        Ok(promise::ask(self).await?.0)
    }

    /// Makes the token good, and returns when it authenticates at every server that machines are told
    /// of. The same grant again is the same.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn grant(&self, grant: Grant<'_>) -> Result<(), ClusterError> {
        grant::grant(self, &grant).await
    }

    /// How a granted token stands, now. What its machine authenticates with is good at every server that machines
    /// are told of; asked for again it is another one that is as good.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn standing(&self, grant: Grant<'_>) -> Result<Standing, ClusterError> {
        grant::standing(self, &grant).await
    }

    /// The tokens that the cluster approves every machine of.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn exposed(&self) -> Result<Option<Exposed>, ClusterError> {
        promise::exposed(self).await
    }

    /// Makes the token useless for whoever has not used it yet. One that was used is left to its machine
    /// for some minutes more, so that the join under way ends: nobody else can use it meanwhile, except where the
    /// cluster approves every machine: there it ends at once.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn withdraw(&self, token: &TokenId) -> Result<Withdrawn, ClusterError> {
        withdraw::withdraw(self, token).await
    }

    /// Enforces single use until its future is dropped, and tells what it sees: each thing until it is kept,
    /// and again after a restart. The Secret of a used token is not removed before its join was kept or its time
    /// is up, so that whoever comes next finds it. A receiver that is slow slows the telling down, and one that keeps nothing
    /// or is gone does not stop what is enforced.
    pub async fn enforce(self, seen: mpsc::Sender<Notice>) {
        enforce::run(self, seen).await;
    }

    /// Removes a token's Secret as it was read. Its account follows where single use is enforced.
    async fn remove(&self, doing: &str, held: &Held) -> Result<Said<()>, ClusterError> {
        let exactly = DeleteParams { preconditions: Some(held.precisely()), ..DeleteParams::default() };
        let name = secret::name(&held.token);
        Ok(match ask(doing, self.secrets().delete(&name, &exactly)).await? {
            Said::Done(_) => Said::Done(()),
            Said::Absent => Said::Absent,
            Said::Conflict => Said::Conflict,
        })
    }

    fn secrets(&self) -> kube::Api<Secret> {
        kube::Api::namespaced(self.client.clone(), NAMESPACE)
    }
}
