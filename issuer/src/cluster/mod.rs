//! The clusters that bootstraps are issued for, and all that the rest of the issuer knows of them: a
//! token is granted, a token is withdrawn, and what was seen of it is told.

pub mod backend;
mod certificate_request;
pub mod client;
pub mod embedded;
pub mod kubernetes;

use crate::names::BootstrapId;
use time::OffsetDateTime;
use tokio::sync::oneshot;
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::{Token, TokenId};

/// A token that a cluster is to accept.
#[derive(Debug)]
pub struct Grant<'a> {
    /// Whose it is.
    pub bootstrap: &'a BootstrapId,
    /// The token.
    pub token: &'a Token,
    /// When it ends.
    pub expires: OffsetDateTime,
}

/// What a machine must know to reach the cluster.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The API servers, `https://host:port`.
    pub servers: Vec<String>,
    /// The CA's certificates, PEM.
    pub authority: String,
}

/// What the issuer can promise of a token in this cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// It works for one machine.
    OneTime,
    /// The cluster itself approves whatever any token asks for: it works until it expires.
    MultiUse {
        /// Who approves, and by which binding.
        why: String,
    },
}

/// How a granted token stands in its cluster.
#[derive(Debug)]
pub struct Standing {
    /// What can be promised of it.
    pub promise: Promise,
    /// What its machine authenticates with, where that is not the token itself.
    pub credential: Option<Secret>,
}

/// Tokens that the cluster itself approves every machine of, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// Which.
    pub tokens: Vec<TokenId>,
    /// Who approves, and by which binding.
    pub why: String,
}

/// Who used a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The node's name.
    pub node: String,
    /// `sha256:` and the hash of its public key.
    pub key: String,
}

/// How a withdrawal went. The cluster's answer is the one that counts: a use that was bound before is
/// not undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// Nobody had used it, and nobody can now.
    Unused,
    /// This use was first; its node keeps its certificate. Nobody else can use it.
    Used(Use),
    /// Nobody can use it now. Until then the cluster approved every machine that asked with it; this was the
    /// first use that was seen.
    MultiUse(Option<Use>),
    /// The cluster does not know the token any more: it expired, was withdrawn, or its use is complete.
    Gone,
}

/// Something that happened to a token in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which token.
    pub token: TokenId,
    /// What.
    pub what: Happened,
    /// When, by the issuer's clock.
    pub at: OffsetDateTime,
}

/// What was seen, on its way to whoever keeps it. Dropped, it was not kept, and is told again.
#[derive(Debug)]
pub struct Notice {
    /// It.
    pub seen: Seen,
    kept: oneshot::Sender<()>,
}

impl Notice {
    /// A notice, and what says whether it was kept: an error where it was not.
    pub fn new(seen: Seen) -> (Notice, oneshot::Receiver<()>) {
        let (kept, outcome) = oneshot::channel();
        (Notice { seen, kept }, outcome)
    }

    /// It is durable: it need not be told again.
    pub fn keep(self) {
        // Whoever told it may have gone.
        self.kept.send(()).ok();
    }
}

/// What can happen to a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Its first request bound it.
    Bound(Use),
    /// A request was denied, for this reason and in these words.
    Denied {
        /// The condition's reason.
        reason: String,
        /// Its message.
        message: String,
    },
    /// Its node has proven itself; the token is no longer known to the cluster.
    Joined(Use),
}
