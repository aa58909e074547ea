//! How much a sweep looks at. What stands in the table by its name, what cloud-init was told to write and
//! what the bootstrap was read from is looked at in any case; what directories yield is counted, over the
//! whole sweep, as whoever may write in one of them may fill it. And how long the kernel may take over the
//! files of one line.

use std::time::{Duration, Instant};

/// Names of files and directories that are looked at in one sweep.
const MOST: u32 = 1_000_000;
/// The same in a run that a node waits for: less than half a second of a processor.
const MOST_IN_SHORT: u32 = 20_000;

/// What may still be looked at.
#[derive(Debug)]
pub(super) struct Budget {
    most: u32,
    left: u32,
    spent: bool,
    until: Option<Instant>,
    late: bool,
}

impl Budget {
    /// For a sweep that takes its time.
    pub(super) fn whole() -> Self {
        Budget::of(MOST)
    }

    /// For one that is waited for.
    pub(super) fn in_short() -> Self {
        Budget::of(MOST_IN_SHORT)
    }

    fn of(most: u32) -> Self {
        Budget { most, left: most, spent: false, until: None, late: false }
    }

    /// A line of the table begins, whose files may take so long.
    pub(super) fn begin(&mut self, time: Option<Duration>, now: Instant) {
        (self.until, self.late) = (time.map(|time| now + time), false);
    }

    /// Whether one more name out of a directory may be looked at. The first that may not is told how many
    /// were.
    pub(super) fn admits(&mut self) -> Result<(), Option<u32>> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None if std::mem::replace(&mut self.spent, true) => Err(None),
            None => Err(Some(self.most)),
        }
    }

    /// Whether the line's time is over.
    pub(super) fn is_late(&mut self, now: Instant) -> bool {
        self.late |= self.until.is_some_and(|until| now > until);
        self.late
    }

    /// Whether a directory is to be read on.
    pub(super) fn goes_on(&self) -> bool {
        !self.late && !self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_one_for_all_lines_and_told_of_once() {
        let now = Instant::now();
        let mut budget = Budget::of(3);
        for line in 0..3 {
            budget.begin(None, now);
            assert_eq!((budget.admits(), budget.goes_on()), (Ok(()), true), "line {line}");
        }
        budget.begin(None, now);
        assert_eq!((budget.admits(), budget.goes_on()), (Err(Some(3)), false));
        budget.begin(None, now);
        assert_eq!((budget.admits(), budget.goes_on()), (Err(None), false));
    }

    #[test]
    fn the_time_is_each_lines_own() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut budget = Budget::of(3);
        budget.begin(Some(second), now);
        assert!(!budget.is_late(now + second) && budget.goes_on());
        assert!(budget.is_late(now + 2 * second) && !budget.goes_on());
        assert!(budget.is_late(now), "it does not come back");
        budget.begin(None, now + 2 * second);
        assert!(!budget.is_late(now + 100 * second) && budget.goes_on());
        assert_eq!(budget.admits(), Ok(()), "no name was counted");
    }
}
