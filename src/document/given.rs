//! What the command line adds to a form that does not say everything: where the cluster is, by what it is
//! recognized, when the token ends. It never overrides what a bootstrap says itself, and never holds a token.

use super::cluster::Cluster;
use super::k0s_token;
use super::moment::UnixSeconds;
use super::server::ServerUrl;
use super::trust::{Authorities, Pin, Trust};
use super::{Bootstrap, Document, Refusal};
use crate::document::forms::{JoinCommand, TokenIn};
use crate::secret::Secret;

/// What was given beside the bootstrap.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// API servers.
    pub servers: Vec<ServerUrl>,
    /// Hashes of the CA's public key.
    pub pins: Vec<Pin>,
    /// The CA itself.
    pub authorities: Option<Authorities>,
    /// When the token ends; [`UnixSeconds::NEVER`] where it was said that nobody knows.
    pub expires_at: Option<UnixSeconds>,
}

impl Given {
    /// The cluster that was given, if one was.
    pub(super) fn cluster(&self) -> Result<Option<Cluster>, Refusal> {
        let trust = match (&self.authorities, &self.pins[..]) {
            (None, []) if self.servers.is_empty() => return Ok(None),
            (Some(authorities), []) => Trust::Authorities(authorities.clone()),
            (None, [_, ..]) => Trust::Pins(self.pins.clone()),
            _ => {
                return Err(Refusal::invalid(
                    "cluster",
                    "expected --server with either --ca-cert-hash or --ca-file",
                ));
            }
        };
        if self.servers.is_empty() {
            return Err(Refusal::invalid("cluster", "expected --server beside --ca-cert-hash or --ca-file"));
        }
        Ok(Some(Cluster { servers: self.servers.clone(), trust }))
    }

    /// The expiry of a form that has none of its own.
    pub(super) fn expiry(&self) -> Result<UnixSeconds, Refusal> {
        self.expires_at.ok_or_else(|| {
            Refusal::invalid(
                "expiresAt",
                "this form does not say when its token ends: expected --expires-at TIME, or --no-expiry",
            )
        })
    }

    /// A bootstrap that says it all itself needs nothing beside it, and what contradicts it is not passed over.
    pub(super) fn refuse(&self, expiry: bool, cluster: bool) -> Result<(), Refusal> {
        if expiry && self.expires_at.is_some() {
            return Err(Refusal::invalid(
                "expiresAt",
                "expected no --expires-at or --no-expiry: the bootstrap says when it ends",
            ));
        }
        let given = !self.servers.is_empty() || !self.pins.is_empty() || self.authorities.is_some();
        if cluster && given {
            return Err(Refusal::invalid(
                "cluster",
                "expected no --server, --ca-cert-hash or --ca-file: the bootstrap says where its cluster is",
            ));
        }
        Ok(())
    }
}

/// The bootstrap that a token and the command line make together.
pub(super) fn from_token(token: Secret, given: &Given) -> Result<Bootstrap, Refusal> {
    let cluster = given.cluster()?;
    let (token, cluster) = k0s_token::token_and_cluster(token, cluster)?;
    Ok(Bootstrap { document: Document::bare(given.expiry()?, cluster), token })
}

/// The bootstrap that a join command asks for. `token_file` is the content of the file it names.
pub(super) fn from_command(
    command: JoinCommand,
    token_file: Option<&[u8]>,
    given: &Given,
) -> Result<Bootstrap, Refusal> {
    given.refuse(false, true)?;
    let token = match command.token {
        TokenIn::Text(token) => token,
        TokenIn::File(_) => bare_token(token_file.ok_or_else(|| {
            Refusal::invalid(
                "token",
                "expected the file that --token-file names; it could not be read from here",
            )
        })?)?,
    };
    let cluster =
        command.server.map(|server| Cluster { servers: vec![server], trust: Trust::Pins(command.pins) });
    let (token, cluster) = k0s_token::token_and_cluster(token, cluster)?;
    let mut document = Document::bare(given.expiry()?, cluster);
    document.node.name = command.node;
    Ok(Bootstrap { document, token })
}

/// The token that is all of a file.
pub(super) fn bare_token(text: &[u8]) -> Result<Secret, Refusal> {
    let text = std::str::from_utf8(text).map_err(|_| Refusal::invalid("token", "expected UTF-8 text"))?;
    Ok(Secret::new(text.trim().to_owned()))
}
