//! One file: what stands in it, and putting something else there.

use super::declared;
use super::gzip::{self, End, MAGIC};
use super::layers::{BROKEN, Searcher, TOO_LARGE};
use crate::host::in_place::{self, Changing, Count, Extent, Part, Window};
use crate::host::secret_file::Guarantee;
use crate::host::tree::Spot;
use crate::secret::SecretBytes;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek};
use std::os::unix::fs::FileExt;

/// How far behind broken gzip text is looked for, in bytes.
const BEHIND: usize = 64 * 1024;

/// What reading a file through has shown.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many bytes would be put over.
    pub(super) bytes: u64,
    /// In which parts.
    parts: Vec<Part>,
    /// How far it was read, where that was to its end.
    end: u64,
    /// How long the gzip is that it begins with, where that is longer than a window and holds a token.
    packed: u64,
    /// Why there is more of it than was read or looked into, where there is.
    pub(super) unread: Option<&'static str>,
    /// Where the text says that files are to be written.
    pub(super) declared: Vec<String>,
}

/// Reads the file through, but for what comes after `most` bytes.
pub(super) fn look(searcher: &Searcher<'_>, file: &File, most: u64) -> io::Result<Seen> {
    searcher.begin();
    let mut seen = Seen { end: file.metadata()?.len(), ..Seen::default() };
    let mut begins_packed = false;
    let mut extent = windows(searcher, file, 0, most, &mut seen, |window| {
        begins_packed = window.at == 0 && !window.last && window.bytes.starts_with(&MAGIC);
        !begins_packed
    })?;
    if begins_packed {
        let from = packed(searcher, file, most, &mut seen)?;
        extent = windows(searcher, file, from, most, &mut seen, |_| true)?;
    }
    seen.unread = seen.unread.or(searcher.unread());
    if extent == Extent::Limited {
        // What comes after is left alone.
        seen.end = u64::MAX;
        seen.unread = Some(TOO_LARGE);
    }
    Ok(seen)
}

/// Reads it through window by window, from `from` on, until `wanted` says no to one.
fn windows(
    searcher: &Searcher<'_>,
    file: &File,
    from: u64,
    most: u64,
    seen: &mut Seen,
    mut wanted: impl FnMut(&Window<'_>) -> bool,
) -> io::Result<Extent> {
    let (before, mut count) = (seen.bytes, Count::default());
    in_place::read(file, from, most, |window| {
        if !wanted(window) {
            return Ok(false);
        }
        let patches = searcher.patches(window.bytes, window.last);
        seen.end = seen.end.max(window.at + window.bytes.len() as u64);
        if !patches.is_empty() {
            seen.parts.push(window.part());
        }
        count.fresh(window, patches);
        seen.bytes = before + count.bytes;
        if seen.bytes > 0 && window.at == 0 {
            seen.declared = declared::paths(window.bytes);
            // Paths are shown, and nothing that holds a token is.
            seen.declared.retain(|path| searcher.patches(path.as_bytes(), true).is_empty());
        }
        Ok(true)
    })
}

/// Gzip that is longer than a window is unpacked as it is read, and put over whole. Gives from where on the
/// file is to be read as it is.
fn packed(searcher: &Searcher<'_>, file: &File, most: u64, seen: &mut Seen) -> io::Result<u64> {
    let look = |reader: &mut dyn BufRead| {
        gzip::look(reader, &Cell::new(most), |plain, last| !searcher.patches(plain, last).is_empty())
    };
    let mut reader = in_place::from_the_start(file)?;
    let mut looked = look(&mut reader);
    if looked.hit {
        let (length, text) = packed_length(file)?;
        if text > 0 {
            // It may stand in that text alone.
            looked = look(&mut in_place::from_the_start(file)?.take(length));
        }
        if looked.hit {
            (seen.packed, seen.bytes) = (length, length);
            return Ok(length);
        }
    }
    match looked.end {
        End::Whole => reader.stream_position(),
        End::Enough => {
            seen.unread = Some(TOO_LARGE);
            reader.stream_position()
        }
        // Of what it was taken for, some may be text that follows.
        End::Broken => {
            seen.unread = Some(BROKEN);
            Ok(0)
        }
        End::None => Ok(0),
    }
}

/// As [`gzip::length`], of the file.
fn packed_length(file: &File) -> io::Result<(u64, u64)> {
    let mut reader = in_place::from_the_start(file)?;
    let whole = gzip::skip(&mut reader);
    let end = reader.stream_position()?;
    if whole {
        return Ok((end, 0));
    }
    let mut behind = SecretBytes::new(vec![0; usize::try_from(end).unwrap_or(BEHIND).min(BEHIND)]);
    let from = end - behind.len() as u64;
    file.read_exact_at(&mut behind, from)?;
    let text = gzip::text_behind(&behind) as u64;
    Ok((end - text, text))
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
    let mut at = 0;
    if seen.packed > 0 {
        gzip::filler(seen.packed, |part| {
            changing.put(part, at)?;
            at += part.len() as u64;
            Ok(())
        })?;
    }
    let patched =
        changing.patch(&seen.parts, seen.end, |window| searcher.patches(window.bytes, window.last))?;
    let bytes = seen.packed + patched;
    let mut left = false;
    in_place::again(changing.file(), &seen.parts, seen.end, |window| {
        left |= !searcher.patches(window.bytes, window.last).is_empty();
        Ok(())
    })?;
    let guarantee = changing.finish()?;
    if left {
        return Err(io::Error::other("it was written again while it was swept"));
    }
    Ok(Some((bytes, guarantee)))
}
