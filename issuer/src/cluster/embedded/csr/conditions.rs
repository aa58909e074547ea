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
    faults.extend(contradictions(&wanted));
    faults.extend(retractions(part, held, &wanted));
    match faults.is_empty() {
        true => Ok((!wanted.is_empty()).then(|| json!(wanted))),
        false => Err(faults),
    }
}

/// A condition twice, or both yes and no.
fn contradictions(wanted: &[Value]) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    for (at, condition) in wanted.iter().enumerate() {
        let field = format!("status.conditions[{at}].type");
        let kind = text(condition, "type");
        let before = |kind: &str| wanted[..at].iter().any(|one| one["type"] == kind);
        if (kind == "Approved" && before("Denied")) || (kind == "Denied" && before("Approved")) {
            let why = "Approved and Denied conditions are mutually exclusive";
            faults.push(FieldFault::invalid(&field, &format!("{kind:?}"), why));
        }
        if !kind.is_empty() && before(kind) {
            faults.push(FieldFault::duplicate(&field, kind));
        }
    }
    faults
}

/// What may not be taken back, and what may be said only through `/approval`.
fn retractions(part: &str, held: &[Value], wanted: &[Value]) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    let of = |list: &[Value], kind: &str| -> Vec<Value> {
        list.iter().filter(|one| one["type"] == kind).cloned().collect()
    };
    let mut forbid = |verb: &str, kind: &str| {
        let why = format!("updates may not {verb} a condition of type {kind:?}");
        faults.push(FieldFault::forbidden("status.conditions", &why));
    };
    for kind in FINAL {
        let (old, new) = (of(held, kind), of(wanted, kind));
        let approval = kind != "Failed" && part != "approval";
        match new.len().cmp(&old.len()) {
            std::cmp::Ordering::Less => forbid("remove", kind),
            std::cmp::Ordering::Greater if approval => forbid("add", kind),
            std::cmp::Ordering::Equal if approval && old != new => forbid("modify", kind),
            _ => {}
        }
    }
    faults
}

/// The times the server fills in, and the empty texts it leaves out.
fn stamp(condition: &mut Value, held: &[Value], now: &str) {
    if !condition.is_object() {
        return;
    }
    if let Some(map) = condition.as_object_mut() {
        map.retain(|key, value| !(matches!(key.as_str(), "reason" | "message") && value == ""));
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
