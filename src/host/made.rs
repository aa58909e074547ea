//! What a run makes of the machine outside this program's own directories, and the record of it by which it
//! is undone (`reset`). The raw writers are this directory's alone: a stage cannot make a file that is not
//! recorded.
//!
//! The record is on the disk before the thing is made, so that a crash at any moment leaves no thing that
//! is not in it; one that was recorded and not made is told apart by what stands there. What is recorded of
//! a file: a digest of what was written, so that one which somebody has changed since is not taken for ours,
//! and what stood there before, a copy of which is kept 0600 to be put back. Of a file that holds a
//! credential no copy is kept. What stood there is what the run found that was not a run's: a second run
//! that writes the file anew changes nothing about it.
//!
//! One writer at a time is assumed: the run's lock sees to that.

mod record;

pub(super) use record::Former;
pub use record::{Item, Kind, RECORD};

use super::files::{self, FileError, Written};
use super::root::Root;
use super::state;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use record::Record;
use ring::digest::{SHA256, digest as hash};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Copies of what stood in the way, by their digest.
pub(super) const FORMER: &str = "/var/lib/worker-bootstrap/former";
/// A larger file is not copied.
const LIMIT: u64 = 1024 * 1024;
/// What tells that a file holds a credential: a key in PEM or in a kubeconfig, a bearer token, a password.
const CREDENTIAL: [&[u8]; 4] = [b"PRIVATE KEY", b"client-key-data", b"token:", b"password:"];

/// A thing to be made.
#[derive(Debug, Clone, Copy)]
pub enum Put<'a> {
    /// A directory and the missing ones above it, of this mode.
    Directory(&'a str, u32),
    /// A file of this content and mode.
    File(&'a str, &'a [u8], u32),
    /// A file for its owner alone; it is overwritten when it is undone.
    Secret(&'a str, &'a [u8]),
    /// A link: its place, where it leads, and by way of which name it comes there.
    Link(&'a str, &'a Path, &'a str),
    /// Nothing is made: whatever stands under names that begin so was there before the first run.
    Others(&'a str),
    /// Nothing is made here: what is about to be done to this unit.
    Unit(Kind, &'a str),
}

/// What stands at a path.
pub(super) enum Now {
    Nothing,
    File {
        bytes: Vec<u8>,
        mode: u32,
        uid: u32,
        gid: u32,
    },
    Link(PathBuf),
    /// A file too large to be one of ours.
    Large,
    Else,
}

impl Now {
    pub(super) fn at(path: &Path) -> Result<Now, FileError> {
        let meta = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Now::Nothing),
            meta => files::at("looking at", path, meta)?,
        };
        Ok(if meta.is_symlink() {
            Now::Link(files::at("looking at", path, fs::read_link(path))?)
        } else if !meta.is_file() {
            Now::Else
        } else if meta.len() > LIMIT {
            Now::Large
        } else {
            let bytes = files::at("reading", path, files::read(path, LIMIT))?;
            Now::File { bytes, mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid() }
        })
    }

    pub(super) fn digest(&self) -> Option<String> {
        match self {
            Now::File { bytes, .. } => Some(digest(bytes)),
            Now::Link(target) => Some(digest(target.as_os_str().as_bytes())),
            Now::Nothing | Now::Large | Now::Else => None,
        }
    }

    /// As it is put down in the record, without its copy.
    pub(super) fn former(&self) -> Former {
        let credential =
            |bytes: &[u8]| CREDENTIAL.iter().any(|sign| memchr::memmem::find(bytes, sign).is_some());
        match self {
            Now::Nothing => Former::Nothing,
            Now::File { bytes, mode, uid, gid } if !credential(bytes) => {
                Former::File { mode: *mode, uid: *uid, gid: *gid, digest: digest(bytes) }
            }
            Now::Link(target) => match target.to_str() {
                Some(target) if !target.contains(['\t', '\n']) => Former::Link(target.to_owned()),
                _ => Former::Unkept,
            },
            Now::File { .. } | Now::Large | Now::Else => Former::Unkept,
        }
    }
}

pub(super) fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(hash(&SHA256, bytes))
}

