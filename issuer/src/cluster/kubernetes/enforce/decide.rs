//! One certificate request, from what there is of it to what is done about it.

use super::answer::{self, write};
use super::bind::bind;
use super::{AGAIN, Enforcer, judge};
use crate::clock;
use crate::cluster::Happened;
use crate::cluster::kubernetes::ClusterError;
use crate::cluster::kubernetes::error::{Said, ask};
use crate::cluster::kubernetes::secret;
use crate::cluster::kubernetes::words::reason;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition};
use kube::runtime::controller::Action;
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;
use worker_bootstrap::token::TokenId;

/// What comes after something was told: another look where it was not kept.
fn then(kept: bool) -> Action {
    if kept { Action::await_change() } else { Action::requeue(AGAIN) }
}

/// Decides on a request, or tells what was decided on it.
pub(super) async fn request(
    request: Arc<CertificateSigningRequest>,
    enforcer: Arc<Enforcer>,
) -> Result<Action, ClusterError> {
    let Some(token) = judge::token(&request) else { return Ok(Action::await_change()) };
    if let Some(denial) = condition(&request, "Denied") {
        return Ok(then(denied(&enforcer, &token, denial).await));
    }
    if let Some(approval) = condition(&request, "Approved") {
        return Ok(then(approved(&enforcer, &token, &request, approval).await?));
    }
    let began = Instant::now();
    let verdict = match judge::wanted(&request) {
        Err(why) => answer::not_a_kubelets(&token, &why),
        Ok(by) => {
            let name = request.metadata.name.as_deref().unwrap_or_default();
            let refusal = bind(&enforcer, &token, &by, name).await?;
            refusal.unwrap_or_else(|| answer::approved(&token, &by))
        }
    };
    let written = write(&enforcer, &request, &verdict).await?;
    if let Some(measure) = enforcer
        .cluster
        .approved
        .as_ref()
        .filter(|_| verdict.is_approval() && written == Action::await_change())
    {
        measure(began.elapsed());
    }
    Ok(written)
}

fn condition<'a>(
    request: &'a CertificateSigningRequest,
    kind: &str,
) -> Option<&'a CertificateSigningRequestCondition> {
    let conditions = request.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|one| one.type_ == kind && one.status == "True")
}

fn said_at(condition: &CertificateSigningRequestCondition) -> OffsetDateTime {
    let at = condition.last_update_time.as_ref();
    at.and_then(|at| clock::parse(&at.0.to_string())).unwrap_or_else(clock::now)
}

/// Told from what stands in the cluster, so that nothing is lost when whoever denied it ends right after.
/// False where it was not kept.
async fn denied(enforcer: &Enforcer, token: &TokenId, denial: &CertificateSigningRequestCondition) -> bool {
    let said = denial.reason.clone().unwrap_or_default();
    if !reason::DENIALS.contains(&said.as_str()) {
        return true;
    }
    let what = Happened::Denied { reason: said, message: denial.message.clone().unwrap_or_default() };
    enforcer.tell(token, what, said_at(denial)).await
}

/// An approval: by this backend, which bound the token before, or by somebody else. False where it was not kept.
async fn approved(
    enforcer: &Enforcer,
    token: &TokenId,
    request: &CertificateSigningRequest,
    approval: &CertificateSigningRequestCondition,
) -> Result<bool, ClusterError> {
    let Ok(by) = judge::wanted(request) else { return Ok(true) };
    if approval.reason.as_deref() != Some(reason::BOUND) {
        let name = request.metadata.name.as_deref().unwrap_or_default();
        // What is done is done; but who was first is worth knowing, and whoever comes next is told.
        if let Some(refusal) = bind(enforcer, token, &by, name).await? {
            tracing::warn!(
                request = name,
                "approved by somebody else against {}: {}",
                refusal.reason,
                refusal.message
            );
            return Ok(true);
        }
    }
    let kept = enforcer.tell(token, Happened::Bound(by.clone()), said_at(approval)).await;
    let secrets = enforcer.cluster.secrets();
    let held = ask("reading the token's Secret", secrets.get_metadata(&secret::name(token))).await?;
    if let Said::Absent = held
        && let Some(since) = enforcer.node_since(&by.node).await?
    {
        return Ok(enforcer.tell(token, Happened::Joined(by), since).await && kept);
    }
    Ok(kept)
}
