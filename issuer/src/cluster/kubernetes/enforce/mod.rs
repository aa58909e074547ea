//! Single use, enforced. Two tasks run side by side:
//!
//! - *requests*: every certificate request of our group is judged, its token bound to it where it is the
//!   first, and then approved or denied;
//! - *tokens*: the Secret of a used token is removed once its node has joined, and every Secret at its end.
//!
//! Both start from what the cluster holds, so that a restart, a lost watch and another issuer's work are
//! the same to them. Watches only say where to look: every decision is made on what was read for it.

mod answer;
mod bind;
mod decide;
mod judge;
mod memory;
mod pace;
mod requests;
mod tend;

use super::Cluster;
use crate::cluster::{Happened, Notice, Seen};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use memory::Memory;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use worker_bootstrap::token::TokenId;

/// When a request is looked at again that could not be decided.
const AGAIN: Duration = Duration::from_millis(500);
/// How long one watch lasts, seconds. A connection that died without a word is noticed by then.
const WATCH: u32 = 20;

/// What both tasks work with.
#[derive(Debug)]
struct Enforcer {
    cluster: Cluster,
    memory: Memory,
    seen: mpsc::Sender<Notice>,
}

/// Runs until its future is dropped.
pub(super) async fn run(cluster: Cluster, seen: mpsc::Sender<Notice>) {
    let enforcer = Arc::new(Enforcer { cluster, memory: Memory::default(), seen });
    tokio::join!(requests::requests(Arc::clone(&enforcer)), tend::tokens(enforcer));
}

fn watched() -> watcher::Config {
    watcher::Config::default().timeout(WATCH)
}

impl Enforcer {
    fn requests(&self) -> Api<CertificateSigningRequest> {
        Api::all(self.cluster.client.clone())
    }

    /// Nodes, of which only the metadata is wanted.
    fn nodes(&self) -> Api<PartialObjectMeta<Node>> {
        Api::all(self.cluster.client.clone())
    }

    /// Tells what was seen, unless it was kept before. False where it was not kept: it has to be told again.
    async fn tell(&self, token: &TokenId, what: Happened, at: OffsetDateTime) -> bool {
        if self.memory.was_kept(token, &what) {
            return true;
        }
        let (notice, kept) = Notice::new(Seen { token: token.clone(), what: what.clone(), at });
        if self.seen.send(notice).await.is_err() || kept.await.is_err() {
            return false;
        }
        self.memory.keep(token, &what);
        true
    }
}
