//! An issuer's backend under test, with the rights of the manifest where the cluster has roles.

use crate::csr::Csr;
use crate::support::admin::Admin;
use crate::support::cluster::{Cluster, Kind};
use crate::support::token::Token;
use crate::support::{eventually, random_word};
use bootstrap_issuer::cluster::kubernetes::{self as backend, ClusterError, MANIFEST, Settings, Source};
use bootstrap_issuer::cluster::{Grant, Happened, Notice, Promise, Seen};
use bootstrap_issuer::names::BootstrapId;
use futures_util::FutureExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::TokenId;

pub const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

/// A backend, and what it has told.
pub struct Issuer {
    pub backend: backend::Cluster,
    told: Arc<Mutex<Vec<Seen>>>,
    /// Whether what is told is kept.
    keeps: Arc<AtomicBool>,
    enforcing: Option<JoinHandle<()>>,
    _kubeconfig: TempDir,
}

impl Issuer {
    /// One that is connected and does not enforce yet.
    pub async fn idle(cluster: &Cluster) -> Issuer {
        Issuer::by_way_of(cluster, &format!("https://{}", cluster.address)).await
    }

    /// One that enforces.
    pub async fn start(cluster: &Cluster) -> Issuer {
        let mut issuer = Issuer::idle(cluster).await;
        issuer.enforce();
        issuer
    }

    /// One that reaches the cluster through another address.
    pub async fn by_way_of(cluster: &Cluster, server: &str) -> Issuer {
        let user = match cluster.kind {
            Kind::Embedded => json!({
                "client-certificate": cluster.credential.0, "client-key": cluster.credential.1,
            }),
            Kind::Real => {
                apply(&cluster.admin, MANIFEST).await;
                json!({"token": account_token(&cluster.admin).await})
            }
        };
        let issuer = Issuer::with(cluster, server, &user).await;
        // Roles come into force a moment after they are written.
        eventually("the issuer has its rights", async || issuer.backend.promise().await.ok()).await;
        issuer
    }

    /// One that has this credential; a token lies in a file beside the kubeconfig, as in the README.
    pub async fn with(cluster: &Cluster, server: &str, user: &Value) -> Issuer {
        let directory = tempfile::tempdir().unwrap();
        let (kubeconfig, token) =
            (directory.path().join("kubeconfig"), directory.path().join("account.token"));
        let user = match user["token"].as_str() {
            None => user.clone(),
            Some(text) => {
                std::fs::write(&token, format!("{text}\n")).unwrap();
                json!({"tokenFile": token})
            }
        };
        let direct = format!("https://{}", cluster.address);
        std::fs::write(directory.path().join("ca.crt"), &cluster.ca).unwrap();
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": "ca.crt"}}],
            "users": [{"name": "c", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        });
        std::fs::write(&kubeconfig, text.to_string()).unwrap();
        let source = Source::Kubeconfig { path: kubeconfig, context: None };
        let settings = Settings { source, servers: vec![direct], authority: None };
        let backend = backend::Cluster::connect(&settings).await.unwrap();
        let keeps = Arc::new(AtomicBool::new(true));
        Issuer { backend, told: Arc::default(), keeps, enforcing: None, _kubeconfig: directory }
    }

    pub fn enforce(&mut self) {
        let (seen, mut told) = mpsc::channel::<Notice>(16);
        let (into, keeps) = (Arc::clone(&self.told), Arc::clone(&self.keeps));
        tokio::spawn(async move {
            while let Some(notice) = told.recv().await {
                into.lock().unwrap().push(notice.seen.clone());
                if keeps.load(Ordering::Relaxed) {
                    notice.keep();
                }
            }
        });
        self.enforcing = Some(tokio::spawn(self.backend.clone().enforce(seen)));
    }

