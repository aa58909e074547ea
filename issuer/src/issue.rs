//! The flow: what is durable when, and who is told what.
//!
//! A bootstrap is created in this order, and a restart at any point leaves nothing that was told to anybody
//! undone:
//!
//! 1. its row is durable, as *issuing*: with its id, its token's public half and the caller's key
//! 2. the cluster accepts its token, or what that stands for
//! 3. its texts are made; nothing secret is stored, as the token follows from the master key and the id
//! 4. its row is durable, as *active*: from now on it is listed
//! 5. the caller is told
//!
//! A row that stays *issuing* was told to nobody: the same request again finishes it, and otherwise it is
//! withdrawn from the cluster and removed, at once after a restart and after [`GIVEN_UP`] while running.
//! A revocation is durable together with its operation before the caller is told; the cluster is told as soon
//! as it can be reached. Between a revocation and a use the cluster decides, and its answer becomes the note.

mod parts;
pub mod settle;
pub mod told;

pub use parts::{IssueError, Issued, Served, Show, Shown, ToShow};

use crate::clock;
use crate::cluster::kubernetes::ClusterError;
use crate::cluster::{Grant, Promise, Standing};
use crate::master_key::MasterKey;
use crate::metrics::{Event, Metrics};
use crate::names::{BootstrapId, ClusterId, WorkspaceId};
use crate::store::create::{Activated, Begun, Key, New};
use crate::store::find::{Found, Page};
use crate::store::multi_use::WORDS;
use crate::store::revoke::{Revocation, Revoked};
use crate::store::rows::{Bootstrap, Place, State, Status};
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::sync::{Mutex, Notify};
use worker_bootstrap::secret::Secret;

/// How long a create may take, the cluster's part included; well below [`GIVEN_UP`].
const PATIENCE: Duration = Duration::from_secs(25);
/// After this a beginning that nobody finished is given up.
pub const GIVEN_UP: Duration = Duration::from_secs(600);
/// Ids that are tried; one collides once in two thousand million.
const TRIES: usize = 8;
const TURNS: usize = 64;

/// The issuer; clones share it.
#[derive(Debug, Clone)]
pub struct Issuer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    key: MasterKey,
    url: String,
    metrics: Metrics,
    clusters: HashMap<ClusterId, Known>,
}

#[derive(Debug)]
struct Known {
    served: Served,
    /// There is something to withdraw.
    wake: Notify,
    /// One create at a time for one idempotency key: a second grant could revive a token that has ended
    /// since the first. Keys share the locks by their hash; no other cluster's keys are among them.
    turns: [Mutex<()>; TURNS],
}

impl Known {
    /// The lock of this idempotency key.
    fn turn(&self, key: &str) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        &self.turns[hasher.finish() as usize % TURNS]
    }
}

impl Issuer {
    /// Of its parts; `url` is where others find it, without a slash at the end.
    pub fn new(store: Store, key: MasterKey, url: String, metrics: Metrics, clusters: Vec<Served>) -> Issuer {
        let known = |served: Served| {
            let turns = [const { Mutex::const_new(()) }; TURNS];
            (served.place.cluster.clone(), Known { served, wake: Notify::new(), turns })
        };
        Issuer(Arc::new(Inner {
            store,
            key,
            url,
            metrics,
            clusters: clusters.into_iter().map(known).collect(),
        }))
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Whether the master key is the one that this store's bootstraps were issued with: with another, what was
    /// issued before could not be told again, and its machines could not report.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn key_fits(&self) -> Result<bool, StoreError> {
        let newest = self.0.store.newest().await?;
        Ok(newest.is_none_or(|(id, token)| *self.0.key.token(&id).id() == token))
    }

    /// Where others find a bootstrap.
    pub fn url_of(&self, row: &Bootstrap) -> String {
        format!("{}/v1/clusters/{}/worker_bootstraps/{}", self.0.url, row.place.cluster, row.id)
    }

