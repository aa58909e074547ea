//! Looks for tokens in bytes of any kind, through every layer that a token comes wrapped in, and says
//! which bytes have to become which for it to be gone.
//!
//! Plain text, its escapes and hexadecimal ([`super::needles`]); base64 ([`super::base64`]), and in it again
//! all of these; gzip ([`super::gzip`]), and in it again all of these: a k0s join token is a kubeconfig in
//! gzip in base64, and may lie in user-data that is gzip in base64 itself. Where a text names it,
//! quoted-printable ([`super::quoted`]) as well.
//!
//! What is cut at the end of a part is left to whoever is shown the next one. What could not be looked into
//! is said ([`Searcher::unread`]).

use super::base64::{self, Run};
use super::gzip::{self, End, MAGIC};
use super::needles::{Core, Needles};
use super::quoted;
use crate::host::in_place::{OVERLAP, Patch};
use memchr::memmem;
use std::cell::Cell;

/// Layers upon layers that are looked through. User-data in base64 in gzip with a k0s token in it has five.
const DEEPEST: u8 = 6;
/// What is unpacked for one part of a file, in bytes: more than any user-data, and no bomb.
const UNPACKED: u64 = 64 * 1024 * 1024;
/// Characters of base64 that 23 bytes take.
const TOKEN_IN_BASE64: usize = 31;
/// And gzip of as many, with its header and its end.
const GZIP_IN_BASE64: usize = 55;
/// Beginnings of gzip that are tried in one text. Noise has few; only a text made to keep us busy has more.
const TRIES: usize = 256;
/// What is gzip for so long, in bytes, is so by no chance.
const SURELY: usize = 1024;

/// Why something was not read.
pub(super) const TOO_LARGE: &str = "it is too large: it was not read, or not unpacked, to its end";
/// Why something was not read.
pub(super) const BROKEN: &str =
    "gzip in it could not be unpacked to its end: it is cut off, damaged or too long";

/// Searches for the tokens of [`Needles`].
#[derive(Debug)]
pub struct Searcher<'n> {
    needles: &'n Needles,
    cores: Vec<Core>,
    /// The same of [`MAGIC`].
    magic: Vec<Core>,
    budget: Cell<u64>,
    /// Whether the file has named quoted-printable: what follows may stand in another part of it.
    quoted: Cell<bool>,
    unread: Cell<Option<&'static str>>,
}

impl<'n> Searcher<'n> {
    /// Searches for these.
    pub fn of(needles: &'n Needles) -> Self {
        Searcher {
            needles,
            cores: needles.base64_cores(),
            magic: (0..3).map(|shift| Core::of(&MAGIC, shift)).collect(),
            budget: Cell::new(UNPACKED),
            quoted: Cell::new(false),
            unread: Cell::new(None),
        }
    }

    /// Another file follows.
    pub fn begin(&self) {
        self.quoted.set(false);
        self.unread.set(None);
    }

