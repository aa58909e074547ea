//! Step 1: find exactly one bootstrap, and remember every place it lies in.
//!
//! Trusts nothing about the content: what leaves here is bytes from a place whose owner and mode were
//! checked on the open descriptor. Reads only; a restart finds the same again.

mod place;

pub use place::{Place, Residue};

use crate::failure::Failure;
use crate::host::root::Root;
use crate::host::secret_file;
use crate::reason::Reason;
use crate::secret::SecretBytes;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a bootstrap is looked for when no flag names one, in this order.
pub const WELL_KNOWN: [&str; 2] =
    ["/run/worker-bootstrap/bootstrap.yaml", "/etc/worker-bootstrap/bootstrap.yaml"];

/// Where to look.
#[derive(Debug, Clone)]
pub enum Search {
    /// The well-known files.
    WellKnown,
    /// This file only.
    File(PathBuf),
    /// Standard input only.
    Stdin,
}

impl Search {
    /// The file that was named, if one was.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Search::File(path) => Some(path.clone()),
            Search::WellKnown | Search::Stdin => None,
        }
    }
}

/// What was found: unparsed, not yet admitted.
#[derive(Debug)]
pub struct Found {
    /// The bytes, as they lay there.
    pub raw: SecretBytes,
    /// How to call the source in messages.
    pub name: String,
    /// Where copies lie.
    pub residue: Residue,
}

/// What one look at one place gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The place.
    pub place: String,
    /// What was there.
    pub verdict: Verdict,
}

/// What was at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing there.
    Absent,
    /// A file without content.
    Empty,
    /// Something there that may not be believed.
    Unsafe(String),
    /// A bootstrap that is not the one: spent or expired.
    PassedOver(String),
    /// A bootstrap.
    Found,
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Absent => write!(f, "{}: absent", self.place),
            Verdict::Empty => write!(f, "{}: empty", self.place),
            Verdict::Unsafe(why) => write!(f, "{}: {why}", self.place),
            Verdict::PassedOver(why) => write!(f, "{}: passed over: {why}", self.place),
            Verdict::Found => write!(f, "{}: found", self.place),
        }
    }
}

/// Looks in all places of `search`. `spent` says of a candidate why it cannot be meant (used before,
/// expired); it is asked only where there is more than one to choose from. The visits are for the
/// report, whatever the result.
pub fn bootstrap(
    search: &Search,
    root: &Root,
    spent: &dyn Fn(&Found) -> Option<String>,
) -> (Vec<Visit>, Result<Found, Failure>) {
    match search {
        Search::Stdin => from_stdin(),
        Search::File(path) => named(path, root),
        Search::WellKnown => well_known(root, spent),
    }
}

fn from_stdin() -> (Vec<Visit>, Result<Found, Failure>) {
    let place = "standard input".to_owned();
    let read = secret_file::read_stdin();
    let (verdict, result) = match read {
        Ok(raw) if is_blank(&raw) => {
            (Verdict::Empty, Err(Failure::new(Reason::NotFound, "standard input holds no document")))
        }
        Ok(raw) => (Verdict::Found, Ok(Found { raw, name: place.clone(), residue: Residue::default() })),
        Err(refused) => {
            let why = refused.to_string();
            (Verdict::Unsafe(why), Err(refused_source(&place, refused)))
        }
    };
    (vec![Visit { place, verdict }], result)
}

fn named(path: &Path, root: &Root) -> (Vec<Visit>, Result<Found, Failure>) {
    let place = path.display().to_string();
    let (verdict, result) = match visit(path, root) {
        Look::Absent => (
            Verdict::Absent,
            Err(Failure::new(Reason::NotFound, format!("reading {place}: there is no such file"))),
        ),
        Look::Empty => (
            Verdict::Empty,
            Err(Failure::new(Reason::NotFound, format!("reading {place}: the file is empty"))),
        ),
        Look::Unsafe(why, failure) => (Verdict::Unsafe(why), Err(failure)),
        Look::Found(found) => (Verdict::Found, Ok(found)),
    };
    (vec![Visit { place, verdict }], result)
}

