//! What this process does to itself before it reads its first secret.

use crate::reason::{Exit, Reason};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use std::io::Write;
use std::panic::PanicHookInfo;

/// No core dumps, not dumpable (so that no other process of this user can read this memory), and
/// nothing written is open to others. Gives back, for the journal, what could not be done.
pub fn harden() -> Vec<String> {
    std::panic::set_hook(Box::new(panicked));
    umask(Mode::from_bits_truncate(0o077));
    let mut undone = Vec::new();
    if let Err(errno) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        undone.push(format!("core dumps could not be turned off: {errno}"));
    }
    if let Err(errno) = prctl::set_dumpable(false) {
        undone.push(format!("this process could not be made undumpable: {errno}"));
    }
    undone
}

/// Keeps this process's memory out of swap, or says why not. Pages are locked as they are touched: locked
/// at once, the stacks of threads alone would be megabytes.
///
/// Only where the limit of locked memory is infinite, or can be made so: at a finite one the next
/// allocation beyond it would fail in the middle of a join.
pub fn lock_memory() -> Result<(), String> {
    // linux/mman.h; nix does not name it.
    const MCL_ONFAULT: i32 = 4;
    // Root may raise it; for anybody else what counts is what it is.
    setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).ok();
    let unlocked = |why: String| format!("memory is not locked, so that it could be swapped out: {why}");
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((RLIM_INFINITY, _)) => {}
        Ok((limit, _)) => return Err(unlocked(format!("the limit (ulimit -l) is {} KiB", limit / 1024))),
        Err(errno) => return Err(unlocked(format!("its limit is not known: {errno}"))),
    }
    let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE;
    mlockall(flags | MlockAllFlags::from_bits_retain(MCL_ONFAULT))
        .map_err(|errno| unlocked(errno.to_string()))
}

/// Says where, and nothing of what: a panic's own message may hold anything. Ends as a fault of ours.
fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let line = format!("worker-bootstrap: {}: panicked at {place}\n", Reason::Internal);
    // Nobody is left to tell when standard error is gone.
    std::io::stderr().write_all(line.as_bytes()).ok();
    std::process::exit(i32::from(Exit::Fault.number()));
}
