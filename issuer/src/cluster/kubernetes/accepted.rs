//! Whether API servers accept a token. Each reads Secrets through a cache of its own, so that a fresh
//! token is unknown to some for a moment. Asked as the token's bearer, over connections of its own.

use super::ClusterError;
use crate::cluster::Reach;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use worker_bootstrap::secret::Secret;

/// How long a server may take to learn of a token.
const PATIENCE: Duration = Duration::from_secs(15);
const ONE_QUESTION: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Returns when every server accepts the token.
pub(super) async fn everywhere(reach: &Reach, credential: &Secret) -> Result<(), ClusterError> {
    let http = client(&reach.authority).map_err(ClusterError::Refused)?;
    let end = Instant::now() + PATIENCE;
    for server in &reach.servers {
        at(&http, server, credential, end).await?;
    }
    Ok(())
}

async fn at(
    http: &reqwest::Client,
    server: &str,
    credential: &Secret,
    end: Instant,
) -> Result<(), ClusterError> {
    let mut pause = FIRST_PAUSE;
    loop {
        // Whoever has credentials may ask this; who has none that are good is told 401, never taken for
        // anonymous.
        let question = http.get(format!("{server}/api")).bearer_auth(credential.expose());
        let seen = match question.send().await {
            Ok(answer) => match answer.status().as_u16() {
                200 | 403 | 404 => return Ok(()),
                401 => "it does not know the token yet".to_owned(),
                code => format!("it answers {code}"),
            },
            Err(error) => cause(&error.without_url()),
        };
        if Instant::now() + pause > end {
            return Err(ClusterError::Unavailable(format!(
                "{server} did not accept the token within {} s: {seen}",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The innermost cause: the outer ones only say that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    deepest.to_string()
}

fn client(authority: &str) -> Result<reqwest::Client, String> {
    let mut roots = RootCertStore::empty();
    for one in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        let one = one.map_err(|error| format!("the cluster's CA cannot be read: {error}"))?;
        roots.add(one).map_err(|error| format!("the cluster's CA cannot be used: {error}"))?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set up TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("bootstrap-issuer/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(ONE_QUESTION)
        // A balancer chooses anew for each connection: every question is to be one of its own.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| format!("cannot set up HTTP: {error}"))
}
