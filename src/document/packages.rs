//! Packages that must be installed.

use super::text::from_text;
use super::version::VersionRange;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A package that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name, as the machine's package manager knows it.
    pub name: PackageName,
    /// Which versions will do; any where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRange>,
}

/// The name of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageName(String);

impl PackageName {
    fn parse(text: &str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= 128 && text.bytes().all(plain) {
            return Ok(PackageName(text.to_owned()));
        }
        Err("expected the name of a package".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(PackageName, {"type": "string", "maxLength": 128, "pattern": "^[A-Za-z0-9][-A-Za-z0-9+._]*$"});
