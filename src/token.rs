//! A Kubernetes bootstrap token: six public characters, a dot, sixteen secret ones.
//! Form: kubernetes/cluster-bootstrap `token/api/types.go`, `\A([a-z0-9]{6})\.([a-z0-9]{16})\z`.

use crate::secret::Secret;
use std::fmt;

/// The public half of a token. May be logged, stored and searched for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// Six characters of `a-z0-9`, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 6 && text.bytes().all(is_token_byte)).then(|| TokenId(text.to_owned()))
    }

    /// The six characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A well-formed token. The join takes it by value, so that it is spent in one place only.
#[derive(Debug)]
pub struct Token {
    id: TokenId,
    whole: Secret,
}

impl Token {
    /// The token in `text`, or nothing where it does not have the form of one.
    pub fn parse(text: Secret) -> Option<Self> {
        let (id, secret) = text.expose().split_once('.')?;
        let id = TokenId::parse(id)?;
        (secret.len() == 16 && secret.bytes().all(is_token_byte)).then_some(Token { id, whole: text })
    }

    /// The public half.
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// The whole token, as a bearer credential.
    pub fn bearer(&self) -> &Secret {
        &self.whole
    }

    /// The secret half: the key of the cluster-info signature.
    pub fn secret_half(&self) -> &str {
        &self.whole.expose()[7..]
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form() {
        for (text, good) in [
            ("abcdef.0123456789abcdef", true),
            ("ABCDEF.0123456789abcdef", false),
            ("abcdef.0123456789abcde", false),
            ("abcdef.0123456789abcdef ", false),
            ("abcde.00123456789abcdef", false),
            ("abcdef:0123456789abcdef", false),
            ("", false),
        ] {
            assert_eq!(Token::parse(Secret::new(text.into())).is_some(), good, "{text}");
        }
    }
}