fn well_known(root: &Root, spent: &dyn Fn(&Found) -> Option<String>) -> (Vec<Visit>, Result<Found, Failure>) {
    let mut visits = Vec::new();
    let mut candidates: Vec<(usize, Found)> = Vec::new();
    let mut refusal = None;
    for place in WELL_KNOWN {
        let path = root.at(place);
        let place = path.display().to_string();
        let verdict = match visit(&path, root) {
            Look::Absent => Verdict::Absent,
            Look::Empty => Verdict::Empty,
            Look::Unsafe(why, failure) => {
                refusal.get_or_insert(failure);
                Verdict::Unsafe(why)
            }
            Look::Found(found) => {
                candidates.push((visits.len(), found));
                Verdict::Found
            }
        };
        visits.push(Visit { place, verdict });
    }
    // A file that cannot be believed stops the search: it may be the one that was meant.
    if let Some(failure) = refusal {
        return (visits, Err(failure));
    }
    if candidates.len() > 1 {
        candidates = pass_over(candidates, &mut visits, spent);
    }
    let result = one_of(candidates.into_iter().map(|(_, found)| found).collect(), &visits);
    (visits, result)
}

/// Drops the candidates that cannot be meant, unless that would leave none to name.
fn pass_over(
    candidates: Vec<(usize, Found)>,
    visits: &mut [Visit],
    spent: &dyn Fn(&Found) -> Option<String>,
) -> Vec<(usize, Found)> {
    let verdicts: Vec<Option<String>> = candidates.iter().map(|(_, found)| spent(found)).collect();
    if verdicts.iter().all(Option::is_some) {
        return candidates;
    }
    let mut kept = Vec::new();
    for ((index, found), why) in candidates.into_iter().zip(verdicts) {
        match why {
            Some(why) => visits[index].verdict = Verdict::PassedOver(why),
            None => kept.push((index, found)),
        }
    }
    kept
}

/// The same bootstrap twice is one with two residues; two different ones are a refusal.
fn one_of(candidates: Vec<Found>, visits: &[Visit]) -> Result<Found, Failure> {
    let mut candidates = candidates.into_iter();
    let Some(mut first) = candidates.next() else {
        let looked: Vec<String> = visits.iter().map(Visit::to_string).collect();
        return Err(Failure::new(Reason::NotFound, format!("looked in {}", looked.join("; "))));
    };
    for other in candidates {
        if *other.raw != *first.raw {
            return Err(Failure::new(
                Reason::TwoFound,
                format!("{} and {} hold different bootstraps", first.name, other.name),
            ));
        }
        first.residue.add(other.residue);
    }
    Ok(first)
}

enum Look {
    Absent,
    Empty,
    Unsafe(String, Failure),
    Found(Found),
}

fn visit(path: &Path, root: &Root) -> Look {
    let name = path.display().to_string();
    match secret_file::open(path, root) {
        Ok(None) => Look::Absent,
        Ok(Some(opened)) if is_blank(&opened.bytes) => Look::Empty,
        Ok(Some(opened)) => Look::Found(Found {
            raw: opened.bytes,
            name,
            residue: Residue::of(vec![Place::Ours(opened.place)]),
        }),
        Err(refused) => Look::Unsafe(refused.to_string(), refused_source(&name, refused)),
    }
}

fn refused_source(name: &str, refused: secret_file::Refused) -> Failure {
    let reason = match refused {
        secret_file::Refused::TooLarge => Reason::DocumentTooLarge,
        _ => Reason::SourceUnsafe,
    };
    Failure::new(reason, format!("reading {name}")).because(refused)
}

/// Zeros are what an erasing that was cut off leaves behind.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(raw: &str, name: &str) -> Found {
        Found { raw: raw.as_bytes().to_vec().into(), name: name.into(), residue: Residue::default() }
    }

    #[test]
    fn the_same_twice_is_one_and_two_different_are_refused() {
        assert!(one_of(vec![found("a", "x"), found("a", "y")], &[]).is_ok());
        let refusal = one_of(vec![found("a", "x"), found("b", "y")], &[]).unwrap_err();
        assert_eq!(refusal.reason, Reason::TwoFound);
        assert_eq!(refusal.line(), "x and y hold different bootstraps");
        assert_eq!(one_of(vec![], &[]).unwrap_err().reason, Reason::NotFound);
    }

    #[test]
    fn a_spent_one_gives_way_to_a_fresh_one_but_not_to_nothing() {
        let visit = |place: &str| Visit { place: place.into(), verdict: Verdict::Found };
        let spent = |found: &Found| (found.name == "old").then(|| "used".to_owned());
        let mut visits = [visit("old"), visit("new")];
        let kept = pass_over(vec![(0, found("a", "old")), (1, found("b", "new"))], &mut visits, &spent);
        assert_eq!(kept.len(), 1);
        assert_eq!(visits[0].verdict, Verdict::PassedOver("used".into()));
        let kept = pass_over(vec![(0, found("a", "old")), (1, found("b", "old"))], &mut visits, &spent);
        assert_eq!(kept.len(), 2);
    }
}
