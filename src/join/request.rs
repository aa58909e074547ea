//! One CSR: posted once, adopted where it is there already, watched until it is signed.

use super::Ask;
use super::pkcs10::Request;
use crate::failure::Failure;
use crate::kube::objects::{CertificateSigningRequest, Condition};
use crate::kube::watch::{Event, Watch};
use crate::kube::{Client, Question, Said};
use crate::progress::{WaitState, Waiting};
use crate::reason::Reason;

const COLLECTION: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const WATCHING: &str = "watching the certificate request";
/// The reason by which an issuer says that the token is bound to another use.
const TOKEN_ALREADY_USED: &str = "TokenAlreadyUsed";

/// The signed certificate (base64 of PEM), as the cluster gives it.
///
/// # Errors
/// `csr_denied`, `token_already_used`, `csr_failed`, `csr_conflict`, `csr_pending`, and the reasons of the
/// server and the token.
pub(super) async fn issued(client: &Client<'_>, request: &Request, ask: &Ask<'_>) -> Result<String, Failure> {
    let mut csr = posted(client, request, ask).await?;
    let uid = csr.metadata.uid.clone();
    // One for all that is to come: the token may be revoked before the certificate is there, and a watch
    // that is open then goes on, while another one would be refused.
    let mut watch = Watch::new(client, WATCHING, COLLECTION, &request.name, &csr.metadata.resource_version);
    loop {
        let state = match state(&csr, client)? {
            State::Issued(certificate) => return Ok(certificate),
            state => state,
        };
        say(ask, request, &state);
        csr = next(&mut watch, client, request, ask, (&csr, &state)).await?;
        if csr.metadata.uid != uid {
            return Err(conflict(
                request,
                "it was deleted while it was waited for, and another one has its name",
            ));
        }
    }
}

/// What comes after `csr`.
async fn next(
    watch: &mut Watch<'_, CertificateSigningRequest>,
    client: &Client<'_>,
    request: &Request,
    ask: &Ask<'_>,
    (csr, state): (&CertificateSigningRequest, &State),
) -> Result<CertificateSigningRequest, Failure> {
    let version = &csr.metadata.resource_version;
    loop {
        match watch.next(ask.patience()).await? {
            Some(Event::Now(csr)) if csr.metadata.resource_version == *version => {}
            Some(Event::Now(csr)) => return Ok(csr),
            Some(Event::Deleted(_)) => {
                return Err(conflict(request, "it was deleted while it was waited for"));
            }
            Some(Event::Lost) => {
                return read(client, request, ask)
                    .await?
                    .ok_or_else(|| conflict(request, "it was deleted while it was waited for"));
            }
            None => return Err(in_vain(request, state)),
        }
    }
}

/// Our object in the cluster, made now or before.
async fn posted(
    client: &Client<'_>,
    request: &Request,
    ask: &Ask<'_>,
) -> Result<CertificateSigningRequest, Failure> {
    let question = Question::post("posting the certificate request", COLLECTION, &request.body, &[409]);
    // An object can go between our POST and our GET; it will not do so again and again.
    for _ in 0..3 {
        match client.ask(&question, ask.patience()).await?.said {
            Said::Object(csr) => return Ok(csr),
            Said::Status(..) => {}
        }
        if let Some(csr) = read(client, request, ask).await? {
            if request.is(&csr.spec) {
                return Ok(csr);
            }
            return Err(conflict(
                request,
                "an object of this name is there, and it was not made with our key",
            ));
        }
    }
    Err(conflict(request, "it is there when it is posted and gone when it is read"))
}

async fn read(
    client: &Client<'_>,
    request: &Request,
    ask: &Ask<'_>,
) -> Result<Option<CertificateSigningRequest>, Failure> {
    let path = format!("{COLLECTION}/{}", request.name);
    let question = Question::get("reading the certificate request", &path, &[404]);
    Ok(match client.ask(&question, ask.patience()).await?.said {
        Said::Object(csr) => Some(csr),
        Said::Status(..) => None,
    })
}

/// How far a request has come without an end.
enum State {
    Pending,
    Approved,
    Issued(String),
}

fn state(csr: &CertificateSigningRequest, client: &Client<'_>) -> Result<State, Failure> {
    let name = &csr.metadata.name;
    let condition = |kind: &str| {
        csr.status.conditions.iter().find(|condition| condition.kind == kind && condition.holds())
    };
    let words = |condition: &Condition| client.quote(&format!("{}: {}", condition.reason, condition.message));
    if let Some(denied) = condition("Denied") {
        let reason = if denied.reason == TOKEN_ALREADY_USED { Reason::TokenUsed } else { Reason::CsrDenied };
        return Err(Failure::new(
            reason,
            format!("the certificate request {name} was denied: {}", words(denied)),
        ));
    }
    if let Some(failed) = condition("Failed") {
        return Err(Failure::new(
            Reason::CsrFailed,
            format!("the certificate request {name} could not be signed: {}", words(failed)),
        ));
    }
    Ok(match &csr.status.certificate {
        Some(certificate) if !certificate.is_empty() => State::Issued(certificate.clone()),
        _ if condition("Approved").is_some() => State::Approved,
        _ => State::Pending,
    })
}

fn say(ask: &Ask<'_>, request: &Request, state: &State) {
    let (state, what) = match state {
        State::Pending => (WaitState::Approval, "is pending: nobody has approved it yet"),
        State::Approved | State::Issued(_) => (WaitState::Certificate, "is approved and not signed yet"),
    };
    let what = format!("{} {what}", request.name);
    ask.progress.waiting(Waiting { state, until: Some(ask.deadline), attempt: 1, last_error: Some(&what) });
}

fn in_vain(request: &Request, state: &State) -> Failure {
    let what = match state {
        State::Pending => "is still pending: nobody has approved it",
        State::Approved | State::Issued(_) => "is approved, and the signer has not signed it",
    };
    Failure::new(Reason::CsrPending, format!("{WATCHING}: {} {what}", request.name))
}

fn conflict(request: &Request, what: &str) -> Failure {
    Failure::new(Reason::CsrConflict, format!("{WATCHING} {}: {what}", request.name))
}
