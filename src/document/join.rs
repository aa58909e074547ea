//! How the join goes: how far it is followed, and how long it may take.

use super::moment::Span;
use super::text::{from_text, is_default};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How the join goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// How far it is followed.
    pub wait_for: WaitFor,
    /// How long it may take.
    pub timeout: Duration,
}

impl Default for Join {
    fn default() -> Self {
        Join { wait_for: WaitFor::default(), timeout: Duration::from_secs(600) }
    }
}

/// The state at which a join counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum WaitFor {
    /// The credential is installed.
    Credential,
    /// The Node object is there.
    #[default]
    Registered,
    /// The node is Ready.
    Ready,
}

impl WaitFor {
    const ALL: [WaitFor; 3] = [WaitFor::Credential, WaitFor::Registered, WaitFor::Ready];

    /// The word for it in documents and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            WaitFor::Credential => "credential",
            WaitFor::Registered => "registered",
            WaitFor::Ready => "ready",
        }
    }

    /// The state of this word.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = WaitFor::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| "expected credential, registered or ready".to_owned())
    }
}

impl fmt::Display for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

from_text!(WaitFor, {"enum": ["credential", "registered", "ready"]});

/// `join` as it is written.
#[derive(Debug, PartialEq, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Written {
    /// How the machine joins: kubelet.
    #[serde(skip_serializing_if = "is_default")]
    pub method: Method,
    /// How far the join is followed; registered where nothing is said.
    wait_for: WaitFor,
    /// How long it may take; 10m where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

/// How a machine joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Method {
    /// A kubelet of the machine's own.
    #[default]
    Kubelet,
    /// A k0s worker. Known, and not done by this version.
    K0s,
}

impl From<Written> for Join {
    fn from(written: Written) -> Self {
        let default = Join::default();
        Join { wait_for: written.wait_for, timeout: written.timeout.map_or(default.timeout, |span| span.0) }
    }
}

impl From<Join> for Written {
    fn from(join: Join) -> Self {
        Written { method: Method::Kubelet, wait_for: join.wait_for, timeout: Some(Span(join.timeout)) }
    }
}
