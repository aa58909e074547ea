//! Takes back one thing of the record ([`super::made`]): what a run wrote is removed, and what stood there
//! before is put back. A thing that somebody has changed since is not touched. No link is followed at the
//! thing's own place, nor in a directory that a run made. A restart takes back what is left: what is gone or
//! put back already is known by what stands there.

use super::files::{self, FileError};
use super::made::{self, FORMER, Former, Item, Kind, Now};
use super::root::Root;
use super::secret_file;
use crate::failure::chain;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What became of a thing, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is gone, and nothing had stood there before.
    Removed,
    /// What had stood there stands there again.
    Restored,
    /// It is gone; of what had stood there no copy was kept.
    NotRestored,
    /// A directory that holds what others have put there.
    Stays,
    /// It is still there, for this reason.
    Kept(String),
}

/// One pass over the record.
#[derive(Debug)]
pub struct Undoing<'a> {
    root: &'a Root,
    dry: bool,
    folders: Vec<PathBuf>,
    gone: Vec<PathBuf>,
}

/// How a thing stands to what is recorded of it.
#[derive(PartialEq, Eq)]
enum Standing {
    AsBefore,
    Gone,
    Ours,
    Changed(&'static str),
}

impl<'a> Undoing<'a> {
    /// Over these items; `dry` changes nothing and says the same.
    pub fn of(root: &'a Root, items: &[Item], dry: bool) -> Self {
        let folders = items.iter().filter(|item| item.kind == Kind::Directory);
        Undoing { root, dry, folders: folders.map(|item| root.at(&item.path)).collect(), gone: Vec::new() }
    }

    /// Whether somebody else's stands in its place; also where that cannot be told.
    pub fn is_changed(&self, item: &Item) -> bool {
        !matches!(self.standing(item, &[]), Ok(Standing::AsBefore | Standing::Gone | Standing::Ours))
    }

    /// What has come to stand beside what a run made, under names that begin so, since the first run.
    pub fn since(&self, items: &[Item]) -> Vec<Item> {
        let mut since = Vec::new();
        for others in items.iter().filter(|item| item.kind == Kind::Others) {
            let directory = others.path.rsplit_once('/').map_or("", |(directory, _)| directory);
            for name in made::beginning_with(self.root, &others.path) {
                let path = format!("{directory}/{name}");
                if others.wrote.contains(&name) || items.iter().any(|item| item.path == path) {
                    continue;
                }
                let Ok(now) = Now::at(&self.root.at(&path)) else { continue };
                let kind = if matches!(now, Now::Link(_)) { Kind::Link } else { Kind::Secret };
                let wrote = now.digest().into_iter().collect();
                since.push(Item { kind, path, wrote, former: Former::Nothing });
            }
        }
        since
    }

    /// Takes it back. A link that leads to one of `also` is ours as well. `None` where there is nothing to
    /// take back.
    pub fn undo(&mut self, item: &Item, also: &[Item]) -> Option<Outcome> {
        let undone = if item.kind == Kind::Directory {
            self.directory(&self.root.at(&item.path))
        } else {
            self.file(item, also)
        };
        undone.unwrap_or_else(|error| Some(Outcome::Kept(chain(&error))))
    }

    fn file(&mut self, item: &Item, also: &[Item]) -> Result<Option<Outcome>, FileError> {
        let path = self.root.at(&item.path);
        let standing = self.standing(item, also)?;
        self.leftover(&path)?;
        let outcome = match (&standing, &item.former) {
            (Standing::Changed(why), _) => return Ok(Some(Outcome::Kept((*why).to_owned()))),
            (Standing::AsBefore, _) | (Standing::Gone, Former::Nothing) => return Ok(None),
            (_, Former::Nothing) => Outcome::Removed,
            (_, Former::Unkept) => Outcome::NotRestored,
            (_, Former::File { .. } | Former::Link(_)) => Outcome::Restored,
        };
        match &item.former {
            Former::File { mode, uid, gid, digest } => {
                let copy = self.copy(digest)?;
                if !self.dry {
                    files::write_as(&path, &copy, *mode, Some((*uid, *gid)))?;
                }
            }
            Former::Link(target) if !self.dry => {
                if item.kind != Kind::Link {
                    files::remove(&path)?;
                }
                files::replace_link(&path, Path::new(target), &files::temporary_beside(&path)?)?;
            }
            Former::Link(_) => {}
            Former::Nothing | Former::Unkept => self.remove(&path, item.kind)?,
        }
        Ok(Some(outcome))
    }

