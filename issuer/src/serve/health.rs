//! Whether the process lives, whether it can do its work, and its numbers: for probes and Prometheus.
//!
//! Ready means that what is acknowledged will be durable. A cluster that is away is named and does not make
//! the issuer unready: lists, revocations and the other clusters go on. Causes are in the log; here stand
//! names alone, as these pages need no token. Beside the API, where strangers can ask, there are not even
//! those, and no numbers.

use crate::clock;
use crate::cluster::backend::Backend;
use crate::cluster::{Exposed, Promise};
use crate::metrics::{self, Metrics};
use crate::names::ClusterId;
use crate::store::multi_use::WORDS;
use crate::store::rows::Place;
use crate::store::{Store, StoreError};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks at a cluster.
const LOOK: Duration = Duration::from_secs(30);
/// How long a cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long an answer about the store holds: whoever asks more often costs no more.
const FRESH: Duration = Duration::from_secs(5);

/// What is known of everything that the issuer stands on; clones share it.
#[derive(Debug, Clone)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    metrics: Metrics,
    clusters: Mutex<BTreeMap<ClusterId, Seen>>,
    written: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

/// What was seen of a cluster last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    NotYet,
    Away,
    There(Promise),
    /// It is not configured any more, and so many revocations were not withdrawn from it.
    Removed(i64),
}

impl Health {
    /// Of this store and these clusters, none of which was looked at yet.
    pub fn new(store: Store, metrics: Metrics, clusters: impl Iterator<Item = ClusterId>) -> Health {
        let clusters = Mutex::new(clusters.map(|id| (id, Seen::NotYet)).collect());
        Health(Arc::new(Inner { store, metrics, clusters, written: tokio::sync::Mutex::new(None) }))
    }

    /// Names what was revoked in places that are not among those that are configured: nobody withdraws it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn look_for_removed(&self, configured: &[Place]) -> Result<(), StoreError> {
        for (place, count) in self.0.store.unanswered().await? {
            if !configured.contains(&place) {
                let Place { workspace, cluster } = place;
                tracing::warn!(
                    %cluster,
                    %workspace,
                    count,
                    "the cluster is not configured any more, and what was revoked is not withdrawn from it: its \
                     tokens stay good there until they expire; next: configure it again, or delete their Secrets"
                );
                self.lock().entry(cluster).or_insert(Seen::Removed(count));
            }
        }
        Ok(())
    }

    /// `/healthz` and `/readyz` for whoever can reach the API.
    pub fn for_strangers(self) -> Router {
        let router = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready_alone));
        router.with_state(self)
    }

    /// `/healthz`, `/readyz` and `/metrics`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(alive))
            .route("/readyz", get(ready))
            .route("/metrics", get(numbers))
            .with_state(self)
    }

    /// Looks at a cluster now and then, until the task is dropped, and logs each change.
    pub async fn follow(self, place: Place, cluster: Arc<dyn Backend>) {
        let id = place.cluster.clone();
        loop {
            let seen = match tokio::time::timeout(PATIENCE, cluster.promise()).await {
                Ok(Ok(promise)) => Ok(promise),
                Ok(Err(error)) => Err(crate::log::chain(&error)),
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            self.0.metrics.cluster(&id, seen.is_ok());
            let now = seen.as_ref().map_or(Seen::Away, |promise| Seen::There(promise.clone()));
            let before = self.lock().insert(id.clone(), now.clone());
            if seen.is_ok()
                && let Ok(Ok(Some(exposed))) = tokio::time::timeout(PATIENCE, cluster.exposed()).await
            {
                self.tell_each(&place, exposed).await;
            }
            if before.as_ref() != Some(&now) {
                match seen {
                    Err(error) => tracing::warn!(cluster = %id, error, "the cluster cannot be reached"),
                    Ok(Promise::OneTime) => {
                        tracing::info!(cluster = %id, "the cluster is reached; each token works for one machine");
                    }
                    Ok(Promise::MultiUse { why }) => tracing::warn!(
                        cluster = %id,
                        why,
                        "the cluster is reached; its tokens are multi-use until expiry"
                    ),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What was issued before this was known says so from now on.
    async fn tell_each(&self, place: &Place, exposed: Exposed) {
        let now = clock::now().unix_timestamp();
        match self.0.store.multi_use(place.clone(), exposed, now).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(cluster = %place.cluster, count, "bootstraps are {WORDS}"),
            Err(error) => {
                tracing::error!(error = crate::log::chain(&error), "cannot keep that tokens are {WORDS}");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ClusterId, Seen>> {
        self.0.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the store can be written now.
    async fn writable(&self) -> bool {
        let mut written = self.0.written.lock().await;
        if let Some((at, outcome)) = *written
            && at.elapsed() < FRESH
        {
            return outcome;
        }
        let began = Instant::now();
        let outcome = touch(&self.0.store).await;
        self.0.metrics.store("touch", began.elapsed());
        if let Err(error) = &outcome {
            tracing::error!(error = crate::log::chain(error), "the store cannot be written");
        }
        *written = Some((Instant::now(), outcome.is_ok()));
        outcome.is_ok()
    }
}

/// Writes what is there already, so that it goes the whole way to the disk.
async fn touch(store: &Store) -> Result<(), StoreError> {
    store
        .write(|connection| {
            let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            Ok(connection.pragma_update(None, "application_id", id)?)
        })
        .await
}

async fn alive() -> &'static str {
    "alive\n"
}

async fn ready_alone(State(health): State<Health>) -> Response {
    let writable = health.writable().await;
    (status(writable), Json(json!({"ready": writable}))).into_response()
}

fn status(writable: bool) -> StatusCode {
    if writable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn ready(State(health): State<Health>) -> Response {
    let writable = health.writable().await;
    let clusters: Map<String, Value> = health
        .lock()
        .iter()
        .map(|(id, seen)| {
            let state = match seen {
                Seen::NotYet => "not looked at yet".to_owned(),
                Seen::Away => "unreachable".to_owned(),
                Seen::There(Promise::OneTime) => "reachable".to_owned(),
                Seen::There(Promise::MultiUse { .. }) => format!("reachable, tokens are {WORDS}"),
                Seen::Removed(count) => {
                    format!("not configured any more, revocations that are not withdrawn: {count}")
                }
            };
            (id.to_string(), json!(state))
        })
        .collect();
    let store = if writable { "writable" } else { "cannot be written" };
    (status(writable), Json(json!({"ready": writable, "store": store, "clusters": clusters}))).into_response()
}

async fn numbers(State(health): State<Health>) -> Response {
    match health.0.metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
