//! The credential that a token stands for, where the cluster does not know the token itself.

use super::Refusal;
use super::cluster::Cluster;
use super::trust::Trust;
use crate::token::Token;

/// The token with what was sealed for it.
pub(super) fn unsealing(token: Token, sealed: &str, cluster: &Cluster) -> Result<Token, Refusal> {
    if let Trust::Pins(_) = cluster.trust {
        // The signature that pins are followed by is made with a token that the cluster knows itself.
        return Err(Refusal::invalid(
            "credential",
            "expected certificateAuthorityData beside it, and no caCertHashes",
        ));
    }
    let unsealed = token.unsealing(sealed);
    unsealed.ok_or_else(|| Refusal::invalid("credential", "expected one that was sealed for this token"))
}
