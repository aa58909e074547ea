//! Where in a script a command stands (POSIX.1-2017, Shell Command Language, 2.4, 2.9 and 2.10): whether a
//! shell that goes through the script runs it, or whether only the shell could tell. What stands behind
//! `then`, behind `&&` or in a function may run or not, by what the machine is like in that moment; what
//! stands behind an `exit` does not. Fed by the lexer, command by command; a structure that is not
//! understood makes everything behind it doubtful.

use super::Word;

/// What ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Line,
    /// `;`, and the end of the text.
    Here,
    Background,
    /// `;;` and its like.
    Arm,
    And,
    Or,
    Pipe,
    Open,
    Close,
    /// The brackets behind a function's name.
    Function,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Top,
    /// `{ }`
    Group,
    /// `( )`
    Shell,
    /// `name=( )`: words, and no commands.
    Array,
    If,
    /// while, until, for, select.
    Loop,
    /// Between its words and the bracket of the next pattern, or behind that.
    Case {
        pattern: bool,
    },
}

/// Something that is opened and closed again.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    /// The word that opens it, for whoever forgot to close it.
    opened: &'static str,
    /// How many commands there were before.
    since: usize,
    /// Why all of it is in doubt.
    outer: Option<String>,
    /// Why the part that has been reached is.
    part: Option<&'static str>,
    /// The operator that the next command stands behind.
    behind: Option<&'static str>,
    /// The command behind which nothing more runs.
    gone: Option<&'static str>,
    piped: bool,
    /// Whether there was something since the last operator.
    begun: bool,
}

/// The way to where the lexer is.
#[derive(Debug)]
pub(super) struct Standing {
    frames: Vec<Frame>,
    /// A function's name has been read, and its body is to come.
    function: bool,
    /// What ends the command that is taken in.
    ends: Ends,
    lost: Option<String>,
}

const FUNCTION: &str = "the body of a function";

impl Standing {
    pub(super) fn new() -> Self {
        let mut standing = Standing { frames: Vec::new(), function: false, ends: Ends::Here, lost: None };
        standing.push(Kind::Top, "", 0);
        standing
    }

    /// Takes in a command, or what stands between two operators; `count` commands came before. Says why
    /// it is in doubt whether it runs, if it is.
    pub(super) fn command(&mut self, words: &[Word], ends: Ends, count: usize) -> Option<String> {
        self.ends = ends;
        let command = self.reserved(words, count);
        let mut doubt = self.doubt();
        if let [first, rest @ ..] = command {
            if std::mem::take(&mut self.function) {
                doubt.get_or_insert_with(|| told(FUNCTION));
            }
            self.top().begun = true;
            self.leaves(first, rest, doubt.is_none());
        }
        self.operator(words, ends, count);
        doubt
    }

    /// Something that is no word: a redirection, arithmetic.
    pub(super) fn begun(&mut self) {
        self.top().begun = true;
    }

    /// At the end of the text: from which command on a thing is not closed, and what is said of it.
    pub(super) fn unclosed(&self) -> Option<(usize, String)> {
        let frame = self.frames.get(1)?;
        Some((frame.since, format!("stopped at {}, which is not closed", frame.opened)))
    }

