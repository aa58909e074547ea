//! The proof: one request as the node, before anything relies on its certificate. Any answer to an
//! authenticated node is one: 200, 404 (not registered yet), 403 (a stricter authorizer).

use super::Ask;
use crate::document::ServerUrl;
use crate::failure::{Failure, one_line};
use crate::kube::objects::Node;
use crate::kube::{Client, Question, Said};
use crate::reason::Reason;
use std::net::IpAddr;

/// How the credential was proven.
#[derive(Debug)]
pub(super) struct Proven {
    /// Who accepted it.
    pub(super) server: ServerUrl,
    /// This machine's address towards that server.
    pub(super) local: Option<IpAddr>,
}

/// Asks for our own Node object, as that node.
///
/// # Errors
/// `credential_refused`; `node_name_taken` where a live node of another machine carries our name; the
/// reasons of the server.
pub(super) async fn as_node(client: &Client<'_>, ask: &Ask<'_>) -> Result<Proven, Failure> {
    let doing = "proving the certificate by asking for our own Node";
    let path = format!("/api/v1/nodes/{}", ask.node);
    let answer = client.ask::<Node>(&Question::get(doing, &path, &[403, 404]), ask.patience()).await?;
    match &answer.said {
        // A server without a client CA takes everybody for a stranger.
        Said::Status(403, words) if words.contains("\"system:anonymous\"") => {
            return Err(Failure::new(
                Reason::CredentialRefused,
                format!("{doing}: {} does not look at client certificates: {words}", answer.server),
            ));
        }
        Said::Status(..) => {}
        Said::Object(node) => not_taken(node, ask, &answer.server)?,
    }
    Ok(Proven { server: answer.server, local: answer.local })
}

/// A node of our name that is alive and another machine keeps its name; one that is not gives it up.
fn not_taken(node: &Node, ask: &Ask<'_>, server: &ServerUrl) -> Result<(), Failure> {
    let theirs = &node.status.node_info;
    let ours = ask.facts.machine_id.as_deref();
    let same_uuid =
        ask.facts.product_uuid.as_deref().is_some_and(|uuid| theirs.system_uuid.eq_ignore_ascii_case(uuid));
    if theirs.machine_id.is_empty() || ours == Some(theirs.machine_id.as_str()) || same_uuid {
        return Ok(());
    }
    let seen = format!(
        "{server} knows a node {} on machine {} (we are {})",
        ask.node,
        one_line(&theirs.machine_id),
        ours.unwrap_or("without a machine-id")
    );
    match node.ready() {
        Some(ready) if ready.holds() => Err(Failure::new(
            Reason::NodeNameTaken,
            format!("taking up the node name: {seen}, and it is Ready"),
        )),
        _ => {
            ask.progress.warn(&format!("{seen}; it is not Ready, and this machine takes its place"));
            Ok(())
        }
    }
}
