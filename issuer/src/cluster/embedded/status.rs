//! The errors of a Kubernetes API server: one `Status` object each, worded as the real one does,
//! because clients match on these words.

use serde_json::{Value, json};
use std::borrow::Cow;

/// An answer that is not the object that was asked for.
#[derive(Debug, Clone)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

/// What an error is about: API group (empty for core), plural or kind, and name.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// API group, empty for core.
    pub group: &'a str,
    /// Plural resource name, or the kind where the real server names the kind.
    pub kind: &'a str,
    /// Object name, empty for a collection.
    pub name: &'a str,
}

impl About<'_> {
    fn qualified(&self) -> Cow<'_, str> {
        match self.group {
            "" => Cow::Borrowed(self.kind),
            group => Cow::Owned(format!("{}.{group}", self.kind)),
        }
    }

    fn details(&self) -> Value {
        let mut details = serde_json::Map::new();
        for (key, value) in [("name", self.name), ("group", self.group), ("kind", self.kind)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), json!(value));
            }
        }
        Value::Object(details)
    }
}

/// One fault of one field, in the vocabulary of the API server's field validation.
#[derive(Debug, Clone)]
pub struct FieldFault {
    field: String,
    reason: &'static str,
    text: String,
}

impl FieldFault {
    fn new(field: &str, reason: &'static str, what: &str, tail: &str) -> FieldFault {
        let text = if tail.is_empty() { what.to_owned() } else { format!("{what}: {tail}") };
        FieldFault { field: field.to_owned(), reason, text }
    }

    /// The field is missing.
    pub fn required(field: &str, detail: &str) -> FieldFault {
        FieldFault::new(field, "FieldValueRequired", "Required value", detail)
    }

    /// The field's value is not acceptable. `shown` is the value as Go prints it.
    pub fn invalid(field: &str, shown: &str, detail: &str) -> FieldFault {
        FieldFault::new(field, "FieldValueInvalid", "Invalid value", &format!("{shown}: {detail}"))
    }

    /// The value is none of a closed set.
    pub fn unsupported(field: &str, value: &str, supported: &[&str]) -> FieldFault {
        let list: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let tail = format!("{value:?}: supported values: {}", list.join(", "));
        FieldFault::new(field, "FieldValueNotSupported", "Unsupported value", &tail)
    }

    /// The value stands twice in a list.
    pub fn duplicate(field: &str, value: &str) -> FieldFault {
        FieldFault::new(field, "FieldValueDuplicate", "Duplicate value", &format!("{value:?}"))
    }

    /// The field may not be what it is, here or by this user.
    pub fn forbidden(field: &str, detail: &str) -> FieldFault {
        FieldFault::new(field, "FieldValueForbidden", "Forbidden", detail)
    }

    fn line(&self) -> String {
        format!("{}: {}", self.field, self.text)
    }
}

impl Status {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Status {
        Status { code, reason, message: message.into(), details: None }
    }

    fn about(mut self, about: About<'_>) -> Status {
        self.details = Some(about.details());
        self
    }

