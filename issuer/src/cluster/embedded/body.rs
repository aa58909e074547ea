//! Bodies: in which form they are read and written, and how a JSON text becomes an object of the
//! expected kind or an error in the API server's words.

use super::resource::Resource;
use super::status::Status;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

/// The largest body that is read, as etcd-backed servers have it.
pub const LARGEST: usize = 3 * 1024 * 1024;

const JSON: &str = "application/json";

/// The media type of a body, without its parameters; `None` when the client does not say.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!media.is_empty()).then_some(media)
}

/// Requires a JSON body. A client that names no type means JSON.
pub fn require_json(headers: &HeaderMap) -> Result<(), Status> {
    match media_type(headers).as_deref() {
        None | Some(JSON) => Ok(()),
        Some(_) => Err(Status::unsupported_media_type(&[JSON])),
    }
}

/// The two forms of patches that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patch {
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, which merges lists by a key.
    Strategic,
}

/// Which form a patch has.
pub fn patch_form(headers: &HeaderMap) -> Result<Patch, Status> {
    const MERGE: &str = "application/merge-patch+json";
    const STRATEGIC: &str = "application/strategic-merge-patch+json";
    match media_type(headers).as_deref() {
        Some(MERGE) => Ok(Patch::Merge),
        Some(STRATEGIC) => Ok(Patch::Strategic),
        _ => Err(Status::unsupported_patch()),
    }
}

/// How much of an object a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All of it.
    Whole,
    /// Its metadata alone, as a `PartialObjectMetadata` of meta.k8s.io/v1.
    Metadata,
}

/// What the client takes: JSON, of whole objects or of their metadata.
pub fn shape(headers: &HeaderMap) -> Result<Shape, Status> {
    let Some(accept) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(Shape::Whole);
    };
    if accept.is_empty() {
        return Ok(Shape::Whole);
    }
    let clause = |clause: &str| {
        let mut parts = clause.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        if !matches!(media, JSON | "application/*" | "*/*") {
            return None;
        }
        match parts.find_map(|part| part.strip_prefix("as=")) {
            None => Some(Shape::Whole),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Shape::Metadata),
            // `Table` is another object than there is.
            Some(_) => None,
        }
    };
    accept.split(',').find_map(clause).ok_or_else(Status::not_acceptable)
}

impl Shape {
    /// The object as it is wanted.
    pub fn of(self, object: &Value) -> Value {
        match self {
            Shape::Whole => object.clone(),
            Shape::Metadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            }),
        }
    }
}

/// The start of a body, as error messages show it.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let head = &body[..body.len().min(SHOWN)];
    let dots = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{dots}", String::from_utf8_lossy(head)),
        Some(_) => format!("{}{dots}", head.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// What is wrong with a JSON text; the most common fault in the API server's words.
pub fn json_error(error: &serde_json::Error) -> String {
    if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() }
}

/// Reads an object of this type. `kind` and `apiVersion` may be absent, and must be right where they are there.
pub fn object(resource: Resource, body: &[u8]) -> Result<Value, Status> {
    let kind = resource.kind();
    let unrecognized = |why: &str| {
        let summary = summary(body);
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {why} ({summary})"
        ))
    };
    let mut object: Value = serde_json::from_slice(body).map_err(|error| {
        unrecognized(&format!("couldn't get version/kind; json parse error: {}", json_error(&error)))
    })?;
    if !object.is_object() {
        return Err(unrecognized(
            "couldn't get version/kind; json parse error: json: cannot unmarshal into an object",
        ));
    }
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version_seen, kind_seen) = (text("apiVersion"), text("kind"));
    let group_of = |text: &str| text.rsplit_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default();
    let other_group = !version_seen.is_empty() && group_of(&version_seen) != group_of(resource.api_version());
    if (!kind_seen.is_empty() && kind_seen != kind) || other_group {
        let registered = if version_seen.is_empty() { resource.api_version() } else { version_seen.as_str() };
        let version = registered.rsplit('/').next().unwrap_or_default();
        let kind_seen = if kind_seen.is_empty() { kind } else { kind_seen.as_str() };
        let message = format!(
            "{kind_seen} in version {version:?} cannot be handled as a {kind}: no kind {kind_seen:?} is registered \
             for version {registered:?}"
        );
        return Err(Status::bad_request(message));
    }
    if !version_seen.is_empty() && version_seen != resource.api_version() {
        let message = format!(
            "the API version in the data ({version_seen}) does not match the expected API version ({})",
            resource.api_version()
        );
        return Err(Status::bad_request(message));
    }
    object["kind"] = json!(kind);
    object["apiVersion"] = json!(resource.api_version());
    well_formed(resource, &mut object)?;
    Ok(object)
}

/// The parts whose form everything else relies on.
pub fn well_formed(resource: Resource, object: &mut Value) -> Result<(), Status> {
    let kind = resource.kind();
    let wrong = |field: &str, wanted: &str| {
        Status::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: json: cannot unmarshal into Go struct field \
             {kind}.{field} of type {wanted}"
        ))
    };
    for part in ["metadata", "spec", "status"] {
        match object.get(part) {
            None | Some(Value::Null) if part == "metadata" => object[part] = json!({}),
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => return Err(wrong(part, "struct")),
        }
    }
    for part in ["name", "namespace", "generateName", "resourceVersion", "uid"] {
        if object["metadata"].get(part).is_some_and(|value| !value.is_string() && !value.is_null()) {
            return Err(wrong(&format!("metadata.{part}"), "string"));
        }
    }
    for part in ["labels", "annotations"] {
        let Some(value) = object["metadata"].get(part).filter(|value| !value.is_null()) else { continue };
        if !value.as_object().is_some_and(|map| map.values().all(Value::is_string)) {
            return Err(wrong(&format!("metadata.{part}"), "map[string]string"));
        }
    }
    Ok(())
}
