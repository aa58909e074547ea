//! What goes on behind the answers: withdrawing from the cluster what was revoked or given up, until it has
//! answered, and taking in what it tells. Everything to be done is in the store, so that a restart goes on
//! where the process before it ended.

use super::{GIVEN_UP, Issuer, Known};
use crate::clock;
use crate::cluster::kubernetes::ClusterError;
use crate::cluster::{Happened, Notice, Use, Withdrawn};
use crate::log::chain;
use crate::metrics::Event;
use crate::names::ClusterId;
use crate::store::StoreError;
use crate::store::multi_use::WORDS;
use crate::store::revoke::Told;
use crate::store::rows::Bootstrap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use worker_bootstrap::token::TokenId;

/// The longest that the cluster is waited for.
const PATIENCE: Duration = Duration::from_secs(25);
/// From the first failure to the longest pause between tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How often beginnings are looked over.
const IDLE: Duration = Duration::from_secs(30);

impl Issuer {
    /// Withdraws until the process ends. Each cluster is waited for by itself.
    ///
    /// # Errors
    /// The store cannot be used, at the start; nothing runs then.
    pub async fn settle(self) -> Result<(), StoreError> {
        // Nobody is waiting for what the process before this one began.
        let left = self.0.store.abandon_older(i64::MAX).await?;
        if left > 0 {
            tracing::info!(count = left, "bootstraps that were never answered for are withdrawn");
        }
        let mut tasks = JoinSet::new();
        for id in self.0.clusters.keys() {
            tasks.spawn(self.clone().settle_cluster(id.clone()));
        }
        while tasks.join_next().await.is_some() {}
        Ok(())
    }

