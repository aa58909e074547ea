//! The query of a list: known parameters, each at most once.

use super::refusal::Refusal;
use crate::names::BootstrapId;
use crate::store::rows::Status;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Items of a page: least, most, and when nothing is said.
const LIMIT: (u16, u16, u16) = (1, 100, 50);

/// Which page is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct List {
    /// The last of the page before.
    pub after: Option<BootstrapId>,
    /// Items at most.
    pub limit: u16,
    /// Only those of this status. The contract announces it.
    pub status: Option<Status>,
}

/// Reads it. What is not known is refused: a parameter that is misspelt would change nothing, silently.
pub fn list(query: &str) -> Result<List, Refusal> {
    let mut list = List { after: None, limit: LIMIT.2, status: None };
    each(query, |name, value| {
        match name {
            "cursor" if value.is_empty() => {}
            "cursor" => {
                list.after = Some(cursor(value).ok_or_else(Refusal::no_such_page)?);
            }
            "limit" => list.limit = limit(value)?,
            "status" => {
                list.status = Some(match value {
                    "active" => Status::Active,
                    "revoked" => Status::Revoked,
                    "expired" => Status::Expired,
                    _ => {
                        return Err(Refusal::invalid(
                            "query",
                            "status",
                            "Expected active, revoked or expired",
                        ));
                    }
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(list)
}

/// Which events are asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Events {
    /// Those behind this one.
    pub after: i64,
    /// Items at most.
    pub limit: u16,
}

/// Reads the query of a list of events.
pub fn events(query: &str) -> Result<Events, Refusal> {
    let mut events = Events { after: 0, limit: LIMIT.2 };
    each(query, |name, value| {
        match name {
            "cursor" if value.is_empty() => {}
            "cursor" => {
                events.after = event_cursor(value).ok_or_else(Refusal::no_such_page)?;
            }
            "limit" => events.limit = limit(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(events)
}

/// Hands over each parameter, once; `take` says whether it is one.
fn each(query: &str, mut take: impl FnMut(&str, &str) -> Result<bool, Refusal>) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.contains(&name) {
            return Err(Refusal::invalid("query", &name, "Given more than once"));
        }
        if !take(&name, &value)? {
            return Err(Refusal::invalid("query", &name, "Not a parameter of this request"));
        }
        seen.push(name);
    }
    Ok(())
}

/// The cursor to the events behind this one.
pub fn cursor_after_event(seq: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("evt_{seq}"))
}

fn event_cursor(text: &str) -> Option<i64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let digits = std::str::from_utf8(&bytes).ok()?.strip_prefix("evt_")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn limit(value: &str) -> Result<u16, Refusal> {
    let number = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten();
    number.filter(|limit| (LIMIT.0..=LIMIT.1).contains(limit)).ok_or_else(|| {
        let what = format!("Expected an integer from {} to {}", LIMIT.0, LIMIT.1);
        Refusal::invalid("query", "limit", what)
    })
}

/// The cursor to the page after `last`: it says nothing that the page itself does not.
pub fn cursor_after(last: &BootstrapId) -> String {
    URL_SAFE_NO_PAD.encode(last.as_str())
}

fn cursor(text: &str) -> Option<BootstrapId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    BootstrapId::parse(std::str::from_utf8(&bytes).ok()?)
}

/// A request that has no query.
pub fn none(query: Option<&str>) -> Result<(), Refusal> {
    match form_urlencoded::parse(query.unwrap_or("").as_bytes()).next() {
        Some((name, _)) => Err(Refusal::invalid("query", &name, "Not a parameter of this request")),
        None => Ok(()),
    }
}
