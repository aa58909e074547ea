//! Where the cluster is, and by what it is recognized.

use super::server::ServerUrl;
use super::trust::{Authorities, Pin, Trust};
use serde::Deserialize;

const MOST_SERVERS: usize = 32;
const MOST_PINS: usize = 32;

/// A cluster: at least one server, and a way to know it from another.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema, PartialEq)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Cluster {
    /// Its API servers; each round of attempts tries all of them.
    pub servers: Vec<ServerUrl>,
    /// By what it is recognized.
    pub trust: Trust,
}

/// A cluster as it is written.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    /// API servers, https only.
    servers: Vec<ServerUrl>,
    /// PEM bundle of the CA, in base64.
    certificate_authority_data: Option<Authorities>,
    /// Hashes of the CA's public key; then the CA is discovered from cluster-info.
    #[serde(default)]
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