    /// 401: credentials that are not good, all of them alike.
    pub fn unauthorized() -> Status {
        Status::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403 by the authorizer. `denial` is its sentence, HTML-escaped as the real server does.
    pub fn forbidden(about: About<'_>, denial: &str) -> Status {
        let message = match (about.kind, about.name) {
            ("", _) => format!("forbidden: {denial}"),
            (_, "") => format!("{} is forbidden: {denial}", about.qualified()),
            (_, name) => format!("{} {name:?} is forbidden: {denial}", about.qualified()),
        };
        Status::new(403, "Forbidden", message).about(about)
    }

    /// 404 for an object.
    pub fn not_found(about: About<'_>) -> Status {
        Status::new(404, "NotFound", format!("{} {:?} not found", about.qualified(), about.name)).about(about)
    }

    /// 404 for a resource this server does not serve.
    pub fn no_such_resource() -> Status {
        let mut status = Status::new(404, "NotFound", "the server could not find the requested resource");
        status.details = Some(json!({}));
        status
    }

    /// 405.
    pub fn method_not_allowed() -> Status {
        let message = "the server does not allow this method on the requested resource";
        let mut status = Status::new(405, "MethodNotAllowed", message);
        status.details = Some(json!({}));
        status
    }

    /// 406: the client wants a form that is not served.
    pub fn not_acceptable() -> Status {
        let mut status = Status::new(406, "NotAcceptable", "406: Not Acceptable");
        status.details = Some(json!({}));
        status
    }

    /// 409 on create.
    pub fn already_exists(about: About<'_>) -> Status {
        Status::new(409, "AlreadyExists", format!("{} {:?} already exists", about.qualified(), about.name))
            .about(about)
    }

    /// 409 on a write that was based on an older version.
    pub fn conflict(about: About<'_>) -> Status {
        let message = format!(
            "Operation cannot be fulfilled on {} {:?}: the object has been modified; please apply your changes \
             to the latest version and try again",
            about.qualified(),
            about.name
        );
        Status::new(409, "Conflict", message).about(about)
    }

    /// 409 on a write that was meant for another object of this name.
    pub fn other_object(about: About<'_>, key: &str, wanted: &str, actual: &str) -> Status {
        let message = format!(
            "Operation cannot be fulfilled on {} {:?}: StorageError: invalid object, Code: 4, Key: {key}, \
             ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in \
             object meta: {actual}",
            about.qualified(),
            about.name
        );
        Status::new(409, "Conflict", message).about(about)
    }

    /// 409 on a delete whose precondition does not hold; `about.kind` is the kind here.
    pub fn precondition(about: About<'_>, what: &str, wanted: &str, actual: &str) -> Status {
        let message = format!(
            "Operation cannot be fulfilled on {} {:?}: the {what} in the precondition ({wanted}) does not match the \
             {what} in record ({actual}). The object might have been deleted and then recreated",
            about.qualified(),
            about.name
        );
        Status::new(409, "Conflict", message).about(about)
    }

    /// 413.
    pub fn too_large(limit: usize) -> Status {
        let message = format!("Request entity too large: limit is {limit}");
        Status::new(413, "RequestEntityTooLarge", message)
    }

    /// 415: a body in a form that is not read here.
    pub fn unsupported_media_type(accepted: &[&str]) -> Status {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Status::new(415, "UnsupportedMediaType", message)
    }

    /// 415 for a patch of a kind that is not served.
    pub fn unsupported_patch() -> Status {
        let mut status = Status::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
        status.details = Some(json!({}));
        status
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Status {
        Status::new(400, "BadRequest", message)
    }

    /// 500 without a reason: what the real server answers to errors it has no class for.
    pub fn unclassified(what: impl Into<String>) -> Status {
        Status::new(500, "", what)
    }

    /// 422 with its field causes. `about.kind` is the kind here, as the real server names it.
    pub fn invalid(about: About<'_>, faults: &[FieldFault]) -> Status {
        let lines: Vec<String> = faults.iter().map(FieldFault::line).collect();
        let list = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let causes: Vec<Value> = faults
            .iter()
            .map(|fault| json!({"reason": fault.reason, "message": fault.text, "field": fault.field}))
            .collect();
        let message = format!("{} {:?} is invalid: {list}", about.qualified(), about.name);
        let mut status = Status::new(422, "Invalid", message).about(about);
        if let Some(details) = status.details.as_mut() {
            details["causes"] = json!(causes);
        }
        status
    }

    /// 410: the events after this version are no longer known.
    pub fn expired(asked: u64, oldest: u64) -> Status {
        Status::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// 504: a version that has not been reached.
    pub fn version_too_large(asked: u64, current: u64) -> Status {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let mut status = Status::new(504, "Timeout", format!("Timeout: {message}"));
        status.details = Some(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }));
        status
    }

    /// The object on the wire.
    pub fn object(&self) -> Value {
        let mut object = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if self.reason.is_empty()
            && let Some(map) = object.as_object_mut()
        {
            map.remove("reason");
        }
        if let Some(details) = &self.details {
            object["details"] = details.clone();
        }
        object
    }
}

/// The answer to a successful delete.
pub fn deleted(about: About<'_>, uid: &str) -> Value {
    let mut details = about.details();
    details["uid"] = json!(uid);
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
