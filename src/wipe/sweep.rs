//! The sweep itself: goes through the table, looks into every file, and puts over what it finds, where it
//! stands. Best effort that confesses everything; one copy that resists does not keep the others alive.
//!
//! A file is opened to be written only when a token was read in it. What is put over is decided from what
//! the descriptor to be written says in that moment, and read once more afterwards. A file that is replaced
//! meanwhile is looked at again.

use super::custody::{Custody, Erased, Left, Still, shown};
use super::layers::Searcher;
use super::needles::Needles;
use super::one::{Seen, erase, look};
use super::places::{
    CLOUD_INIT_BEGAN, CLOUD_INIT_ENDED, Fate, INSTANCE, READ_UNTIL_THE_END, RULES, Reach, is_meant,
};
use crate::host::files;
use crate::host::in_place;
use crate::host::root::Root;
use crate::host::secret_file::Guarantee;
use crate::host::tree::{Folder, Kind, Spot};
use nix::errno::Errno;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Files that are looked at below one line of the table.
const MOST_FILES: u32 = 1_000_000;
/// Directories below one another.
const DEEPEST: usize = 32;
/// How often a file is looked at again that is replaced while it is swept.
const ROUNDS: usize = 4;
const XZ: [&str; 4] = [".xz", ".zst", ".bz2", ".lz4"];
/// The largest file that is read in a run, in bytes.
const SMALL: u64 = 8 * 1024 * 1024;
/// What is read in a run altogether, in bytes: less than half a second of a processor.
const IN_SHORT: u64 = 64 * 1024 * 1024;
const TOO_LONG: &str = "to read it would keep the kubelet waiting";
const AFTER_CLOUD_INIT: &str = "cloud-init reads it until the end of this boot's last stage";

/// Whether copies are erased or only named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Put over.
    Erase,
    /// Said what would be.
    Say,
}

/// One sweep.
#[derive(Debug)]
pub struct Sweep<'a> {
    root: &'a Root,
    searcher: Searcher<'a>,
    act: Act,
    /// The directory of the instance that cloud-init is running as, until it has ended.
    running: Option<PathBuf>,
    /// Erased whole by others, after this.
    but_for: Vec<PathBuf>,
    files: u32,
    /// What may still be read, in bytes, where that is limited.
    left: Option<u64>,
    /// Until when files of the line under way are begun.
    until: Option<Instant>,
    /// Whether a directory at the end of a path is searched.
    trees: bool,
    declared: Vec<String>,
    custody: Custody,
}

impl<'a> Sweep<'a> {
    /// A sweep below `root` for these.
    pub fn new(root: &'a Root, needles: &'a Needles, act: Act) -> Self {
        Sweep {
            root,
            searcher: Searcher::of(needles),
            act,
            running: running_instance(root),
            but_for: Vec::new(),
            files: 0,
            left: None,
            until: None,
            trees: true,
            declared: Vec::new(),
            custody: Custody::default(),
        }
    }

    /// Does not wait for cloud-init's end: for a token that no later sweep will know of.
    pub fn without_waiting(mut self) -> Self {
        self.running = None;
        self
    }

    /// Leaves long files to a later sweep.
    pub fn in_short(mut self) -> Self {
        self.left = Some(IN_SHORT);
        self
    }

    /// Leaves these files to others.
    pub fn but_for(mut self, paths: Vec<PathBuf>) -> Self {
        self.but_for = paths;
        self
    }

    /// Goes through the whole table, and these files more.
    pub fn everywhere(mut self, more: &[PathBuf]) -> Custody {
        for rule in RULES {
            self.place(rule.path, rule.reach);
        }
        // Single files, where the bootstrap was found and where cloud-init was told to write to: only what
        // holds a token is touched there.
        self.trees = false;
        let found = more.iter().filter_map(|path| path.strip_prefix(self.root.path()).ok()?.to_str());
        let found: Vec<String> = found.map(str::to_owned).collect();
        for path in found {
            self.place(&path, Reach::of(Fate::EraseAfterCloudInit));
        }
        let mut declared = std::mem::take(&mut self.declared);
        declared.sort();
        declared.dedup();
        for path in declared {
            self.place(&path, Reach::of(Fate::Erase));
        }
        self.custody
    }

