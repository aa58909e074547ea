//! What outlives a run: the last result, to which a sweep adds what it came to, and whose custody a run that
//! finds nothing left to do takes over. A result that cannot be read is none.

use super::events::Event;
use super::record::{Level, Record, Words};
use super::status::{RESULT, SCHEMA, STATUS, Status};
use crate::host::root::Root;
use crate::host::{clock, files, state};
use crate::outward;
use crate::reason::{Exit, Reason};
use crate::wipe::Custody;
use serde::Deserialize;
use serde_json::{Value, json};

const RESULT_LIMIT: u64 = 4 * 1024 * 1024;

/// Tells the journal what a sweep came to that is no part of a run, and adds it to the last run's result.
pub fn custody(root: &Root, custody: &Custody) {
    if custody.is_empty() {
        return;
    }
    let record = Record::begin(clock::unix());
    let level = if custody.left.is_empty() { Level::Info } else { Level::Warn };
    record.tell(&Words { level, id: Event::Custody.message_id(), ..Words::default() }, &custody.summary());
    let path = root.at(RESULT);
    let amended = last(root).and_then(|mut result| {
        let sweep = result.get_mut("sweep")?;
        let mut sum = serde_json::from_value::<Custody>(sweep.take()).unwrap_or_default();
        sum.merge(custody.clone());
        *sweep = serde_json::to_value(sum).ok()?;
        if let Some(of_the_run) = result.get_mut("custody")
            && let Ok(mut known) = serde_json::from_value::<Custody>(of_the_run.take())
        {
            custody.trimmed.iter().for_each(|mount| known.trimmed(mount));
            *of_the_run = serde_json::to_value(known).ok()?;
        }
        serde_json::to_vec_pretty(&result).ok()
    });
    if let Some(text) = amended
        && let Err(error) = state::write(root, RESULT, &text, 0o644)
    {
        tracing::warn!(target: "worker_bootstrap", "writing {}: {error}", path.display());
    }
}

/// Tells the journal what undoing a run came to, and that no run stands here any more: in the status, in the
/// result, and by taking away the key for its reports. Who it was about and what became of the copies of the
/// token is not forgotten.
pub fn reset(root: &Root, message: &str, failed: Option<Reason>) {
    outward::forget(root);
    let now = clock::unix();
    let level = if failed.is_some() { Level::Warn } else { Level::Info };
    let reason = failed.map(Reason::code);
    let words = Words { level, id: Event::Reset.message_id(), reason, ..Words::default() };
    Record::begin(now).tell(&words, message);
    let mut result = last(root).filter(Value::is_object).unwrap_or_else(|| json!({"schema": SCHEMA}));
    for (key, value) in [
        ("state", json!(if failed.is_some() { "failed" } else { "reset" })),
        ("reason", reason.into()),
        ("exitCode", failed.map_or(Exit::Joined, Reason::exit).number().into()),
        ("message", message.into()),
        ("next", failed.map(|reason| reason.entry().next).into()),
        ("waiting", Value::Null),
        ("pid", std::process::id().into()),
        ("updatedAt", now.into()),
    ] {
        result[key] = value;
    }
    let text = serde_json::to_vec_pretty(&result).unwrap_or_default();
    for path in [STATUS, RESULT] {
        if let Err(error) = state::write(root, path, &text, 0o644) {
            tracing::warn!(target: "worker_bootstrap", "writing {path}: {error}");
        }
    }
}

fn last(root: &Root) -> Option<Value> {
    serde_json::from_str(&files::read_text(&root.at(RESULT), RESULT_LIMIT).ok()?).ok()
}

/// Of the last result, what outlives a run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Past {
    token_id: Option<String>,
    custody: Option<Custody>,
    sweep: Option<Custody>,
}

fn past(root: &Root) -> Option<Past> {
    serde_json::from_str(&files::read_text(&root.at(RESULT), RESULT_LIMIT).ok()?).ok()
}

/// The file systems that the last run, or a sweep after it, would have had trimmed.
pub fn to_trim(root: &Root) -> Vec<String> {
    let of = |custody: Option<Custody>| {
        custody.unwrap_or_default().to_trim().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    past(root).map(|past| [of(past.custody), of(past.sweep)].concat()).unwrap_or_default()
}

/// What became of the copies is known to the run that erased them; one that finds nothing left to do for
/// the same token does not forget it.
pub(super) fn with_the_past(root: &Root, status: &Status) -> Status {
    let mut status = status.clone();
    let past = past(root).filter(|past| past.token_id == status.about.token_id);
    if let Some(past) = past.filter(|past| past.token_id.is_some()) {
        if let Some(mut custody) = past.custody {
            custody.merge(status.custody.take().unwrap_or_default());
            status.custody = Some(custody);
        }
        status.sweep = status.sweep.or(past.sweep);
    }
    status
}
