//! The rule that every run is held to: the token is seen nowhere it does not belong.

use super::token::Token;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::path::{Path, PathBuf};

/// The shapes in which a token could be left behind.
#[derive(Debug, Clone)]
pub struct Canary {
    id: String,
    needles: Vec<String>,
}

impl Canary {
    pub fn of(token: &Token) -> Self {
        let mut needles = vec![token.secret.clone(), hex(&token.secret)];
        needles.extend((0..3).map(|offset| base64_core(&token.secret, offset)));
        Canary { id: token.id.clone(), needles }
    }

    /// Fails when the token stands in `text`.
    pub fn assert_absent(&self, text: &[u8], place: &str) {
        for needle in &self.needles {
            assert!(!contains(text, needle.as_bytes()), "the secret of token {} stands in {place}", self.id);
        }
    }

    /// How many of the shapes stand in `bytes`.
    pub fn count(&self, bytes: &[u8]) -> usize {
        self.needles.iter().filter(|needle| memchr::memmem::find(bytes, needle.as_bytes()).is_some()).count()
    }

    /// Fails when the token stands in a file below `root`, or in the name of one.
    pub fn assert_absent_below(&self, root: &Path, but: &[PathBuf]) {
        for path in files(root) {
            if but.contains(&path) {
                continue;
            }
            let name = path.display().to_string();
            self.assert_absent(name.as_bytes(), "a file's name");
            self.assert_absent(&std::fs::read(&path).unwrap_or_default(), &name);
        }
    }
}

/// Every regular file below `root`; links are not followed.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// What of the base64 of a longer text depends on `secret` alone, when it begins `offset` bytes
/// after a multiple of three. A token's letters and digits give the same in both alphabets.
fn base64_core(secret: &str, offset: usize) -> String {
    let padded = format!("{}{secret}", "\0".repeat(offset));
    let encoded = STANDARD_NO_PAD.encode(&padded);
    let from = (offset * 8).div_ceil(6);
    let to = padded.len() * 8 / 6;
    encoded[from..to].to_owned()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    #[test]
    fn a_token_is_recognized_in_every_shape() {
        let token = Token { id: "abcdef".into(), secret: "0123456789abcdxz".into() };
        let canary = Canary::of(&token);
        for lead in ["", "x", "xy", "xyz"] {
            let text = format!("{lead}{}tail", token.text());
            for seen in [text.clone(), STANDARD.encode(&text), URL_SAFE.encode(&text), hex(&text)] {
                let caught = std::panic::catch_unwind(|| canary.assert_absent(seen.as_bytes(), "a test"));
                assert!(caught.is_err(), "{seen}");
            }
        }
        canary.assert_absent(b"the token abcdef is spent", "a test");
    }
}
