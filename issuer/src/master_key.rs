//! The master key: every token's text follows from it and the bootstrap's id, so that nothing secret is
//! stored for a bootstrap and a lost answer can be given again. Whoever has this file has every token
//! that is alive; it is made 0600, once, never replaced by a restart, and not used where others can read it.

use crate::files::{self, FileError};
use crate::names::BootstrapId;
use crate::random;
use ring::hmac;
use std::fmt;
use std::path::Path;
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::Token;
use zeroize::Zeroizing;

const LENGTH: usize = 32;
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Bytes from here on would favour the first letters of the alphabet.
const FAIR: u8 = 252;
const PURPOSE: &[u8] = b"worker-bootstrap token v1\0";

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Its file.
    #[error("cannot use the master key")]
    File(#[from] FileError),
    /// It is not one.
    #[error("{path} holds {length} bytes, expected the {LENGTH} of a master key")]
    Length {
        /// Which file.
        path: String,
        /// How long it is.
        length: usize,
    },
}

/// The key. Shown by nothing.
pub struct MasterKey(hmac::Key);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// Takes the key in `path`, or makes one there.
    ///
    /// # Errors
    /// The file cannot be read or made, or is not a key.
    pub fn open(path: &Path) -> Result<MasterKey, MasterKeyError> {
        if !path.exists() {
            let mut fresh = Zeroizing::new([0u8; LENGTH]);
            random::fill(fresh.as_mut());
            files::write(path, fresh.as_ref(), 0o600)?;
        }
        let bytes = files::read_key(path, LENGTH as u64)?;
        if bytes.len() != LENGTH {
            return Err(MasterKeyError::Length { path: path.display().to_string(), length: bytes.len() });
        }
        Ok(MasterKey(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The token of this bootstrap: always the same. Its public half may be that of another bootstrap's
    /// (one in two thousand million): whoever stores it sees to it that it is not.
    ///
    /// # Panics
    /// Never: what is made here has the form of a token.
    pub fn token(&self, id: &BootstrapId) -> Token {
        let mut text = Zeroizing::new(String::with_capacity(23));
        let mut block = 0u32;
        while text.len() < 23 {
            let mut context = hmac::Context::with_key(&self.0);
            context.update(PURPOSE);
            context.update(id.as_str().as_bytes());
            context.update(&block.to_be_bytes());
            for byte in context.sign().as_ref().iter().filter(|byte| **byte < FAIR) {
                match text.len() {
                    23 => break,
                    6 => text.push('.'),
                    _ => {}
                }
                text.push(char::from(ALPHABET[usize::from(byte % 36)]));
            }
            block += 1;
        }
        #[expect(clippy::expect_used, reason = "the alphabet and the lengths above are a token's")]
        Token::parse(Secret::new(text.to_string())).expect("a derived token has the form of one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_gives_the_same_token_and_another_key_another() {
        let dir = tempfile::tempdir().unwrap();
        let key = MasterKey::open(&dir.path().join("a")).unwrap();
        let again = MasterKey::open(&dir.path().join("a")).unwrap();
        let other = MasterKey::open(&dir.path().join("b")).unwrap();
        let id = BootstrapId::parse("wbs_01").unwrap();
        let text = |key: &MasterKey, id: &BootstrapId| key.token(id).bearer().expose().to_owned();
        assert_eq!(text(&key, &id), text(&again, &id));
        assert_ne!(text(&key, &id), text(&other, &id));
        assert_ne!(text(&key, &id), text(&key, &BootstrapId::parse("wbs_02").unwrap()));
    }

    #[test]
    fn a_torn_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        files::write(&path, b"short", 0o600).unwrap();
        assert!(matches!(MasterKey::open(&path), Err(MasterKeyError::Length { length: 5, .. })));
        assert_eq!(files::read(&path, 64).unwrap(), b"short");
    }
}
