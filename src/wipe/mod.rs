//! Step 8: erase the copies of the token that this program knows of, and say of each what became of it.
//!
//! Takes the [`Residue`] by value: what has been handed here is not read again. Best effort that
//! confesses everything: one copy that cannot be erased does not keep the others alive. A restart
//! wipes again; what is already gone is no error.

use crate::document;
use crate::find::{Place, Residue};
use crate::host::root::Root;
use crate::host::secret_file::{self, Guarantee};
use serde::Serialize;
use std::path::PathBuf;

/// What became of all copies.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Custody {
    /// Copies that are gone.
    pub erased: Vec<Erased>,
    /// Copies that should have been erasable and are still there.
    pub left: Vec<Left>,
}

/// A copy that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// Where it lay.
    pub path: PathBuf,
    /// How many bytes were overwritten.
    pub bytes: u64,
    /// Why the storage below may still hold the old blocks, where it may.
    pub not_guaranteed: Option<String>,
}

/// A copy that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// Where it lies.
    pub path: PathBuf,
    /// Why it could not be erased.
    pub why: String,
}

/// Overwrites, syncs and removes every file of `residue` that is this program's own. Files that belong to
/// others are left as they are.
pub fn sources(residue: Residue) -> Custody {
    let mut custody = Custody::default();
    for place in residue.into_places() {
        let Place::Ours(place) = place else { continue };
        match secret_file::erase(&place) {
            Ok(erased) => custody.erased.push(Erased {
                path: place.path,
                bytes: erased.bytes,
                not_guaranteed: match erased.guarantee {
                    Guarantee::Memory | Guarantee::InPlace => None,
                    Guarantee::None { why } => Some(why),
                },
            }),
            Err(error) => custody.left.push(Left { path: place.path, why: error.to_string() }),
        }
    }
    custody
}

/// The places among `paths` that hold the token with this public id now: after a crash, or when
/// something has written the document again.
pub fn recall(paths: &[PathBuf], token_id: &str, root: &Root) -> Residue {
    let needle = format!("{token_id}.");
    // A k0s join token hides the id inside its encoding: there only the parsed document tells.
    let holds = |bytes: &[u8]| {
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
            || document::parse(bytes, "").is_ok_and(|found| found.token.id().as_str() == token_id)
    };
    those(paths, root, |bytes| holds(bytes) || is_overwritten(bytes))
}

/// The places among `paths` where erasing was cut off between overwriting and removing.
pub fn cut_short(paths: &[PathBuf], root: &Root) -> Residue {
    those(paths, root, is_overwritten)
}

fn those(paths: &[PathBuf], root: &Root, holds: impl Fn(&[u8]) -> bool) -> Residue {
    let places = paths
        .iter()
        .filter_map(|path| secret_file::open(path, root).ok().flatten())
        .filter(|opened| holds(&opened.bytes))
        .map(|opened| Place::Ours(opened.place))
        .collect();
    Residue::of(places)
}

fn is_overwritten(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0)
}

impl Custody {
    /// Whether no copy was met at all.
    pub fn is_empty(&self) -> bool {
        self.erased.is_empty() && self.left.is_empty()
    }

    /// Adds what another sweep did.
    pub fn merge(&mut self, other: Custody) {
        self.erased.extend(other.erased);
        self.left.extend(other.left);
    }

    /// How many copies went, and how many are left.
    pub fn count(&self) -> String {
        match (self.erased.len(), self.left.len()) {
            (0, 0) => "no copy on this machine to erase".to_owned(),
            (erased, 0) => format!("{erased} erased"),
            (erased, left) => format!("{erased} erased, {left} STILL THERE"),
        }
    }

    /// Each copy: where, and how sure it is gone.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        for erased in &self.erased {
            let path = erased.path.display();
            parts.push(match &erased.not_guaranteed {
                None => format!("erased {path} ({} bytes)", erased.bytes),
                Some(why) => format!("erased {path} ({} bytes, without guarantee: {why})", erased.bytes),
            });
        }
        parts.extend(
            self.left.iter().map(|left| format!("STILL THERE: {} ({})", left.path.display(), left.why)),
        );
        if parts.is_empty() { "no copy on this machine to erase".to_owned() } else { parts.join("; ") }
    }
}
