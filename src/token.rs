//! A Kubernetes bootstrap token: six public characters, a dot, sixteen secret ones.
//! Form: kubernetes/cluster-bootstrap `token/api/types.go`, `\A([a-z0-9]{6})\.([a-z0-9]{16})\z`.

mod sealed;

use crate::secret::Secret;
use ring::hmac;
use std::fmt;

/// What is put over a token that is erased: of a token's form, so that the text around it can be read as
/// before, and the same for every token.
pub const ERASED: &str = "erased.0000000000000000";

/// What the report key is made for: the HMAC's message.
const REPORT: &[u8] = b"worker-bootstrap report v1";

/// The public half of a token. May be logged, stored and searched for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// Six characters of `a-z0-9`, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 6 && text.bytes().all(is_token_byte)).then(|| TokenId(text.to_owned()))
    }

    /// Whether it is that of [`ERASED`]: the token that stood there is gone.
    pub fn is_erased(&self) -> bool {
        ERASED.starts_with(&self.0)
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
    /// What it stands for, where it is none that the cluster knows itself.
    credential: Option<Secret>,
}

impl Token {
    /// The token in `text`, or nothing where it does not have the form of one.
    pub fn parse(text: Secret) -> Option<Self> {
        let id = public_half(&text)?;
        Some(Token { id, whole: text, credential: None })
    }

    /// The same token as that of another credential: where a cluster would approve every bootstrap token, its
    /// machine authenticates with this one.
    #[must_use]
    pub fn standing_for(self, credential: Secret) -> Token {
        Token { credential: Some(credential), ..self }
    }

    /// The same token with the credential that was sealed for it; nothing where it was not.
    pub fn unsealing(self, sealed: &str) -> Option<Token> {
        let credential = sealed::open(&self, sealed)?;
        Some(self.standing_for(credential))
    }

    /// The credential that it stands for, sealed: of no use without the token itself.
    pub fn sealed_credential(&self) -> Option<String> {
        sealed::seal(self, self.credential.as_ref()?)
    }

    /// Whether it stands for a credential, without which it opens nothing.
    pub fn has_credential(&self) -> bool {
        self.credential.is_some()
    }

    /// Whether `text` has the form of a token.
    pub fn has_form(text: &Secret) -> bool {
        public_half(text).is_some()
    }

    /// The public half.
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// The whole token, as it is written.
    pub fn text(&self) -> &Secret {
        &self.whole
    }

    /// What is sent as a bearer credential: the token, or what it stands for.
    pub fn bearer(&self) -> &Secret {
        self.credential.as_ref().unwrap_or(&self.whole)
    }

    /// The secret half: the key of the cluster-info signature.
    pub fn secret_half(&self) -> &str {
        &self.whole.expose()[7..]
    }

    /// The key by which its machine reports to the issuer: 64 hexadecimal digits that follow from the
    /// token. It can report and never join, and the token does not follow from it.
    pub fn report_key(&self) -> Secret {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.whole.expose().as_bytes());
        let tag = hmac::sign(&key, REPORT);
        Secret::new(tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn public_half(text: &Secret) -> Option<TokenId> {
    let (id, secret) = text.expose().split_once('.')?;
    let id = TokenId::parse(id)?;
    (secret.len() == 16 && secret.bytes().all(is_token_byte)).then_some(id)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_key_is_one_for_both_sides() {
        let token = Token::parse(Secret::new("abcdef.0123456789abcdef".into())).unwrap();
        // python3: hmac.new(b"abcdef.0123456789abcdef", b"worker-bootstrap report v1", "sha256").hexdigest()
        assert_eq!(
            token.report_key().expose(),
            "6707d81d2530884638613ce6d8d974ce23ce03f1a6bc80a4a5f709d9987eec98"
        );
    }

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
