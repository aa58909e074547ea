//! Whether any API server accepts connections. Never a fault of the host: servers may come up later, and
//! the join itself insists.

use super::{Host, Outcome};
use crate::document::ServerUrl;
use crate::host::net;
use std::time::Duration;
use tokio::task::JoinSet;

/// For the name and the connection.
const DEADLINE: Duration = Duration::from_millis(1500);

pub(super) async fn check(host: &Host<'_>) -> Outcome {
    match host.document {
        Some(document) => any(&document.cluster.servers).await,
        None => Outcome::Skipped("no document names a server".to_owned()),
    }
}

/// All are tried at once, and the first that accepts is enough.
async fn any(servers: &[ServerUrl]) -> Outcome {
    let mut attempts = JoinSet::new();
    for server in servers.iter().cloned() {
        attempts.spawn(async move {
            let reached = net::tcp_reachable(&server.host(), server.port(), DEADLINE).await;
            (server, reached)
        });
    }
    let mut refusals = Vec::new();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok((server, Ok(address))) => {
                return Outcome::Passed(format!("{server} accepts connections ({address})"));
            }
            Ok((server, Err(error))) => refusals.push(format!("{server}: {error}")),
            Err(error) => refusals.push(error.to_string()),
        }
    }
    // They come in the order in which they gave up.
    refusals.sort();
    Outcome::Warned(format!("no API server accepts connections yet: {}", refusals.join("; ")))
}
