//! One identity towards the servers of one cluster: questions, and answers that are bounded, decoded
//! and what they claim to be.
//!
//! https only, the pinned CA only, no redirects, no proxy. A client for a token borrows it, so that it
//! cannot outlive it; the header made of it lives as long as one request. Text from a server may
//! reflect what was sent: it is cut, made printable, and rid of the token before anybody sees it.

use crate::document::ServerUrl;
use crate::failure::{Failure, one_line};
use crate::kube::answer::{About, body, decode, header, quote};
use crate::kube::insist::{Patience, Servers, Verdicts, insist};
use crate::kube::objects::{Object, Status};
use crate::kube::resolve::SystemNames;
use crate::kube::retry_after;
use crate::kube::tls::{self, ClientIdentity, DateJudge};
use crate::kube::trouble::{Kind, Trouble};
use crate::reason::Reason;
use crate::secret::Secret;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response};
use std::net::IpAddr;
use std::time::Duration;
use zeroize::Zeroizing;

const USER_AGENT: &str = concat!("worker-bootstrap/", env!("CARGO_PKG_VERSION"));
/// Name, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(8);
/// With the interval before it: how soon a dead server is noticed while a watch is quiet.
const PING: Duration = Duration::from_secs(8);
/// Who is asking.
#[derive(Debug)]
pub enum Identity<'t> {
    /// Nobody.
    Anonymous,
    /// The holder of a bearer token.
    Token(&'t Secret),
    /// A node with its certificate.
    Certificate(ClientIdentity),
}

/// One identity towards the servers of one cluster.
#[derive(Debug)]
pub struct Client<'t> {
    http: reqwest::Client,
    servers: Servers,
    bearer: Option<&'t Secret>,
    verdicts: Verdicts,
}

/// One question, asked of each server in turn until one answers.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Begins the line of a failure: "posting the certificate request".
    pub doing: &'a str,
    /// GET or POST.
    pub method: Method,
    /// Path and query, percent-encoded.
    pub path: &'a str,
    /// JSON.
    pub body: Option<&'a [u8]>,
    /// Statuses beside 2xx that answer the question. All others are trouble.
    pub answers: &'a [u16],
}

impl<'a> Question<'a> {
    /// A GET.
    pub fn get(doing: &'a str, path: &'a str, answers: &'a [u16]) -> Self {
        Question { doing, method: Method::GET, path, body: None, answers }
    }

    /// A POST of a JSON object.
    pub fn post(doing: &'a str, path: &'a str, body: &'a [u8], answers: &'a [u16]) -> Self {
        Question { doing, method: Method::POST, path, body: Some(body), answers }
    }
}

/// Takes a body, or says what is there in place of what was asked for.
type Take<'a> = dyn FnMut(&[u8], &About) -> Result<(), String> + 'a;

/// What a server answered, and how.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// The object, or one of the statuses that were asked for.
    pub said: Said<T>,
    /// Who answered.
    pub server: ServerUrl,
    /// Its clock, Unix seconds, from the `Date` header.
    pub date: Option<u64>,
    /// This machine's address on that connection.
    pub local: Option<IpAddr>,
}

/// An object, or one of the statuses that the question allows.
#[derive(Debug, Clone)]
pub enum Said<T> {
    /// The object that was asked for.
    Object(T),
    /// The status and the server's words.
    Status(u16, String),
}

impl<'t> Client<'t> {
    /// A client that trusts the given CA certificates (DER) alone. Connects when first asked.
    pub fn new(
        servers: &[ServerUrl],
        authorities: &[Vec<u8>],
        judge: DateJudge,
        identity: Identity<'t>,
    ) -> Result<Self, Failure> {
        let (bearer, certificate, verdicts) = match identity {
            Identity::Anonymous => (None, None, ANONYMOUS),
            Identity::Token(token) => (Some(token), None, TOKEN),
            Identity::Certificate(certificate) => (None, Some(certificate), CERTIFICATE),
        };
        let http = http_client(tls::pinned(authorities, judge, certificate)?)?;
        Ok(Client { http, servers: Servers::new(servers.to_vec()), bearer, verdicts })
    }

    /// The servers, in the order they were given.
    pub fn servers(&self) -> &[ServerUrl] {
        self.servers.all()
    }

    /// Asks until a server answers with an object of this kind or one of the allowed statuses.
    ///
    /// # Errors
    /// As [`insist`] judges: the reasons of the server, token and credential.
    pub async fn ask<T: Object>(
        &self,
        question: &Question<'_>,
        patience: Patience<'_>,
    ) -> Result<Answer<T>, Failure> {
        let mut object = None;
        let mut take = |body: &[u8], about: &About| {
            object = Some(decode(body, about)?);
            Ok(())
        };
        let Answer { said, server, date, local } = self.hear(question, patience, &mut take).await?;
        let said = match (object, said) {
            (Some(object), _) => Said::Object(object),
            (None, Said::Status(status, message)) => Said::Status(status, message),
            // What was heard was taken.
            (None, Said::Object(())) => Said::Status(200, String::new()),
        };
        Ok(Answer { said, server, date, local })
    }

    /// The same for an object of any kind, which `take` takes or refuses: one body for all kinds, as each
    /// is as large as what it waits for.
    async fn hear(
        &self,
        question: &Question<'_>,
        patience: Patience<'_>,
        take: &mut Take<'_>,
    ) -> Result<Answer<()>, Failure> {
        self.insist(question.doing, patience, async |server| {
            let response = self.send(server, question).await?;
            let about = About::of(&response);
            let status = response.status();
            let said = if status.is_success() {
                let body = body(response).await?;
                take(&body, &about).map_err(|what| self.nonsense(&what, &body))?;
                Said::Object(())
            } else {
                Said::Status(status.as_u16(), self.message(response).await)
            };
            Ok(Answer { said, server: server.clone(), date: about.date, local: about.local })
        })
        .await
    }

