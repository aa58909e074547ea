//! `Retry-After` and `Date`, the two headers that speak of time (RFC 9110, 10.2.3 and 6.6.1).

use std::time::Duration;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// A server may ask for silence this long at most; a longer wish is cut.
pub const LONGEST: Duration = Duration::from_secs(60);

/// How long the server wants to be left alone: seconds, or a date that is measured against the
/// server's own `Date` (this machine's clock may be wrong). Nonsense is no wish.
pub fn parse(value: &str, server_date: Option<u64>) -> Option<Duration> {
    let value = value.trim();
    let wish = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        value.parse().unwrap_or(u64::MAX)
    } else {
        http_date(value)?.saturating_sub(server_date?)
    };
    Some(Duration::from_secs(wish).min(LONGEST))
}

/// An HTTP date in the one form that may be sent, `Sun, 06 Nov 1994 08:49:37 GMT`, as Unix seconds.
pub fn http_date(text: &str) -> Option<u64> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = parts.next()?.parse().ok()?;
    let month = match parts.next()? {
        "Jan" => Month::January,
        "Feb" => Month::February,
        "Mar" => Month::March,
        "Apr" => Month::April,
        "May" => Month::May,
        "Jun" => Month::June,
        "Jul" => Month::July,
        "Aug" => Month::August,
        "Sep" => Month::September,
        "Oct" => Month::October,
        "Nov" => Month::November,
        "Dec" => Month::December,
        _ => return None,
    };
    let date = Date::from_calendar_date(parts.next()?.parse().ok()?, month, day).ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(|part| part.parse::<u8>().ok());
    let time = Time::from_hms(clock.next()??, clock.next()??, clock.next()??).ok()?;
    if parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    let moment: OffsetDateTime = PrimitiveDateTime::new(date, time).assume_utc();
    u64::try_from(moment.unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, unix) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 31 Feb 2021 08:49:37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(http_date(text), unix, "{text}");
        }
    }

    #[test]
    fn wishes() {
        let date = Some(784_111_777);
        for (value, server_date, wish) in [
            ("1", None, Some(1)),
            (" 30 ", None, Some(30)),
            ("0", None, Some(0)),
            ("86400", None, Some(60)),
            ("99999999999999999999999", None, Some(60)),
            ("-1", date, None),
            ("soon", date, None),
            ("Sun, 06 Nov 1994 08:49:47 GMT", date, Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", date, Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", None, None),
        ] {
            assert_eq!(parse(value, server_date), wish.map(Duration::from_secs), "{value}");
        }
    }
}
