//! The sweep itself: goes through the table, looks into every file, and puts over what it finds, where it
//! stands. Best effort that confesses everything; one copy that resists does not keep the others alive.
//!
//! A file is opened to be written only when a token was read in it. What is put over is decided from what
//! the descriptor to be written says in that moment, and read once more afterwards. A file that is replaced
//! meanwhile is looked at again.

use super::budget::Budget;
use super::custody::{Custody, Erased, Left, Still, shown};
use super::declared::Declared;
use super::last::Last;
use super::layers::Searcher;
use super::needles::Needles;
use super::one::{Seen, erase, look};
use super::places::{Fate, READ_UNTIL_THE_END, RULES, Reach, is_meant, running_instance};
use crate::host::in_place;
use crate::host::root::Root;
use crate::host::secret_file::Guarantee;
use crate::host::tree::{Folder, Kind, Spot};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Directories below one another.
const DEEPEST: usize = 32;
/// How often a file is looked at again that is replaced while it is swept.
const ROUNDS: usize = 4;
const XZ: [&str; 4] = [".xz", ".zst", ".bz2", ".lz4"];
/// The largest file that is read in a run, in bytes.
const SMALL: u64 = 8 * 1024 * 1024;
/// What is read in a run altogether, in bytes: less than half a second of a processor.
const IN_SHORT: u64 = 64 * 1024 * 1024;
const PACKED_OTHERWISE: &str = "it is packed in a way that is not looked into (gzip is)";
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
    last: Last,
    budget: Budget,
    /// What may still be read, in bytes, where that is limited.
    left: Option<u64>,
    /// Whether directories are listed: by a pattern, and at the end of a path.
    lists: bool,
    declared: Declared,
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
            last: Last::default(),
            budget: Budget::whole(),
            left: None,
            lists: true,
            declared: Declared::default(),
            custody: Custody::default(),
        }
    }

    /// Does not wait for cloud-init's end: for a token that no later sweep will know of.
    pub fn without_waiting(mut self) -> Self {
        self.running = None;
        self
    }

    /// Leaves long files, and many, to a later sweep.
    pub fn in_short(mut self) -> Self {
        self.left = Some(IN_SHORT);
        self.budget = Budget::in_short();
        self
    }

    /// Leaves these files to others.
    pub fn but_for(mut self, paths: Vec<PathBuf>) -> Self {
        self.but_for = paths;
        self
    }

    /// Goes through the whole table, and these files more: those of others that the bootstrap was read from.
    /// First goes what merely holds the token, then what cloud-init was told to write, then what told it
    /// to, then what the token itself is known from.
    pub fn everywhere(mut self, sources: &[PathBuf]) -> Custody {
        self.last = Last::of(sources);
        for rule in RULES {
            self.place(rule.path, rule.reach);
        }
        // From here on single files, by their names: only what holds a token is touched there.
        self.lists = false;
        for path in sources {
            self.one(path, Reach::of(Fate::EraseAfterCloudInit));
        }
        let last = self.last.turn();
        for path in self.declared.take() {
            self.place(&path, Reach::of(Fate::Erase));
        }
        for (path, reach) in last {
            self.one(&path, reach);
        }
        self.custody
    }

    fn one(&mut self, path: &Path, reach: Reach) {
        if let Some(path) = path.strip_prefix(self.root.path()).ok().and_then(Path::to_str) {
            self.place(path, reach);
        }
    }

    fn place(&mut self, path: &str, reach: Reach) {
        self.budget.begin(reach.time, Instant::now());
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
        if !name.contains('*') || !self.lists {
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
            if is_meant(name, found.as_encoded_bytes()) && self.admits(folder) {
                self.step(folder, found, kind, rest, reach);
            }
            self.budget.goes_on()
        });
        if let Err(error) = listed {
            self.unsearched(folder.path(), &error);
        }
    }

    fn step(&mut self, folder: &Folder, name: &OsStr, kind: Kind, rest: &[&str], reach: Reach) {
        match kind {
            Kind::Folder => match folder.folder(name) {
                Ok(_) if rest.is_empty() && !self.lists => {}
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
                Kind::Link | Kind::Other => {}
                Kind::File | Kind::Folder if !self.admits(folder) => {}
                Kind::File => self.file(&folder.spot(name), reach),
                Kind::Folder => match folder.folder(name) {
                    Ok(inner) => self.tree(top, &inner, depth - 1, reach),
                    Err(error) if in_place::is_gone(&error) => {}
                    Err(error) => self.unsearched(&folder.path().join(name), &error),
                },
            }
            self.budget.goes_on()
        });
        if let Err(error) = listed {
            self.unsearched(folder.path(), &error);
        }
    }

    /// Whether one more name out of this directory may be looked at; where not, it is said once.
    fn admits(&mut self, folder: &Folder) -> bool {
        let Err(most) = self.budget.admits() else { return true };
        if let Some(most) = most {
            let what = format!("the sweep has looked at {most} names in directories");
            let (list, why) = match self.left {
                Some(_) => (&mut self.custody.deferred, "more would keep the kubelet waiting"),
                None => (&mut self.custody.unsearched, "neither here nor in what follows at more"),
            };
            list.push(Left::new(folder.path(), format!("{what}: {why}")));
        }
        false
    }

    fn unsearched(&mut self, path: &Path, error: &io::Error) {
        // Processes come and go, and those of others may be closed to us.
        if !path.starts_with(self.root.at("/proc")) {
            self.custody.unsearched.push(Left::new(path, error.to_string()));
        }
    }

    fn file(&mut self, spot: &Spot, reach: Reach) {
        if self.budget.is_late(Instant::now()) {
            let why = "what the kernel shows here took too long: neither this nor what follows was read";
            return self.custody.unsearched.push(Left::new(&spot.path(), why));
        }
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
        let path = spot.path();
        if let Some(why) = self.declared.add(&seen.declared) {
            self.custody.unsearched.push(Left::new(&path, why));
        }
        if seen.bytes > 0 && self.last.takes(&path, !seen.declared.is_empty(), reach) {
            return Ok(Round::Over);
        }
        // Also of a file that held a token in what was read of it.
        self.say_what_was_not_read(spot, &seen, reach);
        if seen.bytes == 0 {
            return Ok(Round::Over);
        }
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
            self.custody.erased.push(Erased::new(&path, seen.bytes, Guarantee::Memory));
            return Ok(Round::Over);
        }
        match erase(&self.searcher, spot, &file, &seen) {
            Ok(None) => return Ok(Round::Replaced),
            Ok(Some((bytes, guarantee))) => {
                self.custody.erased.push(Erased::new(&path, bytes, guarantee));
            }
            Err(error) => self.custody.could_not_erase(&path, &error),
        }
        // The name may stand for another file by now, which has not been looked at.
        Ok(if spot.stands_for(&file)? { Round::Over } else { Round::Replaced })
    }

    fn must_wait(&self, spot: &Spot) -> bool {
        let in_use = READ_UNTIL_THE_END.iter().any(|name| spot.name() == *name);
        in_use && self.running.as_deref().is_some_and(|running| spot.path().parent() == Some(running))
    }

    fn say_what_was_not_read(&mut self, spot: &Spot, seen: &Seen, reach: Reach) {
        let name = spot.name().to_string_lossy();
        let otherwise = XZ.iter().any(|end| name.ends_with(end)) && matches!(reach.fate, Fate::Erase);
        let why = seen.unread.or(otherwise.then_some(PACKED_OTHERWISE));
        if let Some(left) = why.map(|why| Left::new(&spot.path(), why))
            && !self.custody.unsearched.contains(&left)
        {
            self.custody.unsearched.push(left);
        }
    }
}

enum Round {
    Over,
    Replaced,
}
