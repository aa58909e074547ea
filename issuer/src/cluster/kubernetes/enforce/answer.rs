//! What is said to a request, and in which words. The words end in front of whoever runs the machine, by
//! way of the agent: who was first, when, and what to do.

use super::Enforcer;
use crate::clock;
use crate::cluster::Use;
use crate::cluster::kubernetes::ClusterError;
use crate::cluster::kubernetes::error::{Said, ask};
use crate::cluster::kubernetes::secret::{Bound, Held};
use crate::cluster::kubernetes::words::reason;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition};
use kube::api::PostParams;
use kube::runtime::controller::Action;
use std::time::Duration;
use time::OffsetDateTime;
use worker_bootstrap::token::TokenId;

/// When somebody else wrote to the request meanwhile; the watch usually comes first.
const CHANGED: Duration = Duration::from_millis(200);
/// `sha256:` and sixteen digits.
const KEY_SHOWN: usize = 23;

/// Of a message, in bytes.
const LONGEST: usize = 1000;

/// A verdict: the condition's type, reason and message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    kind: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Answer {
    pub(super) fn is_approval(&self) -> bool {
        self.kind == "Approved"
    }
}

fn denied(reason: &'static str, mut message: String) -> Answer {
    // A request's own words may be in it, and it is written to the request, the log and the database.
    message.truncate(message.floor_char_boundary(LONGEST));
    Answer { kind: "Denied", reason, message }
}

pub(super) fn approved(token: &TokenId, by: &Use) -> Answer {
    let message = format!("token {token} is bound to node {} (public key {})", by.node, by.key);
    Answer { kind: "Approved", reason: reason::BOUND, message }
}

pub(super) fn not_a_kubelets(token: &TokenId, why: &str) -> Answer {
    let message = format!(
        "this is not a kubelet's request for its client certificate: {why}. Token {token} was not used up by it"
    );
    denied(reason::NOT_A_KUBELETS, message)
}

/// So much of a key's hash as people compare; the agent quotes the first 300 characters of a message.
fn short(key: &str) -> &str {
    key.get(..KEY_SHOWN).unwrap_or(key)
}

pub(super) fn already_used(token: &TokenId, first: &Bound, wanted: &Use) -> Answer {
    let message = format!(
        "token {token} was used before, by node {} (key {}) at {}; this is node {} (key {}). Issue a new bootstrap \
         for this machine; if node {} is not yours, delete it",
        first.node,
        short(&first.key),
        first.at,
        wanted.node,
        short(&wanted.key),
        first.node
    );
    denied(reason::ALREADY_USED, message)
}

pub(super) fn expired(token: &TokenId, at: Option<OffsetDateTime>) -> Answer {
    let at = at.map(clock::seconds).unwrap_or_default();
    denied(
        reason::EXPIRED,
        format!("token {token} expired at {at}, unused. Issue a new bootstrap for this machine"),
    )
}

/// Who has a name, where it is a Node.
pub(super) fn a_node(since: OffsetDateTime) -> String {
    format!("there is a Node of this name since {}", clock::seconds(since))
}

pub(super) fn name_taken(token: &TokenId, wanted: &Use, who: &str) -> Answer {
    let message = format!(
        "the name {} is taken: {who}. Token {token} was not used up: give this machine another name, or remove the \
         other one (kubectl delete node {}) if it is gone",
        wanted.node, wanted.node
    );
    denied(reason::NAME_TAKEN, message)
}

/// The same where there is no Node yet: what ends the other one's claim is the end of its bootstrap.
pub(super) fn name_awaited(token: &TokenId, wanted: &Use, who: &str) -> Answer {
    let message = format!(
        "the name {} is taken: {who}. Token {token} was not used up: give this machine another name, or revoke the \
         other one's bootstrap if that machine is gone, which ends its claim within ten minutes",
        wanted.node
    );
    denied(reason::NAME_TAKEN, message)
}

/// The same where the other one was seen too late: the token is bound to the machine that asked.
pub(super) fn name_taken_from(token: &TokenId, wanted: &Use, who: &str) -> Answer {
    let message = format!(
        "the name {} is taken: {who}. Token {token} is bound to this machine and name: issue a new bootstrap for \
         this machine under another name",
        wanted.node
    );
    denied(reason::NAME_TAKEN, message)
}

/// What is said of a token of which nothing is known.
pub(super) fn gone(token: &TokenId) -> Answer {
    let message = format!(
        "token {token} is not known to the cluster any more: it was used, revoked, or has expired. Issue a new \
         bootstrap for this machine"
    );
    denied(reason::GONE, message)
}

/// The same of one that was known, and whose end nobody saw. That it was not used would be a guess.
pub(super) fn gone_unseen(token: &TokenId, last: &Held) -> Answer {
    let until = last.expires.map(|at| format!(" and good until {}", clock::seconds(at))).unwrap_or_default();
    let message = format!(
        "token {token} is not known to the cluster any more. It was unused{until} when this issuer last saw it; it \
         was used, revoked, or removed since. Issue a new bootstrap for this machine"
    );
    denied(reason::GONE, message)
}

/// What is said of a token whose last state is known.
pub(super) fn ended(token: &TokenId, last: &Held, wanted: &Use, now: OffsetDateTime) -> Answer {
    match &last.bound {
        Some(first) if first.is(wanted) => {
            let message = format!(
                "token {token} was used by this very machine, node {} (key {}) at {}, and that use is complete. \
                 Issue a new bootstrap if it has lost its certificate",
                first.node,
                short(&first.key),
                first.at
            );
            denied(reason::ALREADY_USED, message)
        }
        Some(first) => already_used(token, first, wanted),
        None if last.expired(now) => expired(token, last.expires),
        None => {
            let message = format!(
                "token {token} was revoked before it was used. Issue a new bootstrap for this machine"
            );
            denied(reason::REVOKED, message)
        }
    }
}

/// Writes the verdict. A request that has changed or gone meanwhile is looked at again.
pub(super) async fn write(
    enforcer: &Enforcer,
    request: &CertificateSigningRequest,
    answer: &Answer,
) -> Result<Action, ClusterError> {
    let name = request.metadata.name.clone().unwrap_or_default();
    let mut request = request.clone();
    let status = request.status.get_or_insert_default();
    status.conditions.get_or_insert_default().push(CertificateSigningRequestCondition {
        type_: answer.kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(answer.reason.to_owned()),
        message: Some(answer.message.clone()),
        ..CertificateSigningRequestCondition::default()
    });
    let requests = enforcer.requests();
    let params = PostParams::default();
    let written = requests.replace_subresource("approval", &name, &params, &request);
    Ok(match ask("deciding on a certificate request", written).await? {
        Said::Done(_) => {
            tracing::info!(
                request = name,
                verdict = answer.kind,
                reason = answer.reason,
                "{}",
                answer.message
            );
            Action::await_change()
        }
        Said::Absent => Action::await_change(),
        Said::Conflict => Action::requeue(CHANGED),
    })
}
