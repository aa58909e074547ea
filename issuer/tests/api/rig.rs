//! An issuer of one test's own, its cluster, and the people who ask.

use super::wire::{self, Answer};
use bootstrap_issuer::api::{self, Api, Limits};
use bootstrap_issuer::api_token::ApiToken;
use bootstrap_issuer::cluster::backend::{Asked, Backend};
use bootstrap_issuer::cluster::kubernetes::ClusterError;
use bootstrap_issuer::cluster::{
    Exposed, Grant, Happened, Notice, Promise, Reach, Seen, Standing, Use, Withdrawn,
};
use bootstrap_issuer::issue::{Issuer, Served, Shown, ToShow};
use bootstrap_issuer::listen::{Listener, Stop};
use bootstrap_issuer::master_key::MasterKey;
use bootstrap_issuer::metrics::Metrics;
use bootstrap_issuer::names::{ClusterId, WorkspaceId};
use bootstrap_issuer::store::Store;
use bootstrap_issuer::store::rows::Place;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, mpsc, watch};
use worker_bootstrap::token::TokenId;

pub const CLUSTER: &str = "/v1/clusters/clu_1/worker_bootstraps";
/// What is awaited here takes milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the cluster does with what it is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Willing,
    Away,
    Refusing,
    /// It has another token of the id that it is asked for next.
    Taken,
}

#[derive(Debug, Default)]
struct Inside {
    mood: Mood,
    approves_everybody: bool,
    /// Tokens by id: the bearer, when it ends, who used it.
    tokens: HashMap<String, (String, i64, Option<Use>)>,
    grants: usize,
    /// How often it was asked what it can promise.
    promises: usize,
    /// The first such questions get no answer until these are opened.
    gates: Vec<Arc<Semaphore>>,
}

/// A cluster that does as it is told; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Scripted(Arc<Mutex<Inside>>);

impl Scripted {
    pub fn mood(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    pub fn approves_everybody(&self, does: bool) {
        self.0.lock().unwrap().approves_everybody = does;
    }

    pub fn grants(&self) -> usize {
        self.0.lock().unwrap().grants
    }

    pub fn promises(&self) -> usize {
        self.0.lock().unwrap().promises
    }

    /// From now on the first two questions what it can promise are answered when these are closed.
    pub fn hold_promises(&self) -> [Arc<Semaphore>; 2] {
        let gates = [Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0))];
        let mut inside = self.0.lock().unwrap();
        (inside.promises, inside.gates) = (0, gates.to_vec());
        gates
    }

    /// The tokens that authenticate.
    pub fn good(&self) -> Vec<String> {
        let mut all: Vec<_> = self.0.lock().unwrap().tokens.values().map(|token| token.0.clone()).collect();
        all.sort();
        all
    }

    pub fn expires(&self, id: &str) -> i64 {
        self.0.lock().unwrap().tokens[id].1
    }

    pub fn use_by(&self, id: &str, node: &str) -> Use {
        let used = Use { node: node.to_owned(), key: "sha256:00".to_owned() };
        self.0.lock().unwrap().tokens.get_mut(id).unwrap().2 = Some(used.clone());
        used
    }

    pub fn forget(&self, id: &str) {
        self.0.lock().unwrap().tokens.remove(id);
    }

    fn ask<T>(&self, answer: impl FnOnce(&mut Inside) -> T) -> Result<T, ClusterError> {
        let mut inside = self.0.lock().unwrap();
        match inside.mood {
            Mood::Willing => Ok(answer(&mut inside)),
            Mood::Away => Err(ClusterError::Unavailable("away".into())),
            Mood::Refusing => Err(ClusterError::Refused("no".into())),
            Mood::Taken => {
                inside.mood = Mood::Willing;
                Err(ClusterError::Taken)
            }
        }
    }
}

impl Scripted {
    fn promised(&self) -> Promise {
        match self.0.lock().unwrap().approves_everybody {
            false => Promise::OneTime,
            true => Promise::MultiUse { why: "a binding".into() },
        }
    }
}

impl Backend for Scripted {
    fn reach(&self) -> Reach {
        Reach { servers: vec!["https://127.0.0.1:6443".into()], authority: "PEM".into() }
    }

    fn promise(&self) -> Asked<'_, Promise> {
        Box::pin(async { Ok(self.promised()) })
    }

    fn grant<'a>(&'a self, grant: Grant<'a>) -> Asked<'a, ()> {
        Box::pin(async move {
            self.ask(|inside| {
                inside.grants += 1;
                let token = (grant.token.bearer().expose().to_owned(), grant.expires.unix_timestamp(), None);
                inside.tokens.entry(grant.token.id().to_string()).or_insert(token);
            })
        })
    }

    fn standing<'a>(&'a self, _: Grant<'a>) -> Asked<'a, Standing> {
        let gate = {
            let mut inside = self.0.lock().unwrap();
            inside.promises += 1;
            inside.gates.get(inside.promises - 1).cloned()
        };
        Box::pin(async {
            if let Some(gate) = gate {
                drop(gate.acquire_owned().await);
            }
            Ok(Standing { promise: self.promised(), credential: None })
        })
    }

    fn exposed(&self) -> Asked<'_, Option<Exposed>> {
        Box::pin(async { Ok(None) })
    }

    fn withdraw<'a>(&'a self, token: &'a TokenId) -> Asked<'a, Withdrawn> {
        Box::pin(async move {
            self.ask(|inside| match inside.tokens.remove(token.as_str()) {
                None => Withdrawn::Gone,
                Some((_, _, used)) if inside.approves_everybody => Withdrawn::MultiUse(used),
                Some((_, _, Some(used))) => Withdrawn::Used(used),
                Some(_) => Withdrawn::Unused,
            })
        })
    }
}

