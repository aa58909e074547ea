//! Expiry, judged by a clock whose worth is known. Pure: time is an argument.

use crate::document::UnixSeconds;
use crate::failure::Failure;
use crate::host::clock::Reading;
use crate::reason::Reason;

/// A thousand years: what is left of [`UnixSeconds::NEVER`] is more, of every moment in a document less.
const UNKNOWN: u64 = 1000 * 366 * 86_400;

/// What a clock says of an expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not expired; this many seconds are left.
    Valid {
        /// Seconds until it expires.
        left: u64,
    },
    /// Expired this many seconds ago, by a clock that can be trusted.
    Expired {
        /// Seconds since.
        ago: u64,
    },
    /// Expired, says a clock that cannot be trusted.
    Doubtful {
        /// Seconds since, by that clock.
        ago: u64,
    },
}

/// A verdict and the clock it was made by.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was said.
    pub verdict: Verdict,
    /// Who said it, for the journal.
    pub by: String,
}

/// Judges `expires` by `reading`.
pub fn judge(expires: UnixSeconds, reading: &Reading) -> Judged {
    let by = format!(
        "this machine's clock ({}, {})",
        UnixSeconds::new(reading.unix),
        if reading.synced { "synchronized" } else { "not synchronized" }
    );
    let verdict = match expires.get().checked_sub(reading.unix) {
        Some(left) if left > 0 => Verdict::Valid { left },
        _ if reading.synced => Verdict::Expired { ago: reading.unix - expires.get() },
        _ => Verdict::Doubtful { ago: reading.unix - expires.get() },
    };
    Judged { verdict, by }
}

impl Judged {
    /// The second opinion: the clock of an API server whose certificate is vouched for.
    pub fn by_server(expires: UnixSeconds, server_unix: u64) -> Self {
        let by = format!(
            "the API server's clock ({}), as this machine's own is not synchronized",
            UnixSeconds::new(server_unix)
        );
        let verdict = match expires.get().checked_sub(server_unix) {
            Some(left) if left > 0 => Verdict::Valid { left },
            _ => Verdict::Expired { ago: server_unix - expires.get() },
        };
        Judged { verdict, by }
    }

    /// The verdict and the clock behind it, for people.
    pub fn sentence(&self) -> String {
        match self.verdict {
            // More than any token lives: it was said that nobody knows.
            Verdict::Valid { left } if left > UNKNOWN => {
                "of no known expiry, as it was said: the cluster alone judges".to_owned()
            }
            Verdict::Valid { left } => format!("valid for another {}, by {}", span(left), self.by),
            Verdict::Expired { ago } => format!("expired {} ago, by {}", span(ago), self.by),
            Verdict::Doubtful { ago } => {
                format!(
                    "expired {} ago by {}, which is not believed: the cluster will judge",
                    span(ago),
                    self.by
                )
            }
        }
    }

    /// The refusal, where the verdict is one.
    pub fn refusal(&self, token_id: &str, expires: UnixSeconds) -> Option<Failure> {
        let Verdict::Expired { ago } = self.verdict else { return None };
        Some(Failure::new(
            Reason::TokenExpired,
            format!("the token {token_id} expired {} ago, at {expires}, by {}", span(ago), self.by),
        ))
    }
}

/// Seconds as a person says them: the two largest units.
pub fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let Some(first) = units.iter().position(|(size, _)| seconds >= *size) else { return "0 s".to_owned() };
    let (size, name) = units[first];
    let mut text = format!("{} {name}", seconds / size);
    if let Some((next, next_name)) = units.get(first + 1) {
        let rest = seconds % size / next;
        if rest > 0 {
            text.push_str(&format!(" {rest} {next_name}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(unix: u64, synced: bool) -> Reading {
        Reading { unix, synced, by: "test" }
    }

    #[test]
    fn only_a_synchronized_clock_condemns() {
        let expires = UnixSeconds::new(1_790_000_000);
        for (now, synced, verdict) in [
            (1_789_999_999, true, Verdict::Valid { left: 1 }),
            (1_789_999_999, false, Verdict::Valid { left: 1 }),
            (1_790_000_000, true, Verdict::Expired { ago: 0 }),
            (1_790_000_060, true, Verdict::Expired { ago: 60 }),
            (1_790_000_060, false, Verdict::Doubtful { ago: 60 }),
            (0, false, Verdict::Valid { left: 1_790_000_000 }),
        ] {
            let judged = judge(expires, &reading(now, synced));
            assert_eq!(judged.verdict, verdict, "{now} {synced}");
            let condemned = judged.refusal("abcdef", expires).is_some();
            assert_eq!(condemned, matches!(verdict, Verdict::Expired { .. }));
        }
        assert_eq!(Judged::by_server(expires, 1_790_000_001).verdict, Verdict::Expired { ago: 1 });
    }

    #[test]
    fn spans() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (11_521, "3 h 12 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
