//! `status`: the run under way, or the last one, and what became of every copy of its token.

use super::out;
use crate::failure::Failure;
use crate::host::files;
use crate::host::root::Root;
use crate::reason::Reason;
use crate::report::status::{RESULT, STATUS};
use crate::wipe::Custody;
use serde_json::Value;

const LIMIT: u64 = 4 * 1024 * 1024;

pub(super) fn status(root: &Root, json: bool) -> Result<(), Failure> {
    let status = last(root)?;
    if json {
        out::json(&status);
    } else {
        out::line(&human(&status));
    }
    Ok(())
}

/// The status of a run does not survive a reboot; its result does, and a sweep adds to it.
fn last(root: &Root) -> Result<Value, Failure> {
    let (status, result) = (read(root, STATUS)?, read(root, RESULT)?);
    let ended = |status: &Value| result.as_ref().is_some_and(|it| it["startedAt"] == status["startedAt"]);
    status.filter(|status| !ended(status)).or_else(|| result.clone()).ok_or_else(|| {
        Failure::new(
            Reason::NoRun,
            format!("no run is known on this machine: neither {STATUS} nor {RESULT} can be read"),
        )
    })
}

fn read(root: &Root, path: &str) -> Result<Option<Value>, Failure> {
    let path = root.at(path);
    let Ok(text) = files::read_text(&path, LIMIT) else { return Ok(None) };
    let status = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Reason::LocalWrite, format!("reading {}", path.display())).because(error)
    })?;
    Ok(Some(status))
}

/// The run's account of the copies, and that of the sweeps after it.
fn custody(status: &Value) -> Custody {
    let part = |key: &str| serde_json::from_value(status[key].clone()).unwrap_or_default();
    let mut whole: Custody = part("custody");
    whole.merge(part("sweep"));
    whole
}

fn human(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut lines = vec![format!("state:     {}", text(&status["state"]))];
    for (label, key) in
        [("node", "nodeName"), ("bootstrap", "bootstrapId"), ("cluster", "clusterId"), ("token", "tokenId")]
    {
        if let Some(value) = status[key].as_str() {
            lines.push(format!("{:<11}{value}", format!("{label}:")));
        }
    }
    for step in status["steps"].as_array().into_iter().flatten() {
        lines.push(format!(
            "  {:<8} {:<7} {:>6} ms  {}",
            text(&step["name"]),
            text(&step["state"]),
            step["elapsedMs"],
            text(&step["outcome"])
        ));
    }
    if let Some(waiting) = status["waiting"].as_object() {
        let error = waiting["lastError"].as_str().map_or_else(String::new, |error| format!(": {error}"));
        lines.push(format!("waiting:   {} (attempt {}){error}", text(&waiting["state"]), waiting["attempt"]));
    }
    for (label, key) in [("reason", "reason"), ("message", "message"), ("next", "next")] {
        if let Some(value) = status[key].as_str() {
            lines.push(format!("{:<11}{value}", format!("{label}:")));
        }
    }
    let custody = custody(status);
    if !custody.is_empty() {
        lines.push(format!("custody:   {}", custody.count()));
        lines.extend(
            custody.rows(false).iter().map(|[what, path, more]| format!("  {what:<12} {path}  {more}")),
        );
    }
    lines.join("\n")
}
