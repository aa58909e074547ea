//! Inside a word: quotes, and what a shell would put something else in the place of.

use super::lexer::Lexer;
use crate::yaml::Fault;

impl Lexer<'_> {
    pub(super) fn single_quoted(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        let opened = self.fault("expected the other quotation mark (')");
        loop {
            match self.take() {
                Some(b'\'') => return Ok(()),
                Some(byte) => text.push(byte),
                None => return Err(opened),
            }
        }
    }

    pub(super) fn double_quoted(&mut self, text: &mut Vec<u8>, literal: &mut bool) -> Result<(), Fault> {
        let opened = self.fault("expected the other quotation mark (\")");
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.bump();
                    return Ok(());
                }
                Some(b'$' | b'`') => {
                    *literal = false;
                    self.expansion()?;
                }
                Some(b'\\') => {
                    self.bump();
                    match self.take() {
                        Some(b'\n') => {}
                        Some(byte) if b"$`\"\\".contains(&byte) => text.push(byte),
                        Some(byte) => text.extend([b'\\', byte]),
                        None => return Err(opened),
                    }
                }
                Some(byte) => {
                    text.push(byte);
                    self.bump();
                }
                None => return Err(opened),
            }
        }
    }

    /// Skips what a shell would put something else in the place of.
    pub(super) fn expansion(&mut self) -> Result<(), Fault> {
        if self.take() == Some(b'`') {
            return self.until(b'`');
        }
        match self.peek() {
            Some(b'(') => self.balanced(b'(', b')'),
            Some(b'{') => self.balanced(b'{', b'}'),
            Some(b'\'') => {
                self.bump();
                self.until(b'\'')
            }
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' => {
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    self.bump();
                }
                Ok(())
            }
            Some(b'@' | b'*' | b'#' | b'?' | b'$' | b'!' | b'-') => {
                self.bump();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn until(&mut self, end: u8) -> Result<(), Fault> {
        let opened = self.fault("expected the end of what is expanded here");
        loop {
            match self.take() {
                Some(b'\\') => self.bump(),
                Some(byte) if byte == end => return Ok(()),
                Some(_) => {}
                None => return Err(opened),
            }
        }
    }

    /// From an opening bracket behind its closing one; quoted ones do not count.
    pub(super) fn balanced(&mut self, open: u8, close: u8) -> Result<(), Fault> {
        let opened = self.fault("expected the bracket that closes this one");
        let mut depth = 0usize;
        loop {
            match self.take() {
                Some(b'\\') => self.bump(),
                Some(b'\'') => self.single_quoted(&mut Vec::new())?,
                Some(b'"') => self.double_quoted(&mut Vec::new(), &mut false)?,
                Some(byte) if byte == open => depth += 1,
                Some(byte) if byte == close => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                Some(_) => {}
                None => return Err(opened),
            }
        }
    }
}
