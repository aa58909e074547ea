//! Base64 where it stands in other text: found, decoded, and changed character by character, so that
//! nothing moves.
//!
//! Both alphabets; broken into lines, indented, and with its breaks or its special characters escaped as
//! JSON, YAML and URLs do. A text that is no base64 may look like some: then what comes out is noise, in
//! which nothing is found.

use crate::host::in_place::Patch;
use crate::secret::SecretBytes;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters without a break that make a text worth decoding: a known half is not shorter in base64, and
/// lines are broken at 60 or more.
pub(super) const PIECE: usize = 20;

/// Characters that may be base64, in one stretch.
#[derive(Debug)]
pub(super) struct Run {
    /// Where it begins.
    pub(super) at: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// Its characters in the standard alphabet, without breaks.
    pub(super) characters: SecretBytes,
    url: bool,
}

/// One step through a run.
enum Token {
    /// A character, and how many bytes it is written with.
    Character(u8, usize),
    /// A break of so many bytes.
    Break(usize),
}

/// The next run that begins at or after `from`.
pub(super) fn next_run(bytes: &[u8], from: usize) -> Option<Run> {
    let mut at = from;
    while let Some(ahead) = bytes.get(at..at + PIECE) {
        // None begins before the last byte that stands in none: read from behind, most are never looked at.
        if let Some(other) = ahead.iter().rposition(|byte| VALUES[usize::from(*byte)] == OTHER) {
            at += other + 1;
            continue;
        }
        // The letter of an escaped line end is none of the text's.
        let after_break = at > 0 && bytes[at - 1] == b'\\' && matches!(bytes[at], b'n' | b'r' | b't');
        if let Some(run) = run_at(bytes, at + usize::from(after_break)) {
            return Some(run);
        }
        at += stretch(bytes, at).max(1);
    }
    None
}

/// How many plain characters stand at `at`.
fn stretch(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| value(**byte).is_some()).count()
}

fn run_at(bytes: &[u8], at: usize) -> Option<Run> {
    if piece(bytes, at) < PIECE {
        return None;
    }
    let mut characters = SecretBytes::new(Vec::new());
    let mut url = false;
    let end = walk(bytes, at, |byte, _, _| {
        url |= matches!(byte, b'-' | b'_');
        characters.push(standard(byte));
    });
    Some(Run { at, end, characters, url })
}

/// Characters from `at` to the next break.
fn piece(bytes: &[u8], at: usize) -> usize {
    let (mut at, mut count) = (at, 0);
    while let Some(Token::Character(_, length)) = token(bytes, at) {
        at += length;
        count += 1;
        if count >= PIECE {
            break;
        }
    }
    count
}

/// Goes from character to character, over breaks, and gives where the run ends. `each` is told the
/// character, where it stands and how long it is written.
fn walk(bytes: &[u8], from: usize, mut each: impl FnMut(u8, usize, usize)) -> usize {
    let (mut at, mut since_break) = (from, 0);
    loop {
        match token(bytes, at) {
            Some(Token::Character(byte, length)) => {
                each(byte, at, length);
                at += length;
                since_break += 1;
            }
            // Words of a text end lines too; a line of base64 is longer than words are.
            Some(Token::Break(length))
                if since_break >= PIECE
                    && matches!(token(bytes, at + length), Some(Token::Character(..))) =>
            {
                at += length;
                since_break = 0;
            }
            _ => return at,
        }
    }
}

fn token(bytes: &[u8], at: usize) -> Option<Token> {
    let first = *bytes.get(at)?;
    if value(first).is_some() {
        return Some(Token::Character(first, 1));
    }
    let rest = &bytes[at..];
    match first {
        b'%' => escaped(rest, 1, 2).map(|byte| Token::Character(byte, 3)),
        b'\\' if rest.starts_with(b"\\u00") => escaped(rest, 4, 2).map(|byte| Token::Character(byte, 6)),
        b'\n' | b'\r' | b'\\' => {
            let length = break_length(rest);
            (length > 0).then_some(Token::Break(length))
        }
        _ => None,
    }
}

