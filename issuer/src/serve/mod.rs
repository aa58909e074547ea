//! `serve`: the parts put together, until a signal ends them.
//!
//! The order is that of trust: what is kept on disk is proven first, then addresses are taken, clusters are
//! started or prepared, and only then is anybody told that the issuer is ready. At SIGTERM or SIGINT no
//! connection is taken any more, requests under way are finished within a bound, and the store is closed
//! last. Everything that is not finished by then is finished after the next start.

mod clusters;
mod health;

use crate::api::refusal::Refusal;
use crate::api::{self, Api, Limits};
use crate::cluster::embedded::StartError;
use crate::cluster::kubernetes::ClusterError;
use crate::config::{Config, ExternalUrl};
use crate::files::{self, FileError};
use crate::issue::Issuer;
use crate::listen::tls::{Certificate, TlsError};
use crate::listen::{ListenError, Listener, Stop};
use crate::master_key::{MasterKey, MasterKeyError};
use crate::metrics::Metrics;
use crate::names::ClusterId;
use crate::render::{Archives, ArtifactsError, RenderError, Renderer};
use crate::store::{Store, StoreError};
use crate::{observe, openapi};
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use health::Health;
use http::header::CONTENT_TYPE;
use sd_notify::NotifyState;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use worker_bootstrap::document::Authorities;

/// What clusters may have seen before it is taken in; they wait then.
const SEEN: usize = 256;
/// The largest CA file that is read, in bytes.
const LARGEST: u64 = 256 * 1024;

