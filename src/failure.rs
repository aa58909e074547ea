//! A failure that has a code. Every stage ends in one of these or in success; nothing that reaches
//! the top of the program is without a reason.

use crate::reason::Reason;
use std::error::Error;
use std::fmt;

/// What a stage gives back when it cannot go on.
///
/// `Display` is what was being done, to what, and what was seen; it never repeats the source.
/// [`Failure::line`] is the one line for people: message, then the chain of causes.
/// A message never holds a secret: messages are built from public parts only.
#[derive(Debug)]
pub struct Failure {
    /// The row of the reason table.
    pub reason: Reason,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure whose message says what was done, to what, and what was seen.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Failure { reason, message: message.into(), source: None }
    }

    /// The same failure, with the error that caused it.
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The message and every cause behind it, on one line, control characters made visible.
    pub fn line(&self) -> String {
        one_line(&chain(self))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// An error and every cause behind it, joined by colons.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some libraries repeat their source; said once is enough.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

/// Text from elsewhere made safe for one line of a log or terminal: no control characters, bounded.
pub fn one_line(text: &str) -> String {
    const LIMIT: usize = 2000;
    let mut line = String::with_capacity(text.len().min(LIMIT));
    for c in text.trim().chars() {
        if line.len() >= LIMIT {
            line.push('…');
            break;
        }
        if c == '\n' || c == '\t' {
            line.push(' ');
        } else if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_each_cause_once() {
        let io = std::io::Error::other("disk on fire");
        let failure = Failure::new(Reason::LocalWrite, "writing /x").because(io);
        assert_eq!(failure.line(), "writing /x: disk on fire");
    }

    #[test]
    fn foreign_text_cannot_break_the_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m"), "a b\\u{1b}[31m");
        assert!(one_line(&"x".repeat(9000)).len() < 2010);
    }
}
