//! Reads a file in windows and changes bytes of it where they stand: same length, same inode, nothing
//! truncated, nothing renamed. Mode, owner and times are as before.
//!
//! Windows overlap, so that what is at most [`OVERLAP`] long is whole in one of them. Holes are skipped.
//! Memory is one window, whatever the file's size; a window is zeroed when it goes.

use super::secret_file::{Guarantee, guarantee_of};
use crate::secret::SecretBytes;
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};
use std::fs::{File, FileTimes, Metadata, Permissions};
use std::io::{self, BufReader, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;

use super::tree::Spot;

/// The largest window, in bytes.
pub const WINDOW: usize = 1024 * 1024;
/// What two windows have in common, in bytes.
pub const OVERLAP: usize = 256 * 1024;

/// A part of a file.
#[derive(Debug)]
pub struct Window<'a> {
    /// Where it begins in the file.
    pub at: u64,
    /// What stands there.
    pub bytes: &'a [u8],
    /// Whether the file ends, or a hole begins, where it ends.
    pub last: bool,
}

/// Which part a window was, to be read again.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    at: u64,
    length: usize,
    last: bool,
}

impl Window<'_> {
    /// Which one it was.
    pub fn part(&self) -> Part {
        Part { at: self.at, length: self.bytes.len(), last: self.last }
    }
}

/// Bytes to be put over others.
#[derive(Debug, PartialEq, Eq)]
pub struct Patch {
    /// Where, counted from the window's beginning.
    pub at: usize,
    /// What is put there.
    pub new: Vec<u8>,
}

/// What is put over, from where to where.
#[derive(Debug, Default)]
pub struct Covered {
    /// In order, none touching the next.
    ranges: Vec<Range<u64>>,
}

impl Covered {
    /// By these, counted from `from` on.
    pub fn by(patches: &[Patch], from: u64) -> Covered {
        let mut ranges: Vec<_> = patches.iter().map(|patch| patch.place(from)).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, last| {
            let touches = next.start <= last.end;
            if touches {
                last.end = last.end.max(next.end);
            }
            touches
        });
        Covered { ranges }
    }

    /// Whether all of that is.
    pub fn has(&self, place: &Range<u64>) -> bool {
        let before = self.ranges.partition_point(|range| range.start <= place.start);
        before > 0 && self.ranges[before - 1].end >= place.end
    }
}

/// What is put over window by window. What two of them have in common is put over with the first that sees
/// what it is part of whole.
#[derive(Debug, Default)]
pub struct Count {
    /// How many bytes so far.
    pub bytes: u64,
    before: Covered,
}

impl Count {
    /// Of these, those that the window before has not put over.
    pub fn fresh(&mut self, window: &Window<'_>, mut patches: Vec<Patch>) -> Vec<Patch> {
        let now = Covered::by(&patches, window.at);
        patches.retain(|patch| !self.before.has(&patch.place(window.at)));
        self.bytes += patches.iter().map(|patch| patch.new.len() as u64).sum::<u64>();
        self.before = now;
        patches
    }
}

impl Patch {
    /// Where it is put, counted from `from` on.
    pub fn place(&self, from: u64) -> Range<u64> {
        let at = from + self.at as u64;
        at..at + self.new.len() as u64
    }
}

/// How far a reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// To the end.
    Whole,
    /// To the limit.
    Limited,
}

