//! What became of every copy: the report of a sweep. Goes into the journal, the status and the result, and
//! before a person. Holds paths and reasons, and nothing of what stood there.

use crate::failure::one_line;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Copies that are named one by one in a line; the status has them all.
const NAMED: usize = 12;

/// What became of all copies.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Custody {
    /// Copies that are gone.
    pub erased: Vec<Erased>,
    /// Copies that should have been erasable and are still there.
    pub left: Vec<Left>,
    /// Copies that wait for cloud-init's end.
    pub pending: Vec<Left>,
    /// Files that were not read yet: a run leaves long ones to the sweep that follows it.
    pub deferred: Vec<Left>,
    /// Copies that cannot be erased from here.
    pub residue: Vec<Still>,
    /// Places that could not be searched, or not to their end.
    pub unsearched: Vec<Left>,
}

/// A copy that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// Where it lay.
    pub path: String,
    /// How many bytes were put over.
    pub bytes: u64,
    /// Why the storage below may still hold the old blocks, where it may.
    pub not_guaranteed: Option<String>,
}

/// A copy, or a place, and what is the matter with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// Where it lies.
    pub path: String,
    /// Why it is as it is.
    pub why: String,
}

/// A copy that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Still {
    /// Where it lies.
    pub path: String,
    /// Why it cannot be erased.
    pub why: String,
    /// What ends it.
    pub end: String,
}

impl Left {
    /// Of this place.
    pub fn new(path: &Path, why: impl Into<String>) -> Self {
        Left { path: shown(path), why: why.into() }
    }
}

/// A path as text on one line: names may hold anything.
pub fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}

impl Custody {
    /// Whether no copy was met at all and every place was searched.
    pub fn is_empty(&self) -> bool {
        *self == Custody::default()
    }

    /// Whether something is left to a later sweep.
    pub fn wants_more(&self) -> bool {
        !self.pending.is_empty() || !self.deferred.is_empty()
    }

    /// Adds what another sweep did.
    pub fn merge(&mut self, other: Custody) {
        let add = |these: &mut Vec<Left>, those: Vec<Left>| {
            for left in those {
                if !these.contains(&left) {
                    these.push(left);
                }
            }
        };
        // What is gone is neither left nor waiting any more.
        let gone = |path: &String| other.erased.iter().any(|erased| erased.path == *path);
        self.left.retain(|left| !gone(&left.path));
        self.pending.retain(|left| !gone(&left.path));
        self.deferred.retain(|left| !gone(&left.path));
        self.erased.extend(other.erased);
        add(&mut self.left, other.left);
        add(&mut self.pending, other.pending);
        add(&mut self.deferred, other.deferred);
        add(&mut self.unsearched, other.unsearched);
        for still in other.residue {
            if !self.residue.contains(&still) {
                self.residue.push(still);
            }
        }
    }

    /// How many copies went, and how many are left.
    pub fn count(&self) -> String {
        let mut parts = Vec::new();
        for (count, what) in [
            (self.erased.len(), "erased"),
            (self.pending.len(), "waiting for the end of cloud-init"),
            (self.deferred.len(), "long files left to the sweep that follows"),
            (self.residue.len(), "that cannot be erased from here"),
            (self.left.len(), "STILL THERE"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if parts.is_empty() { "no copy on this machine to erase".to_owned() } else { parts.join(", ") }
    }

    /// Every copy, one row each: what became of it, where, and what else is to be said.
    pub fn rows(&self, dry_run: bool) -> Vec<[String; 3]> {
        let row = |what: &str, path: &str, more: String| [what.to_owned(), path.to_owned(), more];
        let erased = if dry_run { "would erase" } else { "erased" };
        let mut rows = Vec::new();
        for it in &self.erased {
            let more = match &it.not_guaranteed {
                None => format!("{} bytes", it.bytes),
                Some(why) => format!("{} bytes, without guarantee: {why}", it.bytes),
            };
            rows.push(row(erased, &it.path, more));
        }
        rows.extend(self.pending.iter().map(|it| row("waits", &it.path, it.why.clone())));
        rows.extend(self.deferred.iter().map(|it| row("later", &it.path, it.why.clone())));
        rows.extend(self.residue.iter().map(|it| row("stays", &it.path, format!("{}; {}", it.why, it.end))));
        rows.extend(self.left.iter().map(|it| row("STILL THERE", &it.path, it.why.clone())));
        rows.extend(self.unsearched.iter().map(|it| row("not searched", &it.path, it.why.clone())));
        rows
    }

    /// Each copy, in one line; of many the first, and how many more there are.
    pub fn summary(&self) -> String {
        let rows = self.rows(false);
        let mut parts: Vec<String> =
            rows.iter().take(NAMED).map(|[what, path, more]| format!("{what} {path} ({more})")).collect();
        if rows.len() > NAMED {
            parts.push(format!("and {} more", rows.len() - NAMED));
        }
        if parts.is_empty() { "no copy on this machine to erase".to_owned() } else { parts.join("; ") }
    }
}
