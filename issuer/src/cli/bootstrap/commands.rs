//! What each of the commands asks for, and what it prints of the answer.

use super::super::{Failure, out};
use super::{Create, List, One, Part, Revoke};
use crate::client::{Client, ClientError};
use crate::random;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// The largest page that the API gives.
const PAGE: usize = 100;
/// How often a revocation follows a bootstrap that changes under it.
const FOLLOW: u32 = 5;
/// Between two looks at a revocation under way.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn create(arguments: Create) -> Result<(), Failure> {
    let client = arguments.api.client()?;
    let key = arguments.idempotency_key.unwrap_or_else(random::hex16);
    let made = client.create(&arguments.api.cluster, arguments.ttl, &key).await;
    let made = made.map_err(|error| match error {
        // Whether it was issued is not known; the same key finds out, and issues nothing twice.
        ClientError::Unanswered { .. } => {
            format!("{}; next: again with --idempotency-key {key}", crate::log::chain(&error)).into()
        }
        error => Failure::from(error),
    })?;
    let part = |name: &str| made[name].as_str().map(|text| format!("{}\n", text.trim_end_matches('\n')));
    let missing = |name: &str| -> Failure {
        format!(
            "the answer has no {name}: the bootstrap {} is used, or was issued before",
            out::text(&made, "id")
        )
        .into()
    };
    let file = arguments.output.as_deref();
    let (public, secret) = match arguments.only {
        _ if arguments.api.json => (None, out::json(&made)),
        Some(Part::Command) => (None, part("command").ok_or_else(|| missing("command"))?),
        Some(Part::CloudInit) => (None, part("cloud_init").ok_or_else(|| missing("cloud_init"))?),
        Some(Part::Token) => (None, part("token").ok_or_else(|| missing("token"))?),
        None => (Some(shown(&made)), part("command").ok_or_else(|| missing("command"))?),
    };
    if let Some(public) = public {
        out::print(&public)?;
        if file.is_none() {
            out::print("\nOn the machine, as root:\n\n")?;
        }
    }
    out::deliver(&secret, file)
}

pub(super) async fn list(arguments: List) -> Result<(), Failure> {
    let client = arguments.api.client()?;
    let mut left = arguments.limit.unwrap_or(usize::MAX);
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    while left > 0 {
        let limit = u32::try_from(left.min(PAGE)).unwrap_or(1);
        let mut page = client.page(&arguments.api.cluster, limit, cursor.as_deref()).await?;
        let Value::Array(rows) = page["data"].take() else { break };
        left = left.saturating_sub(rows.len());
        all.extend(rows);
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() || page["has_more"] == json!(false) {
            break;
        }
    }
    if arguments.api.json {
        out::print(&out::json(&json!({ "data": all })))?;
        return Ok(());
    }
    let row = |one: &Value| {
        let (created, expires) = (out::time(one, "created_at"), out::time(one, "expires_at"));
        let status = match one["reconciling"].as_bool() {
            Some(true) => format!("{}, under way", out::text(one, "status")),
            _ => out::text(one, "status"),
        };
        vec![out::text(one, "id"), status, created, expires, out::text(one, "etag")]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    out::print(&out::table(&["ID", "STATUS", "CREATED", "EXPIRES", "ETAG"], &rows))?;
    Ok(())
}

pub(super) async fn get(arguments: One) -> Result<(), Failure> {
    let one = arguments.api.client()?.get(&arguments.api.cluster, &arguments.id).await?;
    out::print(&if arguments.api.json { out::json(&one) } else { shown(&one) })?;
    Ok(())
}

pub(super) async fn events(arguments: One) -> Result<(), Failure> {
    let events = arguments.api.client()?.events(&arguments.api.cluster, &arguments.id).await?;
    if arguments.api.json {
        out::print(&out::json(&json!(events)))?;
        return Ok(());
    }
    let rows: Vec<Vec<String>> = events.iter().map(event).collect();
    out::print(&out::table(&["TIME", "WHO", "WHAT", "DETAIL"], &rows))?;
    Ok(())
}

pub(super) async fn revoke(arguments: Revoke) -> Result<(), Failure> {
    let (api, id) = (&arguments.one.api, arguments.one.id.as_str());
    let client = api.client()?;
    let operation = match &arguments.etag {
        Some(etag) => client.revoke(&api.cluster, id, etag).await?,
        None => revoke_as_it_is(&client, &api.cluster, id).await?,
    };
    if let Some(wait) = arguments.wait {
        let until = Instant::now() + Duration::from_secs(wait);
        loop {
            let one = client.get(&api.cluster, id).await?;
            if one["reconciling"] != json!(true) {
                out::print(&if api.json { out::json(&one) } else { shown(&one) })?;
                // Asked for again a revocation tells how it ended; not every server of the API need do so.
                if let Ok(ended) = revoke_as_it_is(&client, &api.cluster, id).await
                    && let Some(note) = ended.pointer("/response/note").and_then(Value::as_str)
                    && !api.json
                {
                    out::print(&format!("{note}\n"))?;
                }
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(format!(
                    "{id} is revoked, but its cluster has not been reached within {wait} s: until then the \
                     token may work"
                )
                .into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    let text = out::pairs(&[
        ("id", id.to_owned()),
        ("operation", out::text(&operation, "id")),
        ("state", out::text(&operation, "state")),
        ("started", out::time(&operation, "started_at")),
    ]);
    out::print(&if api.json { out::json(&operation) } else { text })?;
    Ok(())
}

/// Revokes it whatever happens to it meanwhile.
async fn revoke_as_it_is(client: &Client, cluster: &str, id: &str) -> Result<Value, Failure> {
    let now = client.get(cluster, id).await?;
    let mut etag = now["etag"].as_str().ok_or("the bootstrap has no etag")?.to_owned();
    let mut follow = FOLLOW;
    loop {
        match client.revoke(cluster, id, &etag).await {
            Err(ClientError::Refused { refused, .. }) if follow > 0 && refused.current_etag().is_some() => {
                refused.current_etag().unwrap_or_default().clone_into(&mut etag);
                follow -= 1;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// A bootstrap without what is secret of it.
fn shown(one: &Value) -> String {
    let mut pairs = vec![
        ("id", out::text(one, "id")),
        ("cluster", out::text(one, "cluster_id")),
        ("status", out::text(one, "status")),
        ("created", out::time(one, "created_at")),
        ("updated", out::time(one, "updated_at")),
        ("expires", out::time(one, "expires_at")),
        ("etag", out::text(one, "etag")),
    ];
    if one["reconciling"] == json!(true) {
        let operation = &one["active_operation"];
        pairs.push(("under way", format!("{} {}", out::text(operation, "type"), out::text(operation, "id"))));
    }
    out::pairs(&pairs)
}

/// One event: its time, its kind, and the rest of its fields.
fn event(one: &Value) -> Vec<String> {
    // What is for programs alone is in the JSON.
    let beside = ["reason", "next", "step", "node"];
    let beside = beside.into_iter().filter(|name| one[*name].as_str().is_some_and(|text| !text.is_empty()));
    let beside = beside.map(|name| format!("{name}: {}", out::text(one, name)));
    let detail: Vec<String> = std::iter::once(out::text(one, "message")).chain(beside).collect();
    vec![out::time(one, "at"), out::text(one, "source"), out::text(one, "type"), detail.join("; ")]
}
