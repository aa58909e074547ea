//! From the text of a shell script to the words of its commands, as far as words can be told without
//! running anything (POSIX.1-2017, Shell Command Language, 2.2 to 2.7). A word that a shell would have to
//! expand is marked as such, and its expansion is skipped over. Nothing here is ever handed to a shell.

mod lexer;
mod quoted;
mod standing;

pub(super) use lexer::commands;

use crate::secret::{Secret, SecretBytes};

/// A simple command: between two control operators.
#[derive(Debug)]
pub(in crate::document::forms) struct Command {
    /// The line of its first word, from 1.
    pub(in crate::document::forms) line: u64,
    /// Its words, redirections left out.
    pub(in crate::document::forms) words: Vec<Word>,
    /// Its here-documents.
    pub(in crate::document::forms) documents: Vec<HereDocument>,
    /// Why only a shell could tell whether it runs, where that is so.
    pub(in crate::document::forms) doubt: Option<String>,
}

/// One word, its quotes removed.
#[derive(Debug)]
pub(in crate::document::forms) struct Word {
    /// The text.
    pub(in crate::document::forms) text: Secret,
    /// Whether it is what a shell would see as well: nothing in it is expanded.
    pub(in crate::document::forms) literal: bool,
    /// Whether no quotation mark is in it either: then it may be one of the shell's own words.
    pub(in crate::document::forms) bare: bool,
}

/// The text between `<<END` and `END`.
#[derive(Debug)]
pub(in crate::document::forms) struct HereDocument {
    /// Whether the delimiter is quoted, so that nothing in the text is expanded.
    pub(in crate::document::forms) quoted: bool,
    /// The text.
    pub(in crate::document::forms) body: SecretBytes,
}
