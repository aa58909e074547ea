//! Every answer that is not the one that was asked for: one table of codes, one form on the wire. What it
//! says is for the caller; what only the operator may know goes to the log.

use crate::issue::IssueError;
use crate::log::chain;
use axum::Json;
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::BTreeMap;

/// What kind of refusal: the contract's example has 7002 for what is not there, the others are its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is not what it should be.
    Invalid,
    /// Too long a body.
    BodyTooLarge,
    /// A body of another type.
    NotJson,
    /// Too long a head.
    HeadTooLarge,
    /// The request did not come in time.
    TooSlow,
    /// There is no such thing, as far as the caller may know.
    NotFound,
    /// No credential, or not a good one.
    Unauthorized,
    /// The credential is good, and not for this.
    Forbidden,
    /// Not a method of this resource.
    Method,
    /// Not in the state that the caller thinks.
    Conflict,
    /// Too many requests.
    TooMany,
    /// A fault of ours.
    Fault,
    /// Not now.
    Unavailable,
}

impl Kind {
    fn codes(self) -> (u16, StatusCode) {
        match self {
            Kind::Invalid => (7001, StatusCode::BAD_REQUEST),
            Kind::BodyTooLarge => (7001, StatusCode::PAYLOAD_TOO_LARGE),
            Kind::NotJson => (7001, StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Kind::HeadTooLarge => (7001, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Kind::TooSlow => (7001, StatusCode::REQUEST_TIMEOUT),
            Kind::NotFound => (7002, StatusCode::NOT_FOUND),
            Kind::Unauthorized => (7003, StatusCode::UNAUTHORIZED),
            Kind::Forbidden => (7004, StatusCode::FORBIDDEN),
            Kind::Method => (7005, StatusCode::METHOD_NOT_ALLOWED),
            Kind::Conflict => (7006, StatusCode::CONFLICT),
            Kind::TooMany => (7008, StatusCode::TOO_MANY_REQUESTS),
            Kind::Fault => (7009, StatusCode::INTERNAL_SERVER_ERROR),
            Kind::Unavailable => (7011, StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

/// `ApiErrorEntry`.
#[derive(Debug, Serialize)]
struct Entry {
    code: u16,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'static str, String>,
}

/// `ApiErrorResponse`.
#[derive(Debug, Serialize)]
struct Envelope {
    success: bool,
    errors: Vec<Entry>,
    result: Nothing,
}

#[derive(Debug, Serialize)]
struct Nothing {}

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    kind: Kind,
    entries: Vec<Entry>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// In these words.
    pub fn new(kind: Kind, message: impl Into<String>) -> Refusal {
        let entry = Entry {
            code: kind.codes().0,
            message: message.into(),
            path: Vec::new(),
            metadata: BTreeMap::new(),
        };
        let header =
            (kind == Kind::Unauthorized).then(|| (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        Refusal { kind, entries: vec![entry], header }
    }

    /// A part of the request is not what it should be: `place` is `body`, `header`, `query` or `path`.
    pub fn invalid(place: &str, field: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(Kind::Invalid, message).at(place, field)
    }

    /// The part of the request that it is about.
    #[must_use]
    pub fn at(mut self, place: &str, field: &str) -> Refusal {
        // What the caller sent comes back, and not at any length.
        let field: String = field.chars().take(64).collect();
        if let Some(entry) = self.entries.last_mut() {
            entry.path = vec![place.to_owned(), field];
        }
        self
    }

    /// Together with another of its kind.
    #[must_use]
    pub fn and(mut self, other: Refusal) -> Refusal {
        self.entries.extend(other.entries);
        self
    }

    /// What a program is to know of it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Refusal {
        if let Some(entry) = self.entries.last_mut() {
            entry.metadata.insert(name, value.into());
        }
        self
    }

    /// Another try is worth it after so many seconds.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Refusal {
        self.header = Some((RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// Not a method of this resource; these are.
    pub fn method(allowed: &'static str) -> Refusal {
        let mut refusal = Refusal::new(Kind::Method, format!("This resource knows {allowed} only"));
        refusal.header = Some((ALLOW, HeaderValue::from_static(allowed)));
        refusal
    }

    /// The cursor is none of this list's. By the contract any text may be one, so that it is not the form of the
    /// request that is wrong.
    pub fn no_such_page() -> Refusal {
        Refusal::new(Kind::NotFound, "Not a cursor of this list: start without one").at("query", "cursor")
    }

    /// The one answer for what is not there and for what is another workspace's.
    pub fn not_found() -> Refusal {
        Refusal::new(Kind::NotFound, "Resource not found")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.kind.codes().1;
        let envelope = Envelope { success: false, errors: self.entries, result: Nothing {} };
        let mut response = (status, Json(envelope)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<IssueError> for Refusal {
    fn from(error: IssueError) -> Refusal {
        match &error {
            IssueError::Absent => Refusal::not_found(),
            IssueError::OtherRequest => Refusal::new(
                Kind::Conflict,
                "This idempotency key was used for another request: use a new key, or send the same request again",
            )
            .at("header", "idempotency-key")
            .with("reason", "IDEMPOTENCY_KEY_REUSED"),
            IssueError::Changed(etag) => {
                Refusal::new(Kind::Conflict, "The resource changed since it was read: read it again")
                    .at("header", "if-match")
                    .with("reason", "ABORTED")
                    .with("etag", etag.to_string())
            }
            IssueError::NoSuchPage => Refusal::no_such_page(),
            IssueError::Unreachable => Refusal::new(
                Kind::Unavailable,
                "The cluster does not answer: send the same request again, with the same idempotency key",
            )
            .after(5),
            IssueError::Refused => Refusal::new(
                Kind::Unavailable,
                "The cluster refuses the token: the operator of this issuer has to look into its log",
            )
            .after(60),
            IssueError::Store(store) if store.is_temporary() => {
                tell(&error);
                Refusal::new(Kind::Unavailable, "The issuer cannot keep anything at the moment").after(5)
            }
            IssueError::Show(_) | IssueError::Store(_) => {
                tell(&error);
                Refusal::new(Kind::Fault, "A fault of the issuer: its log tells more")
            }
        }
    }
}

/// The whole chain, for the operator.
fn tell(error: &IssueError) {
    tracing::error!(error = chain(error), "cannot answer");
}
