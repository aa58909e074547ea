//! Whether somebody vouches for the clock. Never a fault of the host: a first boot begins without.

use super::{Host, Outcome, not_the_machine};
use crate::host::clock;
use std::time::Duration;

/// The first question starts systemd-timedated.
const DEADLINE: Duration = Duration::from_millis(1500);

pub(super) async fn check(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return not_the_machine("the clock");
    }
    let reading = tokio::time::timeout(DEADLINE, clock::read(host.root)).await;
    match reading {
        Ok(reading) if reading.synced => {
            Outcome::Passed(format!("the clock is synchronized, says {}", reading.by))
        }
        Ok(reading) => Outcome::Warned(format!(
            "{}: expiry cannot be judged by this clock alone; see timedatectl status",
            reading.by
        )),
        Err(_) => Outcome::Warned(format!("timedatectl gave no answer within {DEADLINE:?}")),
    }
}
