//! Quoted-printable, as MIME parts of user-data may come: lines are broken anywhere, in the middle of a
//! token too, and any character may be written as `=` and two digits. Decoded, and changed character by
//! character, so that nothing moves. Format: RFC 2045, section 6.7.
//!
//! Only where a text names it: `=` and a line's end stand in many others.

use crate::host::in_place::{Covered, Patch};
use crate::secret::SecretBytes;
use std::ops::Range;

/// How a text names it, but for its first letter.
const NAME: &[u8] = b"uoted-printable";
/// Characters of a line, and what it is indented by; more than there are.
const LONGEST: usize = 256;

/// Whether the text says that some of it is quoted-printable.
pub(super) fn is_named(bytes: &[u8]) -> bool {
    memchr::memchr2_iter(b'q', b'Q', bytes)
        .any(|at| bytes.get(at + 1..at + 1 + NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))
}

/// What it says without that; `None` where it says nothing else. With `indented` the lines are those of a
/// block of YAML, of which each is indented: a line that goes on is as far as the one that is broken.
pub(super) fn decode(bytes: &[u8], indented: bool) -> Option<SecretBytes> {
    let mut decoded = SecretBytes::new(Vec::with_capacity(bytes.len()));
    let end = walk(bytes, indented, |part, escaped| match escaped {
        Some(byte) => decoded.push(byte),
        None => decoded.extend_from_slice(&bytes[part]),
    });
    decoded.extend_from_slice(&bytes[end..]);
    (decoded.len() < bytes.len()).then_some(decoded)
}

/// What has to be put where in `bytes`, which decode to `decoded`, for them to decode to that with `patches`
/// put over it. `covered` is put over already.
pub(super) fn encode(
    bytes: &[u8],
    indented: bool,
    decoded: &[u8],
    patches: &[Patch],
    covered: &[Patch],
) -> Vec<Patch> {
    let mut new: Vec<(usize, u8)> = Vec::new();
    for patch in patches {
        let changed = patch.new.iter().zip(&decoded[patch.at..]).enumerate();
        new.extend(changed.filter(|(_, (new, old))| new != old).map(|(at, (new, _))| (patch.at + at, *new)));
    }
    new.sort_unstable();
    let mut new = new.into_iter().peekable();
    let covered = Covered::by(covered, 0);
    let (mut index, mut into) = (0, Vec::new());
    let mut write = |part: Range<usize>, escaped: bool| {
        let first = index;
        index += if escaped { 1 } else { part.len() };
        while let Some((wanted, byte)) = new.next_if(|(wanted, _)| *wanted < index) {
            let patch = match escaped {
                true => Patch { at: part.start, new: format!("={byte:02X}").into_bytes() },
                false => Patch { at: part.start + wanted - first, new: vec![byte] },
            };
            if !covered.has(&patch.place(0)) {
                into.push(patch);
            }
        }
    };
    let end = walk(bytes, indented, |part, escaped| write(part, escaped.is_some()));
    write(end..bytes.len(), false);
    into
}

/// Goes from one `=` that means something to the next: shows what stands between as it is, then what is
/// escaped, and what that stands for. Gives where the last of them ends.
fn walk(bytes: &[u8], indented: bool, mut each: impl FnMut(Range<usize>, Option<u8>)) -> usize {
    let mut from = 0;
    for at in memchr::memchr_iter(b'=', bytes).filter(|at| at + 1 < bytes.len()) {
        if at < from {
            continue;
        }
        let rest = &bytes[at + 1..];
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let (line_end, written) = line_end(&rest[blanks..]);
        let byte = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let length = match byte {
            Some(_) => 3,
            None if line_end > 0 => {
                let length = 1 + blanks + line_end;
                let indent = if indented { indent_at(bytes, at, written) } else { 0 };
                length + rest[length - 1..].iter().take(indent).take_while(|byte| **byte == b' ').count()
            }
            None => continue,
        };
        each(from..at, None);
        if let Some(byte) = byte {
            each(at..at + length, Some(byte));
        }
        from = at + length;
    }
    from
}

/// The length of one line's end, and how its last character is written: as it is, or as JSON does, once or in
/// JSON again.
fn line_end(rest: &[u8]) -> (usize, &'static [u8]) {
    let forms: [(&[u8], &'static [u8]); 3] = [(b"\r", b"\n"), (b"\\r", b"\\n"), (b"\\\\r", b"\\\\n")];
    let of = |(first, second): (&[u8], &'static [u8])| {
        let first = if rest.starts_with(first) { first.len() } else { 0 };
        (first + if rest[first..].starts_with(second) { second.len() } else { 0 }, second)
    };
    forms.into_iter().map(of).find(|(length, _)| *length > 0).unwrap_or_default()
}

/// By how many blanks the line is indented that is broken at `at`; `written` as its ends are.
fn indent_at(bytes: &[u8], at: usize, written: &[u8]) -> usize {
    let line = &bytes[at.saturating_sub(LONGEST)..at];
    let begin = memchr::memmem::rfind(line, written).map_or(0, |found| found + written.len());
    line[begin..].iter().take_while(|byte| **byte == b' ').count()
}
