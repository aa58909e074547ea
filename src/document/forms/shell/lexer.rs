//! The walk over a script: words, control operators, redirections, here-documents.

use super::standing::{Ends, Standing};
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
        standing: Standing::new(),
    };
    lexer.run()?;
    if let Some((since, doubt)) = lexer.standing.unclosed() {
        for command in lexer.done.iter_mut().skip(since) {
            command.doubt.get_or_insert_with(|| doubt.clone());
        }
    }
    Ok(lexer.done)
}

/// What may stand before a function's name.
const RESERVED: [&str; 10] = ["function", "{", "if", "then", "elif", "else", "while", "until", "do", "!"];

/// The control operators, a longer one before what it begins with.
const OPERATORS: [(&[u8], Ends); 11] = [
    (b";;&", Ends::Arm),
    (b";;", Ends::Arm),
    (b";&", Ends::Arm),
    (b"&&", Ends::And),
    (b"||", Ends::Or),
    (b"|&", Ends::Pipe),
    (b";", Ends::Here),
    (b"&", Ends::Background),
    (b"|", Ends::Pipe),
    (b"(", Ends::Open),
    (b")", Ends::Close),
];

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
    standing: Standing,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.bump();
                    self.end_command(Ends::Line);
                    self.here_documents()?;
                }
                b' ' | b'\t' | b'\r' => self.bump(),
                b'#' => self.skip_line(),
                b'(' if self.words.is_empty() && self.text[self.at..].starts_with(b"((") => {
                    self.arithmetic()?;
                }
                // &> is a redirection.
                b'&' if self.text[self.at..].starts_with(b"&>") => self.bump(),
                b'(' if self.is_function() => {
                    self.until(b')')?;
                    self.end_command(Ends::Function);
                }
                b';' | b'&' | b'|' | b'(' | b')' => self.operator(),
                b'<' | b'>' => self.redirection(),
                _ => self.word()?,
            }
        }
        self.end_command(Ends::Here);
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

    /// `((`: arithmetic where both are closed together, or else two shells of their own.
    fn arithmetic(&mut self) -> Result<(), Fault> {
        let begin = (self.at, self.line);
        self.bump();
        self.balanced(b'(', b')')?;
        if self.peek() == Some(b')') {
            self.bump();
            self.standing.begun();
        } else {
            (self.at, self.line) = begin;
            self.operator();
        }
        Ok(())
    }

    fn operator(&mut self) {
        let rest = &self.text[self.at..];
        let known = OPERATORS.iter().find(|(operator, _)| rest.starts_with(operator));
        let (length, ends) = known.map_or((1, Ends::Here), |(operator, ends)| (operator.len(), *ends));
        self.at += length;
        self.end_command(ends);
    }

    /// Whether the bracket here follows a function's name, and is closed at once.
    fn is_function(&self) -> bool {
        let reserved = |word: &&Word| word.bare && RESERVED.contains(&word.text.expose());
        let [name] = &self.words[self.words.iter().take_while(reserved).count()..] else { return false };
        let inside = self.text[self.at + 1..].iter().find(|byte| !b" \t".contains(byte));
        name.bare && !name.text.expose().contains('=') && inside == Some(&b')')
    }

    fn end_command(&mut self, ends: Ends) {
        self.next_is = Next::Word;
        let words = std::mem::take(&mut self.words);
        let doubt = self.standing.command(&words, ends, self.done.len());
        let waited_for = self.awaited.iter().any(|awaited| awaited.command == self.done.len());
        if !words.is_empty() || waited_for {
            self.done.push(Command { line: self.begun, words, documents: Vec::new(), doubt });
        }
    }

    fn redirection(&mut self) {
        self.standing.begun();
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
                self.words.push(Word { text: Secret::new(text), literal, bare: literal && !quoted });
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
