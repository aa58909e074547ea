//! Gzip: looked into, and replaced whole, as one changed byte inside would change all that follow.
//!
//! What is put in its place is gzip of the same length that unpacks to a comment, so that whoever reads
//! it next meets a text and not a fault. Format: RFC 1952, with the stored blocks of RFC 1951.

use crate::secret::SecretBytes;
use flate2::Crc;
use flate2::bufread::GzDecoder;
use std::cell::Cell;
use std::io::{self, BufRead, Read};

/// How a member begins: magic and method.
pub(super) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const WINDOW: usize = 128 * 1024;
/// What two parts have in common, in bytes.
pub(super) const OVERLAP: usize = WINDOW / 2;
/// So many printable characters in a row are a text, and not packed.
const TEXT: usize = 16;

const HEADER: [u8; 10] = [MAGIC[0], MAGIC[1], MAGIC[2], 0, 0, 0, 0, 0, 0, 255];
const BLOCK: u64 = 5;
const LARGEST_BLOCK: u64 = 65535;
const TRAILER: u64 = 8;
const COMMENT: &[u8] =
    b"#cloud-config\n# A worker bootstrap stood here. Its token was used and has been erased.\n";

/// What looking into gzip came to.
pub(super) struct Looked {
    /// Whether `holds` said yes of a part.
    pub(super) hit: bool,
    /// How far it was seen.
    pub(super) end: End,
}

/// How far gzip could be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Not at all: it only begins as gzip does.
    None,
    /// To its end.
    Whole,
    /// Up to where it is cut off, or no gzip any more.
    Broken,
    /// As far as the budget went, or as was asked for.
    Enough,
}

/// Unpacks and shows what comes out, in overlapping parts, until `holds` says yes. `holds` is told whether
/// more follows. What comes out is taken off `budget`, in bytes: a few of gzip can be any number.
pub(super) fn look(
    packed: &mut (impl BufRead + ?Sized),
    budget: &Cell<u64>,
    mut holds: impl FnMut(&[u8], bool) -> bool,
) -> Looked {
    let mut plain = SecretBytes::new(vec![0; WINDOW]);
    let mut end = End::None;
    loop {
        // One member after another, as the decoder of several members does not say where they end.
        let mut decoder = GzDecoder::new(&mut *packed);
        if decoder.header().is_none() {
            return Looked { hit: false, end };
        }
        let mut kept = 0;
        loop {
            let (filled, ended) = fill(&mut decoder, &mut plain, kept);
            budget.set(budget.get().saturating_sub((filled - kept) as u64));
            if holds(&plain[..filled], !matches!(ended, Ok(false))) {
                return Looked { hit: true, end: End::Enough };
            }
            if ended.is_err() {
                return Looked { hit: false, end: End::Broken };
            }
            if budget.get() == 0 {
                return Looked { hit: false, end: End::Enough };
            }
            if ended.is_ok_and(|ended| ended) {
                break;
            }
            kept = OVERLAP.min(filled);
            plain.copy_within(filled - kept..filled, 0);
        }
        end = End::Whole;
        if !packed.fill_buf().is_ok_and(|rest| rest.starts_with(&MAGIC)) {
            return Looked { hit: false, end };
        }
    }
}

/// Fills the buffer from `kept` on; says how far, and whether the member ended.
fn fill(from: &mut impl Read, buffer: &mut [u8], kept: usize) -> (usize, io::Result<bool>) {
    let mut filled = kept;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => return (filled, Ok(true)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(false))
}

/// The length of the members that `packed` begins with, as far as they can be unpacked; and that of a text
/// behind that was taken for more of them.
pub(super) fn length(packed: &[u8]) -> (usize, usize) {
    let mut rest = packed;
    let whole = skip(&mut rest);
    let length = packed.len() - rest.len();
    let text = if whole { 0 } else { text_behind(&packed[..length]) };
    (length - text, text)
}

/// Goes over the members that `packed` begins with; says whether the last could be unpacked to its end.
pub(super) fn skip(packed: &mut impl BufRead) -> bool {
    let mut sink = SecretBytes::new(vec![0; 16 * 1024]);
    while packed.fill_buf().is_ok_and(|rest| rest.starts_with(&MAGIC)) {
        let mut decoder = GzDecoder::new(&mut *packed);
        if decoder.header().is_none() {
            break;
        }
        loop {
            match decoder.read(&mut sink) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
    true
}

/// How much of the end of these bytes is text: where gzip is cut off, some of what follows is taken for more
/// of it.
pub(super) fn text_behind(packed: &[u8]) -> usize {
    let is_text = |byte: &&u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    let text = packed.iter().rev().take_while(is_text).count();
    if text < TEXT { 0 } else { text }
}

/// Gzip of exactly this length that unpacks to a comment, in parts; zeros where it is too short for that.
pub(super) fn filler(length: u64, mut put: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let overhead = HEADER.len() as u64 + TRAILER;
    let Some(room) = length.checked_sub(overhead + BLOCK) else {
        return put(&vec![0; usize::try_from(length).unwrap_or(0)]);
    };
    // As many blocks as are needed to hold what is left when they themselves are there.
    let blocks = (room + BLOCK).div_ceil(LARGEST_BLOCK + BLOCK).max(1);
    let mut left = length - overhead - blocks * BLOCK;
    let total = left;
    let mut crc = Crc::new();
    put(&HEADER)?;
    for block in (0..blocks).rev() {
        let size = left.min(LARGEST_BLOCK);
        left -= size;
        let bytes = u16::try_from(size).unwrap_or(u16::MAX).to_le_bytes();
        put(&[u8::from(block == 0), bytes[0], bytes[1], !bytes[0], !bytes[1]])?;
        let mut text = vec![b'\n'; usize::from(u16::from_le_bytes(bytes))];
        if crc.amount() == 0 && text.len() >= COMMENT.len() {
            text[..COMMENT.len()].copy_from_slice(COMMENT);
        }
        crc.update(&text);
        put(&text)?;
    }
    put(&crc.sum().to_le_bytes())?;
    put(&u32::try_from(total & 0xffff_ffff).unwrap_or(0).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filler_is_gzip_of_any_length() {
        for length in [23, 24, 100, 110, 200, 65_557, 65_558, 65_559, 65_563, 65_564, 200_000, 1_000_003] {
            let mut packed = Vec::new();
            filler(length, |part| {
                packed.extend_from_slice(part);
                Ok(())
            })
            .unwrap();
            assert_eq!(packed.len() as u64, length);
            let mut text = String::new();
            GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
            assert!(length < 110 || text.starts_with("#cloud-config\n# A worker"), "{length}: {text}");
            assert_eq!(super::length(&packed), (packed.len(), 0));
        }
    }

    #[test]
    fn too_short_for_gzip_is_zeros() {
        let mut put = Vec::new();
        filler(7, |part| {
            put.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
        assert_eq!(put, [0; 7]);
    }
}