/// Why the issuer does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file.
    #[error("cannot prepare the issuer's files")]
    File(#[from] FileError),
    /// The database.
    #[error("cannot open the database")]
    Store(#[from] StoreError),
    /// The master key.
    #[error("cannot open the master key")]
    MasterKey(#[from] MasterKeyError),
    /// The master key is gone.
    #[error(
        "{database} is there and its master key {key} is not: every token that is alive follows from that key; \
         next: restore it, or move the database away too", database = database.display(), key = key.display()
    )]
    KeyLost {
        /// The database.
        database: PathBuf,
        /// Where its key was.
        key: PathBuf,
    },
    /// The master key is another one.
    #[error(
        "the master key {key} is not the one that {database} was written with; next: restore that key, or move \
         the database away too", database = database.display(), key = key.display()
    )]
    OtherKey {
        /// The database.
        database: PathBuf,
        /// The key that was found.
        key: PathBuf,
    },
    /// The certificate.
    #[error("cannot serve TLS")]
    Tls(#[from] TlsError),
    /// An address.
    #[error("cannot serve")]
    Listen(#[from] ListenError),
    /// Signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// An embedded cluster.
    #[error("cannot start the embedded cluster")]
    Embedded(#[from] StartError),
    /// A cluster.
    #[error("cannot use the cluster {cluster}")]
    Cluster {
        /// Which.
        cluster: ClusterId,
        /// Why not.
        #[source]
        source: ClusterError,
    },
    /// A cluster's part of the documents, or its authority.
    #[error("cannot issue bootstraps for the cluster {cluster}")]
    Document {
        /// Which.
        cluster: ClusterId,
        /// Why not.
        #[source]
        source: RenderError,
    },
    /// The agent's archives.
    #[error("cannot use the agent's archives")]
    Artifacts(#[from] ArtifactsError),
    /// The CA for machines.
    #[error("{path} cannot go into documents: {expected}", path = path.display())]
    Authority {
        /// Its file.
        path: PathBuf,
        /// What was expected.
        expected: String,
    },
    /// The API's description.
    #[error("cannot make the API's description")]
    Description(#[from] serde_json::Error),
    /// A part that should run for ever has ended.
    #[error("a part of the issuer ended by itself")]
    Ended,
}

/// The database and the master key that belongs to it, both made where neither is there. `beside` is for
/// whoever works on them while another process may be serving.
///
/// # Errors
/// Either cannot be used, or the key is gone.
pub fn open(config: &Config, beside: bool) -> Result<(Store, MasterKey), ServeError> {
    for path in [&config.database, &config.master_key] {
        if let Some(directory) = path.parent() {
            files::directory(directory)?;
        }
    }
    if config.database.exists() && !config.master_key.exists() {
        let (database, key) = (config.database.clone(), config.master_key.clone());
        return Err(ServeError::KeyLost { database, key });
    }
    let key = MasterKey::open(&config.master_key)?;
    let store = match beside {
        true => Store::open_beside(&config.database)?,
        false => Store::open(&config.database)?,
    };
    Ok((store, key))
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// See [`ServeError`].
pub async fn run(config: Config) -> Result<(), ServeError> {
    // Before anything that takes time, so that no signal is lost.
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let (store, key) = open(&config, false)?;
    let certificate = config.tls.as_ref().map(Certificate::open).transpose()?;
    let listener = Listener::bind(config.listen).await?;
    let operations = match config.operations {
        Some(address) => Some(Listener::bind(address).await?),
        None => None,
    };
    let url = config
        .external_url
        .clone()
        .unwrap_or_else(|| ExternalUrl::local(listener.address(), certificate.is_some()));
    let renderer = Arc::new(renderer(&config, &url)?);
    let opened = clusters::open(&config.clusters, &renderer).await?;

    let metrics = Metrics::default();
    let health =
        Health::new(store.clone(), metrics.clone(), config.clusters.iter().map(|one| one.id.clone()));
    let mut tasks = JoinSet::new();
    let (tell, seen) = mpsc::channel(SEEN);
    let places: Vec<_> = opened.iter().map(|one| one.served.place.clone()).collect();
    let mut served = Vec::new();
    for one in opened {
        let id = one.served.place.cluster.clone();
        tasks.spawn(health.clone().follow(one.served.place.clone(), Arc::clone(&one.served.backend)));
        let (of, numbers) = (id, metrics.clone());
        let measured = one.cluster.measured(Arc::new(move |took| numbers.approval(&of, took)));
        tasks.spawn(measured.enforce(tell.clone()));
        served.push(one.served);
    }
    let issuer = Issuer::new(store, key, url.as_str().to_owned(), metrics.clone(), served);
    if !issuer.key_fits().await? {
        return Err(ServeError::OtherKey { database: config.database, key: config.master_key });
    }
    health.look_for_removed(&places).await?;
    tasks.spawn(issuer.clone().absorb(seen));
    let settling = issuer.clone();
    tasks.spawn(async move {
        if let Err(error) = settling.settle().await {
            tracing::error!(error = crate::log::chain(&error), "cannot go on where the last process ended");
        }
    });
    if let Some(certificate) = &certificate {
        tasks.spawn(Arc::clone(certificate).follow());
    }

    let limits = Limits { per_second: config.rate.per_second, burst: config.rate.burst };
    let (end, stop) = Stop::new();
    let mut router = api::router(Api::new(issuer, limits)).merge(renderer.router()).merge(description(&url)?);
    let mut listening = JoinSet::new();
    let (address, tls) = (listener.address(), certificate.is_some());
    match operations {
        Some(operations) => {
            tracing::info!(address = %operations.address(), "health and metrics are served");
            let pages = observed(health.router(), &metrics);
            listening.spawn(operations.serve(None, pages, stop.clone()));
        }
        None => router = router.merge(health.for_strangers()),
    }
    let router = router.method_not_allowed_fallback(async || Refusal::method("GET, HEAD"));
    listening.spawn(listener.serve(certificate.clone(), observed(router, &metrics), stop));
    tracing::info!(%address, tls, url = url.as_str(), "the API is served");
    // Without a service manager there is nobody to tell.
    drop(sd_notify::notify(&[NotifyState::Ready]));

    let outcome = loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::End => break Ok(()),
                Told::Look => certificate.iter().for_each(|certificate| certificate.look()),
            },
            _ = tasks.join_next() => break Err(ServeError::Ended),
        }
    };
    tracing::info!("the end begins: requests under way are finished");
    drop(sd_notify::notify(&[NotifyState::Stopping]));
    end.send_replace(true);
    while listening.join_next().await.is_some() {}
    tasks.shutdown().await;
    tracing::info!("the end");
    outcome
}

/// What renders bootstraps for this issuer.
fn renderer(config: &Config, url: &ExternalUrl) -> Result<Renderer, ServeError> {
    let archives = match &config.artifacts {
        Some(directory) => Archives::read(directory)?,
        None => Archives::default(),
    };
    let authority = match &config.external_certificate_authority {
        Some(path) => {
            let refused = |expected| ServeError::Authority { path: path.clone(), expected };
            Some(Authorities::from_pem(&files::read(path, LARGEST)?).map_err(refused)?)
        }
        None => None,
    };
    Ok(Renderer::new(url.as_str(), authority.as_ref(), &archives))
}

/// `/v1/openapi.json`.
fn description(url: &ExternalUrl) -> Result<Router, ServeError> {
    let text = openapi::document(url.as_str())?;
    let answer = move || {
        let text = text.clone();
        async move { ([(CONTENT_TYPE, "application/json")], text).into_response() }
    };
    Ok(Router::new().route("/v1/openapi.json", get(answer)))
}

fn observed(router: Router, metrics: &Metrics) -> Router {
    router.layer(axum::middleware::from_fn_with_state(metrics.clone(), observe::observe))
}

/// What the process is told from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// By a signal.
enum Told {
    /// To end.
    End,
    /// To look at its certificate.
    Look,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hangup.recv() => Told::Look,
        }
    }
}
