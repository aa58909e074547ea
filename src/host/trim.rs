//! Has a disk forget the free blocks of a file system, by the unit that does it (fstrim(8)): trimming takes
//! a right that a program which reads other people's files should not have.

use super::systemd::Manager;
use std::path::Path;
use std::time::Duration;

const TEMPLATE: &str = "worker-bootstrap-trim@.service";

/// Trims the file system that is mounted at `mount`, and returns when that is done.
///
/// # Errors
/// Why it is not known to be done after `patience`, and how it is done or looked after by hand.
pub async fn free_blocks(manager: Manager, mount: &Path, patience: Duration) -> Result<(), String> {
    let by_hand = format!("fstrim {} does it by hand", mount.display());
    let unit = match manager.instance(TEMPLATE, mount).await {
        Ok(unit) => unit,
        Err(error) => return Err(format!("{error}; {by_hand}")),
    };
    let started = manager.restart(&unit, patience).await;
    let state = manager.unit_state(&unit).await.map_err(|error| format!("{error}; {by_hand}"))?;
    match (state.active.as_str(), started) {
        ("active", _) => Ok(()),
        ("activating", _) => Err(format!(
            "fstrim goes on; systemctl status '{unit}' says how it ended, and the next sweep tries again"
        )),
        ("failed", _) => {
            let said = manager.journal_tail(&unit, 1).await.unwrap_or_default().pop().unwrap_or_default();
            Err(format!("{unit} failed ({said}); {by_hand}"))
        }
        (_, Err(error)) => Err(format!("{unit} does not start: {error}; {by_hand}")),
        // Its condition: the disk belongs to the machine that this container runs on.
        (_, Ok(())) => Err(format!("a container cannot: on the machine that it runs on, {by_hand}")),
    }
}
