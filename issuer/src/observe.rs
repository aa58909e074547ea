//! Around every request: its id, its line in the log and its place in the metrics.
//!
//! What is said of a request are public names alone: the route as the router has it, never the path, the
//! query, a header or a body.

use crate::metrics::Metrics;
use crate::names::WorkspaceId;
use crate::random;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// The header that carries a request's id in its answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What no route answers.
const UNMATCHED: &str = "unmatched";
/// Asked every few seconds by machines.
const ROUTINE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Who asks, as far as it is known: whoever authenticates a request fills it in.
#[derive(Debug, Clone, Default)]
pub struct Caller(Arc<OnceLock<Names>>);

#[derive(Debug)]
struct Names {
    workspace: WorkspaceId,
    token: String,
}

impl Caller {
    /// A token with this public id, of this workspace, has been recognized.
    pub fn is(&self, workspace: &WorkspaceId, token: &str) {
        // The first answer stands.
        drop(self.0.set(Names { workspace: workspace.clone(), token: token.to_owned() }));
    }
}

/// The layer. Handlers find a [`Caller`] in the request's extensions.
pub async fn observe(State(metrics): State<Metrics>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = random::hex16();
    let caller = Caller::default();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(caller.clone());

    let span = tracing::info_span!("request", request_id = id);
    let mut answer = tracing::Instrument::instrument(next.run(request), span).await;

    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let (status, took) = (answer.status().as_u16(), began.elapsed());
    metrics.request(&method, route, status, took);
    let ms = (took.as_secs_f64() * 1e6).round() / 1e3;
    let names = caller.0.get();
    let workspace = names.map(|names| names.workspace.as_str());
    let token = names.map(|names| names.token.as_str());
    let method = method.as_str();
    if ROUTINE.contains(&route) {
        tracing::debug!(request_id = id, method, route, status, ms, "request");
    } else {
        tracing::info!(request_id = id, method, route, status, ms, workspace, token, "request");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    answer
}
