//! The bounded wait for a clock that is not synchronized yet.

use crate::host::clock::{self, Reading};
use crate::host::root::Root;
use crate::progress::{Progress, WaitState, Waiting};
use std::time::{Duration, Instant};

/// A machine that has network at all synchronizes within this time of its start.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_secs(1);

/// Waits until the clock is synchronized or the time for it is over; gives the last reading.
pub async fn wait_for_sync(root: &Root, progress: &dyn Progress) -> Reading {
    let until = Instant::now() + PATIENCE;
    let mut attempt = 0;
    loop {
        let reading = clock::read(root).await;
        if reading.synced || Instant::now() >= until {
            return reading;
        }
        attempt += 1;
        progress.waiting(Waiting {
            state: WaitState::ClockSync,
            until: Some(until),
            attempt,
            last_error: None,
        });
        tokio::time::sleep(LOOK).await;
    }
}
