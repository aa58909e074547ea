//! An API token: `sk_akua_<public half>_<secret half>`. The public half finds it and is logged; of the secret
//! half a hash is kept. It has 256 random bits, so that a plain hash gives nothing away.

use crate::random;
use ring::digest;
use std::fmt;
use subtle::ConstantTimeEq;
use worker_bootstrap::secret::Secret;

const PREFIX: &str = "sk_akua_";
const PUBLIC: usize = 32;
const SECRET: usize = 64;

fn hexadecimal(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The public half.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicId(String);

impl PublicId {
    /// The public half in `text`, or nothing where it does not have the form of one.
    pub fn parse(text: &str) -> Option<PublicId> {
        hexadecimal(text, PUBLIC).then(|| PublicId(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a secret half. Compared in constant time, by [`Hash::is`] only.
#[derive(Debug, Clone, Copy)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Its bytes, to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is the other.
    pub fn is(&self, other: &Hash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }
}

/// A whole token.
#[derive(Debug)]
pub struct ApiToken {
    id: PublicId,
    secret: Secret,
}

impl ApiToken {
    /// A fresh one.
    pub fn random() -> ApiToken {
        ApiToken {
            id: PublicId(random::hex16()),
            secret: Secret::new(format!("{}{}", random::hex16(), random::hex16())),
        }
    }

    /// The token in `text`, or nothing where it does not have the form of one.
    pub fn parse(text: &str) -> Option<ApiToken> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = PublicId::parse(id)?;
        hexadecimal(secret, SECRET).then(|| ApiToken { id, secret: Secret::new(secret.to_owned()) })
    }

    /// Its public half.
    pub fn id(&self) -> &PublicId {
        &self.id
    }

    /// The hash of its secret half.
    pub fn hash(&self) -> Hash {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, self.secret.expose().as_bytes()).as_ref());
        Hash(bytes)
    }

    /// The whole text: shown once, to whoever made it.
    pub fn text(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}_{}", self.id, self.secret.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form() {
        let (id, secret) = ("0123456789abcdef".repeat(2), "0123456789abcdef".repeat(4));
        for (text, good) in [
            (format!("sk_akua_{id}_{secret}"), true),
            (format!("sk_akua_{id}_{secret}0"), false),
            (format!("sk_akua_{id}{secret}"), false),
            (format!("sk_other_{id}_{secret}"), false),
            (format!("sk_akua_{}_{secret}", id.to_uppercase()), false),
            (format!("sk_akua__{secret}"), false),
            (String::new(), false),
        ] {
            assert_eq!(ApiToken::parse(&text).is_some(), good, "{text}");
        }
    }

    #[test]
    fn what_is_made_is_read_and_only_itself() {
        let (one, other) = (ApiToken::random(), ApiToken::random());
        let read = ApiToken::parse(one.text().expose()).unwrap();
        assert!(read.id() == one.id() && read.hash().is(&one.hash()) && !read.hash().is(&other.hash()));
    }
}