    fn place(&mut self, path: &str, reach: Reach) {
        self.files = 0;
        self.until = reach.time.map(|time| Instant::now() + time);
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        if names.contains(&"..") {
            return;
        }
        match Folder::root(self.root) {
            Ok(folder) => self.below(&folder, &names, reach),
            Err(error) => self.unsearched(self.root.path(), &error),
        }
    }

    fn below(&mut self, folder: &Folder, names: &[&str], reach: Reach) {
        let [name, rest @ ..] = names else { return };
        if !name.contains('*') {
            let name = OsStr::new(name);
            match folder.kind(name) {
                Ok(Kind::Link) => {
                    let path = folder.path().join(name);
                    let why = "it is a symbolic link, and none is followed";
                    self.custody.unsearched.push(Left::new(&path, why));
                }
                Ok(kind) => self.step(folder, name, kind, rest, reach),
                Err(error) if in_place::is_gone(&error) => {}
                Err(error) => self.unsearched(&folder.path().join(name), &error),
            }
            return;
        }
        let listed = folder.each(|found, kind| {
            if is_meant(name, found.as_encoded_bytes()) {
                self.step(folder, found, kind, rest, reach);
            }
            self.files < MOST_FILES
        });
        if let Err(error) = listed {
            self.unsearched(folder.path(), &error);
        }
    }

    fn step(&mut self, folder: &Folder, name: &OsStr, kind: Kind, rest: &[&str], reach: Reach) {
        match kind {
            Kind::Folder => match folder.folder(name) {
                Ok(_) if rest.is_empty() && !self.trees => {}
                Ok(inner) if rest.is_empty() => self.tree(&inner, &inner, DEEPEST, reach),
                Ok(inner) => self.below(&inner, rest, reach),
                Err(error) if in_place::is_gone(&error) => {}
                Err(error) => self.unsearched(&folder.path().join(name), &error),
            },
            Kind::File if rest.is_empty() => self.file(&folder.spot(name), reach),
            _ => {}
        }
    }

    fn tree(&mut self, top: &Folder, folder: &Folder, depth: usize, reach: Reach) {
        if !folder.is_on_the_device_of(top) {
            let why = "another file system is mounted there";
            self.custody.unsearched.push(Left::new(folder.path(), why));
            return;
        }
        if depth == 0 {
            let why = format!("it lies more than {DEEPEST} directories deep");
            self.custody.unsearched.push(Left::new(folder.path(), why));
            return;
        }
        let listed = folder.each(|name, kind| {
            match kind {
                Kind::File => self.file(&folder.spot(name), reach),
                Kind::Folder => match folder.folder(name) {
                    Ok(inner) => self.tree(top, &inner, depth - 1, reach),
                    Err(error) if in_place::is_gone(&error) => {}
                    Err(error) => self.unsearched(&folder.path().join(name), &error),
                },
                Kind::Link | Kind::Other => {}
            }
            self.files < MOST_FILES
        });
        match listed {
            Err(error) => self.unsearched(folder.path(), &error),
            Ok(()) if self.files == MOST_FILES => {
                self.files += 1;
                let why = format!("only the first {MOST_FILES} files were looked at");
                self.custody.unsearched.push(Left::new(top.path(), why));
            }
            Ok(()) => {}
        }
    }

    fn unsearched(&mut self, path: &Path, error: &io::Error) {
        // Processes come and go, and those of others may be closed to us.
        if !path.starts_with(self.root.at("/proc")) {
            self.custody.unsearched.push(Left::new(path, error.to_string()));
        }
    }

    fn file(&mut self, spot: &Spot, reach: Reach) {
        if self.until.is_some_and(|until| Instant::now() > until) {
            // No more files of this line.
            self.files = MOST_FILES + 1;
            let why = "what the kernel shows here took too long: neither this nor what follows was read";
            return self.custody.unsearched.push(Left::new(&spot.path(), why));
        }
        self.files += 1;
        if self.but_for.contains(&spot.path()) {
            return;
        }
        for _ in 0..ROUNDS {
            match self.once(spot, reach) {
                Ok(Round::Over) => return,
                Ok(Round::Replaced) => {}
                Err(error) if in_place::is_gone(&error) => return,
                Err(error) => return self.unsearched(&spot.path(), &error),
            }
        }
        let why = "it was replaced again and again while it was swept";
        self.custody.left.push(Left::new(&spot.path(), why));
    }

