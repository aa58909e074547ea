//! What is searched for, and what is put over it.
//!
//! After the join only the token's public half is known: six characters, a dot, and then any sixteen of
//! the token's alphabet are a token, unless a seventeenth follows: a public half may be a word, and names
//! with a dot go on. What stands before does not matter: `\n` and `%20` end in what a name may end in. While
//! the token itself is at hand its secret half is searched for by itself as well. Nothing of this is ever
//! stored.

use crate::secret::{Secret, SecretBytes};
use crate::token::{self, Token, TokenId};
use memchr::memmem;
use std::fmt;

use crate::host::in_place::Patch;

/// What is put over a token.
pub(super) const ERASED: &[u8] = token::ERASED.as_bytes();
const ID: usize = 6;
const SECRET: usize = 16;
/// What is looked at behind a token, in bytes.
const AHEAD: usize = 12;

/// How the dot between the halves is written: plain, percent-encoded, in JSON, YAML and XML escapes.
const DOTS: [&[u8]; 9] =
    [b".", b"%2E", b"%2e", b"\\u002e", b"\\u002E", b"\\x2e", b"\\x2E", b"&#46;", b"&#x2e;"];

/// The tokens that are searched for.
#[derive(Debug, Default)]
pub struct Needles {
    of: Vec<Needle>,
}

#[derive(Debug)]
struct Needle {
    id: TokenId,
    secret: Option<Secret>,
    /// The public half.
    plain: Finder,
    /// The secret half.
    half: Option<Finder>,
    /// The public half with its dot in hexadecimal, and the secret half; in small letters and in capitals.
    hex: [(Finder, Option<Finder>); 2],
}

/// Made once: a file has many parts, and a part many more that are decoded.
pub(super) struct Finder(memmem::Finder<'static>);

impl Finder {
    /// Of this.
    pub(super) fn of(text: &[u8]) -> Finder {
        Finder(memmem::Finder::new(text).into_owned())
    }

    /// Where it stands in `bytes`, each that does not overlap the one before.
    pub(super) fn all<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        self.0.find_iter(bytes)
    }

    fn length(&self) -> usize {
        self.0.needle().len()
    }
}

/// What is searched for is nobody's to read.
impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Finder")
    }
}

impl Needles {
    /// A token that is still at hand.
    pub fn of(token: &Token) -> Self {
        let secret = Secret::new(token.secret_half().to_owned());
        Needles::none_erased([Needle::new(token.id().clone(), Some(secret))])
    }

    /// Tokens of which the public half is known.
    pub fn of_ids(ids: impl IntoIterator<Item = TokenId>) -> Self {
        Needles::none_erased(ids.into_iter().map(|id| Needle::new(id, None)))
    }

    /// What is put over a token reads like one, and is found where one was. It is nobody's secret: searched
    /// for, its zeros would be found in files that never held a token.
    fn none_erased(needles: impl IntoIterator<Item = Needle>) -> Self {
        Needles { of: needles.into_iter().filter(|needle| !needle.id.is_erased()).collect() }
    }

    /// Whether nothing is searched for.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// What the base64 of a text that holds one of them is sure to hold: the encoding of what is known, at
    /// each of the three alignments, without the characters that depend on the neighbours; and how far
    /// its first character is into the encoding of the known.
    pub(super) fn base64_cores(&self) -> Vec<Core> {
        let mut cores = Vec::new();
        for needle in &self.of {
            let id = SecretBytes::new(format!("{}.", needle.id).into_bytes());
            let secret = needle.secret.iter().map(|secret| SecretBytes::new(secret.expose().into()));
            for known in std::iter::once(id).chain(secret) {
                cores.extend((0..3).map(|shift| Core::of(&known, shift)));
            }
        }
        cores
    }

    /// What has to be put where in `bytes` for no token to stand there as plain text or in hexadecimal. With
    /// `open` more follows, and what cannot be told without that is left to whoever sees it; with `quoted` it
    /// is looked at as quoted-printable too, in which `=` is followed by what tells.
    pub(super) fn patches(&self, bytes: &[u8], open: bool, quoted: bool, into: &mut Vec<Patch>) {
        for needle in &self.of {
            for at in needle.plain.all(bytes) {
                if let Some(secret) = secret_after(bytes, at + ID)
                    && !(quoted && bytes.get(secret + SECRET) == Some(&b'='))
                    && let (half, after) = bytes[secret..].split_at(SECRET)
                    && needle.is_token(half, &after[..after.len().min(AHEAD)], open && after.len() < AHEAD)
                {
                    // The dot stays as it is written.
                    let new = [&ERASED[..ID], &bytes[at + ID..secret], &ERASED[ID + 1..]].concat();
                    into.push(Patch { at, new });
                }
            }
            if let Some(half) = &needle.half {
                into.extend(half.all(bytes).map(|at| Patch { at, new: ERASED[ID + 1..].to_vec() }));
            }
            needle.hex_patches(bytes, open, into);
        }
    }
}