    /// The place that this workspace means by this cluster.
    ///
    /// # Errors
    /// It has none of this id.
    pub fn place(&self, workspace: &WorkspaceId, cluster: &str) -> Result<Place, IssueError> {
        let id = ClusterId::parse(cluster).ok_or(IssueError::Absent)?;
        let known = self.0.clusters.get(&id).filter(|known| known.served.place.workspace == *workspace);
        known.map(|known| known.served.place.clone()).ok_or(IssueError::Absent)
    }

    /// Creates a bootstrap that lives for `ttl` seconds, or finds the one that the same key created.
    /// Whoever stops waiting for this stops nothing.
    ///
    /// # Errors
    /// See [`IssueError`]. The same request with the same key is the way to go on.
    pub async fn create(&self, place: Place, ttl: u32, key: Option<String>) -> Result<Issued, IssueError> {
        let issuer = self.clone();
        let task = tokio::spawn(async move {
            tokio::time::timeout(PATIENCE, issuer.issue(place, ttl, key))
                .await
                .unwrap_or(Err(IssueError::Unreachable))
        });
        task.await.unwrap_or(Err(IssueError::Unreachable))
    }

    async fn issue(&self, place: Place, ttl: u32, key: Option<String>) -> Result<Issued, IssueError> {
        let known = self.0.clusters.get(&place.cluster).ok_or(IssueError::Absent)?;
        let _turn = match &key {
            Some(key) => Some(known.turn(key).lock().await),
            None => None,
        };
        let key = key.map(|key| Key { key, request: format!("ttl_seconds={ttl}") });
        for _ in 0..TRIES {
            let id = BootstrapId::random();
            let now = clock::now().unix_timestamp();
            let new = New {
                token: self.0.key.token(&id).id().clone(),
                id,
                place: place.clone(),
                created_at: now,
                expires_at: now + i64::from(ttl),
                key: key.clone(),
            };
            let row = match self.timed("begin", self.0.store.begin(new)).await? {
                Begun::Is(row) => *row,
                Begun::OtherRequest => return Err(IssueError::OtherRequest),
                Begun::TokenIdTaken => continue,
            };
            let begun = row.state == State::Issuing;
            if !begun && !row.may_be_revealed(now) {
                return Ok(Issued { bootstrap: row, shown: None });
            }
            if begun && row.status(now) != Status::Active {
                self.give_up(known, &row).await?;
                continue;
            }
            if begun && !self.grant(known, &row).await? {
                continue;
            }
            let (promise, shown) = match self.show(known, &row).await {
                Err(IssueError::Show(why)) if begun => {
                    self.give_up(known, &row).await?;
                    return Err(IssueError::Show(why));
                }
                other => other?,
            };
            let multi_use = match promise {
                Promise::OneTime => None,
                Promise::MultiUse { why } => Some(why),
            };
            // As it is there by now: it may have been revoked or used while the cluster was asked.
            let Some(Activated { bootstrap, first }) =
                self.timed("activate", self.0.store.activate(row.id, multi_use, now)).await?
            else {
                continue;
            };
            if first {
                tracing::info!(cluster = %place.cluster, bootstrap = %bootstrap.id, token = %bootstrap.token, expires = bootstrap.expires_at, "issued");
                self.0.metrics.bootstrap(&place.cluster, Event::Created);
            }
            let shown = bootstrap.may_be_revealed(clock::now().unix_timestamp()).then_some(shown);
            return Ok(Issued { bootstrap, shown });
        }
        Err(IssueError::Unreachable)
    }

    /// Makes the cluster accept a beginning's token. False where that token cannot be: another has to be tried.
    async fn grant(&self, known: &Known, row: &Bootstrap) -> Result<bool, IssueError> {
        let cluster = &row.place.cluster;
        let token = self.0.key.token(&row.id);
        let grant = Grant { bootstrap: &row.id, token: &token, expires: at(row.expires_at) };
        let granted = known.served.backend.grant(grant).await;
        self.0.metrics.cluster(cluster, !matches!(granted, Err(ClusterError::Unavailable(_))));
        match granted {
            Ok(()) => Ok(true),
            Err(ClusterError::Taken) => {
                tracing::warn!(bootstrap = %row.id, token = %row.token, "the cluster has another token of this id: trying another");
                self.0.store.discard(row.id.clone()).await?;
                Ok(false)
            }
            Err(ClusterError::Unavailable(why)) => {
                tracing::warn!(%cluster, bootstrap = %row.id, why, "the cluster cannot be reached");
                Err(IssueError::Unreachable)
            }
            Err(ClusterError::Refused(why)) => {
                tracing::error!(%cluster, bootstrap = %row.id, why, "the cluster refused the token");
                self.give_up(known, row).await?;
                Err(IssueError::Refused)
            }
        }
    }

