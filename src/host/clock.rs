//! What time it is, and whether that is worth anything. A fresh machine often boots with a wrong clock,
//! so a reading always says whether the clock is synchronized, and who says so.

use super::{files, process, root::Root};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TIMESYNCD_MARK: &str = "/run/systemd/timesync/synchronized";
const TIMEDATECTL: &str = "/usr/bin/timedatectl";

/// A look at the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Seconds since 1970; 0 for a clock that stands before that.
    pub unix: u64,
    /// Whether somebody vouches for it.
    pub synced: bool,
    /// Who does, or why nobody does.
    pub by: &'static str,
}

/// The clock of this machine, with the root whose marks say whether it is synchronized.
#[derive(Debug, Clone)]
pub struct Clock {
    root: Root,
}

impl Clock {
    /// The clock, as the programs below this root keep it.
    pub fn new(root: &Root) -> Self {
        Clock { root: root.clone() }
    }

    /// [`read()`] for this clock's root.
    pub async fn read(&self) -> Reading {
        read(&self.root).await
    }

    /// Seconds since 1970, whether or not the clock is synchronized: for records, not for judgement.
    pub fn unix(&self) -> u64 {
        unix()
    }
}

/// Seconds since 1970; 0 for a clock that stands before that.
#[expect(clippy::disallowed_methods, reason = "the one door")]
pub fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The time, and whether it is synchronized: by systemd-timesyncd's mark, or else, on the running
/// machine, by what systemd-timedated hears from the kernel (which covers chrony and ntpd).
pub async fn read(root: &Root) -> Reading {
    let (synced, by) = synchronized(root).await;
    Reading { unix: unix(), synced, by }
}

async fn synchronized(root: &Root) -> (bool, &'static str) {
    if files::exists(&root.at(TIMESYNCD_MARK)) {
        return (true, "systemd-timesyncd");
    }
    if !root.is_machine() {
        return (false, "nothing below this root says that the clock is synchronized");
    }
    let args = ["show", "-p", "NTPSynchronized", "--value"];
    match process::run(Path::new(TIMEDATECTL), &args, Duration::from_secs(2)).await {
        Ok(said) if said.stdout.trim() == "yes" => (true, "timedatectl"),
        Ok(_) => (false, "timedatectl says that the clock is not synchronized"),
        Err(_) => (false, "there is no systemd-timesyncd mark, and timedatectl gave no answer"),
    }
}
