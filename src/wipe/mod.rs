//! Step 8: erase every copy of the token that is on this machine, and say of each what became of it.
//!
//! First what others keep ([`sweep`]: the table in [`places`], searched through every layer a token comes
//! wrapped in, put over in place), then what is this program's own, whole: the copy that the token was read
//! from goes last. Takes the [`Residue`] by value: what has been handed here is not read again. Best effort
//! that confesses everything: one copy that cannot be erased does not keep the others alive. A restart
//! wipes again; what is already gone is no error.

mod base64;
mod budget;
mod custody;
mod declared;
mod gzip;
mod last;
mod layers;
mod needles;
mod one;
mod origin;
mod places;
mod quoted;
mod sweep;

pub use custody::{Custody, Erased, Left};
use layers::Searcher;
pub use needles::Needles;
pub use places::RULES;
use sweep::{Act, Sweep};

use crate::document::{self, Given, Text, UnixSeconds};
use crate::find::{Place, Residue};
use crate::host::root::Root;
use crate::host::secret_file;
use crate::token::TokenId;
use std::path::{Path, PathBuf};

/// When a sweep is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// In a run that a node waits for: what cloud-init still reads, and what takes long to read, is left to
    /// a later sweep.
    Run,
    /// By itself: what cloud-init still reads is left to a later one.
    Later,
    /// No later one will know of the token: nothing is left.
    Last,
}

/// Erases every copy on this machine: of a token that is spent, so that nobody needs one any more.
pub fn everywhere(root: &Root, needles: &Needles, residue: Residue, occasion: Occasion) -> Custody {
    let own = residue.own_paths();
    let shared: Vec<PathBuf> = residue.paths().into_iter().filter(|path| !own.contains(path)).collect();
    let mut custody = Custody::default();
    if !needles.is_empty() {
        let sweep = Sweep::new(root, needles, Act::Erase).but_for(own);
        let sweep = match occasion {
            Occasion::Run => sweep.in_short(),
            Occasion::Later => sweep,
            Occasion::Last => sweep.without_waiting(),
        };
        custody = sweep.everywhere(&shared);
    }
    custody.merge(sources(residue));
    if !needles.is_empty() {
        origin::name(root, &mut custody);
    }
    custody
}

/// What [`everywhere`] would do; changes nothing.
pub fn survey(root: &Root, needles: &Needles, residue: &Residue) -> Custody {
    if needles.is_empty() {
        return Custody::default();
    }
    let mut custody = Sweep::new(root, needles, Act::Say).everywhere(&residue.paths());
    origin::name(root, &mut custody);
    custody
}

/// Overwrites, syncs and removes every file of `residue` that is this program's own. Files that belong to
/// others are left as they are.
pub fn sources(residue: Residue) -> Custody {
    let mut custody = Custody::default();
    for place in residue.into_places() {
        let Place::Ours(place) = place else { continue };
        match secret_file::erase(&place) {
            Ok(erased) => custody.erased.push(Erased::new(&place.path, erased.bytes, erased.guarantee)),
            Err(error) => custody.could_not_erase(&place.path, &error.source),
        }
    }
    custody
}

/// The places among `paths` that hold the token with this public id now, in whatever form: after a crash, or
/// when something has written the document again.
pub fn recall(paths: &[PathBuf], token_id: &str, root: &Root) -> Residue {
    let needles = Needles::of_ids(TokenId::parse(token_id));
    let searcher = Searcher::of(&needles);
    let holds = |bytes: &[u8]| {
        searcher.begin();
        !searcher.patches(bytes, true).is_empty()
    };
    those(paths, root, |bytes| holds(bytes) || is_overwritten(bytes))
}

/// The public half of the token in the document at `path`, where one lies there, whoever can read or write it, and
/// whether or not it says when it ends.
pub fn token_of(path: &Path) -> Option<TokenId> {
    id_in(&secret_file::open_unbelieved(path).ok()??.bytes)
}

/// The public half of the token in what may be a bootstrap of any form.
pub fn id_in(bytes: &[u8]) -> Option<TokenId> {
    [None, Some(UnixSeconds::NEVER)].into_iter().find_map(|expires_at| {
        let given = Given { expires_at, ..Given::default() };
        let text = Text { bytes, is_token: false, token_file: None, given: &given };
        Some(document::read(text, "").ok()?.token.id().clone())
    })
}

/// The places among `paths` where erasing was cut off between overwriting and removing.
pub fn cut_short(paths: &[PathBuf], root: &Root) -> Residue {
    those(paths, root, is_overwritten)
}

fn those(paths: &[PathBuf], root: &Root, holds: impl Fn(&[u8]) -> bool) -> Residue {
    let opened = paths.iter().filter_map(|path| secret_file::open(path, root).ok().flatten());
    let mut residue = Residue::default();
    for opened in opened.filter(|opened| holds(&opened.bytes)) {
        // A path may be known for more than one reason.
        residue.add(Residue::of(vec![Place::Ours(opened.place)]));
    }
    residue
}

fn is_overwritten(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0)
}
