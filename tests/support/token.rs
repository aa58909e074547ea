//! Bootstrap tokens and the documents that carry them.

use super::random_word;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A token of a test's own: nobody else has it, so what is found of it anywhere is this test's.
#[derive(Debug, Clone)]
pub struct Token {
    pub id: String,
    pub secret: String,
}

impl Token {
    pub fn random() -> Self {
        Token { id: random_word(6), secret: random_word(16) }
    }

    pub fn text(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }

    /// The name under which the cluster knows its bearer.
    pub fn user(&self) -> String {
        format!("system:bootstrap:{}", self.id)
    }

    /// The name of its Secret in kube-system.
    pub fn secret_name(&self) -> String {
        format!("bootstrap-token-{}", self.id)
    }
}

/// What a token's Secret says beside the token.
#[derive(Debug, Clone)]
pub struct Terms {
    /// `auto` or `manual`: whether the controller manager approves its requests.
    pub group: &'static str,
    /// From now, in seconds; may lie in the past.
    pub expires_in: i64,
}

/// Approved by the controller manager, good for an hour.
pub const AUTO: Terms = Terms { group: "auto", expires_in: 3600 };
/// Approved by whoever tests, good for an hour.
pub const MANUAL: Terms = Terms { group: "manual", expires_in: 3600 };

/// How a document says whom to trust.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// PEM of one or more CA certificates.
    Ca(&'a str),
    /// `sha256:...`, one or more.
    Hashes(&'a [String]),
}

/// A document as an issuer writes it, ending at the credential, as a scratch root has no kubelet to
/// register. Tests change the rest by index: `document["node"]["name"] = ...`.
pub fn document(token: &Token, servers: &[String], trust: Trust<'_>) -> Value {
    let mut document = json!({
        "apiVersion": "bootstrap.akua.dev/v1alpha1",
        "kind": "WorkerBootstrap",
        "metadata": {"id": format!("wbs_{}", token.id), "clusterId": "clu_tests"},
        "expiresAt": super::unix_now() + 3600,
        "token": token.text(),
        "cluster": {"servers": servers},
        "join": {"waitFor": "credential", "timeout": "2m"},
    });
    match trust {
        Trust::Ca(pem) => document["cluster"]["certificateAuthorityData"] = json!(STANDARD.encode(pem)),
        Trust::Hashes(hashes) => document["cluster"]["caCertHashes"] = json!(hashes),
    }
    document
}
