//! The body of a create: nothing, or a JSON object of known fields.

use super::refusal::{Kind, Refusal};
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use std::time::Duration;

/// Bytes of a body at most.
pub const LARGEST: usize = 64 * 1024;
/// The longest that a body is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds that a token lives: least, most, and when nothing is said.
const TTL: (u32, u32, u32) = (60, 86_400, 3_600);

/// What is to be created.
#[derive(Debug, PartialEq, Eq)]
pub struct Create {
    /// Seconds that the token lives.
    pub ttl: u32,
}

/// Reads a body to its end.
pub async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    at_most(body, LARGEST).await
}

/// Reads a body of at most so many bytes to its end.
pub async fn at_most(body: Body, largest: usize) -> Result<Vec<u8>, Refusal> {
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, largest).collect()).await;
    match read {
        Err(_) => Err(Refusal::new(Kind::TooSlow, "The body did not come in time")),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Refusal::new(Kind::BodyTooLarge, format!("The body has at most {largest} bytes")))
        }
        Ok(Err(_)) => Err(Refusal::new(Kind::Invalid, "The body broke off")),
        Ok(Ok(whole)) => Ok(whole.to_bytes().to_vec()),
    }
}

/// What it asks for. An empty one asks for nothing in particular, whatever its type is said to be.
pub fn create(headers: &HeaderMap, bytes: &[u8]) -> Result<Create, Refusal> {
    if bytes.is_empty() {
        return Ok(Create { ttl: TTL.2 });
    }
    if !headers.get(CONTENT_TYPE).is_some_and(|value| value.to_str().is_ok_and(is_json)) {
        return Err(Refusal::new(Kind::NotJson, "A body is application/json").at("header", "content-type"));
    }
    let fields: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| {
        let what =
            format!("The body is not a JSON object (line {}, column {})", error.line(), error.column());
        Refusal::new(Kind::Invalid, what)
    })?;
    let mut ttl = Ok(TTL.2);
    let mut refused: Option<Refusal> = None;
    for (name, value) in &fields {
        let outcome = match name.as_str() {
            "ttl_seconds" => {
                ttl = seconds(value).ok_or(());
                ttl.map(drop).map_err(|()| {
                    let what = format!("Expected an integer from {} to {}", TTL.0, TTL.1);
                    Refusal::invalid("body", name, what)
                })
            }
            _ => Err(Refusal::invalid("body", name, "Not a field of this request")),
        };
        if let Err(refusal) = outcome {
            refused = Some(match refused {
                Some(others) => others.and(refusal),
                None => refusal,
            });
        }
    }
    match (refused, ttl) {
        (None, Ok(ttl)) => Ok(Create { ttl }),
        (refused, _) => Err(refused.unwrap_or_else(|| Refusal::new(Kind::Invalid, "Not a valid body"))),
    }
}

fn is_json(value: &str) -> bool {
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// An integer as JSON Schema has it: `60.0` is one.
fn seconds(value: &Value) -> Option<u32> {
    let number = value.as_f64()?;
    let fits = number.fract() == 0.0 && (f64::from(TTL.0)..=f64::from(TTL.1)).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number in a small range"
    )]
    fits.then_some(number as u32)
}
