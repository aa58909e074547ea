//! Servers that the document vouches for and that are no API servers, or hostile ones.

use crate::alone;
use crate::support::authority::{Authority, SignedKey};
use crate::support::front::{Answers, Asked, Front, Mode, Reply};
use crate::support::machine::{DOCUMENT, Machine, Outcome};
use crate::support::token::{Token, Trust, document};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Joins through a server that answers like this; the timeout is the document's.
async fn joined_through(
    timeout: &str,
    respond: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
) -> (Outcome, Machine, Arc<Answers>) {
    let authority = Authority::new("nonsense");
    let answers = Answers::new(authority.server(), respond);
    let door = Front::new(Mode::Answer(answers.clone()));
    let machine = Machine::ready();
    let mut document = document(&Token::random(), &[door.url()], Trust::Ca(authority.pem()));
    document["join"]["timeout"] = json!(timeout);
    let outcome = machine.join(&document).await;
    (outcome, machine, answers)
}

/// What no API server says is believed only when it has been said for a while.
async fn is_nonsense(respond: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Outcome {
    let (outcome, machine, _) = joined_through("2m", respond).await;
    let outcome = outcome.must_be(9, "server_answer_invalid");
    assert!(
        outcome.took >= Duration::from_secs(10) && outcome.took < Duration::from_secs(40),
        "{:?}",
        outcome.took
    );
    assert!(machine.has(DOCUMENT), "the token was not refused");
    outcome
}

#[test]
fn a_web_page() {
    alone(async {
        let page = || Reply::Other {
            status: 200,
            headers: vec![("Content-Type", "text/html; charset=utf-8".into())],
            body: b"<html><body>Please log in</body></html>".to_vec(),
        };
        is_nonsense(move |_, _| page()).await.must_name(&["text/html"]);
    });
}

#[test]
fn a_redirect_is_not_followed() {
    alone(async {
        let elsewhere = Front::new(Mode::Stall);
        let to = format!("{}/login", elsewhere.url());
        let host = elsewhere.url().trim_start_matches("https://").to_owned();
        let redirect = move |_: &Asked, _| Reply::Other {
            status: 302,
            headers: vec![("Location", to.clone())],
            body: Vec::new(),
        };
        is_nonsense(redirect).await.must_name(&["302", &host]);
        assert_eq!(elsewhere.accepted(), 0);
    });
}

#[test]
fn an_endless_answer() {
    alone(async {
        is_nonsense(|_, _| Reply::Endless).await;
    });
}

#[test]
fn an_object_of_another_kind() {
    alone(async {
        is_nonsense(|_, _| Reply::Json(200, json!({"kind": "Pod", "apiVersion": "v1"}))).await;
    });
}

/// A connection that breaks in an answer is a fault of the network: it is tried again until the end.
#[test]
fn half_an_object() {
    alone(async {
        let (outcome, machine, answers) = joined_through("4s", |_, _| Reply::Half(version())).await;
        outcome.must_be(75, "server_unreachable");
        assert!(answers.asked().len() > 1 && machine.has(DOCUMENT));
    });
}

#[test]
fn a_server_that_is_out_of_order() {
    alone(async {
        let (outcome, machine, answers) =
            joined_through("4s", |_, _| Reply::status(500, "InternalError")).await;
        outcome.must_be(75, "server_busy").must_name(&["500"]);
        assert!(answers.asked().len() > 1 && machine.has(DOCUMENT));
    });
}

/// A server that says when to come back is left alone until then.
#[test]
fn retry_after_is_honoured() {
    alone(async {
        let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let seen = times.clone();
        let (outcome, _, _) = joined_through("7s", move |_, _| {
            seen.lock().unwrap().push(Instant::now());
            Reply::Other { status: 429, headers: vec![("Retry-After", "3".into())], body: Vec::new() }
        })
        .await;
        outcome.must_be(75, "server_busy").must_name(&["429"]);
        let times = times.lock().unwrap();
        assert!((2..=3).contains(&times.len()), "{times:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(3)), "{times:?}");
    });
}

fn version() -> Value {
    json!({"major": "1", "minor": "20", "gitVersion": "v1.20.2", "gitCommit": "x", "platform": "linux/amd64"})
}

/// An API server as far as the certificate, which `sign` makes of the request's PEM.
fn api(
    sign: impl Fn(&str) -> String + Send + Sync + 'static,
) -> impl Fn(&Asked, usize) -> Reply + Send + Sync {
    let request: Mutex<Value> = Mutex::default();
    move |asked: &Asked, _| {
        let path = asked.target.split('?').next().unwrap();
        match (asked.method.as_str(), path) {
            ("GET", "/version") => Reply::Json(200, version()),
            ("POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests") => {
                let mut csr: Value = serde_json::from_slice(&asked.body).unwrap();
                csr["metadata"]["uid"] = json!("1");
                csr["metadata"]["resourceVersion"] = json!("1");
                *request.lock().unwrap() = csr.clone();
                Reply::Json(201, csr)
            }
            ("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests") => {
                let mut csr = request.lock().unwrap().clone();
                let pem = STANDARD.decode(csr["spec"]["request"].as_str().unwrap()).unwrap();
                let certificate = sign(std::str::from_utf8(&pem).unwrap());
                csr["metadata"]["resourceVersion"] = json!("2");
                csr["status"] = json!({"conditions": [{"type": "Approved", "status": "True"}],
                    "certificate": STANDARD.encode(certificate)});
                Reply::Watch(vec![json!({"type": "MODIFIED", "object": csr})])
            }
            _ => Reply::status(404, "NotFound"),
        }
    }
}

/// A certificate that is not what was asked for is not installed.
async fn is_not_installed(sign: impl Fn(&str) -> String + Send + Sync + 'static) -> Outcome {
    let (outcome, machine, _) = joined_through("30s", api(sign)).await;
    let outcome = outcome.must_be(9, "certificate_wrong");
    assert!(!machine.has("var/lib/kubelet/pki/kubelet-client-current.pem"));
    assert!(!machine.has("etc/kubernetes/kubelet.conf"));
    outcome
}

#[test]
fn a_certificate_for_another_key() {
    alone(async {
        let authority = Authority::new("signer");
        is_not_installed(move |request| {
            let name = common_name(request);
            authority.sign_node(&name, SignedKey::Another, 3600)
        })
        .await;
    });
}

#[test]
fn a_certificate_for_another_node() {
    alone(async {
        let authority = Authority::new("signer");
        is_not_installed(move |request| {
            authority.sign_node("worker-of-others", SignedKey::Asked(request), 3600)
        })
        .await
        .must_name(&["worker-of-others"]);
    });
}

#[test]
fn a_certificate_that_has_expired() {
    alone(async {
        let authority = Authority::new("signer");
        is_not_installed(move |request| {
            let name = common_name(request);
            authority.sign_node(&name, SignedKey::Asked(request), -60)
        })
        .await;
    });
}

#[test]
fn something_that_is_no_certificate() {
    alone(async {
        is_not_installed(|_| "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned())
            .await;
    });
}

/// The counterpart of those above: with the certificate that was asked for, the same server is joined.
#[test]
fn the_certificate_that_was_asked_for() {
    alone(async {
        let authority = Authority::new("signer");
        let (outcome, machine, _) = joined_through(
            "30s",
            api(move |request| {
                let name = common_name(request);
                authority.sign_node(&name, SignedKey::Asked(request), 3600)
            }),
        )
        .await;
        outcome.must_join();
        assert!(machine.has("var/lib/kubelet/pki/kubelet-client-current.pem"));
    });
}

/// The node's name in a request.
fn common_name(request: &str) -> String {
    use x509_parser::prelude::{FromDer, X509CertificationRequest};
    let (_, pem) = x509_parser::pem::parse_x509_pem(request.as_bytes()).unwrap();
    let (_, request) = X509CertificationRequest::from_der(&pem.contents).unwrap();
    let name =
        request.certification_request_info.subject.iter_common_name().next().unwrap().as_str().unwrap();
    name.strip_prefix("system:node:").unwrap().to_owned()
}
