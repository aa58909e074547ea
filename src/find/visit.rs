//! What one look at one place gave: for the report, and for the search.

use super::Found;
use crate::failure::Failure;
use std::fmt;

/// What one look at one place gave, for the report.
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
    /// Nothing there, and why not.
    AbsentAs(String),
    /// A file without content.
    Empty,
    /// Something there that may not be believed.
    Unsafe(String),
    /// A bootstrap that is not the one (spent, expired), or something that holds none.
    PassedOver(String),
    /// A bootstrap.
    Found,
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Absent => write!(f, "{}: absent", self.place),
            Verdict::AbsentAs(why) => write!(f, "{}: absent: {why}", self.place),
            Verdict::Empty => write!(f, "{}: empty", self.place),
            Verdict::Unsafe(why) => write!(f, "{}: {why}", self.place),
            Verdict::PassedOver(why) => write!(f, "{}: passed over: {why}", self.place),
            Verdict::Found => write!(f, "{}: found", self.place),
        }
    }
}

/// What one look at one place gave, for the search.
pub(super) enum Look {
    /// Nothing that counts; the sentence is for whoever named this very place.
    Nothing(String),
    /// Something that may have been meant and may not be believed.
    Refused(Failure),
    /// A candidate.
    Found(Box<Found>),
}

/// A look and what is said of it.
pub(super) type Looked = (Visit, Look);

/// A place where nothing that counts was found.
pub(super) fn nothing(place: String, verdict: Verdict) -> Looked {
    (Visit { place, verdict }, Look::Nothing(String::new()))
}
