//! The issuer of the demo: `serve` as a child process, over TLS, with a cluster of its own inside.

use crate::api_token::ApiToken;
use crate::client::{Base, Client, ClientError, Identity};
use crate::clock;
use crate::cluster::embedded::StartError;
use crate::cluster::embedded::pki::Authority;
use crate::config::{self, ConfigError};
use crate::files::{self, FileError};
use crate::names::WorkspaceId;
use crate::serve::{self, ServeError};
use crate::store::StoreError;
use rustls::pki_types::PrivateKeyDer;
use serde_json::Value;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The demo's cluster.
pub const CLUSTER: &str = "clu_demo";
const WORKSPACE: &str = "ws_demo";

/// What an issuer with a cluster inside is told. A scratch machine has no kubelet to register a node, so
/// the machines' part ends at the credential.
const CONFIG: &str = "\
listen: 127.0.0.1:0
tls: {certificate: tls.crt, key: tls.key}
externalCertificateAuthority: authority/ca.crt
database: issuer.db
clusters:
- id: clu_demo
  workspace: ws_demo
  embedded: {state: cluster, listen: \"127.0.0.1:0\"}
  document: {join: {waitFor: credential}}
";

/// Why there is no issuer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Its files.
    #[error("cannot prepare the issuer's files")]
    File(#[from] FileError),
    /// Its certificate.
    #[error("cannot make the issuer's certificate")]
    Certificate(#[from] StartError),
    /// Its configuration.
    #[error("cannot read the issuer's configuration")]
    Config(#[from] ConfigError),
    /// Its database.
    #[error("cannot open the issuer's database")]
    Open(#[from] ServeError),
    /// The API token.
    #[error("cannot make an API token")]
    Token(#[from] StoreError),
    /// Its process.
    #[error("cannot run the issuer")]
    Run(#[from] io::Error),
    /// It ended before it served.
    #[error("the issuer ended before it served: {0}")]
    Ended(String),
    /// Its client.
    #[error("cannot make a client of the issuer")]
    Client(#[from] ClientError),
}

/// A running issuer; it ends with this.
#[derive(Debug)]
pub struct Issuer {
    /// Where its API is.
    pub url: String,
    /// Its API, asked with a token of the demo's workspace.
    pub api: Client,
    /// Where the embedded cluster keeps its files.
    pub cluster: PathBuf,
    _child: Child,
}

impl Issuer {
    /// Lays out an issuer in `home` and starts it. When this returns, requests are answered.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub async fn start(home: &Path) -> Result<Issuer, IssuerError> {
        files::directory(home)?;
        let authority = certificate(home)?;
        let config = home.join("issuer.yaml");
        files::write(&config, CONFIG.as_bytes(), 0o600)?;
        let token = ApiToken::random();
        if let Some(workspace) = WorkspaceId::parse(WORKSPACE) {
            let (store, _) = serve::open(&config::load(&config)?, true)?;
            store.add_api_token(&token, workspace, false, clock::now().unix_timestamp()).await?;
        }
        let (child, url) = serve(&config, &home.join("issuer.log")).await?;
        let base: Base = format!("{url}/v1").parse().map_err(io::Error::other)?;
        let identity = Identity { token: &token.text(), workspace: None, authority: Some(&authority) };
        let api = Client::new(base, &identity)?;
        Ok(Issuer { url, api, cluster: home.join("cluster"), _child: child })
    }
}

/// A certificate for the loopback address, by a CA of the issuer's own, whose PEM is returned.
fn certificate(home: &Path) -> Result<Vec<u8>, IssuerError> {
    let directory = home.join("authority");
    files::directory(&directory)?;
    let authority = Authority::open(&directory, clock::now()).map_err(StartError::from)?;
    let loopback = Ipv4Addr::LOCALHOST.into();
    let (chain, key) = authority.server(loopback, clock::now()).map_err(StartError::from)?;
    let chain: String =
        chain.iter().map(|one| pem::encode(&pem::Pem::new("CERTIFICATE", one.to_vec()))).collect();
    files::write(&home.join("tls.crt"), chain.as_bytes(), 0o644)?;
    if let PrivateKeyDer::Pkcs8(key) = key {
        let key = pem::encode(&pem::Pem::new("PRIVATE KEY", key.secret_pkcs8_der().to_vec()));
        files::write(&home.join("tls.key"), key.as_bytes(), 0o600)?;
    }
    Ok(authority.pem.into_bytes())
}

/// Starts `serve` and waits for the line of its log that says where; the log goes on into a file.
async fn serve(config: &Path, log: &Path) -> Result<(Child, String), IssuerError> {
    #[expect(clippy::disallowed_methods, reason = "this very program, absolute path, no environment")]
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg("--config").arg(config).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let Some(stderr) = child.stderr.take() else { return Err(IssuerError::Ended(String::new())) };
    let mut kept = files::append(log)?;
    let mut lines = BufReader::new(stderr).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await? {
        writeln!(kept, "{line}")?;
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "the API is served"
            && let Some(url) = event["url"].as_str()
        {
            let url = url.to_owned();
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    if writeln!(kept, "{line}").is_err() {
                        return;
                    }
                }
            });
            return Ok((child, url));
        }
        last = line;
    }
    Err(IssuerError::Ended(last))
}
