//! A client of the worker-bootstrap API, of this issuer or of any other that speaks it.
//!
//! Trusts the server as far as its certificate is good: TLS is not left out but on this machine's
//! loopback, and redirects are not followed, because the bearer token would go with them. A request whose
//! answer is lost is sent again with the same idempotency key, so that it happens once.

mod answer;
mod base;
mod insist;

pub use answer::{Envelope, Refused};
pub use base::Base;

use crate::files::FileError;
use crate::random;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, RETRY_AFTER};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use worker_bootstrap::secret::Secret;

/// How long one attempt may take.
const DEADLINE: Duration = Duration::from_secs(45);
/// The largest answer that is read, in bytes: a page of a hundred bootstraps is a tenth of it.
const LARGEST: usize = 4 * 1024 * 1024;
/// Pages of a timeline that are asked for: no bootstrap has more events than fit on them.
const MOST_PAGES: usize = 20;
const CONTEXT: HeaderName = HeaderName::from_static("akua-context");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Why the API did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file that it needs.
    #[error("cannot set up the client")]
    File(#[from] FileError),
    /// The client could not be built.
    #[error("cannot set up the client")]
    Build(#[source] reqwest::Error),
    /// The token cannot be sent in a header.
    #[error("the API token is not text on one line")]
    Token,
    /// A header's value cannot be sent.
    #[error("{0} cannot be sent: expected plain text on one line")]
    Header(&'static str),
    /// There is no answer.
    #[error("cannot {operation}: no answer from {base} (attempts: {attempts})")]
    Unanswered {
        /// What was wanted.
        operation: &'static str,
        /// Of whom.
        base: Base,
        /// How often.
        attempts: u32,
        /// What happened last.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is a refusal.
    #[error("cannot {operation}: {refused}")]
    Refused {
        /// What was wanted.
        operation: &'static str,
        /// What was answered.
        refused: Box<Refused>,
    },
    /// The answer is none that the API gives.
    #[error("cannot {operation}: {base} answered {status} with {what}: is it the base URL of the API?")]
    Foreign {
        /// What was wanted.
        operation: &'static str,
        /// Of whom.
        base: Base,
        /// With which code.
        status: StatusCode,
        /// What there was in place of an answer.
        what: &'static str,
    },
}

/// The client.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Base,
}

/// Who asks, and whom to trust.
#[derive(Debug)]
pub struct Identity<'a> {
    /// The API token.
    pub token: &'a Secret,
    /// The workspace, where the token does not imply it.
    pub workspace: Option<&'a str>,
    /// CA certificates to trust in place of the system's, PEM.
    pub authority: Option<&'a [u8]>,
}

/// One thing that is wanted.
struct Wish<'a> {
    operation: &'static str,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<&'a Value>,
}

