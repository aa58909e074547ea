//! What happened to a bootstrap, for its workspace: one timeline of the issuer's doing, the cluster's word
//! and the machine's own, oldest first, in pages as the contract's lists have them.

use super::caller::Caller;
use super::refusal::Refusal;
use super::{Api, query};
use crate::clock;
use crate::names::BootstrapId;
use crate::store::events::{Event, Page, Wanted};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// `WorkerBootstrapEvent`.
#[derive(Serialize)]
struct Told {
    id: String,
    at: i64,
    source: String,
    r#type: String,
    message: String,
    reason: Option<String>,
    node: Option<String>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// `WorkerBootstrapEventList`.
#[derive(Serialize)]
struct List {
    data: Vec<Told>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// `/clusters/{id}/worker_bootstraps/{wbs_id}/events`
pub async fn list(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let Path((cluster, id)) = path.map_err(|_| Refusal::not_found())?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refusal::method("GET, HEAD"));
    }
    let caller = Caller::of(&api, request.headers(), request.extensions()).await?;
    let place = api.issuer.place(&caller.workspace, &cluster)?;
    let id = BootstrapId::parse(&id).ok_or_else(Refusal::not_found)?;
    let asked = query::events(request.uri().query().unwrap_or(""))?;
    let now = clock::now().unix_timestamp();
    let wanted = Wanted { place, id, after: asked.after, limit: asked.limit, now };
    Ok(Json(List::of(api.issuer.events(wanted).await?)).into_response())
}

impl List {
    fn of(page: Page) -> List {
        let last = page.events.last().filter(|_| page.more);
        let next_cursor = last.map(|event| query::cursor_after_event(event.seq));
        List { data: page.events.into_iter().map(Told::of).collect(), has_more: page.more, next_cursor }
    }
}

impl Told {
    fn of(event: Event) -> Told {
        let details = event.details.and_then(|text| serde_json::from_str(&text).ok());
        Told {
            id: format!("evt_{}", event.seq),
            at: event.at,
            source: event.source,
            r#type: event.kind,
            message: event.message,
            reason: event.reason,
            node: event.node,
            details: details.unwrap_or_default(),
        }
    }
}
