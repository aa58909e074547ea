//! The issuer's one door to files: bounded reads, and writes that are whole or absent.

use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What was being done to which path when it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}", path.display())]
pub struct FileError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_path_buf();
    move |source| FileError { operation, path, source }
}

/// Reads at most `limit` bytes; a longer file is an error.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(failed("open", path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(failed("read", path)(io::Error::other(format!("longer than {limit} bytes"))));
    }
    Ok(bytes)
}

/// Reads a file that holds a user's secret: a regular file, closed to group and others, and no link.
pub fn read_private(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    read_closed(path, limit, OFlag::O_NOFOLLOW, 0o077)
}

/// Reads a file that holds a key of this process: a regular file, closed to everybody but its owner and group.
/// The group is let in and links are followed, as a cluster mounts a Secret or a volume (`fsGroup`).
pub fn read_key(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    read_closed(path, limit, OFlag::empty(), 0o007)
}

/// What the file is, is looked at on the open descriptor.
fn read_closed(path: &Path, limit: u64, flag: OFlag, to: u32) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let refused = |what: String| failed("use", path)(io::Error::other(what));
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((flag | OFlag::O_NONBLOCK).bits())
        .open(path)
        .map_err(failed("open", path))?;
    let metadata = file.metadata().map_err(failed("look at", path))?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file".to_owned()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & to != 0 {
        return Err(refused(format!("it is open to others (mode {mode:04o}); next: chmod 600")));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit as usize + 1));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(refused(format!("it is longer than {limit} bytes")));
    }
    Ok(bytes)
}

/// Makes a directory and its parents, private to the user.
pub fn directory(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create", path))
}

/// Puts `bytes` at `path` with `mode`: a temporary name first, then a rename, so that a reader
/// sees the old file, the new file, or none.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", crate::random::name_suffix()));
    let temporary = PathBuf::from(temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(&temporary)
        .map_err(failed("create", &temporary))?;
    file.write_all(bytes).map_err(failed("write", &temporary))?;
    file.sync_all().map_err(failed("sync", &temporary))?;
    #[expect(clippy::disallowed_methods, reason = "this is the one door that replaces files")]
    std::fs::rename(&temporary, path).map_err(failed("rename to", path))
}

/// Opens a file that is only ever added to, private to the user.
pub fn append(path: &Path) -> Result<File, FileError> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(failed("open", path))
}

/// Held as long as it lives; the kernel lets go of it when the process ends in whatever way.
#[derive(Debug)]
pub struct FileLock(#[expect(dead_code, reason = "the lock goes with the open file")] File);

/// Locks the file at `path`, made if absent, or nothing where another process has it.
pub fn lock(path: &Path) -> Result<Option<FileLock>, FileError> {
    use std::fs::TryLockError;
    let file = append(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}

/// Sees to it that the file is there, and that nobody but its owner may open it. It is not open when this
/// returns.
pub fn private(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt;
    let file = append(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed("set the mode of", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_secret_that_others_can_read_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("file"), place.path().join("link"));
        write(&file, b"secret", 0o600).unwrap();
        symlink(&file, &link).unwrap();
        for (mode, private, key) in [
            (0o400, true, true),
            (0o600, true, true),
            (0o440, false, true),
            (0o660, false, true),
            (0o604, false, false),
            (0o602, false, false),
            (0o644, false, false),
        ] {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_private(&file, 10).is_ok(), private, "{mode:o}");
            assert!(read_private(&link, 10).is_err(), "{mode:o}");
            for path in [&file, &link] {
                assert_eq!(read_key(path, 10).is_ok(), key, "{mode:o}");
            }
        }
        assert!(read_key(place.path(), 10).is_err());
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert!(read_key(&file, 5).is_err());
    }
}
