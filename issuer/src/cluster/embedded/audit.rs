//! The audit log: one JSON line for every answered request, in the form of kube-apiserver's log
//! backend at level Metadata. No bodies, no headers but the user agent: no token can stand in it.

use super::authn::User;
use super::request::Attributes;
use super::status::Status;
use crate::clock;
use crate::files::{self, FileError};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use time::OffsetDateTime;

/// The log.
#[derive(Debug)]
pub struct Log {
    file: Mutex<File>,
}

impl Log {
    /// Opens the log for adding to it.
    pub fn open(path: &Path) -> Result<Log, FileError> {
        Ok(Log { file: Mutex::new(files::append(path)?) })
    }

    fn write(&self, event: &Value) {
        let mut line = event.to_string();
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Requests are answered whether or not their line could be written, as in the real server's
        // default mode; there is nobody to tell.
        drop(file.write_all(line.as_bytes()));
    }
}

/// What is written about one request.
#[derive(Debug)]
pub struct Record {
    event: Value,
}

impl Record {
    /// Begins the record of a request.
    pub fn begin(
        id: &str,
        asked: &Attributes,
        uri: &str,
        agent: &str,
        peer: IpAddr,
        received: OffsetDateTime,
    ) -> Record {
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id,
            "requestURI": uri, "verb": asked.verb, "user": {}, "sourceIPs": [peer.to_string()],
            "requestReceivedTimestamp": clock::micros(received),
        });
        if !agent.is_empty() {
            event["userAgent"] = json!(agent);
        }
        if asked.is_resource {
            let mut reference = serde_json::Map::new();
            for (key, value) in [
                ("resource", &asked.resource),
                ("namespace", &asked.namespace),
                ("name", &asked.name),
                ("apiGroup", &asked.group),
                ("apiVersion", &asked.version),
                ("subresource", &asked.subresource),
            ] {
                if !value.is_empty() {
                    reference.insert(key.to_owned(), json!(value));
                }
            }
            event["objectRef"] = Value::Object(reference);
        }
        Record { event }
    }

    /// Who it was.
    pub fn user(&mut self, user: &User) {
        let mut value = json!({"username": user.name, "groups": user.groups});
        if !user.extra.is_empty() {
            value["extra"] = json!(user.extra);
        }
        self.event["user"] = value;
    }

    /// The name of an object that stands in the body, not in the path.
    pub fn name(&mut self, object: &Value) {
        let reference = &mut self.event["objectRef"];
        if let Some(name) = object.pointer("/metadata/name").and_then(Value::as_str)
            && reference.is_object()
            && reference.get("name").is_none()
        {
            reference["name"] = json!(name);
        }
    }

    /// What the authorizer said.
    pub fn decision(&mut self, allowed: bool, reason: &str) {
        let decision = if allowed { "allow" } else { "forbid" };
        self.event["annotations"] =
            json!({"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": reason});
    }

    /// An answer that is an error.
    pub fn failed(&mut self, status: &Status) {
        let object = status.object();
        let mut seen = json!({"metadata": {}});
        for part in ["status", "message", "reason", "details", "code"] {
            if let Some(value) = object.get(part) {
                seen[part] = value.clone();
            }
        }
        self.event["responseStatus"] = seen;
    }

    /// An answer that is not an error.
    pub fn answered(&mut self, code: u16) {
        self.event["responseStatus"] = json!({"metadata": {}, "code": code});
    }

    /// Writes the line of a stage: `ResponseComplete`, for watches `ResponseStarted` before it, and
    /// for credentials that were not good `ResponseStarted` alone, as in the real server.
    pub fn write(&mut self, log: &Log, stage: &'static str) {
        self.event["stage"] = json!(stage);
        self.event["stageTimestamp"] = json!(clock::micros(clock::now()));
        log.write(&self.event);
    }
}