impl Client {
    /// A client of the API at `base`.
    ///
    /// # Errors
    /// The token or the CA are not what they should be.
    pub fn new(base: Base, identity: &Identity<'_>) -> Result<Client, ClientError> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", identity.token.expose()))
            .map_err(|_| ClientError::Token)?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        if let Some(workspace) = identity.workspace {
            headers.insert(CONTEXT, value("the workspace", workspace)?);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("bootstrap-issuer/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE);
        if let Some(authority) = identity.authority {
            let certificates =
                reqwest::Certificate::from_pem_bundle(authority).map_err(ClientError::Build)?;
            builder = builder.tls_certs_only(certificates);
        }
        if base.is_local() {
            builder = builder.no_proxy();
        }
        Ok(Client { http: builder.build().map_err(ClientError::Build)?, base })
    }

    /// Issues a bootstrap. The answer holds its token.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn create(&self, cluster: &str, ttl: Option<u64>, key: &str) -> Result<Value, ClientError> {
        let body = ttl.map_or_else(|| json!({}), |ttl| json!({"ttl_seconds": ttl}));
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, value("the idempotency key", key)?)]);
        let (path, body) = (collection(cluster), Some(&body));
        self.ask(Wish { operation: "create the bootstrap", method: Method::POST, path, headers, body }).await
    }

    /// One page of a cluster's bootstraps.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn page(&self, cluster: &str, limit: u32, cursor: Option<&str>) -> Result<Value, ClientError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        let path = format!("{}?{}", collection(cluster), query.finish());
        self.read("list the bootstraps", path).await
    }

    /// One bootstrap.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get(&self, cluster: &str, id: &str) -> Result<Value, ClientError> {
        self.read("get the bootstrap", format!("{}/{}", collection(cluster), segment(id))).await
    }

    /// What happened to a bootstrap, all of it, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn events(&self, cluster: &str, id: &str) -> Result<Vec<Value>, ClientError> {
        let path = format!("{}/{}/events?limit=100", collection(cluster), segment(id));
        let (mut events, mut behind) = (Vec::new(), String::new());
        for _ in 0..MOST_PAGES {
            let page = self.read("get the bootstrap's events", format!("{path}{behind}")).await?;
            events.extend(page["data"].as_array().into_iter().flatten().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            behind = format!("&cursor={}", segment(cursor));
        }
        Ok(events)
    }

    /// Revokes a bootstrap as it was when its etag was this one.
    ///
    /// # Errors
    /// See [`ClientError`]; [`Refused::current_etag`] where it has changed since.
    pub async fn revoke(&self, cluster: &str, id: &str, etag: &str) -> Result<Value, ClientError> {
        let headers = HeaderMap::from_iter([
            (IF_MATCH, value("the etag", etag)?),
            (IDEMPOTENCY_KEY, value("the idempotency key", &random::hex16())?),
        ]);
        let path = format!("{}/{}:revoke", collection(cluster), segment(id));
        let (operation, method) = ("revoke the bootstrap", Method::POST);
        self.ask(Wish { operation, method, path, headers, body: None }).await
    }

    async fn read(&self, operation: &'static str, path: String) -> Result<Value, ClientError> {
        self.ask(Wish { operation, method: Method::GET, path, headers: HeaderMap::new(), body: None }).await
    }

    /// Asks until there is an answer that another attempt would not change.
    async fn ask(&self, wish: Wish<'_>) -> Result<Value, ClientError> {
        let mut attempts = insist::Attempts::default();
        loop {
            let outcome = self.attempt(&wish).await;
            let wait = match &outcome {
                Ok((status, headers, _)) if insist::is_temporary(*status) => {
                    attempts.next(headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()))
                }
                Err(error) if !insist::is_final(error) => attempts.next(None),
                _ => None,
            };
            let Some(wait) = wait else { return self.judge(&wish, outcome, attempts.made()) };
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        wish: &Wish<'_>,
    ) -> Result<(StatusCode, HeaderMap, Option<Value>), reqwest::Error> {
        let url = format!("{}{}", self.base, wish.path);
        let mut request = self.http.request(wish.method.clone(), url).headers(wish.headers.clone());
        if let Some(body) = wish.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut answer = request.send().await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len() + chunk.len() > LARGEST {
                return Ok((answer.status(), answer.headers().clone(), None));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((answer.status(), answer.headers().clone(), serde_json::from_slice(&bytes).ok()))
    }

    fn judge(
        &self,
        wish: &Wish<'_>,
        outcome: Result<(StatusCode, HeaderMap, Option<Value>), reqwest::Error>,
        attempts: u32,
    ) -> Result<Value, ClientError> {
        let (operation, base) = (wish.operation, self.base.clone());
        let (status, _, body) = outcome.map_err(|source| {
            // The URL says nothing that the base does not.
            ClientError::Unanswered { operation, base: base.clone(), attempts, source: source.without_url() }
        })?;
        let what = match body {
            Some(body) if status.is_success() && body.is_object() => return Ok(body),
            Some(body) => match Refused::read(status, &body) {
                Some(refused) => {
                    return Err(ClientError::Refused { operation, refused: Box::new(refused) });
                }
                None => "another body than the API's",
            },
            None => "a body that is not JSON",
        };
        Err(ClientError::Foreign { operation, base, status, what })
    }
}

fn value(what: &'static str, text: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::from_str(text).map_err(|_| ClientError::Header(what))
}

fn collection(cluster: &str) -> String {
    format!("/clusters/{}/worker_bootstraps", segment(cluster))
}

/// A name as one part of a path, whatever it holds.
fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%5F", "_")
        .replace("%2D", "-")
}
