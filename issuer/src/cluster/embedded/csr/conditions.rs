//! The conditions of a certificate request: Approved, Denied, Failed. What has been said once cannot
//! be taken back, and nothing is both approved and denied.

use super::super::status::FieldFault;
use serde_json::{Value, json};

const FINAL: [&str; 3] = ["Approved", "Denied", "Failed"];

/// A condition with status True.
pub fn condition(kind: &str, reason: &str, message: &str, at: &str) -> Value {
    json!({
        "type": kind, "status": "True", "reason": reason, "message": message,
        "lastUpdateTime": at, "lastTransitionTime": at,
    })
}

fn list(object: &Value) -> &[Value] {
    object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether the request has this condition.
pub fn has(object: &Value, kind: &str) -> bool {
    list(object).iter().any(|one| one["type"] == kind)
}

/// The request with one more condition.
pub fn with(object: &Value, condition: Value) -> Value {
    let mut after = object.clone();
    let mut conditions = list(object).to_vec();
    conditions.push(condition);
    after["status"]["conditions"] = json!(conditions);
    after
}

fn text<'a>(condition: &'a Value, key: &str) -> &'a str {
    condition.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The conditions after a write to `part`, or `None` when there are none; the faults when the write
/// is not acceptable.
pub fn replaced(
    part: &str,
    before: &Value,
    wanted: &Value,
    now: &str,
) -> Result<Option<Value>, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut wanted = list(wanted).to_vec();
    let held = list(before);
    for (at, condition) in wanted.iter_mut().enumerate() {
        let field = |name: &str| format!("status.conditions[{at}].{name}");
        let kind = text(condition, "type").to_owned();
        if kind.is_empty() {
            faults.push(FieldFault::required(&field("type"), ""));
        }
        match text(condition, "status") {
            "" => faults.push(FieldFault::required(&field("status"), "")),
            "True" => {}
            other if FINAL.contains(&kind.as_str()) => {
                faults.push(FieldFault::unsupported(&field("status"), other, &["True"]));
            }
            "False" | "Unknown" => {}
            other => {
                faults.push(FieldFault::unsupported(&field("status"), other, &["False", "True", "Unknown"]))
            }
        }
        stamp(condition, held, now);
    }
    for kind in FINAL {
        let count = |conditions: &[Value]| conditions.iter().filter(|one| one["type"] == kind).count();
        if count(held) > count(&wanted) {
            let why = format!("updates may not remove a condition of type {kind:?}");
            faults.push(FieldFault::forbidden("status.conditions", &why));
        }
        let here = matches!((part, kind), ("approval", "Approved" | "Denied") | ("status", "Failed"));
        if count(&wanted) > count(held) && !here {
            let why = format!("updates may not add a condition of type {kind:?}");
            faults.push(FieldFault::forbidden("status.conditions", &why));
        }
    }
    if wanted.iter().any(|one| one["type"] == "Approved")
        && let Some(at) = wanted.iter().position(|one| one["type"] == "Denied")
    {
        let why = "Approved and Denied conditions are mutually exclusive";
        faults.push(FieldFault::invalid(&format!("status.conditions[{at}].type"), "\"Denied\"", why));
    }
    match faults.is_empty() {
        true => Ok((!wanted.is_empty()).then(|| json!(wanted))),
        false => Err(faults),
    }
}

/// The times the server fills in.
fn stamp(condition: &mut Value, held: &[Value], now: &str) {
    if !condition.is_object() {
        return;
    }
    if condition.get("lastUpdateTime").is_none_or(Value::is_null) {
        condition["lastUpdateTime"] = json!(now);
    }
    if condition.get("lastTransitionTime").is_none_or(Value::is_null) {
        let same =
            held.iter().find(|one| one["type"] == condition["type"] && one["status"] == condition["status"]);
        let at = same.map_or_else(|| json!(now), |one| one["lastTransitionTime"].clone());
        condition["lastTransitionTime"] = at;
    }
}