fn escaped(rest: &[u8], from: usize, digits: usize) -> Option<u8> {
    let text = std::str::from_utf8(rest.get(from..from + digits)?).ok()?;
    let byte = u8::from_str_radix(text, 16).ok()?;
    value(byte).map(|_| byte)
}

/// Line ends, written as they are or as `\n`, and the indent after them.
fn break_length(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match rest[at..] {
            [b'\n' | b'\r', ..] => at += 1,
            [b'\\', b'n' | b'r' | b'\n', ..] => at += 2,
            [b' ' | b'\t', ..] if at > 0 => at += 1,
            _ => return at,
        }
    }
}

fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

fn value(byte: u8) -> Option<u8> {
    let value = VALUES[usize::from(byte)];
    (value < 64).then_some(value)
}

/// How an escape begins, which may stand among the characters.
const ESCAPE: u8 = 64;
/// What never stands in a stretch of characters.
const OTHER: u8 = 65;
/// For each byte what it stands for.
const VALUES: [u8; 256] = {
    let mut values = [OTHER; 256];
    let mut index = 0;
    while index < ALPHABET.len() {
        values[ALPHABET[index] as usize] = index as u8;
        index += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values[b'%' as usize] = ESCAPE;
    values[b'\\' as usize] = ESCAPE;
    values
};

/// The character of this index in the base64 of `bytes`; bits beyond the end are zero.
pub(super) fn character(bytes: &[u8], index: usize) -> u8 {
    let (byte, bit) = (index * 6 / 8, index * 6 % 8);
    let of = |at: usize| u16::from(bytes.get(at).copied().unwrap_or(0));
    let pair = of(byte) << 8 | of(byte + 1);
    ALPHABET[usize::from(pair >> (10 - bit) & 63)]
}

impl Run {
    /// What it is the base64 of, counted from the character `from` on.
    pub(super) fn decode(&self, from: usize) -> SecretBytes {
        let characters = self.characters.get(from..).unwrap_or_default();
        let mut decoded = SecretBytes::new(Vec::with_capacity(characters.len() * 3 / 4 + 3));
        for group in characters.chunks(4) {
            let bits =
                group.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(value(*byte).unwrap_or(0)));
            let bits = bits << (6 * (4 - group.len()));
            let [_, first, second, third] = bits.to_be_bytes();
            decoded.extend_from_slice(&[first, second, third][..group.len() * 6 / 8]);
        }
        decoded
    }

    /// What has to be put where in the text around the run, so that it decodes (from the character `from`
    /// on) to `changed` with those of `patches` in it.
    pub(super) fn encode(&self, bytes: &[u8], from: usize, changed: &[u8], patches: &[Patch]) -> Vec<Patch> {
        let mut new: Vec<(usize, u8)> = Vec::new();
        for patch in patches {
            let (first, end) = (patch.at * 8 / 6, ((patch.at + patch.new.len()) * 8).div_ceil(6));
            new.extend((first..end).map(|index| (from + index, character(changed, index))));
        }
        new.sort_unstable();
        let mut new = new.into_iter().peekable();
        let (mut index, mut into) = (0, Vec::new());
        walk(bytes, self.at, |_, at, length| {
            while let Some((_, byte)) = new.next_if(|(wanted, _)| *wanted == index) {
                into.push(Patch { at, new: self.written(byte, length) });
            }
            index += 1;
        });
        into
    }

    /// A character, written as long as the one that it replaces.
    fn written(&self, byte: u8, length: usize) -> Vec<u8> {
        let byte = match byte {
            b'+' if self.url => b'-',
            b'/' if self.url => b'_',
            other => other,
        };
        match length {
            3 => format!("%{byte:02X}").into_bytes(),
            6 => format!("\\u{byte:04x}").into_bytes(),
            _ => vec![byte],
        }
    }
}