    /// Why something of the file was not looked into, where that is so.
    pub fn unread(&self) -> Option<&'static str> {
        self.unread.get()
    }

    /// What has to be put where. With `last` false more follows after `bytes`, and what runs into the end
    /// is left to whoever sees it whole.
    pub fn patches(&self, bytes: &[u8], last: bool) -> Vec<Patch> {
        self.budget.set(UNPACKED);
        let mut patches = Vec::new();
        let open = (!last).then_some(OVERLAP.min(bytes.len() / 2));
        self.search(bytes, open, 0, &mut patches);
        if self.budget.get() == 0 {
            self.unread.set(Some(TOO_LARGE));
        }
        patches
    }

    /// Where `open`, more follows, and whoever is shown that is shown so much of this again.
    fn search(&self, bytes: &[u8], open: Option<usize>, depth: u8, into: &mut Vec<Patch>) {
        let before = into.len();
        let named = depth < DEEPEST && (self.quoted.get() || quoted::is_named(bytes));
        self.quoted.set(self.quoted.get() || named);
        let quoted = named.then(|| quoted::decode(bytes, false)).flatten();
        self.search_text(bytes, open, quoted.is_some(), depth, into);
        if depth < DEEPEST {
            self.search_gzip(bytes, open, depth, into);
        }
        let Some(quoted) = quoted else { return };
        let indented = quoted::decode(bytes, true).filter(|indented| indented.len() < quoted.len());
        for (decoded, indented) in std::iter::once((quoted, false)).chain(indented.map(|it| (it, true))) {
            self.budget.set(self.budget.get().saturating_sub(decoded.len() as u64));
            if self.budget.get() == 0 {
                return;
            }
            let mut patches = Vec::new();
            // Gzip is not written so: of what is no text, other bytes come out.
            let common = open.map(|common| common / 3);
            self.search_text(&decoded, common, false, depth + 1, &mut patches);
            let new = quoted::encode(bytes, indented, &decoded, &patches, &into[before..]);
            into.extend(new);
        }
    }

    fn search_text(&self, bytes: &[u8], open: Option<usize>, quoted: bool, depth: u8, into: &mut Vec<Patch>) {
        self.needles.patches(bytes, open.is_some(), quoted, into);
        if depth >= DEEPEST {
            return;
        }
        let mut from = 0;
        while let Some(run) = base64::next_run(bytes, from) {
            from = run.end.max(from + 1);
            if !is_cut(run.at, run.end, bytes, open) {
                self.search_run(bytes, &run, open, depth, into);
            }
        }
    }

    fn search_gzip(&self, bytes: &[u8], open: Option<usize>, depth: u8, into: &mut Vec<Patch>) {
        let (mut from, mut tries) = (0, 0);
        while tries < TRIES
            && let Some(found) = bytes.get(from..).and_then(|rest| memmem::find(rest, &MAGIC))
        {
            tries += 1;
            let at = from + found;
            from = at + MAGIC.len();
            let look = |mut rest: &[u8]| {
                let looked = gzip::look(&mut rest, &self.budget, |plain, ended| {
                    self.holds(plain, (!ended).then_some(gzip::OVERLAP), depth + 1)
                });
                (looked, rest.len())
            };
            let (mut looked, left) = look(&bytes[at..]);
            let mut end = bytes.len() - left;
            let mut text = 0;
            if looked.hit {
                let length;
                (length, text) = gzip::length(&bytes[at..]);
                end = at + length;
                if text > 0 {
                    // It may stand in that text alone.
                    looked = look(&bytes[at..end]).0;
                }
            }
            if is_cut(at, end + text, bytes, open) {
                continue;
            }
            if !looked.hit {
                match looked.end {
                    End::Whole => from = end,
                    // At the beginning it is what it says it is.
                    End::Broken if at == 0 || end - at >= SURELY => self.unread.set(Some(BROKEN)),
                    End::Broken | End::Enough | End::None => {}
                }
                continue;
            }
            from = end;
            if open.is_some() && end + text == bytes.len() {
                // What follows of it cannot be unpacked without this.
                self.unread.set(Some(BROKEN));
            }
            let length = end - at;
            let mut new = Vec::with_capacity(length);
            let put = gzip::filler(length as u64, |part| {
                new.extend_from_slice(part);
                Ok(())
            });
            if put.is_ok() {
                into.push(Patch { at, new });
            }
        }
    }

    /// From its beginning, and in step with whatever is known to begin in it: what stands before that may be
    /// of the same letters.
    fn search_run(&self, bytes: &[u8], run: &Run, open: Option<usize>, depth: u8, into: &mut Vec<Patch>) {
        let text = &run.characters[..];
        // By itself it is worth decoding when a whole token could come out; log lines are full of shorter ones.
        let mut starts = if text.len() >= TOKEN_IN_BASE64 { run.lines } else { [false; 4] };
        let magic = self.magic.iter().filter(|_| text.len() >= GZIP_IN_BASE64);
        for core in self.cores.iter().chain(magic) {
            core.text.all(text).for_each(|at| starts[(at + 4 - core.lead) % 4] = true);
        }
        // What is longer than parts have in common is looked into as far as it goes.
        let open = open.and_then(|_| (run.end == bytes.len()).then_some(0));
        for from in (0..4).filter(|from| starts[*from]) {
            let mut decoded = run.decode(from);
            let mut patches = Vec::new();
            self.search(&decoded, open, depth + 1, &mut patches);
            for patch in &mut patches {
                // Some of its characters cannot be changed: then it should not look like gzip.
                if run.slashed && patch.new.starts_with(&MAGIC) {
                    patch.new.fill(b'\n');
                }
                decoded[patch.at..patch.at + patch.new.len()].copy_from_slice(&patch.new);
            }
            if !patches.is_empty() {
                into.extend(run.encode(bytes, from, &decoded, &patches));
            }
        }
    }

    fn holds(&self, bytes: &[u8], open: Option<usize>, depth: u8) -> bool {
        let mut patches = Vec::new();
        self.search(bytes, open, depth, &mut patches);
        !patches.is_empty()
    }
}

/// What reaches the end of a part will be seen whole in the next one, unless it is longer than what two
/// parts have in common.
fn is_cut(at: usize, end: usize, bytes: &[u8], open: Option<usize>) -> bool {
    open.is_some_and(|common| end == bytes.len() && bytes.len() - at < common)
}

#[cfg(test)]
mod tests;
