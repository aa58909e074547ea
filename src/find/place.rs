//! Where a copy of the token lies, and what may be done to that place. A place that others live from is
//! never removed: its kind says so, and whoever wipes has to look at the kind.

use crate::host::secret_file::FilePlace;
use std::path::{Path, PathBuf};

/// One place that holds a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file that is there for this program alone: it is overwritten whole and removed.
    Ours(FilePlace),
    /// A file that somebody else writes and reads (cloud-init): it stays as it is but for the token in it.
    Shared(PathBuf),
}

impl Place {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        match self {
            Place::Ours(file) => &file.path,
            Place::Shared(path) => path,
        }
    }
}

/// Every place on this machine that is known to hold the token. Wiping takes it by value.
#[derive(Debug, Default)]
pub struct Residue {
    places: Vec<Place>,
}

impl Residue {
    /// A residue made of these places.
    pub fn of(places: Vec<Place>) -> Self {
        Residue { places }
    }

    /// Where the copies lie: paths are not secret.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.places.iter().map(|place| place.path().to_owned()).collect()
    }

    /// The files among them that are this program's own, for the mark: a later run erases those whole.
    pub fn own_paths(&self) -> Vec<PathBuf> {
        let own = self.places.iter().filter(|place| matches!(place, Place::Ours(_)));
        own.map(|place| place.path().to_owned()).collect()
    }

    /// The same bootstrap lay in these places as well.
    pub fn add(&mut self, other: Residue) {
        for place in other.places {
            if !self.places.contains(&place) {
                self.places.push(place);
            }
        }
    }

    /// The places, to be wiped.
    pub fn into_places(self) -> Vec<Place> {
        self.places
    }
}
