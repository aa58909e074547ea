//! A fresh token on the issuing side.

use crate::random;
use std::fmt;
use zeroize::Zeroizing;

/// A fresh token. Its secret part is shown by nothing and wiped from memory when dropped.
pub struct Token {
    /// The public part.
    pub id: String,
    secret: Zeroizing<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.<redacted>)", self.id)
    }
}

impl Token {
    /// Makes one.
    pub fn random() -> Token {
        let (id, secret) = random::bootstrap_token();
        Token { id, secret }
    }

    /// The part that nobody but the machine may see.
    pub fn expose_secret(&self) -> &str {
        &self.secret
    }

    /// The whole token, as clients send it.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}.{}", self.id, self.secret.as_str()))
    }

    /// The same token as the agent and the clusters' backend know it.
    ///
    /// # Panics
    /// Never: what is made here has the form of a token.
    pub fn shared(&self) -> worker_bootstrap::token::Token {
        let text = worker_bootstrap::secret::Secret::new(self.expose().to_string());
        #[expect(clippy::expect_used, reason = "a random token has the form of one")]
        worker_bootstrap::token::Token::parse(text).expect("a token")
    }
}
