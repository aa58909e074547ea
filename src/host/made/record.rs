//! The record itself: one line for each thing, in the order in which they were made. Written whole, and read
//! only where nobody else could have written it; one that is torn is refused, as guessing could take what is
//! somebody else's.

use super::super::files::{self, FileError};
use super::super::root::Root;
use super::super::{secret_file, state};
use std::io;

/// The record.
pub const RECORD: &str = "/var/lib/worker-bootstrap/made";
/// Its first line; the number changes when a line changes its meaning.
pub(super) const HEAD: &str = "worker-bootstrap made 1";

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A file with a key in it.
    Secret,
    /// A symbolic link.
    Link,
    /// No thing: the names that were there before, of those that begin so.
    Others,
    /// A unit that was not enabled before.
    Enabled,
    /// A unit that did not run before.
    Started,
    /// A unit that ran before.
    Restarted,
}

const WORDS: [(Kind, &str); 8] = [
    (Kind::Directory, "directory"),
    (Kind::File, "file"),
    (Kind::Secret, "secret"),
    (Kind::Link, "link"),
    (Kind::Others, "others"),
    (Kind::Enabled, "enabled"),
    (Kind::Started, "started"),
    (Kind::Restarted, "restarted"),
];

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Where, as the machine sees it; a unit's name.
    pub path: String,
    /// Digests of what a run wrote there, the last one or two; of `Others`, their names.
    pub(in crate::host) wrote: Vec<String>,
    pub(in crate::host) former: Former,
}

/// What stood there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) enum Former {
    Nothing,
    File {
        mode: u32,
        uid: u32,
        gid: u32,
        digest: String,
    },
    Link(String),
    /// Something of which no copy is kept.
    Unkept,
}

/// All of it.
pub(super) struct Record {
    pub(super) items: Vec<Item>,
    /// As it was read.
    pub(super) text: String,
}

impl Record {
    pub(super) fn read(root: &Root) -> Result<Record, FileError> {
        let path = root.at(RECORD);
        let torn =
            || io::Error::new(io::ErrorKind::InvalidData, "it is not a record that this version wrote");
        let opened = secret_file::open(&path, root).map_err(|refused| match refused {
            secret_file::Refused::Unreadable(error) => error,
            refused => io::Error::other(refused),
        });
        let Some(opened) = files::at("reading", &path, opened)? else {
            return Ok(Record { items: Vec::new(), text: String::new() });
        };
        let text = files::at("reading", &path, std::str::from_utf8(&opened.bytes).map_err(|_| torn()))?;
        let mut lines = text.lines();
        let mut items = Vec::new();
        let known = lines.next() == Some(HEAD)
            && lines.all(|line| Item::parse(line).map(|item| items.push(item)).is_some());
        files::at("reading", &path, known.then_some(()).ok_or_else(torn))?;
        Ok(Record { items, text: text.to_owned() })
    }

    pub(super) fn save(&self, root: &Root) -> Result<(), FileError> {
        let mut text = format!("{HEAD}\n");
        self.items.iter().for_each(|item| text.push_str(&item.text()));
        if text == self.text || self.items.is_empty() {
            return Ok(());
        }
        state::write(root, RECORD, text.as_bytes(), 0o600)
    }
}

impl Item {
    fn text(&self) -> String {
        let kind = WORDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, word)| *word);
        let former = match &self.former {
            Former::Nothing => String::new(),
            Former::File { mode, uid, gid, digest } => format!("file {mode:o} {uid} {gid} {digest}"),
            Former::Link(target) => format!("link {target}"),
            Former::Unkept => "unkept".to_owned(),
        };
        format!("{kind}\t{}\t{}\t{former}\n", self.path, self.wrote.join(" "))
    }

    fn parse(line: &str) -> Option<Item> {
        let mut fields = line.split('\t');
        let word = fields.next()?;
        let (kind, _) = WORDS.iter().find(|(_, known)| *known == word)?;
        let path = fields.next()?.to_owned();
        let wrote = fields.next()?.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let former = former(fields.next()?)?;
        // Whoever else wrote this would have it lead out of the root.
        (!path.split('/').any(|part| part == "..")).then_some(Item { kind: *kind, path, wrote, former })
    }
}

fn former(text: &str) -> Option<Former> {
    if let Some(target) = text.strip_prefix("link ") {
        return Some(Former::Link(target.to_owned()));
    }
    let mut words = text.split(' ');
    Some(match words.next()? {
        "" => Former::Nothing,
        "unkept" => Former::Unkept,
        "file" => Former::File {
            mode: u32::from_str_radix(words.next()?, 8).ok()?,
            uid: words.next()?.parse().ok()?,
            gid: words.next()?.parse().ok()?,
            digest: words.next().filter(|digest| !digest.contains(['/', '.']))?.to_owned(),
        },
        _ => return None,
    })
}