/// Texts that hold what real ones hold.
fn show(what: &ToShow<'_>) -> Result<Shown, String> {
    let token = what.token.bearer().expose();
    Ok(Shown {
        command: format!("join {} {token}", what.reach.servers[0]),
        cloud_init: format!("#cloud-config\n# {token} {}\n", what.report_url),
        artifacts: serde_json::json!({"linux": {"amd64": {"supported": true, "command": token}}}),
    })
}

/// A running issuer: `ws_1` has `clu_1`, `ws_2` has `clu_2`.
pub struct Rig {
    pub directory: TempDir,
    pub address: SocketAddr,
    pub issuer: Issuer,
    pub cluster: Scripted,
    /// Of `ws_1`.
    pub owner: String,
    /// Of `ws_1`, may only read.
    pub reader: String,
    /// Of `ws_2`.
    pub stranger: String,
    seen: mpsc::Sender<Notice>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

pub fn place(workspace: &str, cluster: &str) -> Place {
    Place { workspace: WorkspaceId::parse(workspace).unwrap(), cluster: ClusterId::parse(cluster).unwrap() }
}

pub fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// An API token of this workspace.
pub async fn token(store: &Store, workspace: &str, read_only: bool) -> String {
    let token = ApiToken::random();
    let workspace = WorkspaceId::parse(workspace).unwrap();
    store.add_api_token(&token, workspace, read_only, now()).await.unwrap();
    token.text().expose().to_owned()
}

impl Rig {
    pub async fn start() -> Rig {
        let many = const { std::num::NonZeroU32::new(100_000).unwrap() };
        Rig::limited(Limits { per_second: many, burst: many }).await
    }

    pub async fn limited(limits: Limits) -> Rig {
        Rig::on(tempfile::tempdir().unwrap(), Scripted::default(), limits).await
    }

    /// The same database, cluster and people, another process.
    pub async fn again(self) -> Rig {
        let many = const { std::num::NonZeroU32::new(100_000).unwrap() };
        let (directory, cluster) = self.end().await;
        Rig::on(directory, cluster, Limits { per_second: many, burst: many }).await
    }

    /// Ends as a process does, and leaves what outlives it.
    pub async fn end(self) -> (TempDir, Scripted) {
        self.stop.send(true).ok();
        for task in self.tasks {
            task.abort();
            task.await.ok();
        }
        drop(self.issuer);
        (self.directory, self.cluster)
    }

    async fn on(directory: TempDir, cluster: Scripted, limits: Limits) -> Rig {
        let store = opened(&directory.path().join("issuer.db")).await;
        let key = MasterKey::open(&directory.path().join("master.key")).unwrap();
        let served = |workspace, id| Served {
            place: place(workspace, id),
            backend: Arc::new(cluster.clone()),
            show: Arc::new(show),
        };
        let clusters = vec![served("ws_1", "clu_1"), served("ws_2", "clu_2")];
        let url = "https://issuer.example".to_owned();
        let issuer = Issuer::new(store.clone(), key, url, Metrics::default(), clusters);
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.address();
        let (stop, stopped) = Stop::new();
        let router = api::router(Api::new(issuer.clone(), limits));
        let (seen, told) = mpsc::channel(16);
        let settle = issuer.clone();
        let tasks = vec![
            tokio::spawn(async move { settle.settle().await.unwrap() }),
            tokio::spawn(issuer.clone().absorb(told)),
            tokio::spawn(listener.serve(None, router, stopped)),
        ];
        let owner = token(&store, "ws_1", false).await;
        let reader = token(&store, "ws_1", true).await;
        let stranger = token(&store, "ws_2", false).await;
        Rig { directory, address, issuer, cluster, owner, reader, stranger, seen, stop, tasks }
    }

    pub async fn send(
        &self,
        who: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {who}");
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        if !body.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            all.push(("Content-Type", "application/json"));
        }
        wire::send(self.address, method, target, &all, body).await
    }

    pub async fn create(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(&self.owner, "POST", CLUSTER, headers, body).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(&self.owner, "GET", target, &[], "").await
    }

    pub async fn revoke(&self, id: &str, etag: &str) -> Answer {
        self.send(&self.owner, "POST", &format!("{CLUSTER}/{id}:revoke"), &[("If-Match", etag)], "").await
    }

    /// Asks until the answer is as it should be.
    pub async fn eventually(&self, target: &str, good: impl Fn(&Answer) -> bool) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get(target).await;
            if good(&answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{target} stays {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The cluster tells something of a token. Says whether it was kept.
    pub async fn tell(&self, token: &str, what: Happened) -> bool {
        let token = TokenId::parse(token).unwrap();
        let (notice, kept) = Notice::new(Seen { token, what, at: OffsetDateTime::now_utc() });
        self.seen.send(notice).await.unwrap();
        kept.await.is_ok()
    }
}

/// The store at `path`, as soon as who had it before has let go of it.
async fn opened(path: &Path) -> Store {
    let began = Instant::now();
    loop {
        match Store::open(path) {
            Ok(store) => return store,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The token that was told.
pub fn bearer(answer: &Answer) -> &str {
    answer.text_at("/token")
}

/// Its public half.
pub fn public(answer: &Answer) -> String {
    bearer(answer).split('.').next().unwrap().to_owned()
}
