//! A small client of the Kubernetes API: one server, one CA, one client certificate.

use http::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate or key is not what it should be.
    #[error("cannot read the {0} for the Kubernetes client")]
    Pem(&'static str, #[source] rustls::pki_types::pem::Error),
    /// TLS does not take them.
    #[error("cannot set up TLS for the Kubernetes client")]
    Tls(#[from] rustls::Error),
    /// The request failed.
    #[error("cannot {method} {path}")]
    Request {
        /// Its method.
        method: Method,
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The client could not be built.
    #[error("cannot build the Kubernetes client")]
    Build(#[source] reqwest::Error),
}

/// An answer, whatever its code.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status code.
    pub code: u16,
    /// The object; null where the body is none.
    pub object: Value,
}

impl Answer {
    /// A text in the object, or nothing.
    pub fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The client.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    server: String,
}

impl Client {
    /// A client of `server` that trusts the CA in `ca` alone and shows `certificate` with `key` (PEM; the
    /// two may stand in one text).
    pub fn new(server: &str, ca: &[u8], certificate: &[u8], key: &[u8]) -> Result<Client, ClientError> {
        let mut roots = RootCertStore::empty();
        for one in CertificateDer::pem_slice_iter(ca) {
            roots.add(one.map_err(|error| ClientError::Pem("CA certificate", error))?)?;
        }
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| ClientError::Pem("client certificate", error))?;
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| ClientError::Pem("client key", error))?;
        let mut tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent("bootstrap-issuer")
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(DEADLINE)
            .build()
            .map_err(ClientError::Build)?;
        Ok(Client { http, server: server.to_owned() })
    }

    /// Asks, and takes any answer.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, ClientError> {
        let failed = |source: reqwest::Error| ClientError::Request {
            method: method.clone(),
            path: path.to_owned(),
            // The URL may say nothing that the path does not.
            source: source.without_url(),
        };
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.server));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(failed)?;
        let code = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(failed)?;
        Ok(Answer { code, object: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }
}
