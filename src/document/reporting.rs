//! Where progress is told, and by what that server is recognized.

use super::server::ServerUrl;
use super::text::from_text;
use super::trust::Authorities;
use serde::{Deserialize, Serialize};
use std::fmt;

const LONGEST: usize = 2048;

/// Where progress is told. Apart from the cluster: neither its servers nor its CA have a say in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reporting {
    /// Where progress is posted to, https only.
    pub url: ReportUrl,
    /// PEM bundle of that server's CA, in base64. Required: no roots of the system are asked, and the
    /// cluster's CA does not vouch for the issuer.
    pub certificate_authority_data: Authorities,
}

impl Reporting {
    /// To `url`, at a server that the CA certificates in `pem` vouch for.
    ///
    /// # Errors
    /// What was expected.
    pub fn new(url: &str, pem: &[u8]) -> Result<Self, String> {
        let certificate_authority_data = Authorities::from_pem(pem)?;
        Ok(Reporting { url: ReportUrl::parse(url)?, certificate_authority_data })
    }
}

/// The URL that progress is posted to: https, no credentials, no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportUrl(ServerUrl);

impl ReportUrl {
    /// The URL in `text`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = (text.len() <= LONGEST).then(|| ServerUrl::parse(text).ok()).flatten();
        url.map(ReportUrl).ok_or_else(|| {
            format!(
                "expected https://HOST/PATH, without user, password, query or fragment, of at most {LONGEST} bytes"
            )
        })
    }
}

impl fmt::Display for ReportUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

from_text!(ReportUrl, {"type": "string", "format": "uri", "pattern": "^https://[^@?#\\s]+$", "maxLength": 2048});
