//! What a machine tells of itself. Its key follows from the token: whoever has one can tell tales here, and
//! nothing more. An unknown bootstrap, one that ended long ago and a wrong key are one and the same answer,
//! and cost nothing that is kept.

use super::refusal::{Kind, Refusal};
use super::{Api, body, query};
use crate::clock;
use crate::names::BootstrapId;
use crate::store::events::{Event, Reported, Source};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use governor::clock::{Clock, DefaultClock};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;
use worker_bootstrap::failure::one_line;
use worker_bootstrap::outward::wire::{self, Batch, Numbered};

/// Events of one report at most.
const MOST: usize = 64;
/// Characters of a text, and of a word, at most.
const LONGEST: (usize, usize) = (2000, 64);
/// Seconds until another report of a machine that has told enough is worth it: longer than its run.
const ENOUGH: u64 = 3600;

/// `/reports/{wbs_id}`
pub async fn take(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let nobody = || Refusal::new(Kind::Unauthorized, "A valid report key is required");
    let Path(id) = path.map_err(|_| nobody())?;
    if *request.method() != Method::POST {
        return Err(Refusal::method("POST"));
    }
    let (head, content) = request.into_parts();
    let id = BootstrapId::parse(&id).ok_or_else(nobody)?;
    // Every id has a key, whether it was issued or not: nothing is looked up for a stranger.
    let key = api.issuer.report_key(&id);
    if !bool::from(key.expose().as_bytes().ct_eq(given(&head.headers).as_bytes())) {
        return Err(nobody());
    }
    if let Err(until) = api.reports.check_key(&id) {
        let wait = until.wait_time_from(DefaultClock::default().now());
        return Err(Refusal::new(Kind::TooMany, "Too many reports of this machine")
            .after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    }
    query::none(head.uri.query())?;
    let bytes = body::at_most(content, wire::LARGEST).await?;
    let now = clock::now().unix_timestamp();
    let (token_id, events) = read(&bytes, now)?;
    if token_id != api.issuer.token_id(&id).as_str() {
        return Err(Refusal::invalid("body", "tokenId", "Not the token of this bootstrap"));
    }
    match api.issuer.report(id.clone(), events, now).await? {
        Reported::Nobody => Err(nobody()),
        Reported::Enough => Err(Refusal::new(Kind::TooMany, "This machine has told enough").after(ENOUGH)),
        Reported::Kept(kept) => {
            tracing::debug!(bootstrap = %id, kept, "a machine reports");
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

/// The key that came, or nothing.
fn given(headers: &HeaderMap) -> &str {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return "" };
    value.to_str().ok().and_then(super::caller::bearer).unwrap_or_default()
}

/// The public half of the token that it names, and its events.
fn read(bytes: &[u8], now: i64) -> Result<(String, Vec<Event>), Refusal> {
    let batch: Batch = serde_json::from_slice(bytes).map_err(|error| {
        let what = format!("The body is not a report (line {}, column {})", error.line(), error.column());
        Refusal::new(Kind::Invalid, what)
    })?;
    if batch.schema != wire::SCHEMA {
        return Err(Refusal::invalid("body", "schema", format!("Expected {}", wire::SCHEMA)));
    }
    if batch.run.len() != 32 || !batch.run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::invalid("body", "run", "Expected 32 hexadecimal digits"));
    }
    if batch.events.is_empty() || batch.events.len() > MOST {
        return Err(Refusal::invalid("body", "events", format!("Expected 1 to {MOST} events")));
    }
    let events = batch.events.iter().map(|one| event(&batch, one, now)).collect();
    Ok((batch.token_id, events))
}

fn event(batch: &Batch, told: &Numbered, now: i64) -> Event {
    let Numbered { seq, at, event } = told;
    let mut details: Map<String, Value> = Map::new();
    let mut beside = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            details.insert(name.to_owned(), value);
        }
    };
    let short = |text: &Option<String>| text.as_deref().map(|text| clipped(text, LONGEST.1));
    beside("machine_time", Some(json!(at)));
    beside("run", Some(json!(batch.run)));
    beside("agent", Some(json!(clipped(&batch.agent, LONGEST.1))));
    beside("step", short(&event.step).map(Value::from));
    beside("state", short(&event.state).map(Value::from));
    beside("attempt", event.attempt.map(Value::from));
    beside("elapsed_ms", event.elapsed_ms.map(Value::from));
    beside("exit_code", event.exit_code.map(Value::from));
    beside("next", event.next.as_deref().map(|next| clipped(next, LONGEST.0).into()));
    beside("erased", event.erased.map(Value::from));
    beside("left", event.left.map(Value::from));
    let kind = serde_json::to_value(event.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    let message = clipped(&event.message, LONGEST.0);
    Event {
        once: format!("{} {seq}", batch.run),
        reason: short(&event.reason),
        node: batch.node_name.as_deref().map(|name| clipped(name, 253)),
        details: Some(Value::Object(details).to_string()),
        ..Event::new(Source::Machine, &kind.unwrap_or_default(), now, message)
    }
}

/// One line of so many characters.
fn clipped(text: &str, most: usize) -> String {
    one_line(text).chars().take(most).collect()
}
