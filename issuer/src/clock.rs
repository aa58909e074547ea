//! The one place where the issuer reads the clock, and the two ways Kubernetes writes a time.
//! Everything that judges a time takes it as an argument.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The time now, in UTC.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// `metav1.Time`: RFC 3339 in whole seconds, as object metadata carries it.
pub fn seconds(at: OffsetDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_default()
}

/// `metav1.MicroTime`: RFC 3339 with six decimals, as the audit log carries it.
pub fn micros(at: OffsetDateTime) -> String {
    let whole = seconds(at);
    format!("{}.{:06}Z", whole.trim_end_matches('Z'), at.microsecond())
}

/// Reads an RFC 3339 time.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_kubernetes_own() {
        let at = parse("2026-01-02T03:04:05.000678Z").unwrap();
        assert_eq!(seconds(at), "2026-01-02T03:04:05Z");
        assert_eq!(micros(at), "2026-01-02T03:04:05.000678Z");
    }
}
