//! The key of a run whose document is gone, on disk until its last report is through: whoever reads it can
//! tell the issuer tales of this machine, and nothing else.

use super::Line;
use crate::document::{Authorities, ReportUrl};
use crate::host::files::FileError;
use crate::host::root::Root;
use crate::host::{secret_file, state};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const PATH: &str = "/var/lib/worker-bootstrap/report.json";
const SCHEMA: u32 = 1;

/// What lies there.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) line: Line,
    pub(super) unsent: Option<Unsent>,
}

/// The last word of a run that did not get through.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Unsent {
    /// Whether nothing can follow on it.
    pub(super) settled: bool,
    /// What is to be posted.
    pub(super) body: String,
}

impl Unsent {
    /// The last word on a token whose life has ended.
    pub(super) fn settled(body: String) -> Self {
        Unsent { settled: true, body }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Read {
    schema: u32,
    token_id: String,
    url: String,
    certificate_authority: String,
    key: Secret,
    expires_at: u64,
    unsent: Option<Unsent>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema: u32,
    token_id: &'a str,
    url: String,
    certificate_authority: String,
    key: &'a str,
    expires_at: u64,
    unsent: Option<&'a Unsent>,
}

/// What an earlier run has kept. What is torn, of another version or half removed is removed: it serves
/// nobody any more.
pub(super) fn read(root: &Root) -> Option<Kept> {
    let opened = secret_file::open(&root.at(PATH), root).ok().flatten()?;
    let kept = understood(&opened.bytes);
    if kept.is_none() {
        remove(root);
    }
    kept
}

fn understood(bytes: &[u8]) -> Option<Kept> {
    let read: Read = serde_json::from_slice(bytes).ok().filter(|read: &Read| read.schema == SCHEMA)?;
    let line = Line {
        token_id: read.token_id,
        url: ReportUrl::parse(&read.url).ok()?,
        authorities: Authorities::from_pem(read.certificate_authority.as_bytes()).ok()?,
        key: read.key,
        expires_at: read.expires_at,
    };
    Some(Kept { line, unsent: read.unsent })
}

/// Keeps the key, 0600, in place of whatever was kept before.
pub(super) fn write(root: &Root, line: &Line, unsent: Option<&Unsent>) -> Result<(), FileError> {
    let written = Written {
        schema: SCHEMA,
        token_id: &line.token_id,
        url: line.url.to_string(),
        certificate_authority: line.authorities.to_pem(),
        key: line.key.expose(),
        expires_at: line.expires_at,
        unsent,
    };
    // Texts and numbers: there is nothing in it that JSON cannot hold.
    let text = Zeroizing::new(serde_json::to_vec_pretty(&written).unwrap_or_default());
    state::write(root, PATH, &text, 0o600)
}

/// Removes it, overwritten first.
pub(super) fn remove(root: &Root) {
    if let Ok(Some(opened)) = secret_file::open(&root.at(PATH), root)
        && let Err(error) = secret_file::erase(&opened.place)
    {
        tracing::debug!(target: "worker_bootstrap", "removing the report's key: {error}");
    }
}
