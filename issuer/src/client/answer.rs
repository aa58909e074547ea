//! Refusals as the API words them.

use http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use worker_bootstrap::failure::one_line;

/// The body of every refusal.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope {
    /// What is wrong; at least one thing.
    pub errors: Vec<Entry>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Its code.
    pub code: i64,
    /// In words.
    pub message: String,
    /// The field that it is about.
    #[serde(default)]
    pub path: Vec<String>,
    /// What else is to be known.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A refusal.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The answer's status.
    pub status: StatusCode,
    /// What it says.
    pub errors: Vec<Entry>,
}

impl Refused {
    /// The refusal in an answer's body, or nothing where it is none.
    pub(super) fn read(status: StatusCode, body: &serde_json::Value) -> Option<Refused> {
        let envelope = Envelope::deserialize(body).ok()?;
        (!envelope.errors.is_empty()).then_some(Refused { status, errors: envelope.errors })
    }

    /// The etag that the bootstrap has now, where an older one was given.
    pub fn current_etag(&self) -> Option<&str> {
        let etag = self.errors.iter().find_map(|entry| entry.metadata.get("etag"));
        etag.filter(|_| self.status == StatusCode::CONFLICT).map(String::as_str)
    }
}

impl fmt::Display for Refused {
    /// Text from elsewhere: one line, bounded, without control characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for entry in self.errors.iter().take(5) {
            write!(f, ": {}", entry.code)?;
            if !entry.path.is_empty() {
                write!(f, " {}", one_line(&entry.path.join(".")))?;
            }
            write!(f, " {}", one_line(&entry.message))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refusals_are_told_with_code_place_and_words() {
        let entry = |code: i64, message: &str| json!({"code": code, "message": message});
        let mut placed = entry(7001, "expected 60 to 86400");
        placed["path"] = json!(["body", "ttl_seconds"]);
        for (status, errors, told) in [
            (404, vec![entry(7002, "Not found")], "404 Not Found: 7002 Not found"),
            (400, vec![placed], "400 Bad Request: 7001 body.ttl_seconds expected 60 to 86400"),
            (500, vec![entry(1, "a\nb\u{1b}[2J")], "500 Internal Server Error: 1 a b\\u{1b}[2J"),
        ] {
            let body = json!({"success": false, "errors": errors, "result": {}});
            let refused = Refused::read(StatusCode::from_u16(status).unwrap(), &body).unwrap();
            assert_eq!(refused.to_string(), told);
        }
        assert!(Refused::read(StatusCode::NOT_FOUND, &json!({"errors": []})).is_none());
        assert!(Refused::read(StatusCode::NOT_FOUND, &json!("gone")).is_none());
    }
}
