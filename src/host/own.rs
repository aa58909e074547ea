//! What this process does to itself before it reads its first secret.

use crate::reason::{Exit, Reason};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
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

/// Says where, and nothing of what: a panic's own message may hold anything. Ends as a fault of ours.
fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let line = format!("worker-bootstrap: {}: panicked at {place}\n", Reason::Internal);
    // Nobody is left to tell when standard error is gone.
    std::io::stderr().write_all(line.as_bytes()).ok();
    std::process::exit(i32::from(Exit::Fault.number()));
}