    fn top(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.push(Kind::Top, "", 0);
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn doubt(&mut self) -> Option<String> {
        if let Some(lost) = &self.lost {
            return Some(lost.clone());
        }
        let frame = self.top();
        let gone = frame.gone.map(|word| format!("stopped at {word}: nothing behind it runs"));
        frame.outer.clone().or(frame.part.map(told)).or(gone).or(frame.behind.map(told))
    }

    fn push(&mut self, kind: Kind, opened: &'static str, since: usize) {
        let outer = if self.frames.is_empty() { None } else { self.doubt() };
        let part = std::mem::take(&mut self.function).then_some(FUNCTION);
        let part = part.or(match kind {
            Kind::Case { .. } => Some("case"),
            Kind::Array => Some("an array"),
            _ => None,
        });
        self.frames.push(Frame {
            kind,
            opened,
            since,
            outer: outer.or(part.map(told)),
            part: None,
            behind: None,
            gone: None,
            piped: false,
            begun: false,
        });
    }

    /// The part of the present frame that a word begins.
    fn part(&mut self, kind: Kind, word: &'static str) {
        let frame = self.top();
        if frame.kind == kind {
            (frame.part, frame.behind, frame.piped, frame.begun) = (Some(word), None, false, false);
        } else {
            self.lost(word);
        }
    }

    fn close(&mut self, is_kind: impl Fn(Kind) -> bool, word: &'static str) {
        if self.frames.len() < 2 || !is_kind(self.top().kind) {
            return self.lost(word);
        }
        let closed = self.frames.pop();
        let alone = self.alone();
        let top = self.top();
        top.begun = true;
        // A shell of its own leaves this one where it is.
        if let Some(closed) = closed.filter(|closed| alone && closed.kind != Kind::Shell) {
            top.gone = top.gone.or(closed.gone);
        }
    }

    fn lost(&mut self, word: &'static str) {
        self.lost.get_or_insert_with(|| format!("stopped at {word}, which closes nothing that was opened"));
    }

    /// Takes the reserved words off the beginning; what is left is a simple command.
    fn reserved<'a>(&mut self, words: &'a [Word], count: usize) -> &'a [Word] {
        let mut words = words;
        while let [first, rest @ ..] = words {
            let word = if first.bare { first.text.expose() } else { "" };
            if self.top().kind == Kind::Array {
                return &[];
            }
            if self.top().kind == (Kind::Case { pattern: true }) {
                if word == "esac" {
                    self.close(|kind| matches!(kind, Kind::Case { .. }), "esac");
                }
                return &[];
            }
            match word {
                "if" => self.push(Kind::If, "if", count),
                "while" => self.push(Kind::Loop, "while", count),
                "until" => self.push(Kind::Loop, "until", count),
                "{" => self.push(Kind::Group, "{", count),
                "then" => self.part(Kind::If, "then"),
                "elif" => self.part(Kind::If, "elif"),
                "else" => self.part(Kind::If, "else"),
                "do" => self.part(Kind::Loop, "do"),
                "for" | "select" => {
                    self.push(Kind::Loop, "for", count);
                    // `for name do`, without a list.
                    let [_, then, rest @ ..] = rest else { return &[] };
                    if !then.bare || then.text.expose() != "do" {
                        return &[];
                    }
                    self.part(Kind::Loop, "do");
                    words = rest;
                    continue;
                }
                "case" => {
                    self.push(Kind::Case { pattern: true }, "case", count);
                    return &[];
                }
                "fi" => {
                    self.close(|kind| kind == Kind::If, "fi");
                    return &[];
                }
                "done" => {
                    self.close(|kind| kind == Kind::Loop, "done");
                    return &[];
                }
                "esac" => {
                    self.close(|kind| matches!(kind, Kind::Case { .. }), "esac");
                    return &[];
                }
                "}" => {
                    self.close(|kind| kind == Kind::Group, "}");
                    return &[];
                }
                "function" => {
                    self.function = true;
                    words = rest.get(1..).unwrap_or_default();
                    continue;
                }
                "!" | "time" => self.top().begun = true,
                _ => return words,
            }
            words = rest;
        }
        words
    }

    /// Whether the shell itself does it: parts of a pipeline, and what it does not wait for, have their own.
    fn alone(&mut self) -> bool {
        !self.top().piped && !matches!(self.ends, Ends::Pipe | Ends::Background)
    }

    /// Notes whether the shell ends with this command.
    fn leaves(&mut self, first: &Word, rest: &[Word], certain: bool) {
        let alone = self.alone();
        let frame = self.top();
        if !certain || !alone || frame.gone.is_some() || !first.literal {
            return;
        }
        frame.gone = match first.text.expose() {
            "exit" => Some("exit"),
            "return" => Some("return"),
            // With redirections alone, or `exec {log}>file`, it goes on.
            "exec" if rest.first().is_some_and(|word| !word.text.expose().starts_with('{')) => Some("exec"),
            _ => None,
        };
    }

    fn operator(&mut self, words: &[Word], ends: Ends, count: usize) {
        if let Kind::Case { pattern } = &mut self.top().kind {
            match ends {
                Ends::Close => {
                    *pattern = false;
                    return;
                }
                Ends::Arm => *pattern = true,
                Ends::Open | Ends::Pipe if *pattern => return,
                _ => {}
            }
        }
        let frame = self.top();
        match ends {
            Ends::And => (frame.behind, frame.piped) = (Some("&&"), false),
            Ends::Or => (frame.behind, frame.piped) = (Some("||"), false),
            Ends::Pipe => frame.piped = true,
            Ends::Here | Ends::Background | Ends::Arm => (frame.behind, frame.piped) = (None, false),
            // A line that ends behind an operator goes on in the next.
            Ends::Line if frame.begun => (frame.behind, frame.piped) = (None, false),
            Ends::Line => {}
            Ends::Function => self.function = true,
            Ends::Open => {
                let array = words.last().is_some_and(|word| word.text.expose().ends_with('='));
                self.push(if array { Kind::Array } else { Kind::Shell }, "(", count);
            }
            Ends::Close => return self.close(|kind| matches!(kind, Kind::Shell | Kind::Array), ")"),
        }
        self.top().begun = false;
    }
}

fn told(word: &str) -> String {
    format!("stopped at {word}: only a shell could tell whether what stands there runs")
}
