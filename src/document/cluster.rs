//! Where the cluster is, and by what it is recognized.

use super::server::ServerUrl;
use super::text::is_default;
use super::trust::{Authorities, Pin, Trust};
use serde::{Deserialize, Serialize};

const MOST_SERVERS: usize = 32;
const MOST_PINS: usize = 32;

/// A cluster: at least one server, and a way to know it from another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub struct Cluster {
    /// Its API servers; each round of attempts tries all of them.
    pub servers: Vec<ServerUrl>,
    /// By what it is recognized.
    pub trust: Trust,
}

/// A cluster as it is written.
#[derive(Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    /// API servers, https only.
    servers: Vec<ServerUrl>,
    /// PEM bundle of the CA, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<Authorities>,
    /// Hashes of the CA's public key; then the CA is discovered from cluster-info.
    #[serde(default, skip_serializing_if = "is_default")]
    ca_cert_hashes: Vec<Pin>,
}

impl TryFrom<Written> for Cluster {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if written.servers.is_empty() || written.servers.len() > MOST_SERVERS {
            return Err(format!("expected 1 to {MOST_SERVERS} servers"));
        }
        if written.ca_cert_hashes.len() > MOST_PINS {
            return Err(format!("expected at most {MOST_PINS} caCertHashes"));
        }
        let trust = match (written.certificate_authority_data, written.ca_cert_hashes) {
            (Some(authorities), pins) if pins.is_empty() => Trust::Authorities(authorities),
            (None, pins) if !pins.is_empty() => Trust::Pins(pins),
            _ => return Err("expected either certificateAuthorityData or caCertHashes".to_owned()),
        };
        Ok(Cluster { servers: written.servers, trust })
    }
}

impl From<Cluster> for Written {
    fn from(cluster: Cluster) -> Self {
        let (certificate_authority_data, ca_cert_hashes) = match cluster.trust {
            Trust::Authorities(authorities) => (Some(authorities), Vec::new()),
            Trust::Pins(pins) => (None, pins),
        };
        Written { servers: cluster.servers, certificate_authority_data, ca_cert_hashes }
    }
}
