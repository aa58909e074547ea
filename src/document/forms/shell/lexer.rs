//! The walk over a script: words, control operators, redirections, here-documents.

use super::{Command, HereDocument, Word};
use crate::document::whole;
use crate::secret::{Secret, SecretBytes};
use crate::yaml::Fault;

/// All commands of a script.
pub(in crate::document::forms) fn commands(text: &str) -> Result<Vec<Command>, Fault> {
    let mut lexer = Lexer {
        text: text.as_bytes(),
        at: 0,
        line: 1,
        done: Vec::new(),
        words: Vec::new(),
        begun: 1,
        awaited: Vec::new(),
        next_is: Next::Word,
    };
    lexer.run()?;
    Ok(lexer.done)
}

/// What the next word is for.
enum Next {
    Word,
    /// The file of a redirection.
    Target,
    /// The delimiter of a here-document; with `-` leading tabs are stripped.
    Delimiter {
        dash: bool,
    },
}

struct Awaited {
    delimiter: Vec<u8>,
    quoted: bool,
    dash: bool,
    command: usize,
}

pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
    done: Vec<Command>,
    words: Vec<Word>,
    begun: u64,
    awaited: Vec<Awaited>,
    next_is: Next,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.bump();
                    self.end_command();
                    self.here_documents()?;
                }
                b' ' | b'\t' | b'\r' => self.bump(),
                b'#' => self.skip_line(),
                b'(' if self.words.is_empty() && self.text[self.at..].starts_with(b"((") => {
                    self.arithmetic()?
                }
                b';' | b'&' | b'|' | b'(' | b')' => {
                    self.bump();
                    // &> is a redirection.
                    if byte == b'&' && self.peek() == Some(b'>') {
                        continue;
                    }
                    self.end_command();
                }
                b'<' | b'>' => self.redirection(),
                _ => self.word()?,
            }
        }
        self.end_command();
        match self.awaited.first() {
            Some(_) => Err(self.fault("expected the end of a here-document")),
            None => Ok(()),
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn bump(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    pub(super) fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.bump();
        Some(byte)
    }

    pub(super) fn fault(&self, what: &str) -> Fault {
        Fault { at: Some((self.line, 1)), ..whole(what) }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.bump();
        }
    }

    fn arithmetic(&mut self) -> Result<(), Fault> {
        self.bump();
        self.balanced(b'(', b')')
    }

    fn end_command(&mut self) {
        self.next_is = Next::Word;
        let waited_for = self.awaited.iter().any(|awaited| awaited.command == self.done.len());
        if self.words.is_empty() && !waited_for {
            return;
        }
        let words = std::mem::take(&mut self.words);
        self.done.push(Command { line: self.begun, words, documents: Vec::new() });
    }

    fn redirection(&mut self) {
        let here = self.text[self.at..].starts_with(b"<<") && !self.text[self.at..].starts_with(b"<<<");
        while self.peek().is_some_and(|byte| b"<>&|".contains(&byte)) {
            self.bump();
        }
        let dash = here && self.peek() == Some(b'-');
        if dash {
            self.bump();
        }
        self.next_is = if here { Next::Delimiter { dash } } else { Next::Target };
    }

    fn word(&mut self) -> Result<(), Fault> {
        let line = self.line;
        let mut text = Vec::with_capacity(64);
        let (mut literal, mut quoted) = (true, false);
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' => break,
                b'<' | b'>' => {
                    // The number of a descriptor belongs to the redirection.
                    if !quoted && !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
                        return Ok(());
                    }
                    break;
                }
                b'\\' => {
                    self.bump();
                    match self.take() {
                        Some(b'\n') | None => {}
                        Some(byte) => {
                            quoted = true;
                            text.push(byte);
                        }
                    }
                }
                b'\'' => {
                    quoted = true;
                    self.bump();
                    self.single_quoted(&mut text)?;
                }
                b'"' => {
                    quoted = true;
                    self.bump();
                    self.double_quoted(&mut text, &mut literal)?;
                }
                b'$' | b'`' => {
                    literal = false;
                    self.expansion()?;
                }
                byte => {
                    text.push(byte);
                    self.bump();
                }
            }
        }
        if text.is_empty() && literal && !quoted {
            return Ok(()); // A line that is continued, and nothing else.
        }
        match std::mem::replace(&mut self.next_is, Next::Word) {
            Next::Target => {}
            Next::Delimiter { dash } => {
                let command = self.done.len();
                self.awaited.push(Awaited { delimiter: text, quoted, dash, command });
            }
            Next::Word => {
                if self.words.is_empty() {
                    self.begun = line;
                }
                let text = String::from_utf8(text).map_err(|_| self.fault("expected UTF-8 text"))?;
                self.words.push(Word { text: Secret::new(text), literal });
            }
        }
        Ok(())
    }

    /// The bodies of the here-documents of the line that has just ended.
    fn here_documents(&mut self) -> Result<(), Fault> {
        for awaited in std::mem::take(&mut self.awaited) {
            let opened = self.fault("expected the end of a here-document");
            let from = self.at;
            let mut body = SecretBytes::new(Vec::new());
            loop {
                if self.at >= self.text.len() {
                    return Err(opened);
                }
                let rest = &self.text[self.at..];
                let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
                let line = &rest[..length];
                let tabs = line.iter().take_while(|byte| awaited.dash && **byte == b'\t').count();
                let line = &line[tabs..];
                self.at += length;
                self.line += 1;
                if line.strip_suffix(b"\n").unwrap_or(line) == awaited.delimiter {
                    break;
                }
                if body.is_empty() {
                    body.reserve_exact(self.text.len() - from);
                }
                body.extend_from_slice(line);
            }
            if let Some(command) = self.done.get_mut(awaited.command) {
                command.documents.push(HereDocument { quoted: awaited.quoted, body });
            }
        }
        Ok(())
    }
}
