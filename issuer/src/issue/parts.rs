//! What the flow is made of and what it tells: a cluster that is served, a bootstrap's texts, an answer, and
//! why there is none.

use crate::cluster::backend::Backend;
use crate::cluster::{Promise, Reach};
use crate::names::{BootstrapId, ClusterId};
use crate::store::StoreError;
use crate::store::rows::{Bootstrap, Place};
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::Token;

/// Everything that a bootstrap's texts are made of.
#[derive(Debug)]
pub struct ToShow<'a> {
    /// Its id.
    pub id: &'a BootstrapId,
    /// Its cluster.
    pub cluster: &'a ClusterId,
    /// When it ends.
    pub expires: OffsetDateTime,
    /// Its token.
    pub token: &'a Token,
    /// What machines must know of the cluster.
    pub reach: Reach,
    /// What can be promised of the token there.
    pub promise: &'a Promise,
    /// Where the machine reports to.
    pub report_url: String,
}

/// A bootstrap's texts. All of them hold the token.
pub struct Shown {
    /// For a shell.
    pub command: String,
    /// For cloud-init.
    pub cloud_init: String,
    /// By platform, in the contract's form.
    pub artifacts: serde_json::Value,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

/// Makes a bootstrap's texts, or says why it cannot.
pub type Show = Arc<dyn Fn(&ToShow<'_>) -> Result<Shown, String> + Send + Sync>;

/// A cluster that bootstraps are issued for.
pub struct Served {
    /// Its id and whose it is.
    pub place: Place,
    /// The cluster.
    pub backend: Arc<dyn Backend>,
    /// Makes its bootstraps' texts.
    pub show: Show,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("place", &self.place)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// This workspace has no such cluster or bootstrap.
    #[error("there is no such cluster or bootstrap in this workspace")]
    Absent,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    OtherRequest,
    /// It changed since the caller saw it.
    #[error("it changed meanwhile, its etag is {0}")]
    Changed(i64),
    /// The page is to begin after what is not there.
    #[error("there is no such page")]
    NoSuchPage,
    /// The cluster cannot be reached or does not answer in time.
    #[error("the cluster does not answer")]
    Unreachable,
    /// The cluster said no.
    #[error("the cluster refuses the token")]
    Refused,
    /// The texts cannot be made.
    #[error("cannot render the bootstrap: {0}")]
    Show(String),
    /// The store.
    #[error("cannot use the store")]
    Store(#[from] StoreError),
}

/// A bootstrap as it is told to the one who created it.
#[derive(Debug)]
pub struct Issued {
    /// It.
    pub bootstrap: Bootstrap,
    /// What is shown once: nothing where it was used, revoked or expired since.
    pub shown: Option<(Secret, Shown)>,
}