    /// Asks until a server begins an answer that the question allows: one that is read piece by piece.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(super) async fn stream(
        &self,
        question: &Question<'_>,
        patience: Patience<'_>,
    ) -> Result<Response, Failure> {
        self.insist(question.doing, patience, async |server| self.send(server, question).await).await
    }

    /// The clock of a server, Unix seconds: any answer carries it, a refusal as well.
    pub async fn date(&self, patience: Patience<'_>) -> Result<u64, Failure> {
        let question = Question::get("asking a server for its time", "/version", &[]);
        self.insist(question.doing, patience, async |server| {
            let response = self.request(server, &question).await?;
            About::of(&response)
                .date
                .ok_or_else(|| Trouble::new(Kind::Nonsense, "its answer carries no date"))
        })
        .await
    }

    /// Text from a server, fit for a line: printable, at most 300 characters, without the token.
    pub fn quote(&self, text: &str) -> String {
        quote(text, self.bearer)
    }

    pub(super) async fn insist<T>(
        &self,
        doing: &str,
        patience: Patience<'_>,
        attempt: impl AsyncFnMut(&ServerUrl) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        insist(doing, &self.servers, self.verdicts, patience, attempt).await
    }

    /// One attempt, up to the head of an answer that the question allows.
    pub(super) async fn send(
        &self,
        server: &ServerUrl,
        question: &Question<'_>,
    ) -> Result<Response, Trouble> {
        let response = self.request(server, question).await?;
        let status = response.status();
        if status.is_success() || question.answers.contains(&status.as_u16()) {
            return Ok(response);
        }
        let date = About::of(&response).date;
        let wish = header(response.headers(), RETRY_AFTER).and_then(|wish| retry_after::parse(wish, date));
        if status.is_redirection() {
            let to = header(response.headers(), LOCATION).unwrap_or("nowhere");
            // A query may reflect anything.
            let to = self.quote(to.split(['?', '#']).next().unwrap_or_default());
            return Err(Trouble::new(
                Kind::Nonsense,
                format!("answered {status}, a redirect to {to}, which is not followed"),
            ));
        }
        let kind = match status.as_u16() {
            401 => Kind::Unauthorized,
            403 => Kind::Forbidden,
            408 | 425 | 429 | 500.. => Kind::Busy,
            _ => Kind::Nonsense,
        };
        let message = self.message(response).await;
        let text = if message.is_empty() {
            format!("answered {status}")
        } else {
            format!("answered {status}: {message}")
        };
        Err(Trouble { kind, text, retry_after: wish })
    }

    async fn request(&self, server: &ServerUrl, question: &Question<'_>) -> Result<Response, Trouble> {
        let url = format!("{server}{}", question.path);
        let mut request = self.http.request(question.method.clone(), url).header(ACCEPT, "application/json");
        if let Some(bearer) = self.bearer {
            request = request.header(AUTHORIZATION, authorization(bearer)?);
        }
        if let Some(body) = question.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        request.send().await.map_err(|error| Trouble::met(&error))
    }

    /// The words of a refusal: those of a `Status` object, and no other body's.
    async fn message(&self, response: Response) -> String {
        match body(response).await {
            Ok(body) => serde_json::from_slice::<Status>(&body)
                .ok()
                .filter(|status| status.kind == "Status")
                .map(|status| self.quote(&status.message))
                .unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// What was seen in place of an object. A body is quoted only to those who sent no token.
    fn nonsense(&self, what: &str, body: &[u8]) -> Trouble {
        let mut text = format!("answered 200 with {what} ({} bytes)", body.len());
        if self.bearer.is_none() && !body.is_empty() {
            let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            text.push_str(&format!(", beginning {:?}", one_line(&start)));
        }
        Trouble::new(Kind::Nonsense, text)
    }
}

const ANONYMOUS: Verdicts =
    Verdicts { unauthorized: Reason::DiscoveryForbidden, forbidden: Reason::DiscoveryForbidden };
const TOKEN: Verdicts = Verdicts { unauthorized: Reason::TokenRefused, forbidden: Reason::Forbidden };
const CERTIFICATE: Verdicts =
    Verdicts { unauthorized: Reason::CredentialRefused, forbidden: Reason::CredentialRefused };

/// The HTTP client for a server that is none of the cluster's: the given CA certificates (DER) alone, and
/// the same law otherwise.
///
/// # Errors
/// As [`tls::pinned`].
pub fn trusting(authorities: &[Vec<u8>], judge: DateJudge) -> Result<reqwest::Client, Failure> {
    http_client(tls::pinned(authorities, judge, None)?)
}

/// The HTTP client that every client stands on.
pub(super) fn http_client(tls: rustls::ClientConfig) -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(std::sync::Arc::new(SystemNames))
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        // The same for a server that speaks HTTP/1.1 only.
        .tcp_keepalive(PING)
        .tcp_keepalive_interval(Duration::from_secs(2))
        .tcp_keepalive_retries(4)
        .tcp_user_timeout(PING * 2)
        .build()
        .map_err(|error| Failure::new(Reason::Internal, "setting up the HTTP client").because(error))
}

fn authorization(bearer: &Secret) -> Result<HeaderValue, Trouble> {
    let text = Zeroizing::new(format!("Bearer {}", bearer.expose()));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Trouble::new(Kind::Nonsense, "the token cannot be sent in a header"))?;
    // Never shown by Debug, never put into the compression table of HTTP/2.
    value.set_sensitive(true);
    Ok(value)
}