    async fn settle_cluster(self, id: ClusterId) {
        let Some(known) = self.0.clusters.get(&id) else { return };
        let mut pause = PAUSES.0;
        loop {
            let wait = match self.settle_once(known).await {
                Ok(true) => {
                    pause = PAUSES.0;
                    IDLE
                }
                outcome => {
                    if let Err(error) = outcome {
                        tracing::error!(cluster = %id, error = chain(&error), "cannot withdraw");
                    }
                    let wait = pause;
                    pause = (pause * 2).min(PAUSES.1);
                    wait
                }
            };
            tokio::select! {
                () = known.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One round. True when nothing is left to be done.
    async fn settle_once(&self, known: &Known) -> Result<bool, StoreError> {
        let place = &known.served.place;
        let now = clock::now().unix_timestamp();
        self.0.store.abandon_older(now - GIVEN_UP.as_secs().cast_signed()).await?;
        let mut all = true;
        for row in self.0.store.abandoned(place.clone()).await? {
            // What is over needs no cluster to end it.
            if row.expires_at <= now {
                self.0.store.discard(row.id).await?;
                continue;
            }
            match self.withdraw(known, &row.token).await {
                Ok(_) => self.0.store.discard(row.id).await?,
                Err(ClusterError::Unavailable(_)) => return self.unreachable(known).await,
                Err(error) => {
                    tracing::error!(bootstrap = %row.id, error = %error, "cannot withdraw what was given up");
                    all = false;
                }
            }
        }
        for row in self.0.store.to_withdraw(place.clone()).await? {
            match self.withdraw(known, &row.token).await {
                Ok(withdrawn) => self.settled(row, withdrawn).await?,
                Err(ClusterError::Unavailable(_)) => return self.unreachable(known).await,
                Err(error) => {
                    tracing::error!(bootstrap = %row.id, error = %error, "cannot withdraw what was revoked");
                    let why = "the cluster refuses the withdrawal: its operator has to look".to_owned();
                    self.0.store.not_withdrawn(row.place, Some(row.id), why).await?;
                    all = false;
                }
            }
        }
        Ok(all)
    }

    async fn withdraw(&self, known: &Known, token: &TokenId) -> Result<Withdrawn, ClusterError> {
        let asked = known.served.backend.withdraw(token);
        let late = || Err(ClusterError::Unavailable("no answer in time".into()));
        let answer = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| late());
        let up = !matches!(answer, Err(ClusterError::Unavailable(_)));
        self.0.metrics.cluster(&known.served.place.cluster, up);
        answer
    }

    async fn unreachable(&self, known: &Known) -> Result<bool, StoreError> {
        tracing::warn!(cluster = %known.served.place.cluster, "the cluster cannot be reached: withdrawing later");
        let why = "the cluster cannot be reached: it is tried again".to_owned();
        self.0.store.not_withdrawn(known.served.place.clone(), None, why).await?;
        Ok(false)
    }

    async fn settled(&self, row: Bootstrap, withdrawn: Withdrawn) -> Result<(), StoreError> {
        let now = clock::now().unix_timestamp();
        let note = note(&row, &withdrawn, now);
        tracing::info!(cluster = %row.place.cluster, bootstrap = %row.id, token = %row.token, note, "withdrawn");
        let used = match withdrawn {
            Withdrawn::Used(used) => Some(used),
            Withdrawn::MultiUse(used) => used,
            Withdrawn::Unused | Withdrawn::Gone => None,
        };
        self.0.store.withdrawn(row.id, used, note, now).await
    }

    /// Takes in what the clusters tell until nobody tells any more. What the store does not take is not kept:
    /// whoever told it does so again.
    pub async fn absorb(self, mut told: mpsc::Receiver<Notice>) {
        while let Some(notice) = told.recv().await {
            let seen = notice.seen.clone();
            let (event, told) = match &seen.what {
                Happened::Bound(used) => (Event::Used, format!("bound to node {}", used.node)),
                Happened::Denied { reason, .. } => (Event::Denied, format!("a request was denied: {reason}")),
                Happened::Joined(used) => (Event::Joined, format!("node {} has joined", used.node)),
            };
            let (at, now) = (seen.at.unix_timestamp(), clock::now().unix_timestamp());
            match self.0.store.happened(seen.token.clone(), seen.what, at, now).await {
                Ok(Some(Told { bootstrap, first: true })) => {
                    let (bootstrap, multi_use) = (&bootstrap, bootstrap.multi_use);
                    tracing::info!(bootstrap = %bootstrap.id, token = %seen.token, multi_use, "{told}");
                    self.0.metrics.bootstrap(&bootstrap.place.cluster, event);
                }
                Ok(Some(_)) => {}
                Ok(None) => tracing::warn!(token = %seen.token, "{told}, and it is no token of ours"),
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(token = %seen.token, error, "cannot keep what the cluster told: {told}");
                    continue;
                }
            }
            notice.keep();
        }
    }
}

/// How it went, for the operation's reader.
fn note(row: &Bootstrap, withdrawn: &Withdrawn, now: i64) -> String {
    let kept = |used: &Use| {
        format!(
            "Node {} had used the token before it was revoked and keeps its certificate. No other machine can \
             use the token. Delete the node from the cluster if it is not wanted.",
            used.node
        )
    };
    let several = |first: Option<&Use>| {
        let seen = match first {
            Some(used) => format!("Node {} was the first that was seen to use it", used.node),
            None => "No use of it was seen".to_owned(),
        };
        format!(
            "The token was {WORDS}, as the cluster approved every machine that asked with it. {seen}; others may \
             have used it. Nobody can use it any more, at the latest after the ten seconds for which API servers \
             remember it; whoever used it keeps its certificate. Delete the nodes that are not wanted."
        )
    };
    match (withdrawn, &row.used) {
        (Withdrawn::MultiUse(first), known) => several(first.as_ref().or(known.as_ref())),
        (Withdrawn::Used(used), _) if row.multi_use => several(Some(used)),
        (_, known) if row.multi_use => several(known.as_ref()),
        (Withdrawn::Used(used), _) | (Withdrawn::Gone, Some(used)) => kept(used),
        (Withdrawn::Unused, _) => "Nobody had used the token, and nobody can now.".to_owned(),
        (Withdrawn::Gone, None) if row.expires_at <= now => {
            "The token had expired, and the cluster did not know it any more.".to_owned()
        }
        (Withdrawn::Gone, None) => {
            "The cluster did not know the token any more: nobody can use it. Whether somebody had used it is not \
             known here; the cluster's nodes tell."
                .to_owned()
        }
    }
}
