//! A bootstrap token on the issuing side, and the Secret by which a cluster knows it.

use crate::clock;
use crate::cluster::embedded::csr::approver::ONE_TIME;
use crate::random;
use serde_json::{Value, json};
use std::fmt;
use time::OffsetDateTime;
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

    /// The Secret in kube-system that makes it good: for authentication and for signing cluster-info,
    /// in `group`, until `expires`, for one machine.
    pub fn secret_object(&self, group: &str, expires: OffsetDateTime) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "bootstrap.kubernetes.io/token",
            "metadata": {
                "name": format!("bootstrap-token-{}", self.id),
                "namespace": "kube-system",
                "annotations": {ONE_TIME: "true"},
            },
            "stringData": {
                "token-id": self.id,
                "token-secret": self.secret.as_str(),
                "usage-bootstrap-authentication": "true",
                "usage-bootstrap-signing": "true",
                "auth-extra-groups": group,
                "expiration": clock::seconds(expires),
            },
        })
    }
}