/// Shows the file window by window, from `from` on, until `visit` says no or `limit` bytes were read.
pub fn read(
    file: &File,
    from: u64,
    limit: u64,
    mut visit: impl FnMut(&Window<'_>) -> io::Result<bool>,
) -> io::Result<Extent> {
    // Files of proc and sysfs say 0 and hold more.
    let size = file.metadata()?.len().clamp(4096, WINDOW as u64 - 1).min(limit) + 1;
    let mut buffer = SecretBytes::new(vec![0; usize::try_from(size).unwrap_or(WINDOW)]);
    let (mut at, mut kept, mut seen) = (0, 0, 0);
    let mut next = next_data(file, from)?;
    while let Some(from) = next {
        if kept == 0 {
            at = from;
        }
        let got = fill(file, &mut buffer[kept..], from)?;
        if got == 0 {
            // What was taken for the middle was the end.
            visit(&Window { at, bytes: &buffer[..kept], last: true })?;
            break;
        }
        let filled = kept + got;
        let end = at + filled as u64;
        next = if filled < buffer.len() { None } else { next_data(file, end)? };
        let goes_on = next == Some(end);
        if !visit(&Window { at, bytes: &buffer[..filled], last: !goes_on })? {
            break;
        }
        seen += got as u64;
        if seen >= limit && next.is_some() {
            return Ok(Extent::Limited);
        }
        // What comes after a hole begins a window of its own.
        kept = if goes_on { OVERLAP.min(filled / 2) } else { 0 };
        buffer.copy_within(filled - kept..filled, 0);
        at = end - kept as u64;
    }
    Ok(Extent::Whole)
}

/// Shows these parts once more, and what the file has grown by beyond `end` since.
pub fn again(
    file: &File,
    parts: &[Part],
    end: u64,
    mut visit: impl FnMut(&Window<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut before = (0, SecretBytes::new(Vec::new()));
    for part in parts {
        let mut buffer = SecretBytes::new(vec![0; part.length]);
        // What it has in common with the one before is shown as it was before that one was changed.
        let shared = before.1.get(usize::try_from(part.at - before.0).unwrap_or(usize::MAX)..);
        let shared = shared.unwrap_or_default();
        let kept = shared.len().min(part.length);
        buffer[..kept].copy_from_slice(&shared[..kept]);
        let filled = kept + fill(file, &mut buffer[kept..], part.at + kept as u64)?;
        visit(&Window { at: part.at, bytes: &buffer[..filled], last: part.last })?;
        buffer.truncate(filled);
        before = (part.at, buffer);
    }
    let length = file.metadata()?.len();
    if length > end {
        let from = end.saturating_sub(OVERLAP as u64);
        read(file, from, length - from, |window| visit(window).map(|()| true))?;
    }
    Ok(())
}

/// Reads it from its beginning to its end, in one go.
pub fn from_the_start(mut file: &File) -> io::Result<BufReader<&File>> {
    file.seek(SeekFrom::Start(0))?;
    Ok(BufReader::new(file))
}

/// Where data is from `from` on; `None` at the end. Where the file system does not know, `from` itself.
fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
    let Ok(offset) = i64::try_from(from) else { return Ok(None) };
    match lseek(file, offset, Whence::SeekData) {
        Ok(at) => Ok(Some(u64::try_from(at).unwrap_or(from))),
        // The end; or a file of proc, which knows no such thing: reading tells.
        Err(Errno::ENXIO) if file.metadata()?.len() > 0 => Ok(None),
        Err(_) => Ok(Some(from)),
    }
}

fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A file that is being changed in place.
#[derive(Debug)]
pub struct Changing {
    file: File,
    path: PathBuf,
    before: Metadata,
    mode_lent: bool,
}

impl Changing {
    /// Opens the file that `read` was read from; `None` when another one stands there by now.
    pub fn open(spot: &Spot, read: &File) -> io::Result<Option<Changing>> {
        let before = read.metadata()?;
        let (file, mode_lent) = match spot.open_to_write() {
            // Without the rights of root a file of mode 0400 has to be made writable first.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && before.mode() & 0o200 == 0 => {
                read.set_permissions(Permissions::from_mode(before.mode() & 0o7777 | 0o200))?;
                (spot.open_to_write(), true)
            }
            opened => (opened, false),
        };
        let file = match file {
            Err(error) if is_gone(&error) => return Ok(None),
            file => file?,
        };
        let now = file.metadata()?;
        let same = now.is_file() && now.dev() == before.dev() && now.ino() == before.ino();
        Ok(same.then_some(Changing { file, path: spot.path(), before, mode_lent }))
    }

    /// Reads these parts once more, and what the file has grown by beyond `end`; puts over each window what
    /// `patches` says of it, before the next one is read. Gives the bytes that were put.
    pub fn patch(
        &self,
        parts: &[Part],
        end: u64,
        mut patches: impl FnMut(&Window<'_>) -> Vec<Patch>,
    ) -> io::Result<u64> {
        let mut count = Count::default();
        again(&self.file, parts, end, |window| {
            for patch in count.fresh(window, patches(window)) {
                self.file.write_all_at(&patch.new, window.at + patch.at as u64)?;
            }
            Ok(())
        })?;
        Ok(count.bytes)
    }

    /// Puts `bytes` at `at`.
    pub fn put(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    /// The file, to be read again.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes it last, gives mode and times back, and says what is known of the blocks below.
    pub fn finish(self) -> io::Result<Guarantee> {
        self.file.sync_all()?;
        if self.mode_lent {
            self.file.set_permissions(Permissions::from_mode(self.before.mode() & 0o7777))?;
        }
        let times =
            FileTimes::new().set_accessed(self.before.accessed()?).set_modified(self.before.modified()?);
        // Times of another owner's file need a capability that a service may lack: content goes first.
        self.file.set_times(times).ok();
        self.file.sync_all()?;
        Ok(guarantee_of(&self.file, &self.path))
    }
}

/// Whether the name is gone, or has become a link, a directory or a device.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO | Errno::EISDIR | Errno::ENOTDIR | Errno::ENODEV)
    )
}
