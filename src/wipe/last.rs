//! What goes last in a sweep: the copies that tell of others. A kill at any moment leaves enough on the
//! machine for the next sweep to find the rest by, and nothing has to be noted for that.

use super::places::Reach;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that are put off for what they tell; more than these are swept at once.
const MOST: usize = 1000;

/// The files that were put off, until their turn comes.
#[derive(Debug, Default)]
pub struct Last {
    sources: Vec<PathBuf>,
    put_off: BTreeMap<PathBuf, Reach>,
    is_their_turn: bool,
}

impl Last {
    /// `sources` are files of others that the bootstrap was read from: the token is known from them.
    pub fn of(sources: &[PathBuf]) -> Self {
        Last { sources: sources.to_vec(), ..Last::default() }
    }

    /// Whether this file, which holds a token, is put off; `tells` says that it names other files which
    /// cloud-init was told to write the token to.
    pub fn takes(&mut self, path: &Path, tells: bool, reach: Reach) -> bool {
        let is_source = self.sources.iter().any(|source| source == path);
        let full = self.put_off.len() >= MOST && !self.put_off.contains_key(path);
        let goes_last = is_source || (tells && !full);
        // By a name that is not text it would not be found again.
        if self.is_their_turn || !goes_last || path.to_str().is_none() {
            return false;
        }
        self.put_off.entry(path.to_owned()).or_insert(reach);
        true
    }

    /// In the order in which they go, the sources behind all others, and the one that is read first behind
    /// those: where it holds no token any more, nobody looks into the next. From here on none is put off.
    pub fn turn(&mut self) -> Vec<(PathBuf, Reach)> {
        self.is_their_turn = true;
        let mut files: Vec<_> = std::mem::take(&mut self.put_off).into_iter().collect();
        let read_at = |path: &PathBuf| self.sources.iter().rev().position(|source| source == path);
        files.sort_by_key(|(path, _)| read_at(path).map_or(0, |at| at + 1));
        files
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::Fate;
    use super::*;

    #[test]
    fn the_files_that_are_put_off_are_bounded_and_a_source_always_is_one() {
        let reach = Reach::of(Fate::Erase);
        let mut last = Last::of(&["/source".into()]);
        let of = |number: usize| PathBuf::from(format!("/{number}"));
        assert!((0..MOST).all(|number| last.takes(&of(number), true, reach)));
        assert!(!last.takes(&of(MOST), true, reach));
        assert!(last.takes(&of(0), true, reach), "it is one of them");
        assert!(!last.takes(Path::new("/tells/nothing"), false, reach));
        assert!(last.takes(Path::new("/source"), false, reach));
        let turn = last.turn();
        assert_eq!((turn.len(), &turn[MOST].0), (MOST + 1, &PathBuf::from("/source")));
        assert!(!last.takes(Path::new("/source"), true, reach));
    }
}
