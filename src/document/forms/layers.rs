//! The two wrappings that are not text: gzip, and base64 of the whole. Bounded before they are unpacked.

use crate::document::{LARGEST, whole};
use crate::secret::SecretBytes;
use crate::yaml::Fault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use std::io::Read;

/// Shorter ones are words.
const SHORTEST_BASE64: usize = 64;

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// What is packed, at most [`LARGEST`] bytes of it.
pub(super) fn gunzip(bytes: &[u8]) -> Result<SecretBytes, Fault> {
    // A buffer that grows leaves copies behind: the size is found out first, the content read second.
    let limit = LARGEST as u64 + 1;
    let unpacked = || MultiGzDecoder::new(bytes).take(limit);
    let damaged = |_| whole("expected whole gzip data: these are cut off or damaged");
    let size = std::io::copy(&mut unpacked(), &mut std::io::sink()).map_err(damaged)?;
    if size == limit {
        let what = format!("expected gzip data that unpack to at most {LARGEST} bytes");
        return Err(Fault { excessive: true, ..whole(what) });
    }
    let mut plain = SecretBytes::new(vec![0; size as usize]);
    unpacked().read_exact(&mut plain).map_err(damaged)?;
    Ok(plain)
}

/// What is encoded, where the whole text is base64, in lines or not.
pub(super) fn whole_base64(text: &str) -> Option<SecretBytes> {
    if text.len() < SHORTEST_BASE64 {
        return None;
    }
    base64(text.as_bytes())
}

/// Base64 with line ends and blanks in it.
pub(super) fn base64(text: &[u8]) -> Option<SecretBytes> {
    let compact = SecretBytes::new(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode(&*compact).ok().map(SecretBytes::new)
}
