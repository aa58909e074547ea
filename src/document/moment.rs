//! Moments and spans of time, as a document writes them.

use super::text::from_text;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// 2020-01-01: a bootstrap that ends before is a zero, or a typing mistake.
const EARLIEST: u64 = 1_577_836_800;
/// 2100-01-01: what lies behind it is most likely in milliseconds.
const LATEST: u64 = 4_102_444_800;
const EXPECTED: &str =
    "expected Unix seconds or an RFC 3339 time, between the years 2020 and 2100 (not milliseconds)";

/// A moment in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The expiry of a token of which it was said that nobody knows when it ends.
    pub const NEVER: UnixSeconds = UnixSeconds(u64::MAX);

    /// The moment so many seconds after 1970 began.
    pub const fn new(seconds: u64) -> Self {
        UnixSeconds(seconds)
    }

    /// The seconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    fn of_a_document(seconds: u64) -> Result<Self, String> {
        if (EARLIEST..LATEST).contains(&seconds) {
            Ok(UnixSeconds(seconds))
        } else {
            Err(EXPECTED.to_owned())
        }
    }

    /// A moment in a document or a flag: digits, or RFC 3339.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse() {
            return Self::of_a_document(seconds);
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| EXPECTED.to_owned())?;
        Self::of_a_document(u64::try_from(moment.unix_timestamp()).unwrap_or(0))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == UnixSeconds::NEVER {
            return f.write_str("never, as it was said");
        }
        f.write_str(&utc(i64::try_from(self.0).unwrap_or(i64::MAX)))
    }
}

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Moment;
        impl de::Visitor<'_> for Moment {
            type Value = UnixSeconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Unix seconds or an RFC 3339 time")
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<UnixSeconds, E> {
                UnixSeconds::of_a_document(seconds).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<UnixSeconds, E> {
                self.visit_u64(u64::try_from(seconds).unwrap_or(0))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<UnixSeconds, E> {
                Err(E::custom(EXPECTED))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<UnixSeconds, E> {
                UnixSeconds::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Moment)
    }
}

impl Serialize for UnixSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl schemars::JsonSchema for UnixSeconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UnixSeconds".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "oneOf": [
                {"type": "integer", "minimum": EARLIEST, "exclusiveMaximum": LATEST},
                {"type": "string", "format": "date-time"}
            ]
        })
    }
}

/// Unix seconds as `2026-11-24T08:33:02Z`.
pub fn utc(unix: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(unix) {
        Ok(t) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        ),
        Err(_) => format!("{unix} (Unix seconds)"),
    }
}

/// A span of time as `90s`, `10m` or `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub Duration);

impl Span {
    fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}

from_text!(Span, {"type": "string", "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2});

/// Reads `90s`, `10m` or `1h30m`; from one second to a day.
///
/// # Errors
/// What was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time from 1s to 24h, as in 90s, 10m or 1h30m".to_owned();
    let mut total: u64 = 0;
    let mut rest = text;
    for (unit, size) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((number, after)) = rest.split_once(unit) else { continue };
        let number: u64 = number.parse().map_err(|_| expected())?;
        total = number.checked_mul(size).and_then(|part| total.checked_add(part)).ok_or_else(expected)?;
        rest = after;
    }
    if !rest.is_empty() || !(1..=86_400).contains(&total) || text.contains('+') {
        return Err(expected());
    }
    Ok(Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (text, seconds) in [
            ("1790000000", Some(1_790_000_000)),
            ("2026-09-21T14:13:20Z", Some(1_790_000_000)),
            ("2026-09-21T16:13:20+02:00", Some(1_790_000_000)),
            ("0", None),
            ("-1", None),
            ("1790000000000", None),
            ("1969-12-31T23:59:59Z", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(UnixSeconds::parse(text).ok().map(UnixSeconds::get), seconds, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("24h", Some(86_400)),
            ("24h1s", None),
            ("0s", None),
            ("10", None),
            ("30m1h", None),
            ("1.5h", None),
            ("+5m", None),
            ("-5m", None),
            ("99999999999999999999h", None),
            ("", None),
        ] {
            assert_eq!(parse_duration(text).ok().map(|d| d.as_secs()), seconds, "{text}");
        }
    }
}
