//! One wait, and when it is worth a line: most end before anybody would have read of them.

use crate::progress::WaitState;
use std::time::{Duration, Instant};

/// A wait is told once it has lasted so long.
const WORTH_A_LINE: Duration = Duration::from_secs(1);
/// The same wait is told again after this long.
const REMINDER: Duration = Duration::from_secs(30);

/// The wait under way.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) state: WaitState,
    pub(super) error: Option<String>,
    pub(super) attempt: u32,
    pub(super) since: Instant,
    pub(super) until: Option<Instant>,
    pub(super) told: Option<Instant>,
}

impl Wait {
    /// Whether it is time to tell of it.
    pub(super) fn is_worth_a_line(&self, now: Instant) -> bool {
        match self.told {
            None => now - self.since >= WORTH_A_LINE,
            Some(told) => now - told >= REMINDER,
        }
    }

    /// What is waited for, and the last trouble with it.
    pub(super) fn line(&self) -> String {
        let because = self.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        format!("waiting for {}{because}", self.state)
    }
}
