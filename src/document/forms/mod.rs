//! The other forms of a bootstrap: what people and clouds wrap around it, taken off layer by layer.
//!
//! User-data of cloud-init (plain, gzip, base64, MIME), a cloud-config that writes or runs something, a
//! script, a rendered command. Each layer is bounded before it is unpacked, and nothing is ever run or
//! handed to a shell. Of what is met on the way only two things count: a document of ours, and a join
//! command that is understood whole. Most user-data holds neither, which is no error: the caller decides.
//! A text that is clearly meant and not understood comes out as a refusal. Pure.
//!
//! - [`layers`] gzip and base64 · [`mime`] multipart messages · [`cloud_config`] write_files and runcmd
//! - [`shell`] from text to words, and whether they are run · [`command`] from words to a join
//!
//! The decoders are our own: a mail library brings every character set there is, several hundred KiB,
//! for the four encodings that cloud-init's messages have, and none bounds what it unpacks.

mod cloud_config;
mod command;
mod layers;
mod mime;
mod shell;

pub(super) use cloud_config::absolute;
pub(super) use command::{JoinCommand, TokenIn};

use super::{LARGEST, whole};
use crate::secret::SecretBytes;
use crate::yaml::{self, Fault};

/// In every document of ours, and in nothing else.
const MARKER: &str = "bootstrap.akua.dev/";
/// Wrappings within each other: base64 of gzip of MIME of base64 of a cloud-config with a script is six.
const DEEPEST: usize = 8;
/// Everything unpacked from one text, together.
const MOST_BYTES: usize = 8 * LARGEST;
/// Parts, files and commands of one text, together.
const MOST_PIECES: usize = 2000;

/// What was found in a text.
#[derive(Debug, Default)]
pub(super) struct Unfolded {
    /// What counts, in the order of the text.
    pub(super) pieces: Vec<Piece>,
    /// The first thing that could not be looked into.
    pub(super) trouble: Option<Fault>,
}

/// Something that is meant as a bootstrap.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where in the text, as in `part 2: write_files[0]`; empty for the text itself.
    pub(super) place: String,
    /// What it is.
    pub(super) carried: Carried,
}

/// What a piece is.
#[derive(Debug)]
pub(super) enum Carried {
    /// The text of a document of ours, or of the API's answer.
    Document(SecretBytes),
    /// A command that joins a cluster.
    Join(JoinCommand),
    /// Clearly meant, and not understood.
    Refused(Fault),
}

/// What a text is said to be by what it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Nothing: the text itself tells.
    Nothing,
    CloudConfig,
    Archive,
    Script,
    Include,
    Template,
    /// For cloud-init's own machinery.
    Other,
}

/// Takes all layers off `text`. `command` tells whether a text that begins like neither of the known forms
/// is to be read as a command.
pub(super) fn unfold(text: &[u8], command: bool) -> Unfolded {
    let mut walk = Walk { out: Unfolded::default(), bytes: 0, seen: 0, command };
    walk.text(text, Said::Nothing, "", 0);
    walk.out
}

/// Whether the text is a document by its first words, well-formed or not: a key, or JSON.
pub(super) fn begins_as_document(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let Some(line) = lines.into_iter().find(|line| !line.is_empty() && !line.starts_with('#')) else {
        return true;
    };
    let word = line.split_whitespace().next().unwrap_or_default();
    word.contains(": ")
        || word.ends_with(':')
        || line.starts_with(['{', '"', '\'', '-', '%', '[', '&', '*', '!'])
}

/// Whether it is said in the text that it is a document of ours.
fn names_our_version(text: &str) -> bool {
    text.match_indices(MARKER).any(|(at, _)| {
        let before = text[..at].trim_end_matches([' ', '\t', '"', '\'']);
        let Some(key) = before.strip_suffix(':') else { return false };
        key.trim_end_matches([' ', '\t', '"', '\'']).ends_with("apiVersion")
    })
}

/// Whether it can be an answer of the API.
fn is_answer(text: &str) -> bool {
    text.trim_start().starts_with('{') && text.contains("\"cluster_id\"") && text.contains("\"token\"")
}

struct Walk {
    out: Unfolded,
    bytes: usize,
    seen: usize,
    command: bool,
}

impl Walk {
    fn piece(&mut self, place: &str, carried: Carried) {
        self.out.pieces.push(Piece { place: place.to_owned(), carried });
    }

    fn trouble(&mut self, place: &str, what: impl Into<String>) {
        self.fault(place, whole(what));
    }

    fn fault(&mut self, place: &str, fault: Fault) {
        self.out.trouble.get_or_insert_with(|| within(place, fault));
    }

    /// Whether one more text of this size may be looked into.
    fn admits(&mut self, size: usize, place: &str, depth: usize) -> bool {
        self.bytes = self.bytes.saturating_add(size);
        self.seen += 1;
        if depth < DEEPEST && self.bytes <= MOST_BYTES && self.seen <= MOST_PIECES {
            return true;
        }
        let what = format!(
            "expected at most {DEEPEST} wrappings, {MOST_PIECES} parts and {MOST_BYTES} bytes unpacked: this is no bootstrap"
        );
        self.fault(place, Fault { excessive: true, ..whole(what) });
        false
    }

