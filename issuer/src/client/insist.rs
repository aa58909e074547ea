//! Which answers are worth another attempt, and when.

use crate::random;
use http::StatusCode;
use std::error::Error;
use std::io;
use std::time::Duration;

/// In all. With the waits between them less than a minute, apart from the attempts' own time.
const MOST: u32 = 6;
const FIRST: Duration = Duration::from_millis(500);
/// Whoever asks for more than this is told so by the refusal itself.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether the same request may be answered otherwise a little later.
pub(super) fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 502 | 503 | 504)
}

/// Whether another attempt would meet the same: a certificate is not trusted more by asking again.
pub(super) fn is_final(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // An I/O error that wraps another error names as its source that one's source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
    }
    error.is_builder()
}

/// The attempts at one request.
#[derive(Debug)]
pub(super) struct Attempts {
    made: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts { made: 1 }
    }
}

impl Attempts {
    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// How long to wait before the next one, or nothing where it was the last. The server's own word on
    /// it counts, in seconds; without one it is twice as long each time, less up to a half by chance.
    pub(super) fn next(&mut self, retry_after: Option<&str>) -> Option<Duration> {
        let asked = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        if self.made >= MOST || asked.is_some_and(|asked| asked > LONGEST) {
            return None;
        }
        let step = FIRST * 2u32.pow(self.made - 1);
        self.made += 1;
        let mut chance = [0u8; 1];
        random::fill(&mut chance);
        Some(asked.unwrap_or(step - step * u32::from(chance[0]) / 510))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let mut attempts = Attempts::default();
        for step in [500, 1000, 2000, 4000, 8000] {
            let wait = attempts.next(None).unwrap().as_millis();
            assert!((step / 2..=step).contains(&wait), "{wait} of {step}");
        }
        assert!(attempts.next(None).is_none());
        assert_eq!(attempts.made(), 6);
        assert_eq!(Attempts::default().next(Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(Attempts::default().next(Some("31")), None);
        assert!(Attempts::default().next(Some("Wed, 21 Oct 2026 07:28:00 GMT")).is_some());
    }
}
