//! Secrets and ConfigMaps: maps of text, checked as the real server checks them.

use super::resource::Resource;
use super::status::{FieldFault, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Judges and completes a new object, or the wanted form of an old one.
pub fn admit(resource: Resource, object: &mut Value) -> Result<(), Status> {
    let kind = resource.kind();
    let undecodable = |why: String| {
        Status::bad_request(format!("{kind} in version \"v1\" cannot be handled as a {kind}: {why}"))
    };
    for (field, encoded) in
        [("data", resource == Resource::Secret), ("binaryData", true), ("stringData", false)]
    {
        let Some(map) = object.get(field).filter(|value| !value.is_null()) else { continue };
        let map = map
            .as_object()
            .ok_or_else(|| undecodable(format!("json: cannot unmarshal {field} into a map")))?;
        for value in map.values() {
            let text = value.as_str().ok_or_else(|| {
                undecodable(format!("json: cannot unmarshal a value of {field} into a string"))
            })?;
            if encoded && STANDARD.decode(text).is_err() {
                return Err(undecodable("illegal base64 data".to_owned()));
            }
        }
    }
    if let Some(fault) = bad_key(object) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        return Err(Status::invalid(resource.about_kind(&name), &[fault]));
    }
    if resource == Resource::Secret {
        complete_secret(object);
    }
    Ok(())
}

fn bad_key(object: &Value) -> Option<FieldFault> {
    let fine = |key: &str| {
        !key.is_empty()
            && key.len() <= 253
            && !matches!(key, "." | "..")
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
               'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let key = object["data"].as_object()?.keys().find(|key| !fine(key))?;
    Some(FieldFault::invalid(&format!("data[{key}]"), &format!("{key:?}"), why))
}

fn complete_secret(object: &mut Value) {
    if let Some(Value::Object(plain)) = object.as_object_mut().and_then(|map| map.remove("stringData")) {
        if !object["data"].is_object() {
            object["data"] = json!({});
        }
        for (key, value) in plain {
            object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap_or_default()));
        }
    }
    if object.get("type").and_then(Value::as_str).is_none_or(str::is_empty) {
        object["type"] = json!("Opaque");
    }
}

/// What of a Secret cannot be changed once it is there.
pub fn keep_type(before: &Value, after: &Value) -> Result<(), Status> {
    if before["type"] == after["type"] {
        return Ok(());
    }
    let name = before["metadata"]["name"].as_str().unwrap_or_default();
    let fault = FieldFault::invalid("type", &after["type"].to_string(), "field is immutable");
    Err(Status::invalid(Resource::Secret.about_kind(name), &[fault]))
}