    fn standing(&self, item: &Item, also: &[Item]) -> Result<Standing, FileError> {
        let path = self.root.at(&item.path);
        if self.folders.iter().any(|folder| path.starts_with(folder) && folder.is_symlink()) {
            return Ok(Standing::Changed("a directory above it is a symbolic link now"));
        }
        let now = Now::at(&path)?;
        if matches!(now, Now::Nothing) {
            return Ok(Standing::Gone);
        }
        // What cannot be told apart, as nothing of it is known, is not as before.
        let former = now.former();
        if former == item.former && former != Former::Unkept {
            return Ok(Standing::AsBefore);
        }
        let cut_short = match &now {
            // Overwritten, and then the machine went down.
            Now::File { bytes, .. } => item.kind == Kind::Secret && bytes.iter().all(|byte| *byte == 0),
            Now::Link(target) => {
                item.kind == Kind::Link && {
                    let name = target.file_name().and_then(|name| name.to_str()).unwrap_or("/");
                    also.iter().any(|other| other.path.ends_with(&format!("/{name}")))
                }
            }
            _ => false,
        };
        let digest = now.digest();
        let ours = digest.as_ref().is_some_and(|digest| item.wrote.contains(digest));
        let same = |former: &String| digest.as_ref() == Some(former);
        Ok(match &item.former {
            _ if ours || cut_short => Standing::Ours,
            Former::File { digest: former, .. } if same(former) => Standing::AsBefore,
            _ => Standing::Changed(match now {
                Now::Link(_) if item.kind != Kind::Link => "a symbolic link stands there now",
                Now::Else => "something that is no file stands there now",
                _ => "it has been changed since by somebody else",
            }),
        })
    }

    fn copy(&self, digest: &str) -> Result<Vec<u8>, FileError> {
        let path = self.root.at(&format!("{FORMER}/{digest}"));
        let copy = secret_file::open(&path, self.root).ok().flatten().map(|opened| opened.bytes.to_vec());
        let copy = copy.filter(|bytes| made::digest(bytes) == digest);
        let gone = || io::Error::new(io::ErrorKind::NotFound, "the copy of what stood there is not there");
        files::at("putting back from", &path, copy.ok_or_else(gone))
    }

    /// What a write that was cut off has left beside it.
    fn leftover(&mut self, path: &Path) -> Result<(), FileError> {
        let leftover = files::temporary_beside(path)?;
        if files::exists(&leftover) { self.remove(&leftover, Kind::Secret) } else { Ok(()) }
    }

    fn remove(&mut self, path: &Path, kind: Kind) -> Result<(), FileError> {
        if !self.dry {
            match secret_file::locate(path).filter(|_| kind == Kind::Secret) {
                Some(place) => drop(secret_file::erase(&place)?),
                None => files::remove(path)?,
            }
        }
        self.gone.push(path.to_owned());
        Ok(())
    }

    fn directory(&mut self, path: &Path) -> Result<Option<Outcome>, FileError> {
        match Now::at(path)? {
            Now::Nothing => return Ok(None),
            Now::Else if path.is_dir() => {}
            _ => return Ok(Some(Outcome::Kept("it is no directory any more".to_owned()))),
        }
        for entry in files::at("listing", path, fs::read_dir(path))? {
            let entry = files::at("listing", path, entry)?;
            if !self.gone.contains(&entry.path()) {
                return Ok(Some(Outcome::Stays));
            }
        }
        if !self.dry {
            files::remove_dir(path)?;
        }
        self.gone.push(path.to_owned());
        Ok(Some(Outcome::Removed))
    }
}