    fn text(&mut self, bytes: &[u8], said: Said, place: &str, depth: usize) {
        if !self.admits(bytes.len(), place, depth) {
            return;
        }
        if layers::is_gzip(bytes) {
            return match layers::gunzip(bytes) {
                Ok(plain) => self.text(&plain, said, place, depth + 1),
                Err(fault) => self.fault(place, fault),
            };
        }
        let text = match yaml::utf8(bytes) {
            Ok(text) => text,
            Err(fault) => return self.fault(place, fault),
        };
        let text = text.trim_start_matches('\u{feff}');
        match if said == Said::Nothing { sniff(text) } else { said } {
            Said::CloudConfig if text.trim_start().starts_with("## template:") => self.template(place),
            Said::CloudConfig => cloud_config::walk(self, text, place, depth),
            Said::Archive => cloud_config::walk_archive(self, text, place, depth),
            Said::Script => self.script(text, place, 0, None),
            Said::Include => self.trouble(place, "an #include: only cloud-init fetches what it names"),
            Said::Template => self.template(place),
            Said::Other => {}
            Said::Nothing => self.unmarked(text, place, depth),
        }
    }

    fn template(&mut self, place: &str) {
        self.trouble(place, "a template: only cloud-init fills it in");
    }

    fn unmarked(&mut self, text: &str, place: &str, depth: usize) {
        if mime::is_message(text) {
            return match mime::leaves(text) {
                Ok(leaves) => {
                    for (index, leaf) in leaves.iter().enumerate() {
                        self.text(
                            &leaf.body,
                            leaf.said,
                            &join(place, &format!("part {}", index + 1)),
                            depth + 1,
                        );
                    }
                }
                Err(what) => self.trouble(place, what),
            };
        }
        if begins_as_document(text.as_bytes()) {
            if names_our_version(text) || is_answer(text) {
                self.piece(place, Carried::Document(SecretBytes::new(text.as_bytes().to_vec())));
            }
            return;
        }
        if let Some(plain) = layers::whole_base64(text) {
            return self.text(&plain, Said::Nothing, place, depth + 1);
        }
        if self.command && place.is_empty() {
            self.script(text, place, 0, None);
        }
    }

    /// Looks through a text for a shell; `doubt` says why it may not be run at all.
    fn script(&mut self, text: &str, place: &str, depth: usize, doubt: Option<&str>) {
        match shell::commands(text) {
            Ok(commands) => {
                commands.iter().for_each(|command| self.shell_command(command, place, depth, doubt));
            }
            // What cannot be lexed may still be meant: then it must not be passed over.
            Err(fault) if names_our_version(text) => self.piece(place, Carried::Refused(fault)),
            Err(fault) => self.fault(place, fault),
        }
    }

    fn shell_command(&mut self, command: &shell::Command, place: &str, depth: usize, doubt: Option<&str>) {
        let doubt = doubt.or(command.doubt.as_deref());
        let at = |what: String| Fault { at: Some((command.line, 1)), ..whole(what) };
        for here in &command.documents {
            let Ok(body) = std::str::from_utf8(&here.body) else { continue };
            if !names_our_version(body) || !begins_as_document(&here.body) {
                continue;
            }
            let carried = if here.quoted {
                Carried::Document(here.body.clone())
            } else {
                Carried::Refused(at(
                    "expected a here-document with its delimiter in quotes: a shell would change this one"
                        .to_owned(),
                ))
            };
            self.piece(place, carried);
        }
        match command::understand(&command.words) {
            command::Understood::Nothing => {}
            command::Understood::Join(name, mut join) => {
                join.doubt = doubt.map(|doubt| Box::new(at(format!("{name}: {doubt}"))));
                self.piece(place, Carried::Join(join));
            }
            command::Understood::NotWhole(what) => self.piece(place, Carried::Refused(at(what))),
            command::Understood::Shell(text) if depth < DEEPEST && self.admits(text.len(), place, depth) => {
                self.script(&text, place, depth + 1, doubt);
            }
            command::Understood::Shell(_) => {}
        }
    }
}

/// What a text is by its first line (cloud-init `cloudinit/handlers/__init__.py`, INCLUSION_TYPES_MAP).
fn sniff(text: &str) -> Said {
    const KNOWN: [(&str, Said); 9] = [
        ("#cloud-config-archive", Said::Archive),
        ("#cloud-config-jsonp", Said::Other),
        ("#cloud-config", Said::CloudConfig),
        ("#cloud-boothook", Said::Script),
        ("#include", Said::Include),
        ("#part-handler", Said::Other),
        ("#upstart-job", Said::Other),
        ("## template:", Said::Template),
        ("#!", Said::Script),
    ];
    let head: String = text.trim_start().chars().take(32).collect::<String>().to_ascii_lowercase();
    KNOWN.iter().find(|(mark, _)| head.starts_with(mark)).map_or(Said::Nothing, |(_, said)| *said)
}

fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() { inner.to_owned() } else { format!("{outer}: {inner}") }
}

/// A fault of something inside, told as one of the whole.
pub(super) fn within(place: &str, fault: Fault) -> Fault {
    if place.is_empty() {
        return fault;
    }
    Fault { excessive: fault.excessive, at: None, field: place.to_owned(), what: fault.to_string() }
}

/// The first command that a text to be understood as one stops at.
pub(super) fn stopped_at(text: &[u8]) -> Fault {
    match yaml::utf8(text).and_then(shell::commands) {
        Err(fault) => fault,
        Ok(commands) => {
            let first = commands.iter().find(|command| !command.words.is_empty());
            let (line, word) = first.map_or((1, "(nothing)".to_owned()), |command| {
                (command.line, command::shown(&command.words[0]))
            });
            let what = format!(
                "expected a document, cloud-init user-data, or a join command (a here-document of ours, kubeadm join, k0s worker); stopped at {word}"
            );
            Fault { at: Some((line, 1)), ..whole(what) }
        }
    }
}

#[cfg(test)]
mod tests;