    /// Whether what it tells is kept from now on, as by a store that takes it or does not.
    pub fn keeps(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::Relaxed);
    }

    /// How often this kind of thing was told of this token.
    pub fn times(&self, token: &Token, is: impl Fn(&Happened) -> bool) -> usize {
        let told = self.told.lock().unwrap();
        told.iter().filter(|one| one.token == id(token) && is(&one.what)).count()
    }

    /// Ends it as a power failure would.
    pub async fn kill(&mut self) {
        let enforcing = self.enforcing.take().unwrap();
        enforcing.abort();
        enforcing.await.ok();
    }

    /// A token that is good for an hour.
    pub async fn token(&self) -> Token {
        self.token_for(Duration::hours(1)).await
    }

    pub async fn token_for(&self, life: Duration) -> Token {
        let token = Token::random();
        self.grant(&BootstrapId::random(), &token, life).await.unwrap();
        token
    }

    pub async fn grant(
        &self,
        bootstrap: &BootstrapId,
        token: &Token,
        life: Duration,
    ) -> Result<(), ClusterError> {
        let shared = worker_bootstrap::token::Token::parse(Secret::new(token.text())).unwrap();
        let expires = OffsetDateTime::now_utc() + life;
        self.backend.grant(Grant { bootstrap, token: &shared, expires }).await
    }

    /// What its machine authenticates with, where that is not the token.
    pub async fn credential(&self, bootstrap: &BootstrapId, token: &Token) -> Option<Secret> {
        self.try_credential(bootstrap, token).await.unwrap()
    }

    pub async fn try_credential(
        &self,
        bootstrap: &BootstrapId,
        token: &Token,
    ) -> Result<Option<Secret>, ClusterError> {
        let shared = worker_bootstrap::token::Token::parse(Secret::new(token.text())).unwrap();
        let expires = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(self.backend.standing(Grant { bootstrap, token: &shared, expires }).await?.credential)
    }

    /// What was told of this token, each thing once, in the order of its first telling.
    pub fn told_of(&self, token: &Token) -> Vec<Happened> {
        let mut seen = Vec::new();
        for one in self.told.lock().unwrap().iter().filter(|one| one.token == id(token)) {
            if !seen.contains(&one.what) {
                seen.push(one.what.clone());
            }
        }
        seen
    }

    /// Waits until something is told of the token.
    pub async fn tells<T>(&self, what: &str, token: &Token, pick: impl Fn(&Happened) -> Option<T>) -> T {
        eventually(what, async || self.told_of(token).iter().find_map(&pick)).await
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        if let Some(enforcing) = &self.enforcing {
            enforcing.abort();
        }
    }
}

pub fn id(token: &Token) -> TokenId {
    TokenId::parse(&token.id).unwrap()
}

/// The token's Secret, where there is one.
pub async fn secret(cluster: &Cluster, token: &Token) -> Option<Value> {
    let path = format!("{SECRETS}/{}", token.secret_name());
    let (status, object) = cluster.admin.ask(Method::GET, &path, None).await;
    (status == 200).then_some(object)
}

pub async fn secret_goes(cluster: &Cluster, token: &Token) {
    eventually("the token's Secret goes", async || secret(cluster, token).await.is_none().then_some(()))
        .await;
}

/// Binds the token to this request, as another issuer does.
pub async fn use_by_hand(cluster: &Cluster, token: &Token, csr: &Csr) {
    let mut object = secret(cluster, token).await.unwrap();
    let used_by = json!({"node": csr.node, "key": csr.key_id(), "request": "", "at": "2026-01-01T00:00:00Z"});
    object["metadata"]["annotations"]["bootstrap.akua.dev/used-by"] = json!(used_by.to_string());
    let path = format!("{SECRETS}/{}", token.secret_name());
    assert_eq!(cluster.admin.ask(Method::PUT, &path, Some(&object)).await.0, 200);
}

/// The name of a node that nobody else has.
pub fn node_name() -> String {
    format!("n-{}", random_word(10))
}

/// Whether only one machine can use a token.
pub async fn is_one_time(issuer: &Issuer) -> bool {
    issuer.backend.promise().await.unwrap() == Promise::OneTime
}

/// Runs a case that changes what others need, and gives that back whatever comes of the case.
pub async fn then_always(case: impl Future<Output = ()>, give_back: impl Future<Output = ()>) {
    let outcome = AssertUnwindSafe(case).catch_unwind().await;
    give_back.await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// The objects of a manifest.
pub fn objects(manifest: &str) -> Vec<Value> {
    manifest.split("\n---\n").map(|one| serde_yaml::from_str(one).unwrap()).collect()
}

/// Puts a manifest's objects into the cluster, as `kubectl create` would.
pub async fn apply(admin: &Admin, manifest: &str) {
    for object in objects(manifest) {
        let path = collection(&object);
        eventually("an object of the manifest is taken", async || {
            let (status, answer) = admin.ask(Method::POST, &path, Some(&object)).await;
            assert!(matches!(status, 201 | 404 | 409 | 503), "{path}: {status} {answer}");
            matches!(status, 201 | 409).then_some(())
        })
        .await;
    }
}

/// Where objects of this kind are made.
pub fn collection(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let root = match text("/apiVersion") {
        "v1" => "/api/v1".to_owned(),
        version => format!("/apis/{version}"),
    };
    let plural = format!("{}s", text("/kind").to_lowercase());
    match text("/metadata/namespace") {
        "" => format!("{root}/{plural}"),
        namespace => format!("{root}/namespaces/{namespace}/{plural}"),
    }
}

/// A token of the ServiceAccount of the manifest.
pub async fn account_token(admin: &Admin) -> String {
    let path = "/api/v1/namespaces/bootstrap-issuer/serviceaccounts/bootstrap-issuer/token";
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let (status, answer) = admin.ask(Method::POST, path, Some(&request)).await;
    assert_eq!(status, 201, "{answer}");
    answer["status"]["token"].as_str().unwrap().to_owned()
}
