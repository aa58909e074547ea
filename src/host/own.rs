//! What this process does to itself before it reads its first secret.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};

/// No core dumps, not dumpable (so that no other process of this user can read this memory), and
/// nothing written is open to others. Gives back, for the journal, what could not be done.
pub fn harden() -> Vec<String> {
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