impl Needle {
    fn new(id: TokenId, secret: Option<Secret>) -> Needle {
        let hex = |text: &[u8], upper| Finder::of(&SecretBytes::new(to_hex(text, upper)));
        let half = secret.as_ref().map(|secret| secret.expose().as_bytes());
        let with_dot = format!("{id}.");
        Needle {
            plain: Finder::of(id.as_str().as_bytes()),
            half: half.map(Finder::of),
            hex: [false, true]
                .map(|upper| (hex(with_dot.as_bytes(), upper), half.map(|half| hex(half, upper)))),
            id,
            secret,
        }
    }

    /// Whether these sixteen are a secret half: the known one, or any that ends there. With `open` there is
    /// more than `after`.
    fn is_token(&self, half: &[u8], after: &[u8], open: bool) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.expose().as_bytes() == half)
            || !open && half.iter().all(|byte| is_token_byte(*byte)) && is_over(after)
    }

    /// The audit log writes arguments so.
    fn hex_patches(&self, bytes: &[u8], open: bool, into: &mut Vec<Patch>) {
        for (upper, (known, half)) in [false, true].into_iter().zip(&self.hex) {
            for at in known.all(bytes) {
                let secret = at + known.length();
                let digits = bytes[secret..].chunks_exact(2).map_while(from_hex);
                let text = SecretBytes::new(digits.take(SECRET + AHEAD).collect());
                let open = open && bytes.len() - secret < 2 * (SECRET + AHEAD);
                if let Some((half, after)) = text.split_at_checked(SECRET)
                    && self.is_token(half, after, open)
                {
                    into.push(Patch { at, new: to_hex(ERASED, upper) });
                }
            }
            if let Some(half) = half {
                into.extend(half.all(bytes).map(|at| Patch { at, new: to_hex(&ERASED[ID + 1..], upper) }));
            }
        }
    }
}

/// Where the secret half would begin, if a dot and as many characters as it has follow at `at`.
fn secret_after(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let dot = DOTS.iter().find(|dot| rest.starts_with(dot))?;
    (rest.len() >= dot.len() + SECRET).then_some(at + dot.len())
}

/// Whether a token ends where this follows: where no character of a token does, or where the one that does
/// is no text's. Python's pickles of the protocols 1 to 3 put the number of a string right after it: `q` and a
/// byte, or `r` and four; then comes what is to be done with it. cloud-init keeps one.
fn is_over(after: &[u8]) -> bool {
    match after {
        [b'r', _, _, _, 0, ..] => true,
        // Most numbers, lengths and instructions are no text's either.
        [b'q', rest @ ..] => rest.iter().any(|byte| *byte < 9) || is_no_text(rest) || ends_a_pickle(after),
        [byte, ..] => !is_token_byte(*byte),
        [] => true,
    }
}

/// Whether something in it is no UTF-8, but for what is cut off at its end.
fn is_no_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some())
}

/// Whether these are instructions up to the last one: its lists and dictionaries are all closed at once.
fn ends_a_pickle(mut rest: &[u8]) -> bool {
    loop {
        rest = match rest {
            [b'.'] => return true,
            [b'q' | b'h', _, rest @ ..]
            | [b'a' | b'b' | b'e' | b's' | b't' | b'u' | b'N' | b'R', rest @ ..] => rest,
            _ => return false,
        }
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn to_hex(text: &[u8], upper: bool) -> Vec<u8> {
    let digits: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    text.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}

fn from_hex(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)
}

/// What is sure to stand in the base64 of a text that holds something known.
#[derive(Debug)]
pub(super) struct Core {
    /// In the standard alphabet.
    pub(super) text: Finder,
    /// How many characters of the group of four precede it.
    pub(super) lead: usize,
}

impl Core {
    /// With this many bytes before what is known.
    pub(super) fn of(known: &[u8], shift: usize) -> Core {
        let mut padded = SecretBytes::new(vec![0; shift]);
        padded.extend_from_slice(known);
        let lead = (shift * 8).div_ceil(6);
        let text =
            (lead..padded.len() * 8 / 6).map(|index| super::base64::character(&padded, index)).collect();
        Core { text: Finder::of(&SecretBytes::new(text)), lead }
    }
}
