//! The block device below a file: whether it can be told which of its blocks are free. As the
//! kernel has it in sysfs, which is believed.

use super::files;
use nix::sys::stat::{major, minor};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a device does with blocks that are free (Linux `Documentation/ABI/stable/sysfs-block`,
/// `discard_max_bytes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Free {
    /// It can be told to forget them.
    Discarded,
    /// They keep what was written to them.
    Kept,
}

/// What the device of this number does; `None` where it is no block device of its own: memory, a network,
/// or several devices.
pub fn free(dev: u64) -> Option<Free> {
    let device = PathBuf::from(format!("/sys/dev/block/{}:{}", major(dev), minor(dev)));
    // A partition has its queue in the directory of the whole.
    let read = |below: &str| files::read_text(&device.join(below), 64).ok();
    let most = read("queue/discard_max_bytes").or_else(|| read("../queue/discard_max_bytes"))?;
    Some(if most.trim().parse::<u64>().is_ok_and(|most| most > 0) { Free::Discarded } else { Free::Kept })
}

/// Where the file system is mounted on which this file lies.
pub fn mounted_at(file: &Path) -> io::Result<PathBuf> {
    let mut at = fs::canonicalize(file)?;
    let device = fs::metadata(&at)?.dev();
    while let Some(above) = at.parent()
        && fs::metadata(above)?.dev() == device
    {
        at = above.to_owned();
    }
    // A file may be a mount point as well: trimming takes a directory.
    Ok(if at.is_dir() { at } else { at.parent().unwrap_or(Path::new("/")).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_directory_on_the_same_device_is_the_mount_point() {
        assert_eq!(mounted_at(Path::new("/proc/self/../version")).unwrap(), Path::new("/proc"));
        assert!(mounted_at(Path::new("/proc/nothing")).is_err());
        let dir = tempfile::tempdir().unwrap();
        let mount = mounted_at(dir.path()).unwrap();
        assert!(dir.path().canonicalize().unwrap().starts_with(&mount));
        assert_eq!(fs::metadata(&mount).unwrap().dev(), fs::metadata(dir.path()).unwrap().dev());
    }

    #[test]
    fn memory_is_no_block_device() {
        assert_eq!(free(nix::sys::stat::makedev(0, 1)), None);
    }
}
