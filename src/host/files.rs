//! The one way to read, write, link and remove files.
//!
//! A write is never seen half done: a temporary file in the same directory (created exclusively, no link
//! followed, its mode set before its content), flushed to the disk, renamed over the target, the
//! directory flushed. A crash in between leaves the old file and at most one temporary of a known name;
//! the next write of the same file takes its place, and [`remove_leftovers`] clears a directory of them.
//! One writer at a time is assumed: the run's lock sees to that. What changes a file is for this directory
//! alone: the stages write through [`super::made`], which records it, or to our own files ([`super::state`]).

use nix::fcntl::OFlag;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown, symlink};
use std::path::{Path, PathBuf};

const LEFTOVER: &str = ".worker-bootstrap.tmp";

/// What was being done to which path when the system said no.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}", path.display())]
pub struct FileError {
    /// The act, as in "creating".
    pub doing: &'static str,
    /// What it was done to.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Whether anything had to be done for a thing to be there ([`super::made::put`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was made.
    Done,
    /// It was there already, with this content and mode.
    AlreadySo,
}

pub(super) fn at<T>(doing: &'static str, path: &Path, result: io::Result<T>) -> Result<T, FileError> {
    result.map_err(|source| FileError { doing, path: path.to_owned(), source })
}

/// The whole file, or an error of kind `FileTooLarge` when it holds more than `limit` bytes.
/// Not for secrets: nothing is zeroed and links are followed. See [`super::secret_file`].
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Without O_NONBLOCK a FIFO in the place of a file would hold the program for ever.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// [`read`] for text; an error of kind `InvalidData` when it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not valid UTF-8"))
}

/// The first bytes of a file, at most `length`.
pub fn read_head(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces `path` by a file of this content and mode (permission bits, whatever the umask).
/// On failure the target is as it was and the temporary file is gone.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    write_as(path, bytes, mode, None)
}

/// [`write()`], with an owner and a group.
pub(super) fn write_as(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    owner: Option<(u32, u32)>,
) -> Result<(), FileError> {
    let temporary = temporary_beside(path)?;
    at("removing", &temporary, absent_is_fine(fs::remove_file(&temporary)))?;
    let result = fill(&temporary, bytes, mode, owner).and_then(|()| {
        #[expect(clippy::disallowed_methods, reason = "the one door")]
        let renamed = fs::rename(&temporary, path);
        at("putting into place", path, renamed)
    });
    if result.is_err() {
        // The first error is the one that counts; a disk that refuses both has said so already.
        fs::remove_file(&temporary).ok();
        return result;
    }
    sync_parent(path)
}

fn fill(temporary: &Path, bytes: &[u8], mode: u32, owner: Option<(u32, u32)>) -> Result<(), FileError> {
    let mut file = at("creating", temporary, create_new(temporary))?;
    if let Some((user, group)) = owner {
        at("setting the owner of", temporary, fchown(&file, Some(user), Some(group)))?;
    }
    at("setting the mode of", temporary, file.set_permissions(Permissions::from_mode(mode)))?;
    at("writing", temporary, file.write_all(bytes))?;
    at("flushing", temporary, file.sync_all())
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}

/// Makes the directory and the missing ones above it. Those that exist keep their mode.
pub(super) fn make_dirs(path: &Path, mode: u32) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_dirs(parent, mode)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        made => at("making the directory", path, made)?,
    }
    // mkdir is subject to the umask.
    at("setting the mode of", path, fs::set_permissions(path, Permissions::from_mode(mode)))?;
    sync_parent(path)
}

