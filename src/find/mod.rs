//! Step 1: find exactly one bootstrap, and remember every place it lies in.
//!
//! Trusts nothing about the content: what leaves here is bytes from a place whose owner and mode were
//! checked on the open descriptor. Reads only; a restart finds the same again.
//!
//! - [`credential`] what systemd hands to its service · [`file`] the files of our own, and named ones
//! - [`cloud_init`] the user-data of this instance · [`choice`] one of several
//! - [`place`] where copies lie · [`visit`] what each look gave

mod choice;
mod cloud_init;
mod credential;
mod file;
mod place;
mod visit;

pub use credential::NAME as CREDENTIAL;
pub use file::WELL_KNOWN;
pub use place::{Place, Residue};
pub use visit::{Verdict, Visit};

use crate::document::{self, Bootstrap, Given, Text};
use crate::failure::Failure;
use crate::host::root::Root;
use crate::reason::Reason;
use crate::secret::SecretBytes;
use std::path::PathBuf;
use visit::Look;

/// Where to look.
#[derive(Debug, Clone)]
pub enum Search {
    /// Everywhere: systemd's credential, the well-known files, cloud-init's user-data.
    Everywhere,
    /// This file only.
    File(PathBuf),
    /// Standard input only.
    Stdin,
    /// This file only, and a token is all that is in it.
    TokenFile(PathBuf),
    /// Standard input only, and a token is all that comes.
    TokenStdin,
}

impl Search {
    /// The file that was named, if one was that is this program's to remove.
    pub fn own_file(&self, root: &Root) -> Option<PathBuf> {
        match self {
            Search::File(path) | Search::TokenFile(path) => {
                (!cloud_init::is_its_own(path, root)).then(|| path.clone())
            }
            Search::Everywhere | Search::Stdin | Search::TokenStdin => None,
        }
    }
}

/// What was found: unparsed, not yet admitted.
#[derive(Debug)]
pub struct Found {
    /// The bytes, as they lay there.
    pub raw: SecretBytes,
    /// Whether they are a token and nothing else.
    pub is_token: bool,
    /// The content of the file that a command in them takes its token from.
    pub token_file: Option<SecretBytes>,
    /// How to call the source in messages.
    pub name: String,
    /// Where copies lie.
    pub residue: Residue,
}

impl Found {
    /// What was found, read as a bootstrap, with what the command line says beside it.
    ///
    /// # Errors
    /// Those of [`document::read`].
    pub fn read(&self, given: &Given) -> Result<Bootstrap, Failure> {
        let token_file = self.token_file.as_ref().map(|bytes| &bytes[..]);
        document::read(Text { bytes: &self.raw, is_token: self.is_token, token_file, given }, &self.name)
    }
}

/// Looks in all places of `search`. `spent` says of a candidate why it cannot be meant (used before,
/// expired); it is asked only where there is more than one to choose from. The visits are for the
/// report, whatever the result.
pub fn bootstrap(
    search: &Search,
    given: &Given,
    root: &Root,
    spent: &dyn Fn(&Found) -> Option<String>,
) -> (Vec<Visit>, Result<Found, Failure>) {
    let only = |(visit, look)| (vec![visit], one(look));
    match search {
        Search::Stdin => only(file::stdin(false)),
        Search::TokenStdin => only(file::stdin(true)),
        Search::File(path) => only(file::named(path, false, root)),
        Search::TokenFile(path) => only(file::named(path, true, root)),
        Search::Everywhere => everywhere(given, root, spent),
    }
}

/// The one place that was named, or why there is nothing to be had from it.
fn one(look: Look) -> Result<Found, Failure> {
    match look {
        Look::Found(found) => Ok(*found),
        Look::Refused(failure) => Err(failure),
        Look::Nothing(message) => Err(Failure::new(Reason::NotFound, message)),
    }
}

fn everywhere(
    given: &Given,
    root: &Root,
    spent: &dyn Fn(&Found) -> Option<String>,
) -> (Vec<Visit>, Result<Found, Failure>) {
    let mut looks = credential::look(root);
    looks.extend(WELL_KNOWN.iter().map(|place| file::at(&root.at(place), root)));
    looks.extend(cloud_init::look(root));
    let (mut visits, mut candidates, mut refusal) = (Vec::new(), Vec::new(), None);
    for (visit, look) in looks {
        match look {
            Look::Found(found) => candidates.push((visits.len(), *found)),
            Look::Refused(failure) => {
                refusal.get_or_insert(failure);
            }
            Look::Nothing(_) => {}
        }
        visits.push(visit);
    }
    // A place that cannot be believed stops the search: it may be the one that was meant.
    if let Some(failure) = refusal {
        return (visits, Err(failure));
    }
    let candidates = choice::pass_over(candidates, &mut visits, spent);
    let result = choice::one_of(candidates, given, &visits);
    (visits, result)
}
