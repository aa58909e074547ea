//! The embedded cluster: a certificate authority and the few Kubernetes endpoints that a join needs,
//! over TLS. It answers as a real API server does, refusals included, so that a client that is
//! wrong here would be wrong there.
//!
//! Objects live in memory and end with the process. The CA, the administrator's credential and the
//! audit log live in the state directory and outlive it.

pub mod authz;
pub mod csr;
pub mod pki;

mod api;
mod audit;
mod authn;
mod body;
mod data;
mod names;
mod nodes;
mod patch;
mod plain;
mod request;
mod resource;
mod reviews;
mod seed;
mod selector;
mod serve;
mod status;
mod store;
mod tokens;
mod watch;
mod watch_body;
mod write;

use crate::clock;
use crate::files::{self, FileError};
use authn::{AnyClientCertificate, Authenticator};
use pki::{Authority, PkiError};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use serde::Serialize;
use serve::Server;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The longest the token controllers sleep: a clock that is set forward is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Why the cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its keys.
    #[error("cannot prepare the cluster's certificates")]
    Pki(#[from] PkiError),
    /// Its files.
    #[error("cannot prepare the cluster's state directory")]
    File(#[from] FileError),
    /// Its address.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Its TLS.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// Its trust in client certificates.
    #[error("cannot set up the verification of client certificates")]
    Verifier(#[from] VerifierBuilderError),
}

/// Where a running cluster is and how an administrator gets in: `cluster.json` in the state directory.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// URL of the API server.
    pub server: String,
    /// The CA's certificate, PEM.
    pub ca: PathBuf,
    /// The CA as kubeadm's `--discovery-token-ca-cert-hash` takes it.
    pub ca_cert_hash: String,
    /// Client certificate of an administrator (group system:masters), PEM.
    pub admin_cert: PathBuf,
    /// Its key, PEM, 0600.
    pub admin_key: PathBuf,
    /// A kubeconfig with the three above, 0600.
    pub kubeconfig: PathBuf,
    /// One JSON line for each request.
    pub audit_log: PathBuf,
}

/// Starts a cluster that runs in tasks of the current runtime until that ends. When this returns,
/// requests are answered and `cluster.json` is in place.
pub async fn start(directory: &Path, listen: SocketAddr) -> Result<Access, StartError> {
    files::directory(directory)?;
    let directory = &std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
    let now = clock::now();
    let authority = Arc::new(Authority::open(directory, now)?);
    let listening = |source| StartError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let access = write_access(directory, address, &authority)?;

    let store = Arc::new(Store::new());
    seed::fill(&store, &access.server, &authority.base64(), now);

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone())?;
    let certificates =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let (chain, key) = authority.server(address.ip(), now)?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(AnyClientCertificate(Arc::clone(&certificates))))
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let server = Arc::new(Server {
        store: Arc::clone(&store),
        authenticator: Authenticator { certificates, store: Arc::clone(&store) },
        log: audit::Log::open(&access.audit_log)?,
    });
    tokio::spawn(certificate_controllers(Arc::clone(&store), authority));
    tokio::spawn(token_controllers(store));
    tokio::spawn(serve::accept(server, listener, TlsAcceptor::from(Arc::new(tls))));

    let mut text = serde_json::to_vec_pretty(&access).unwrap_or_default();
    text.push(b'\n');
    files::write(&directory.join("cluster.json"), &text, 0o600)?;
    Ok(access)
}

fn write_access(directory: &Path, address: SocketAddr, authority: &Authority) -> Result<Access, StartError> {
    let access = Access {
        server: format!("https://{address}"),
        ca: directory.join("ca.crt"),
        ca_cert_hash: authority.pin(),
        admin_cert: directory.join("admin.crt"),
        admin_key: directory.join("admin.key"),
        kubeconfig: directory.join("admin.kubeconfig"),
        audit_log: directory.join("audit.log"),
    };
    let admin = authority.client("kubernetes-admin", &["system:masters"], clock::now())?;
    files::write(&access.admin_key, admin.key.serialize_pem().as_bytes(), 0o600)?;
    files::write(&access.admin_cert, admin.certificate.as_bytes(), 0o600)?;
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: embedded\n  cluster:\n    server: {}\n    \
         certificate-authority: {}\nusers:\n- name: admin\n  user:\n    client-certificate: {}\n    client-key: {}\n\
         contexts:\n- name: embedded\n  context:\n    cluster: embedded\n    user: admin\ncurrent-context: embedded\n",
        access.server,
        access.ca.display(),
        access.admin_cert.display(),
        access.admin_key.display()
    );
    files::write(&access.kubeconfig, kubeconfig.as_bytes(), 0o600)?;
    Ok(access)
}

/// Approves and signs; each in its own pass, so that a watcher sees two changes as from a real cluster.
async fn certificate_controllers(store: Arc<Store>, authority: Arc<Authority>) {
    let mut changed = store.subscribe();
    loop {
        changed.borrow_and_update();
        csr::approver::reconcile(&store, clock::now());
        csr::signer::reconcile(&store, &authority, clock::now());
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Signs cluster-info and removes expired tokens, at every change and when the next token expires.
async fn token_controllers(store: Arc<Store>) {
    let mut changed = store.subscribe();
    loop {
        changed.borrow_and_update();
        let now = clock::now();
        let next = tokens::clean(&store, now);
        tokens::sign(&store, now);
        let until = next.and_then(|at| Duration::try_from(at - now).ok()).unwrap_or(LONGEST_SLEEP);
        tokio::select! {
            alive = changed.changed() => if alive.is_err() { return },
            () = tokio::time::sleep(until.min(LONGEST_SLEEP)) => {}
        }
    }
}
