//! One file: what stands in it, and putting something else there.

use super::gzip::{self, MAGIC};
use super::layers::Searcher;
use crate::host::in_place::{self, Changing, Extent, Part};
use crate::host::secret_file::Guarantee;
use crate::host::tree::Spot;
use std::cell::Cell;
use std::fs::File;
use std::io;

/// What reading a file through has shown.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many bytes would be put over.
    pub(super) bytes: u64,
    /// In which parts.
    parts: Vec<Part>,
    /// How far it was read, where that was to its end.
    end: u64,
    /// Whether it is gzip as a whole.
    pub(super) packed: bool,
    /// Whether there is more of it than was read.
    pub(super) limited: bool,
    /// Where the text says that files are to be written.
    pub(super) declared: Vec<String>,
}

/// Reads the file through, but for what comes after `most` bytes.
pub(super) fn look(searcher: &Searcher<'_>, file: &File, most: u64) -> io::Result<Seen> {
    let mut seen = Seen { end: file.metadata()?.len(), ..Seen::default() };
    let mut up_to = 0;
    let gave_up = Cell::new(false);
    let extent = in_place::read(file, 0, most, |window| {
        // Gzip that is longer than a window is unpacked as it is read, and put over whole.
        if window.at == 0 && !window.last && window.bytes.starts_with(&MAGIC) {
            seen.packed = true;
            return Ok(false);
        }
        let patches = searcher.patches(window.bytes, window.last);
        seen.bytes += in_place::fresh(window, &patches, &mut up_to);
        seen.end = seen.end.max(up_to);
        if !patches.is_empty() {
            seen.parts.push(window.part());
        }
        gave_up.set(gave_up.get() || searcher.gave_up());
        if seen.bytes > 0 && window.at == 0 {
            seen.declared = declared_paths(window.bytes);
        }
        Ok(true)
    })?;
    seen.limited = extent == Extent::Limited;
    if seen.limited {
        // What comes after is left alone.
        seen.end = u64::MAX;
    }
    if seen.packed {
        let budget = Cell::new(most);
        let looked = gzip::look(&mut in_place::from_the_start(file)?, &budget, |plain, last| {
            !searcher.patches(plain, last).is_empty()
        });
        seen.bytes = if looked.hit { file.metadata()?.len() } else { 0 };
        seen.limited = budget.get() == 0;
    }
    seen.limited |= gave_up.get();
    Ok(seen)
}

/// Puts over what `seen` tells of, and reads it once more, and what has been added meanwhile; `None` when
/// another file stands there than was read.
pub(super) fn erase(
    searcher: &Searcher<'_>,
    spot: &Spot,
    read: &File,
    seen: &Seen,
) -> io::Result<Option<(u64, Guarantee)>> {
    let Some(changing) = Changing::open(spot, read)? else { return Ok(None) };
    let bytes = if seen.packed {
        let (length, mut at) = (changing.file().metadata()?.len(), 0);
        gzip::filler(length, |part| {
            changing.put(part, at)?;
            at += part.len() as u64;
            Ok(())
        })?;
        length
    } else {
        changing.patch(&seen.parts, seen.end, |window| searcher.patches(window.bytes, window.last))?
    };
    let mut left = false;
    in_place::again(changing.file(), &seen.parts, seen.end, |window, _| {
        left |= !searcher.patches(window.bytes, window.last).is_empty();
        Ok(())
    })?;
    let guarantee = changing.finish()?;
    if left {
        return Err(io::Error::other("it was written again while it was swept"));
    }
    Ok(Some((bytes, guarantee)))
}

/// The paths of `write_files`, by their look alone: `path: /some/where`, in YAML or JSON.
fn declared_paths(text: &[u8]) -> Vec<String> {
    let mut paths = Vec::new();
    for at in memchr::memmem::find_iter(text, b"path") {
        let rest = &text[at + 4..];
        let begin = rest.iter().take(4).take_while(|byte| b"\"': ".contains(byte)).count();
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"\"',}\\".contains(byte);
        let length = rest[begin..].iter().take(4096).position(is_end).unwrap_or(0);
        let path = &rest[begin..begin + length];
        if begin > 0 && path.starts_with(b"/") && !path.contains(&b'*') && paths.len() < 100 {
            paths.extend(std::str::from_utf8(path).ok().map(str::to_owned));
        }
    }
    paths
}
