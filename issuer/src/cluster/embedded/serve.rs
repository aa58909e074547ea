//! From connections to answers: TLS, HTTP/1.1 and HTTP/2, then for each request who, whether, what,
//! and its line in the audit log.

use super::api::{self, Reply, Request};
use super::authn::{Authenticator, User};
use super::authz::{self, Verdict};
use super::body::LARGEST;
use super::request::{Attributes, Parameters};
use super::status::{About, Status};
use super::store::Store;
use super::watch::Watch;
use super::{audit, watch_body};
use crate::clock;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A client that has not finished its TLS handshake by then is left.
const HANDSHAKE: Duration = Duration::from_secs(10);

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Everything a request is answered from.
#[derive(Debug)]
pub struct Server {
    /// The objects.
    pub store: Arc<Store>,
    /// Who is who.
    pub authenticator: Authenticator,
    /// What was asked.
    pub log: audit::Log,
}

struct Peer {
    address: IpAddr,
    chain: Vec<CertificateDer<'static>>,
}

/// A request but for its body.
struct Head<'a> {
    asked: &'a Attributes,
    parameters: &'a Parameters,
    parts: &'a http::request::Parts,
    received: OffsetDateTime,
}

/// Accepts connections until the task is dropped.
pub async fn accept(server: Arc<Server>, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                tokio::spawn(connection(Arc::clone(&server), stream, address.ip(), tls.clone()));
            }
            // Out of descriptors, or a peer that left at once: the next one may be fine.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(server: Arc<Server>, stream: TcpStream, address: IpAddr, tls: TlsAcceptor) {
    // Answers are small and wanted at once; without the option they come a little later.
    drop(stream.set_nodelay(true));
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await else { return };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let peer = Arc::new(Peer { address, chain: chain.iter().map(|one| one.clone().into_owned()).collect() });
    let service = service_fn(move |request| {
        let (server, peer) = (Arc::clone(&server), Arc::clone(&peer));
        async move { Ok::<_, Infallible>(server.answer(&peer, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    // How a client ends its connection is its own affair.
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

impl Server {
    async fn answer(self: Arc<Self>, peer: &Peer, request: http::Request<Incoming>) -> Answer {
        let received = clock::now();
        let (head, body) = request.into_parts();
        let parameters = Parameters::parse(head.uri.query().unwrap_or_default());
        let asked = Attributes::of(&head.method, head.uri.path(), &parameters);
        let id = crate::random::uuid();
        let uri = head.uri.path_and_query().map_or("/", |whole| whole.as_str());
        let agent = head.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut record = audit::Record::begin(&id, &asked, uri, agent, peer.address, received);

        let question = Head { asked: &asked, parameters: &parameters, parts: &head, received };
        let outcome = self.judge(peer, &question, body, &mut record).await;
        let mut answer = match outcome {
            Ok(Reply::Watch(watch)) => self.stream(*watch, record),
            Ok(Reply::Object(code, object)) => {
                record.answered(code);
                record.write(&self.log, "ResponseComplete");
                whole(code, "application/json", render(&asked, &object))
            }
            Ok(Reply::Text(code, text)) => {
                record.answered(code);
                record.write(&self.log, "ResponseComplete");
                whole(code, "text/plain; charset=utf-8", text)
            }
            Err(status) => {
                record.write(
                    &self.log,
                    if status.code == 401 { "ResponseStarted" } else { "ResponseComplete" },
                );
                whole(status.code, "application/json", format!("{}\n", status.object()))
            }
        };
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(HeaderName::from_static("audit-id"), value);
        }
        answer
    }

    async fn judge(
        &self,
        peer: &Peer,
        head: &Head<'_>,
        body: Incoming,
        record: &mut audit::Record,
    ) -> Result<Reply, Status> {
        let asked = head.asked;
        let judged = self.authenticator.judge(&peer.chain, &head.parts.headers, head.received);
        let user = judged.map_err(|_| {
            let status = Status::unauthorized();
            record.failed(&status);
            status
        })?;
        record.user(&user);
        let outcome = match authz::judge(&user, asked) {
            Verdict::Allow(rule) => {
                record.decision(true, rule);
                self.read_and_answer(head, &user, body, record).await
            }
            Verdict::NoOpinion(reason) => {
                record.decision(false, &reason);
                let about = About { group: &asked.group, kind: &asked.resource, name: &asked.name };
                Err(Status::forbidden(about, &authz::denial(&user, asked, &reason)))
            }
        };
        if let Err(status) = &outcome {
            record.failed(status);
        }
        outcome
    }

    async fn read_and_answer(
        &self,
        head: &Head<'_>,
        user: &User,
        body: Incoming,
        record: &mut audit::Record,
    ) -> Result<Reply, Status> {
        let body = match Limited::new(body, LARGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Status::too_large(LARGEST)),
            Err(error) => return Err(Status::bad_request(format!("cannot read the body: {error}"))),
        };
        let request = Request {
            user,
            asked: head.asked,
            parameters: head.parameters,
            head: head.parts.method == http::Method::HEAD,
            headers: &head.parts.headers,
            body: &body,
            now: head.received,
        };
        let reply = api::answer(&self.store, &request);
        match &reply {
            Ok(Reply::Object(201, object)) => record.name(object),
            // Of an object that was not made, the name that was asked for.
            Err(_) if head.asked.verb == "create" => {
                record.name(&serde_json::from_slice(&body).unwrap_or_default());
            }
            _ => {}
        }
        reply
    }

    /// Starts a watch; its second audit line is written when it ends, however it ends.
    fn stream(self: &Arc<Self>, watch: Watch, mut record: audit::Record) -> Answer {
        record.answered(200);
        record.write(&self.log, "ResponseStarted");
        let (sender, body) = watch_body::channel();
        let server = Arc::clone(self);
        tokio::spawn(async move {
            watch.run(sender).await;
            record.write(&server.log, "ResponseComplete");
        });
        with_type(200, "application/json", UnsyncBoxBody::new(body))
    }
}

/// The version is sent indented, as the real server does; objects are one line.
fn render(asked: &Attributes, object: &Value) -> String {
    match asked.path.trim_end_matches('/') {
        "/version" => serde_json::to_string_pretty(object).unwrap_or_default(),
        _ => format!("{object}\n"),
    }
}

fn whole(code: u16, kind: &'static str, text: String) -> Answer {
    with_type(code, kind, UnsyncBoxBody::new(Full::new(Bytes::from(text))))
}

fn with_type(code: u16, kind: &'static str, body: UnsyncBoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    if let Ok(code) = http::StatusCode::from_u16(code) {
        *answer.status_mut() = code;
    }
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
