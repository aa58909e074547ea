//! The contract's four operations.

use super::caller::Caller;
use super::refusal::{Kind, Refusal};
use super::wire::{RevokeOperation, WorkerBootstrap, WorkerBootstrapList};
use super::{Api, body, headers, query};
use crate::clock;
use crate::names::BootstrapId;
use crate::store::find::Page;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::LOCATION;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

type Answer = Result<Response, Refusal>;

/// `/clusters/{id}/worker_bootstraps`
pub async fn collection(
    State(api): State<Api>,
    cluster: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let Path(cluster) = cluster.map_err(|_| Refusal::not_found())?;
    match *request.method() {
        Method::GET | Method::HEAD => list(&api, &cluster, request).await,
        Method::POST => create(&api, &cluster, request).await,
        _ => Err(Refusal::method("GET, HEAD, POST")),
    }
}

/// `/clusters/{id}/worker_bootstraps/{wbs_id}`, and the same with `:revoke` behind it.
pub async fn one(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Answer {
    let Path((cluster, last)) = path.map_err(|_| Refusal::not_found())?;
    match (last.split_once(':'), request.method()) {
        (None, &Method::GET | &Method::HEAD) => get(&api, &cluster, &last, request).await,
        (None, _) => Err(Refusal::method("GET, HEAD")),
        (Some((id, "revoke")), &Method::POST) => revoke(&api, &cluster, id, request).await,
        (Some((_, "revoke")), _) => Err(Refusal::method("POST")),
        (Some(_), _) => Err(Refusal::not_found()),
    }
}

async fn create(api: &Api, cluster: &str, request: Request) -> Answer {
    let (head, content) = request.into_parts();
    let caller = Caller::of(api, &head.headers, &head.extensions).await?;
    caller.may_write()?;
    let place = api.issuer.place(&caller.workspace, cluster)?;
    query::none(head.uri.query())?;
    let key = headers::idempotency_key(&head.headers)?;
    let asked = body::create(&head.headers, &body::read(content).await?)?;
    let issued = api.issuer.create(place, asked.ttl, key).await?;
    let location = format!("/v1/clusters/{cluster}/worker_bootstraps/{}", issued.bootstrap.id);
    let told = WorkerBootstrap::issued(issued, clock::now().unix_timestamp());
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(told)).into_response())
}

async fn list(api: &Api, cluster: &str, request: Request) -> Answer {
    let caller = Caller::of(api, request.headers(), request.extensions()).await?;
    let place = api.issuer.place(&caller.workspace, cluster)?;
    let asked = query::list(request.uri().query().unwrap_or(""))?;
    let now = clock::now().unix_timestamp();
    let page = Page { place, after: asked.after, status: asked.status, now, limit: asked.limit };
    let found = api.issuer.list(page).await?;
    Ok(Json(WorkerBootstrapList::of(&found, now)).into_response())
}

async fn get(api: &Api, cluster: &str, id: &str, request: Request) -> Answer {
    let caller = Caller::of(api, request.headers(), request.extensions()).await?;
    let place = api.issuer.place(&caller.workspace, cluster)?;
    let id = BootstrapId::parse(id).ok_or_else(Refusal::not_found)?;
    query::none(request.uri().query())?;
    let row = api.issuer.get(place, id).await?;
    Ok(Json(WorkerBootstrap::of(&row, clock::now().unix_timestamp())).into_response())
}

async fn revoke(api: &Api, cluster: &str, id: &str, request: Request) -> Answer {
    let (head, content) = request.into_parts();
    let caller = Caller::of(api, &head.headers, &head.extensions).await?;
    caller.may_write()?;
    let place = api.issuer.place(&caller.workspace, cluster)?;
    let id = BootstrapId::parse(id).ok_or_else(Refusal::not_found)?;
    // Whether it is there comes before what is wrong with the request, as in every other answer.
    api.issuer.get(place.clone(), id.clone()).await?;
    query::none(head.uri.query())?;
    let etag = headers::if_match(&head.headers)?;
    let key = headers::idempotency_key(&head.headers)?;
    if !body::read(content).await?.is_empty() {
        return Err(Refusal::new(Kind::Invalid, "This request has no body"));
    }
    let row = api.issuer.revoke(place, id, etag, key).await?;
    let operation =
        row.operation.as_ref().ok_or_else(|| Refusal::new(Kind::Fault, "A fault of the issuer"))?;
    let told = RevokeOperation::of(&row, operation, api.issuer.url_of(&row));
    Ok((StatusCode::ACCEPTED, Json(told)).into_response())
}