/// Makes `link` a symbolic link to `target` by way of `via` (made first, then renamed over `link`), so
/// that there is no instant without a link. Something at `link` or `via` that is no link is an error.
pub(super) fn replace_link(link: &Path, target: &Path, via: &Path) -> Result<(), FileError> {
    if fs::read_link(link).is_ok_and(|present| present == target) {
        return at("removing", via, absent_is_fine(only_a_link(via).and_then(|()| fs::remove_file(via))));
    }
    at("replacing", link, absent_is_fine(only_a_link(link)))?;
    at("removing", via, absent_is_fine(only_a_link(via).and_then(|()| fs::remove_file(via))))?;
    at("making the link", via, symlink(target, via))?;
    #[expect(clippy::disallowed_methods, reason = "the one door")]
    let renamed = fs::rename(via, link);
    at("putting into place", link, renamed)?;
    sync_parent(link)
}

/// Where a symbolic link leads, by its text.
pub fn link_target(link: &Path) -> io::Result<PathBuf> {
    fs::read_link(link)
}

fn only_a_link(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there and is not a symbolic link"))
}

/// Removes a file or link; one that is not there is fine.
pub(super) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => {
            at("removing", path, removed)?;
            sync_parent(path)
        }
    }
}

/// Removes an empty directory; one that is not there is fine.
pub(super) fn remove_dir(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => {
            at("removing", path, removed)?;
            sync_parent(path)
        }
    }
}

/// Removes the temporary files that a crashed [`write()`] left in this directory; says which.
pub(super) fn remove_leftovers(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut removed = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(removed),
        entries => at("listing", dir, entries)?,
    };
    for entry in entries {
        let entry = at("listing", dir, entry)?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b".") && name.ends_with(LEFTOVER.as_bytes()) {
            remove(&entry.path())?;
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

/// Whether anything is there, be it a link that leads nowhere.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The directory itself, or, where that is missing, the nearest one above it.
fn nearest(path: &Path) -> &Path {
    let mut nearest = path;
    while !exists(nearest) {
        nearest = match nearest.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
    }
    nearest
}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What may still be written, without what is reserved for root.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// The room on the file system on which `path` lies, or would lie.
pub fn space(path: &Path) -> io::Result<Space> {
    let stat = nix::sys::statvfs::statvfs(nearest(path))?;
    let block = stat.fragment_size();
    Ok(Space {
        free: block.saturating_mul(stat.blocks_available()),
        total: block.saturating_mul(stat.blocks()),
    })
}

/// Whether a regular file is there (or where a link leads) that somebody may execute.
pub fn is_executable(path: &Path) -> io::Result<bool> {
    let meta = fs::metadata(path)?;
    Ok(meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Tries whether files can be made in `path`, or, where that is missing, in the nearest directory above
/// it: 4 KiB into a file without a name, which changes nothing that can be seen.
pub fn writable_dir(path: &Path) -> io::Result<()> {
    let nearest = nearest(path);
    if !nearest.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            format!("{} is not a directory", nearest.display()),
        ));
    }
    let nameless =
        OpenOptions::new().write(true).mode(0o600).custom_flags(OFlag::O_TMPFILE.bits()).open(nearest);
    let unsupported = [nix::errno::Errno::EOPNOTSUPP, nix::errno::Errno::EISDIR, nix::errno::Errno::ENOENT];
    match nameless {
        Ok(mut file) => file.write_all(&[0; 4096]),
        Err(error) if unsupported.iter().any(|errno| error.raw_os_error() == Some(*errno as i32)) => {
            let probe = nearest.join(format!(".probe{LEFTOVER}"));
            absent_is_fine(fs::remove_file(&probe))?;
            let tried = create_new(&probe).and_then(|mut file| file.write_all(&[0; 4096]));
            absent_is_fine(fs::remove_file(&probe))?;
            tried
        }
        Err(error) => Err(error),
    }
}

/// Where a write of `path` is prepared.
pub(super) fn temporary_beside(path: &Path) -> Result<PathBuf, FileError> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name");
    let name: &OsStr = at("writing", path, path.file_name().ok_or_else(no_name))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(LEFTOVER);
    Ok(path.with_file_name(hidden))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes what was done to the entry of `path` last through a power cut.
fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    at("flushing", parent, File::open(parent).and_then(|dir| dir.sync_all()))
}

#[cfg(test)]
mod tests;
