//! `status`: the run under way, or the last one.

use super::out;
use crate::failure::Failure;
use crate::host::files;
use crate::host::root::Root;
use crate::reason::Reason;
use crate::report::status::{RESULT, STATUS};
use serde_json::Value;

const LIMIT: u64 = 1024 * 1024;

pub(super) fn status(root: &Root, json: bool) -> Result<(), Failure> {
    // The status of a run does not survive a reboot; its result does.
    let (path, text) = [STATUS, RESULT]
        .iter()
        .find_map(|path| files::read_text(&root.at(path), LIMIT).ok().map(|text| (root.at(path), text)))
        .ok_or_else(|| {
            Failure::new(
                Reason::NoRun,
                format!("no run is known on this machine: neither {STATUS} nor {RESULT} can be read"),
            )
        })?;
    let status: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Reason::LocalWrite, format!("reading {}", path.display())).because(error)
    })?;
    if json {
        out::json(&status);
    } else {
        out::line(&human(&status));
    }
    Ok(())
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
    lines.join("\n")
}
