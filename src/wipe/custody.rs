//! What became of every copy: the report of a sweep. Goes into the journal, the status and the result, and
//! before a person. Holds paths and reasons, and nothing of what stood there.

use crate::failure::one_line;
use crate::host::secret_file::Guarantee;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
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
    /// What was not read yet: a run leaves long files, and many, to the sweep that follows it.
    pub deferred: Vec<Left>,
    /// Copies that cannot be erased from here.
    pub residue: Vec<Still>,
    /// Places that could not be searched, or not to their end.
    pub unsearched: Vec<Left>,
    /// File systems whose disk has forgotten their free blocks since.
    pub trimmed: Vec<String>,
    /// File systems whose free blocks may hold older versions of what was erased, and why.
    pub untrimmed: Vec<Left>,
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
    /// The file system whose free blocks may hold older versions of it until it is trimmed.
    #[serde(default)]
    pub free_blocks: Option<String>,
}

impl Erased {
    /// Of this file.
    pub fn new(path: &Path, bytes: u64, guarantee: Guarantee) -> Self {
        let (not_guaranteed, free_blocks) = match guarantee {
            Guarantee::Memory => (None, None),
            Guarantee::Trimmable { mount } => (None, Some(shown(&mount))),
            Guarantee::None { why } => (Some(why), None),
        };
        Erased { path: shown(path), bytes, not_guaranteed, free_blocks }
    }
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
    /// Notes that the copy there could not be put over, and what ends that.
    pub fn could_not_erase(&mut self, path: &Path, error: &io::Error) {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EROFS) => self.residue.push(Still {
                path: shown(path),
                why: "it lies on a file system that is mounted read-only".to_owned(),
                end: "take the medium away or mount it to be written and run worker-bootstrap wipe; until then revoke the token or let it expire".to_owned(),
            }),
            Some(Errno::EPERM) => {
                let why = format!("{error}: it is immutable or may only be appended to (lsattr shows it, chattr -i -a ends it)");
                self.left.push(Left::new(path, why));
            }
            _ => self.left.push(Left::new(path, error.to_string())),
        }
    }

    /// Whether no copy was met at all and every place was searched.
    pub fn is_empty(&self) -> bool {
        *self == Custody::default()
    }

    /// Whether something is left to a later sweep.
    pub fn wants_more(&self) -> bool {
        !self.pending.is_empty() || !self.deferred.is_empty()
    }

    /// The file systems that are still to be trimmed.
    pub fn to_trim(&self) -> BTreeSet<&str> {
        self.erased.iter().filter_map(|erased| erased.free_blocks.as_deref()).collect()
    }

    /// Notes that this file system was trimmed after everything noted here was erased.
    pub fn trimmed(&mut self, mount: &str) {
        for erased in &mut self.erased {
            erased.free_blocks.take_if(|of| of == mount);
        }
        self.untrimmed.retain(|left| left.path != mount);
        if !self.trimmed.iter().any(|known| known == mount) {
            self.trimmed.push(mount.to_owned());
        }
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
        for mount in &other.trimmed {
            self.trimmed(mount);
        }
        self.untrimmed.retain(|left| !other.untrimmed.iter().any(|new| new.path == left.path));
        self.untrimmed.extend(other.untrimmed);
        // What was written again and erased again is one copy.
        self.erased.retain(|erased| !other.erased.iter().any(|again| again.path == erased.path));
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
            (self.deferred.len(), "left to the sweep that follows"),
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
            let more = match (&it.not_guaranteed, &it.free_blocks) {
                (Some(why), _) => format!("{} bytes, without guarantee: {why}", it.bytes),
                (None, Some(of)) => {
                    format!("{} bytes; free blocks of {of} may hold older versions", it.bytes)
                }
                (None, None) => format!("{} bytes", it.bytes),
            };
            rows.push(row(erased, &it.path, more));
        }
        let forgotten = "the disk has forgotten its free blocks".to_owned();
        rows.extend(self.trimmed.iter().map(|path| row("trimmed", path, forgotten.clone())));
        rows.extend(self.untrimmed.iter().map(|it| row("not trimmed", &it.path, it.why.clone())));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn on(mount: &str, path: &str) -> Erased {
        Erased::new(Path::new(path), 22, Guarantee::Trimmable { mount: mount.into() })
    }

    #[test]
    fn a_trim_is_of_one_file_system_and_of_what_was_erased_before_it() {
        let mut of_the_run =
            Custody { erased: vec![on("/", "/a"), on("/var", "/var/b")], ..Custody::default() };
        assert_eq!(of_the_run.to_trim().into_iter().collect::<Vec<_>>(), ["/", "/var"]);
        let mut swept = Custody { erased: vec![on("/var", "/var/c")], ..Custody::default() };
        swept.untrimmed.push(Left { path: "/".to_owned(), why: "no fstrim".to_owned() });
        swept.trimmed("/var");
        assert!(swept.to_trim().is_empty());
        of_the_run.merge(swept.clone());
        assert_eq!(of_the_run.to_trim().into_iter().collect::<Vec<_>>(), ["/"]);
        assert_eq!((of_the_run.trimmed.len(), of_the_run.untrimmed.len()), (1, 1));
        let told = of_the_run.summary();
        assert!(told.contains("erased /a (22 bytes; free blocks of / may hold older versions)"), "{told}");
        assert!(told.contains("not trimmed / (no fstrim)"), "{told}");
        // Tried again, and done.
        let mut again = Custody::default();
        again.trimmed("/");
        of_the_run.merge(again);
        assert!(of_the_run.to_trim().is_empty());
        assert!(of_the_run.untrimmed.is_empty());
    }

    #[test]
    fn what_is_written_again_and_erased_again_is_one_copy() {
        let mut sum = Custody { erased: vec![on("/", "/a")], ..Custody::default() };
        sum.merge(Custody { erased: vec![on("/", "/a"), on("/", "/b")], ..Custody::default() });
        assert_eq!(sum.erased.len(), 2);
    }
}
