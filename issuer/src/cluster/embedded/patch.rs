//! Patches: RFC 7386, and as much of Kubernetes' strategic merge as kubelets use on Nodes.

use super::body::Patch;
use serde_json::Value;

/// The lists of a Node that are merged by a key; others are replaced whole.
const KEYS: [(&str, &str); 3] = [("conditions", "type"), ("addresses", "type"), ("taints", "key")];

/// `target` with `patch` applied.
pub fn apply(form: Patch, target: &Value, patch: &Value) -> Value {
    let mut result = target.clone();
    merge(form, &mut result, patch);
    result
}

fn merge(form: Patch, target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (key, value) in patch {
        // Directives about order and retention have nothing to act on here.
        if form == Patch::Strategic && key.starts_with('$') {
            continue;
        }
        if value.is_null() {
            if let Some(map) = target.as_object_mut() {
                map.remove(key);
            }
            continue;
        }
        let merge_key =
            KEYS.iter().find(|(list, _)| form == Patch::Strategic && list == key).map(|(_, by)| *by);
        match (merge_key, value.as_array()) {
            (Some(by), Some(elements)) => merge_list(form, &mut target[key.as_str()], elements, by),
            _ => merge(form, &mut target[key.as_str()], value),
        }
    }
}

fn merge_list(form: Patch, target: &mut Value, elements: &[Value], by: &str) {
    let mut list = target.as_array().cloned().unwrap_or_default();
    for element in elements {
        let at = list.iter().position(|one| one[by] == element[by]);
        match (at, element["$patch"] == "delete") {
            (Some(at), true) => {
                list.remove(at);
            }
            (None, true) => {}
            (Some(at), false) => merge(form, &mut list[at], element),
            (None, false) => list.push(element.clone()),
        }
    }
    *target = Value::Array(list);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strategic_merges_conditions_and_merge_replaces_them() {
        let node = json!({"a": 1, "status": {"conditions": [{"type": "Ready", "status": "False", "x": 1}]}});
        let patch = json!({"a": null, "status": {"$setElementOrder/conditions": [], "conditions": [
            {"type": "Ready", "status": "True"}, {"type": "New", "status": "True"}]}});
        let strategic = json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "x": 1}, {"type": "New", "status": "True"}]}});
        assert_eq!(apply(Patch::Strategic, &node, &patch), strategic);
        let merged = apply(Patch::Merge, &node, &json!({"status": {"conditions": []}}));
        assert_eq!(merged, json!({"a": 1, "status": {"conditions": []}}));
    }
}
