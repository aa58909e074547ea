//! The contract's answers, field by field. Times are unix seconds.

use super::query::cursor_after;
use crate::issue::Issued;
use crate::store::find::Found;
use crate::store::rows::{Bootstrap, Operation, Status};
use serde::Serialize;
use serde_json::Value;
use worker_bootstrap::secret::Secret;

const REVOKE: &str = "cluster.worker_bootstrap.revoke";

/// `WorkerBootstrap`.
#[derive(Serialize)]
pub struct WorkerBootstrap {
    id: String,
    cluster_id: String,
    status: &'static str,
    created_at: i64,
    updated_at: i64,
    expires_at: i64,
    etag: String,
    reconciling: bool,
    active_operation: Option<ActiveOperation>,
    #[serde(flatten)]
    shown: Option<Shown>,
}

/// What is told once.
#[derive(Serialize)]
struct Shown {
    token: String,
    command: String,
    cloud_init: String,
    artifacts: Value,
}

/// `DashboardClusterActiveOperation`.
#[derive(Serialize)]
struct ActiveOperation {
    id: String,
    r#type: &'static str,
    started_at: i64,
}

impl WorkerBootstrap {
    /// As everybody may see it.
    pub fn of(row: &Bootstrap, now: i64) -> WorkerBootstrap {
        let running = row.operation.as_ref().filter(|operation| operation.is_running());
        WorkerBootstrap {
            id: row.id.to_string(),
            cluster_id: row.place.cluster.to_string(),
            status: match row.status(now) {
                Status::Active => "active",
                Status::Revoked => "revoked",
                Status::Expired => "expired",
            },
            created_at: row.created_at,
            updated_at: row.updated_at(now),
            expires_at: row.expires_at,
            etag: row.etag(now).to_string(),
            reconciling: running.is_some(),
            active_operation: running.map(|operation| ActiveOperation {
                id: operation.id.to_string(),
                r#type: REVOKE,
                started_at: operation.started_at,
            }),
            shown: None,
        }
    }

    /// As the one who created it sees it.
    pub fn issued(issued: Issued, now: i64) -> WorkerBootstrap {
        let mut told = WorkerBootstrap::of(&issued.bootstrap, now);
        let text = |secret: &Secret| secret.expose().to_owned();
        told.shown = issued.shown.map(|(token, shown)| Shown {
            token: text(&token),
            command: shown.command,
            cloud_init: shown.cloud_init,
            artifacts: shown.artifacts,
        });
        told
    }
}

/// `WorkerBootstrapList`.
#[derive(Serialize)]
pub struct WorkerBootstrapList {
    data: Vec<WorkerBootstrap>,
    has_more: bool,
    next_cursor: Option<String>,
}

impl WorkerBootstrapList {
    /// Of a page.
    pub fn of(found: &Found, now: i64) -> WorkerBootstrapList {
        let last = found.bootstraps.last().filter(|_| found.more);
        WorkerBootstrapList {
            data: found.bootstraps.iter().map(|row| WorkerBootstrap::of(row, now)).collect(),
            has_more: found.more,
            next_cursor: last.map(|row| cursor_after(&row.id)),
        }
    }
}

/// `Operation`, of the one type that there is here.
#[derive(Debug, Serialize)]
pub struct RevokeOperation {
    id: String,
    workspace_id: String,
    organization_id: Option<String>,
    owner_type: &'static str,
    owner_id: String,
    parent_operation_id: Option<String>,
    state: &'static str,
    done: bool,
    html_url: String,
    metadata: Metadata,
    response: Option<Response>,
    error: Option<Failure>,
    last_error: Option<Failure>,
    started_at: i64,
    completed_at: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Metadata {
    r#type: &'static str,
    cluster_id: String,
    worker_bootstrap_id: String,
}

#[derive(Debug, Serialize)]
struct Response {
    r#type: &'static str,
    note: String,
}

#[derive(Debug, Serialize)]
struct Failure {
    message: String,
}

impl RevokeOperation {
    /// Of a bootstrap; `url` is the bootstrap's own.
    pub fn of(row: &Bootstrap, operation: &Operation, url: String) -> RevokeOperation {
        let running = operation.is_running();
        let response = operation.note.clone().map(|note| Response { r#type: REVOKE, note });
        RevokeOperation {
            id: operation.id.to_string(),
            workspace_id: row.place.workspace.to_string(),
            organization_id: None,
            owner_type: "cluster",
            owner_id: row.place.cluster.to_string(),
            parent_operation_id: None,
            state: if running { "RUNNING" } else { "SUCCEEDED" },
            done: !running,
            html_url: url,
            metadata: Metadata {
                r#type: REVOKE,
                cluster_id: row.place.cluster.to_string(),
                worker_bootstrap_id: row.id.to_string(),
            },
            response: response.filter(|_| !running),
            error: None,
            last_error: operation.last_error.clone().map(|message| Failure { message }),
            started_at: operation.started_at,
            completed_at: operation.completed_at,
        }
    }
}
