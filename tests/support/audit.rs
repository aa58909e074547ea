//! The audit log of an API server: who asked what, from where.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

/// One request, as the API server wrote it down.
#[derive(Debug, Clone)]
pub struct Request {
    /// Empty where the credential was not accepted.
    pub user: String,
    pub agent: String,
    pub verb: String,
    pub uri: String,
    pub status: u16,
    pub sources: Vec<String>,
}

impl Request {
    pub fn is_from(&self, source: IpAddr) -> bool {
        self.sources.contains(&source.to_string())
    }

    /// Path without query.
    pub fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }
}

/// All requests so far, in the order of their first appearance. A watch has several entries and is
/// one request.
pub fn read(log: &Path) -> Vec<Request> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event {
        #[serde(rename = "auditID")]
        id: String,
        verb: String,
        #[serde(rename = "requestURI")]
        uri: String,
        #[serde(default)]
        user: User,
        #[serde(default)]
        user_agent: String,
        #[serde(rename = "sourceIPs", default)]
        sources: Vec<String>,
        #[serde(default)]
        response_status: Option<Status>,
    }
    #[derive(Deserialize, Default)]
    struct User {
        #[serde(default)]
        username: String,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        code: u16,
    }
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let mut order = Vec::new();
    let mut requests = BTreeMap::new();
    // The last line may be half written.
    for event in text.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
        let request = Request {
            user: event.user.username,
            agent: event.user_agent,
            verb: event.verb,
            uri: event.uri,
            status: event.response_status.map_or(0, |status| status.code),
            sources: event.sources,
        };
        if requests.insert(event.id.clone(), request).is_none() {
            order.push(event.id);
        }
    }
    order.iter().filter_map(|id| requests.remove(id)).collect()
}