/// Makes these things, each recorded before. What is there already as it should be is left alone, and is
/// nobody's but whose it was.
///
/// # Errors
/// Where the system says no; where something stands in the way that is not replaced.
pub fn put(root: &Root, things: &[Put<'_>]) -> Result<Vec<Written>, FileError> {
    // What is our own, and what it lies in, is not made by a run.
    state::directory(root, "/var/lib/worker-bootstrap", 0o755)?;
    let mut record = Record::read(root)?;
    let mut wanted = Vec::new();
    for thing in things {
        wanted.push(record.expect(root, thing)?);
    }
    record.save(root)?;
    for (thing, _) in things.iter().zip(&wanted).filter(|(_, wanted)| **wanted == Written::Done) {
        match *thing {
            Put::Directory(path, mode) => files::make_dirs(&root.at(path), mode)?,
            Put::File(path, bytes, mode) => files::write(&root.at(path), bytes, mode)?,
            Put::Secret(path, bytes) => files::write(&root.at(path), bytes, 0o600)?,
            Put::Link(path, target, via) => files::replace_link(&root.at(path), target, &root.at(via))?,
            Put::Others(_) | Put::Unit(..) => {}
        }
    }
    Ok(wanted)
}

/// Takes away a file that a run made for a time; what is recorded of it stays.
///
/// # Errors
/// Where the system says no.
pub fn forget(root: &Root, path: &str) -> Result<(), FileError> {
    files::remove(&root.at(path))
}

/// Everything that is recorded, in the order in which it was made.
///
/// # Errors
/// A record that is torn, of another version, or that others could have written.
pub fn items(root: &Root) -> Result<Vec<Item>, FileError> {
    Ok(Record::read(root)?.items)
}

/// From now on this is all there is to undo: nothing, and the record and all copies are gone.
///
/// # Errors
/// Where the system says no.
pub fn settle(root: &Root, rest: Vec<Item>) -> Result<(), FileError> {
    let over = rest.is_empty();
    Record { items: rest, text: String::new() }.save(root)?;
    if over {
        let former = root.at(FORMER);
        for entry in fs::read_dir(&former).into_iter().flatten().flatten() {
            files::remove(&entry.path())?;
        }
        files::remove(&root.at(RECORD))?;
        files::remove_dir(&former)?;
        files::remove_leftovers(&root.at("/var/lib/worker-bootstrap"))?;
    }
    Ok(())
}

impl Record {
    /// Puts down what this thing will change, with a copy of what stands there. Says whether it changes
    /// anything.
    fn expect(&mut self, root: &Root, thing: &Put<'_>) -> Result<Written, FileError> {
        match *thing {
            Put::Directory(path, _) => Ok(self.directories(root, path)),
            Put::File(path, bytes, mode) => self.file(root, Kind::File, path, bytes, mode),
            Put::Secret(path, bytes) => self.file(root, Kind::Secret, path, bytes, 0o600),
            Put::Link(path, target, via) => {
                if matches!(Now::at(&root.at(path))?, Now::Link(present) if present == target) {
                    // The other name may have been left all the same.
                    return Ok(Written::Done);
                }
                for name in [via, path] {
                    let at = root.at(name);
                    let now = Now::at(&at)?;
                    if !matches!(now, Now::Nothing | Now::Link(_)) {
                        return Err(in_the_way(&at));
                    }
                    self.remember(root, Kind::Link, name, &now, digest(target.as_os_str().as_bytes()))?;
                }
                Ok(Written::Done)
            }
            Put::Others(beginning) => {
                if !self.knows(beginning, &[Kind::Others]) {
                    let names = beginning_with(root, beginning);
                    self.add(Kind::Others, beginning, names, Former::Nothing);
                }
                Ok(Written::AlreadySo)
            }
            Put::Unit(kind, unit) => {
                let same =
                    if kind == Kind::Enabled { [kind, kind] } else { [Kind::Started, Kind::Restarted] };
                if !self.knows(unit, &same) {
                    self.add(kind, unit, Vec::new(), Former::Nothing);
                }
                Ok(Written::AlreadySo)
            }
        }
    }

    fn knows(&self, path: &str, kinds: &[Kind]) -> bool {
        self.items.iter().any(|item| item.path == path && kinds.contains(&item.kind))
    }

    fn add(&mut self, kind: Kind, path: &str, wrote: Vec<String>, former: Former) {
        self.items.push(Item { kind, path: path.to_owned(), wrote, former });
    }

    fn directories(&mut self, root: &Root, path: &str) -> Written {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).filter(|end| *end > 0);
        let mut written = Written::AlreadySo;
        for directory in ends.map(|end| &path[..end]).filter(|directory| !root.at(directory).is_dir()) {
            written = Written::Done;
            if !self.knows(directory, &[Kind::Directory]) {
                self.add(Kind::Directory, directory, Vec::new(), Former::Nothing);
            }
        }
        written
    }

    fn file(
        &mut self,
        root: &Root,
        kind: Kind,
        path: &str,
        bytes: &[u8],
        mode: u32,
    ) -> Result<Written, FileError> {
        let at = root.at(path);
        let now = Now::at(&at)?;
        match &now {
            Now::File { bytes: present, mode: has, .. } if present == bytes && *has == mode => {
                return Ok(Written::AlreadySo);
            }
            Now::Else => return Err(in_the_way(&at)),
            _ => {}
        }
        self.remember(root, kind, path, &now, digest(bytes))?;
        Ok(Written::Done)
    }

    fn remember(
        &mut self,
        root: &Root,
        kind: Kind,
        path: &str,
        now: &Now,
        wrote: String,
    ) -> Result<(), FileError> {
        let present = now.digest();
        let known = self
            .items
            .iter_mut()
            .find(|item| item.path == path && matches!(item.kind, Kind::File | Kind::Secret | Kind::Link));
        if let Some(item) = known {
            match present {
                Some(present) if item.wrote.contains(&present) => item.wrote = vec![present, wrote],
                // Not made then, or taken away since.
                _ if matches!(now, Now::Nothing) || item.former == now.former() => item.wrote = vec![wrote],
                // Somebody has put another there since: that is what stood there.
                _ => {
                    item.former = keep(root, now)?;
                    item.wrote = vec![wrote];
                }
            }
            return Ok(());
        }
        let former = keep(root, now)?;
        self.add(kind, path, vec![wrote], former);
        Ok(())
    }
}

/// Copies what stands there, where it may be copied.
fn keep(root: &Root, now: &Now) -> Result<Former, FileError> {
    let former = now.former();
    if let (Former::File { digest, .. }, Now::File { bytes, .. }) = (&former, now) {
        state::directory(root, FORMER, 0o700)?;
        state::write(root, &format!("{FORMER}/{digest}"), bytes, 0o600)?;
    }
    Ok(former)
}

fn in_the_way(path: &Path) -> FileError {
    let source = io::Error::new(io::ErrorKind::AlreadyExists, "something stands there that is not replaced");
    FileError { doing: "replacing", path: path.to_owned(), source }
}

/// The names in the directory of `beginning` that begin so.
pub(super) fn beginning_with(root: &Root, beginning: &str) -> Vec<String> {
    let (directory, prefix) = beginning.rsplit_once('/').unwrap_or(("", beginning));
    let entries = fs::read_dir(root.at(directory)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with(prefix) && !name.contains([' ', '\t', '\n'])).collect()
}

#[cfg(test)]
mod tests;
