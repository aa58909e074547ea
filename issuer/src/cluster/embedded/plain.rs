//! The paths that are no resources: version, health, and the discovery documents kubectl asks for.

use super::api::Reply;
use super::request::Attributes;
use super::resource::Resource;
use super::status::Status;
use serde_json::{Value, json};

/// The Kubernetes version whose behaviour this server has, marked as not being it.
pub const VERSION: &str = "v1.36.0+embedded";

/// Answers a plain path.
pub fn answer(asked: &Attributes) -> Result<Reply, Status> {
    let path = asked.path.as_str();
    let reply = match path.trim_end_matches('/') {
        "/healthz" | "/livez" | "/readyz" => Reply::Text(200, "ok".to_owned()),
        "/version" => Reply::Object(200, version()),
        "/api" => Reply::Object(200, json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => {
            Reply::Object(200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group()]}))
        }
        "/apis/certificates.k8s.io" => {
            let mut group = group();
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Reply::Object(200, group)
        }
        "/api/v1" => Reply::Object(200, resources("")),
        "/apis/certificates.k8s.io/v1" => Reply::Object(200, resources("certificates.k8s.io")),
        _ => return Ok(not_found()),
    };
    if asked.verb == "get" { Ok(reply) } else { Err(Status::method_not_allowed()) }
}

/// A path that nobody serves.
pub fn not_found() -> Reply {
    Reply::Text(404, "404 page not found\n".to_owned())
}

fn version() -> Value {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    json!({
        "major": "1", "minor": "36", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": format!("linux/{arch}"),
    })
}

fn group() -> Value {
    let version = json!({"groupVersion": "certificates.k8s.io/v1", "version": "v1"});
    json!({"name": "certificates.k8s.io", "versions": [version], "preferredVersion": version})
}

fn resources(group: &str) -> Value {
    let rows: Vec<Value> =
        Resource::ALL.into_iter().filter(|one| one.group() == group).flat_map(Resource::discovery).collect();
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows})
}
