//! Looks for tokens in bytes of any kind, through every layer that a token comes wrapped in, and says
//! which bytes have to become which for it to be gone.
//!
//! Plain text, its escapes and hexadecimal ([`super::needles`]); base64 ([`super::base64`]), and in it again
//! all of these; gzip ([`super::gzip`]), and in it again all of these: a k0s join token is a kubeconfig in
//! gzip in base64, and may lie in user-data that is gzip in base64 itself.

use super::base64::{self, Run};
use super::gzip::{self, MAGIC, MAGIC_IN_BASE64};
use super::needles::{Core, Needles};
use crate::host::in_place::{OVERLAP, Patch};
use memchr::memmem;
use std::cell::Cell;

/// Layers upon layers that are looked through. User-data in base64 in gzip with a k0s token in it has five.
const DEEPEST: u8 = 6;
/// What is unpacked for one part of a file, in bytes: more than any user-data, and no bomb.
const UNPACKED: u64 = 64 * 1024 * 1024;
/// Characters of base64 that 23 bytes take.
const TOKEN_IN_BASE64: usize = 31;
/// Beginnings of gzip that are tried in one text. Noise has few; only a text made to keep us busy has more.
const TRIES: usize = 256;

/// Searches for the tokens of [`Needles`].
#[derive(Debug)]
pub struct Searcher<'n> {
    needles: &'n Needles,
    cores: Vec<Core>,
    budget: Cell<u64>,
}

impl<'n> Searcher<'n> {
    /// Searches for these.
    pub fn of(needles: &'n Needles) -> Self {
        Searcher { needles, cores: needles.base64_cores(), budget: Cell::new(UNPACKED) }
    }

    /// What has to be put where. With `last` false more follows after `bytes`, and what runs into the end
    /// is left to whoever sees it whole.
    pub fn patches(&self, bytes: &[u8], last: bool) -> Vec<Patch> {
        self.budget.set(UNPACKED);
        let mut patches = Vec::new();
        self.search(bytes, last, 0, &mut patches);
        patches
    }

    /// Whether the last search had to leave something packed.
    pub fn gave_up(&self) -> bool {
        self.budget.get() == 0
    }

    fn search(&self, bytes: &[u8], last: bool, depth: u8, into: &mut Vec<Patch>) {
        self.needles.patches(bytes, into);
        if depth >= DEEPEST {
            return;
        }
        self.search_gzip(bytes, last, depth, into);
        let mut from = 0;
        while let Some(run) = base64::next_run(bytes, from) {
            from = run.end.max(from + 1);
            if !is_cut(run.at, run.end, bytes, last) {
                self.search_run(bytes, &run, depth, into);
            }
        }
    }

    fn search_gzip(&self, bytes: &[u8], last: bool, depth: u8, into: &mut Vec<Patch>) {
        let (mut from, mut tries) = (0, 0);
        while tries < TRIES
            && let Some(found) = bytes.get(from..).and_then(|rest| memmem::find(rest, &MAGIC))
        {
            tries += 1;
            let at = from + found;
            from = at + MAGIC.len();
            let mut rest = &bytes[at..];
            let looked =
                gzip::look(&mut rest, &self.budget, |plain, ended| self.holds(plain, ended, depth + 1));
            if !looked.hit {
                if looked.whole {
                    from = bytes.len() - rest.len();
                }
                continue;
            }
            let length = gzip::length(&bytes[at..]);
            from = at + length;
            if is_cut(at, at + length, bytes, last) {
                continue;
            }
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
    fn search_run(&self, bytes: &[u8], run: &Run, depth: u8, into: &mut Vec<Patch>) {
        let text = &run.characters[..];
        // By itself it is worth decoding when a whole token could come out; log lines are full of shorter ones.
        let mut starts = Vec::from(if text.len() >= TOKEN_IN_BASE64 { &[0][..] } else { &[] });
        for core in &self.cores {
            starts.extend(core.text.all(text).map(|at| (at + 4 - core.lead) % 4));
        }
        starts.extend(memmem::find_iter(text, MAGIC_IN_BASE64).map(|at| at % 4));
        starts.sort_unstable();
        starts.dedup();
        for from in starts {
            let mut decoded = run.decode(from);
            let mut patches = Vec::new();
            self.search(&decoded, true, depth + 1, &mut patches);
            for patch in &patches {
                decoded[patch.at..patch.at + patch.new.len()].copy_from_slice(&patch.new);
            }
            if !patches.is_empty() {
                into.extend(run.encode(bytes, from, &decoded, &patches));
            }
        }
    }

    fn holds(&self, bytes: &[u8], last: bool, depth: u8) -> bool {
        let mut patches = Vec::new();
        self.search(bytes, last, depth, &mut patches);
        !patches.is_empty()
    }
}

/// What reaches the end of a part will be seen whole in the next one, unless it is longer than what two
/// parts have in common.
fn is_cut(at: usize, end: usize, bytes: &[u8], last: bool) -> bool {
    !last && end == bytes.len() && bytes.len() - at < OVERLAP.min(bytes.len() / 2)
}

#[cfg(test)]
mod tests;
