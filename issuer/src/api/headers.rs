//! The contract's own headers: at most once, text, within its limits (in characters).

use super::refusal::Refusal;
use axum::http::HeaderMap;

/// The header's text, or nothing where it is not there.
pub fn optional(headers: &HeaderMap, name: &'static str, longest: usize) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::invalid("header", name, "Given more than once"));
    }
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) if (1..=longest).contains(&text.chars().count()) => Ok(Some(text.to_owned())),
        _ => Err(Refusal::invalid("header", name, format!("Expected 1 to {longest} characters"))),
    }
}

/// The etag of `If-Match`, in quotes (RFC 9110) or as it stands in the resource.
pub fn if_match(headers: &HeaderMap) -> Result<String, Refusal> {
    let name = "if-match";
    let missing =
        || Refusal::invalid("header", name, "Required: the etag of the resource as it was read last");
    let text = optional(headers, name, 256)?.ok_or_else(missing)?;
    let plain = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Ok(plain.map_or(text.clone(), str::to_owned))
}

/// The caller's key by which a repetition is known.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    optional(headers, "idempotency-key", 64)
}
