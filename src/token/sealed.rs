//! A credential that travels beside its token and can be opened with it alone. Where the token is erased, what
//! is left of the two is of no use to anybody: so a sweep need not know of it.
//!
//! base64 of a nonce, and the credential under ChaCha20-Poly1305 (RFC 8439) with a key that follows from the
//! token; the token's public half is authenticated with it.

use super::Token;
use crate::secret::{Secret, SecretBytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// What the key is made for: the HMAC's message.
const CREDENTIAL: &[u8] = b"worker-bootstrap credential v1";
/// The longest sealed text. A ServiceAccount's token has about a thousand bytes.
pub const LONGEST: usize = 16 * 1024;

/// Seals `credential` for whoever has `token`. Each sealing is another text.
pub(super) fn seal(token: &Token, credential: &Secret) -> Option<String> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).ok()?;
    let mut bytes = SecretBytes::new(credential.expose().as_bytes().to_vec());
    let (aad, with) = (Aad::from(token.id().as_str()), Nonce::assume_unique_for_key(nonce));
    let tag = key(token)?.seal_in_place_separate_tag(with, aad, &mut bytes).ok()?;
    Some(STANDARD.encode([&nonce[..], &bytes[..], tag.as_ref()].concat()))
}

/// The credential in `sealed`, if it was sealed for this token and is printable ASCII.
pub(super) fn open(token: &Token, sealed: &str) -> Option<Secret> {
    if sealed.len() > LONGEST {
        return None;
    }
    let mut bytes = SecretBytes::new(STANDARD.decode(sealed).ok()?);
    let nonce: [u8; NONCE_LEN] = bytes.get(..NONCE_LEN)?.try_into().ok()?;
    let (aad, with) = (Aad::from(token.id().as_str()), Nonce::assume_unique_for_key(nonce));
    let plain = key(token)?.open_in_place(with, aad, &mut bytes[NONCE_LEN..]).ok()?;
    let text = std::str::from_utf8(plain).ok()?;
    let printable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    printable.then(|| Secret::new(text.to_owned()))
}

fn key(token: &Token) -> Option<LessSafeKey> {
    let from = hmac::Key::new(hmac::HMAC_SHA256, token.text().expose().as_bytes());
    let key = hmac::sign(&from, CREDENTIAL);
    UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::parse(Secret::new(text.to_owned())).unwrap()
    }

    #[test]
    fn only_its_token_opens_it() {
        let mine = token("abcdef.0123456789abcdef");
        let credential = Secret::new("header.payload.signature".to_owned());
        let sealed = seal(&mine, &credential).unwrap();
        assert_ne!(sealed, seal(&mine, &credential).unwrap());
        assert_eq!(open(&mine, &sealed).unwrap().expose(), credential.expose());
        assert!(open(&token("abcdef.0123456789abcdee"), &sealed).is_none());
        assert!(open(&token("abcdeg.0123456789abcdef"), &sealed).is_none());
        let mut torn = STANDARD.decode(&sealed).unwrap();
        torn[NONCE_LEN] ^= 1;
        for bad in ["", "AAAA", "no base64", &STANDARD.encode(&torn), &sealed[..sealed.len() - 4]] {
            assert!(open(&mine, bad).is_none(), "{bad}");
        }
    }

    /// The text is another issuer's and another day's as well.
    #[test]
    fn what_was_sealed_before_is_opened() {
        // python3, with cryptography: key = hmac.digest(token, b"worker-bootstrap credential v1", "sha256");
        // b64encode(bytes(12) + ChaCha20Poly1305(key).encrypt(bytes(12), b"header.payload.signature", b"abcdef"))
        let sealed = "AAAAAAAAAAAAAAAAwXrfRuV1cf2HTbkAX9+e3LS6VcGkw4xFE8k1PO3/dtjaiKvlagwqBg==";
        let opened = open(&token("abcdef.0123456789abcdef"), sealed).unwrap();
        assert_eq!(opened.expose(), "header.payload.signature");
    }

    #[test]
    fn what_cannot_be_a_credential_is_none() {
        let mine = token("abcdef.0123456789abcdef");
        for bad in ["", "two words", "line\nend", "\u{e4}"] {
            let sealed = seal(&mine, &Secret::new(bad.to_owned())).unwrap();
            assert!(open(&mine, &sealed).is_none(), "{bad:?}");
        }
    }
}
