//! A file or directory that root itself cannot change, for as long as this lives.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Immutable(PathBuf);

impl Immutable {
    /// Needs root and a file system that has the attribute: where it is not to be had, the test fails.
    pub fn new(path: PathBuf) -> Self {
        assert!(
            chattr("+i", &path),
            "chattr +i {}: it takes root, and ext4, xfs, btrfs or tmpfs",
            path.display()
        );
        Immutable(path)
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        assert!(chattr("-i", &self.0) || std::thread::panicking(), "chattr -i {}", self.0.display());
    }
}

fn chattr(flag: &str, path: &Path) -> bool {
    Command::new("chattr").arg(flag).arg(path).status().is_ok_and(|status| status.success())
}