    async fn timed<T>(&self, what: &'static str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        self.0.metrics.store(what, began.elapsed());
        done
    }

    async fn give_up(&self, known: &Known, row: &Bootstrap) -> Result<(), IssueError> {
        self.0.store.abandon(row.id.clone()).await?;
        known.wake.notify_one();
        Ok(())
    }

    /// What can be promised of the token, and its texts. Asked each time: what approves by itself can be let loose
    /// at any moment.
    async fn show(&self, known: &Known, row: &Bootstrap) -> Result<(Promise, (Secret, Shown)), IssueError> {
        let token = self.0.key.token(&row.id);
        let grant = Grant { bootstrap: &row.id, token: &token, expires: at(row.expires_at) };
        let standing = known.served.backend.standing(grant).await.map_err(|error| {
            tracing::warn!(cluster = %row.place.cluster, bootstrap = %row.id, error = %error, "cannot ask how a token stands in the cluster");
            match error {
                ClusterError::Unavailable(_) => IssueError::Unreachable,
                ClusterError::Refused(_) | ClusterError::Taken => IssueError::Refused,
            }
        })?;
        let Standing { promise, credential } = standing;
        if let Promise::MultiUse { why } = &promise {
            tracing::warn!(cluster = %row.place.cluster, bootstrap = %row.id, why, "{WORDS}");
        }
        let token = match credential {
            Some(credential) => token.standing_for(credential),
            None => token,
        };
        let to_show = ToShow {
            id: &row.id,
            cluster: &row.place.cluster,
            expires: at(row.expires_at),
            token: &token,
            reach: known.served.backend.reach(),
            promise: &promise,
            report_url: format!("{}/v1/reports/{}", self.0.url, row.id),
        };
        let shown = (known.served.show)(&to_show).map_err(IssueError::Show)?;
        Ok((promise, (Secret::new(token.text().expose().to_owned()), shown)))
    }

    /// One bootstrap.
    ///
    /// # Errors
    /// There is none of this id in this place, or the store.
    pub async fn get(&self, place: Place, id: BootstrapId) -> Result<Bootstrap, IssueError> {
        self.timed("get", self.0.store.get(place, id)).await?.ok_or(IssueError::Absent)
    }

    /// A page of them, newest first.
    ///
    /// # Errors
    /// It is to begin after one that is not there, or the store.
    pub async fn list(&self, page: Page) -> Result<Found, IssueError> {
        self.timed("list", self.0.store.list(page)).await?.ok_or(IssueError::NoSuchPage)
    }

    /// Revokes: at once here, in the cluster as soon as it can be reached.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub async fn revoke(
        &self,
        place: Place,
        id: BootstrapId,
        etag: String,
        key: Option<String>,
    ) -> Result<Bootstrap, IssueError> {
        let known = self.0.clusters.get(&place.cluster).ok_or(IssueError::Absent)?;
        let now = clock::now().unix_timestamp();
        let what = Revocation { place, id, etag, key, now };
        match self.timed("revoke", self.0.store.revoke(what)).await? {
            Revoked::Absent => Err(IssueError::Absent),
            Revoked::Changed(etag) => Err(IssueError::Changed(etag)),
            Revoked::OtherRequest => Err(IssueError::OtherRequest),
            Revoked::Now(row) => {
                tracing::info!(cluster = %row.place.cluster, bootstrap = %row.id, token = %row.token, "revoked");
                self.0.metrics.bootstrap(&row.place.cluster, Event::Revoked);
                known.wake.notify_one();
                Ok(*row)
            }
            Revoked::Before(row) => Ok(*row),
        }
    }
}

/// The time of a row.
fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
