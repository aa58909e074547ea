//! Step 2 on this machine: what was found, with the ledger, the clock and the flags.

use super::Options;
use crate::admit::{self, Judged, Verdict};
use crate::document::{Document, NodeName, Trust};
use crate::failure::Failure;
use crate::find::Found;
use crate::join;
use crate::kube::{DateJudge, Patience};
use crate::machine::Machine;
use crate::report::Report;
use crate::report::status::About;
use crate::token::Token;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A bootstrap that may be used here and now.
pub(super) struct Admitted {
    pub(super) document: Document,
    pub(super) token: Token,
    pub(super) node: NodeName,
    /// Where the token lay when this machine began with it, if it has: then the key on disk is its own.
    pub(super) before: Option<Vec<PathBuf>>,
    /// Whether a credential came to disk then.
    pub(super) installed: bool,
    pub(super) judge: DateJudge,
    /// Until expiry, where the clock is worth judging by.
    pub(super) left: Option<Duration>,
}

/// Judges what was found: its form, then whether this machine may use it, then whether it is still in
/// force.
pub(super) async fn admit(
    options: &Options,
    machine: &Machine,
    found: &Found,
    report: &Report,
) -> Result<Admitted, Failure> {
    let mut bootstrap = admit::form(found, &options.given)?;
    options.apply(&mut bootstrap.document, machine);
    report.about(About {
        bootstrap_id: bootstrap.document.id.clone(),
        cluster_id: bootstrap.document.cluster_id.clone(),
        node_name: None,
        token_id: Some(bootstrap.token.id().to_string()),
    });
    if let Some(reporting) = &bootstrap.document.report {
        report.towards(reporting, &bootstrap.token, bootstrap.document.expires_at.get());
    }
    let node = machine.node_name(&bootstrap.document)?;
    report.about(About {
        bootstrap_id: bootstrap.document.id.clone(),
        cluster_id: bootstrap.document.cluster_id.clone(),
        node_name: Some(node.to_string()),
        token_id: Some(bootstrap.token.id().to_string()),
    });
    let before = admit::single_use(&bootstrap, &machine.ledger)?.map(|mark| mark.sources);
    let document = bootstrap.document;
    // A credential that came to disk before a crash needs no token: expiry does not matter to it.
    let installed = before.is_some() && join::on_disk(&machine.root, &node, machine.judge().await);
    let judged = expiry(machine, &document, report).await?;
    if let Some(refusal) = judged.refusal(bootstrap.token.id().as_str(), document.expires_at)
        && !installed
    {
        return Err(refusal);
    }
    let left = match judged.verdict {
        Verdict::Valid { left } if machine.reading().await.synced => Some(Duration::from_secs(left)),
        _ => None,
    };
    let but = if installed { "; its credential is on disk already" } else { "" };
    report.done(&format!("{}{but}", judged.sentence()));
    let judge = machine.judge().await;
    Ok(Admitted { document, token: bootstrap.token, node, before, installed, judge, left })
}

/// A synchronized clock judges alone. Another one gets time to synchronize, and then the API server's
/// clock is the second opinion, where its CA is known.
async fn expiry(machine: &Machine, document: &Document, report: &Report) -> Result<Judged, Failure> {
    let mut judged = admit::judge(document.expires_at, &machine.reading().await);
    if matches!(judged.verdict, Verdict::Doubtful { .. }) {
        report.ready();
        let reading = admit::wait_for_sync(&machine.root, report).await;
        judged = admit::judge(document.expires_at, &reading);
    }
    if let (Verdict::Doubtful { .. }, Trust::Authorities(authorities)) =
        (judged.verdict, &document.cluster.trust)
    {
        let deadline = Instant::now() + document.join.timeout;
        let servers = &document.cluster.servers;
        let patience = Patience { deadline: deadline.into(), progress: report };
        let date = join::server_date(servers, authorities, machine.judge().await, patience).await?;
        judged = Judged::by_server(document.expires_at, date);
    }
    Ok(judged)
}
