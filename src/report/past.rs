//! What outlives a run: the last result, to which a sweep adds what it came to, and whose custody a run that
//! finds nothing left to do takes over. A result that cannot be read is none.

use super::events::Event;
use super::record::{Level, Record, Words};
use super::status::{RESULT, Status};
use crate::host::root::Root;
use crate::host::{clock, files};
use crate::wipe::Custody;
use serde::Deserialize;

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
    let amended = files::read_text(&path, RESULT_LIMIT).ok().and_then(|text| {
        let mut result: serde_json::Value = serde_json::from_str(&text).ok()?;
        *result.get_mut("sweep")? = serde_json::to_value(custody).ok()?;
        serde_json::to_vec_pretty(&result).ok()
    });
    if let Some(text) = amended
        && let Err(error) = files::write(&path, &text, 0o644)
    {
        tracing::warn!(target: "worker_bootstrap", "writing {}: {error}", path.display());
    }
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
