//! The bootstrap document, in the agent's own form.

use crate::token::Token;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// What a document says.
#[derive(Debug)]
pub struct Document<'a> {
    /// Id of the bootstrap.
    pub id: &'a str,
    /// Id of the cluster.
    pub cluster_id: &'a str,
    /// When the token ends.
    pub expires: OffsetDateTime,
    /// The token.
    pub token: &'a Token,
    /// The API servers.
    pub servers: &'a [&'a str],
    /// The CA's certificates, PEM in base64.
    pub certificate_authority_data: &'a str,
    /// The node's name.
    pub node: &'a str,
}

impl Document<'_> {
    /// The text. JSON strings are YAML strings, so nothing in a value can end it early.
    pub fn yaml(&self) -> Zeroizing<String> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let servers: Vec<String> = self.servers.iter().map(|server| quoted(server)).collect();
        let token = self.token.expose();
        Zeroizing::new(format!(
            "apiVersion: bootstrap.akua.dev/v1alpha1\n\
             kind: WorkerBootstrap\n\
             metadata: {{id: {}, clusterId: {}}}\n\
             expiresAt: {}\n\
             token: {}\n\
             cluster:\n  servers: [{}]\n  certificateAuthorityData: {}\n\
             node: {{name: {}}}\n",
            quoted(self.id),
            quoted(self.cluster_id),
            self.expires.unix_timestamp(),
            token.as_str(),
            servers.join(", "),
            quoted(self.certificate_authority_data),
            quoted(self.node),
        ))
    }
}