    fn once(&mut self, spot: &Spot, reach: Reach) -> io::Result<Round> {
        let file = spot.open()?;
        if !file.metadata()?.is_file() {
            return Ok(Round::Over);
        }
        if reach.named.is_some_and(|prefix| !spot.has_beside("name", prefix)) {
            return Ok(Round::Over);
        }
        let length = file.metadata()?.len();
        if let Some(left) = self.left.as_mut() {
            if length > SMALL.min(*left) {
                self.custody.deferred.push(Left::new(&spot.path(), TOO_LONG));
                return Ok(Round::Over);
            }
            *left -= length;
        }
        let seen = look(&self.searcher, &file, reach.most)?;
        if seen.bytes == 0 {
            self.say_what_was_not_read(spot, &seen, reach);
            return Ok(Round::Over);
        }
        self.declared.extend(seen.declared.iter().cloned());
        let path = spot.path();
        match reach.fate {
            Fate::Name { why, end } => {
                let still = Still { path: shown(&path), why: why.to_owned(), end: end.to_owned() };
                self.custody.residue.push(still);
                return Ok(Round::Over);
            }
            Fate::EraseAfterCloudInit if self.must_wait(spot) => {
                let waits = Left::new(&path, AFTER_CLOUD_INIT);
                if !self.custody.pending.contains(&waits) {
                    self.custody.pending.push(waits);
                }
                return Ok(Round::Over);
            }
            Fate::Erase | Fate::EraseAfterCloudInit => {}
        }
        if self.act == Act::Say {
            self.custody.erased.push(Erased { path: shown(&path), bytes: seen.bytes, not_guaranteed: None });
            return Ok(Round::Over);
        }
        match erase(&self.searcher, spot, &file, &seen) {
            Ok(None) => return Ok(Round::Replaced),
            Ok(Some((bytes, guarantee))) => {
                let not_guaranteed = match guarantee {
                    Guarantee::Memory | Guarantee::InPlace => None,
                    Guarantee::None { why } => Some(why),
                };
                self.custody.erased.push(Erased { path: shown(&path), bytes, not_guaranteed });
            }
            Err(error) => self.could_not(&path, &error),
        }
        // The name may stand for another file by now, which has not been looked at.
        Ok(if spot.stands_for(&file)? { Round::Over } else { Round::Replaced })
    }

    fn could_not(&mut self, path: &Path, error: &io::Error) {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EROFS) => self.custody.residue.push(Still {
                path: shown(path),
                why: "it lies on a file system that is mounted read-only".to_owned(),
                end: "take the medium away or mount it to be written and run worker-bootstrap wipe; until then revoke the token or let it expire".to_owned(),
            }),
            Some(Errno::EPERM) => {
                let why = format!("{error}: it is immutable or may only be appended to (lsattr shows it, chattr -i -a ends it)");
                self.custody.left.push(Left::new(path, why));
            }
            _ => self.custody.left.push(Left::new(path, error.to_string())),
        }
    }

    fn must_wait(&self, spot: &Spot) -> bool {
        let in_use = READ_UNTIL_THE_END.iter().any(|name| spot.name() == *name);
        in_use && self.running.as_deref().is_some_and(|running| spot.path().parent() == Some(running))
    }

    fn say_what_was_not_read(&mut self, spot: &Spot, seen: &Seen, reach: Reach) {
        let name = spot.name().to_string_lossy();
        if seen.limited {
            let why = "it is too large: it was not read, or not unpacked, to its end";
            self.custody.unsearched.push(Left::new(&spot.path(), why));
        } else if XZ.iter().any(|end| name.ends_with(end)) && matches!(reach.fate, Fate::Erase) {
            let why = "it is packed in a way that is not looked into (gzip is)";
            self.custody.unsearched.push(Left::new(&spot.path(), why));
        }
    }
}

enum Round {
    Over,
    Replaced,
}

fn running_instance(root: &Root) -> Option<PathBuf> {
    let is_there = |path: &str| files::exists(&root.at(path));
    if !is_there(CLOUD_INIT_BEGAN) || is_there(CLOUD_INIT_ENDED) {
        return None;
    }
    let target = files::link_target(&root.at(INSTANCE)).ok()?;
    Some(root.at("/var/lib/cloud/instances").join(target.file_name()?))
}
