//! Base64 where it stands in other text: found, decoded, and changed character by character, so that
//! nothing moves.
//!
//! Both alphabets; broken into lines, indented, and with its breaks or its special characters escaped as
//! JSON (once or in JSON again), YAML and URLs do. A text that is no base64 may look like some: then what comes out is noise, in
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
    /// With how many characters, of a group of four, before it a line begins: words may have been taken for
    /// the first.
    pub(super) lines: [bool; 4],
    url: bool,
    /// Whether JSON's `\/` stands in it, for which no other character can be written.
    pub(super) slashed: bool,
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
        if let Some(run) = run_at(bytes, at + rest_of_escape(bytes, at)) {
            return Some(run);
        }
        at += stretch(bytes, at).max(1);
    }
    None
}

/// How many letters and digits of an escape stand at `at`: they are none of the text's.
fn rest_of_escape(bytes: &[u8], at: usize) -> usize {
    let escape = at.checked_sub(1).map_or(0, |before| bytes[before]);
    let digits = |from: usize, count: usize| {
        let digits = bytes.get(at + from..at + from + count);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)).then_some(from + count)
    };
    match (escape, bytes[at]) {
        (b'\\', b'n' | b'r' | b't') => Some(1),
        (b'\\', b'u') => digits(1, 4),
        (b'\\', b'x') => digits(1, 2),
        (b'%', _) => digits(0, 2),
        _ => None,
    }
    .unwrap_or(0)
}

/// How many plain characters stand at `at`.
fn stretch(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| value(**byte).is_some()).count()
}

fn run_at(bytes: &[u8], at: usize) -> Option<Run> {
    if piece(bytes, at) < PIECE {
        return None;
    }
    let mut characters = SecretBytes::new(Vec::with_capacity(4 * PIECE));
    let (mut url, mut other, mut slashed, mut lines, mut next) =
        (false, false, false, [true, false, false, false], at);
    let end = walk(bytes, at, |byte, at, length| {
        if at != next {
            let lead = characters.len() % 4;
            if lead != 0 {
                // Those were words.
                (url, other) = (false, false);
            }
            lines[lead] = true;
        }
        match byte {
            b'-' | b'_' => url = true,
            b'+' | b'/' => {
                other = true;
                slashed |= bytes[at] == b'\\';
            }
            _ => {}
        }
        next = at + length;
        characters.push(standard(byte));
    });
    Some(Run { at, end, characters, lines, url: url && !other, slashed })
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
        // Nearly all are written as they are.
        if let Some(byte) = bytes.get(at).filter(|byte| value(**byte).is_some()) {
            each(*byte, at, 1);
            at += 1;
            since_break += 1;
            continue;
        }
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
        b'\\' if rest.starts_with(b"\\u00") => escaped(rest, 4, 2).map(|byte| Token::Character(byte, 6)),
        b'%' | b'\\' | b'\n' | b'\r' => {
            let slash = slash_length(rest).map(|length| Token::Character(b'/', length));
            let escape = || Some(Token::Character(escaped(rest, 1, 2).filter(|_| first == b'%')?, 3));
            let length = break_length(rest);
            slash.or_else(escape).or((length > 0).then_some(Token::Break(length)))
        }
        _ => None,
    }
}

fn escaped(rest: &[u8], from: usize, digits: usize) -> Option<u8> {
    let text = std::str::from_utf8(rest.get(from..from + digits)?).ok()?;
    let byte = u8::from_str_radix(text, 16).ok()?;
    value(byte).map(|_| byte)
}

/// The length of JSON's `\/`, which JSON in JSON writes with up to three of the first.
fn slash_length(rest: &[u8]) -> Option<usize> {
    let slash = rest.iter().take(4).position(|byte| *byte != b'\\')?;
    (slash > 0 && rest[slash] == b'/').then_some(slash + 1)
}

/// Line ends, written as they are or as `\n`, `\\n` or `%0A`, and the indent after them.
fn break_length(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match rest[at..] {
            [b'\n' | b'\r', ..] => at += 1,
            [b'\\', b'n' | b'r' | b'\n', ..] => at += 2,
            [b'\\', b'\\', b'n' | b'r', ..] | [b'%', b'0', b'A' | b'a' | b'D' | b'd', ..] => at += 3,
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
        // What stays as it is stays as it is written.
        new.retain(|(index, byte)| self.characters.get(*index).is_some_and(|old| old != byte));
        new.sort_unstable();
        let mut new = new.into_iter().peekable();
        let (mut index, mut into) = (0, Vec::new());
        walk(bytes, self.at, |_, at, length| {
            while let Some((_, byte)) = new.next_if(|(wanted, _)| *wanted == index) {
                into.extend(self.written(byte, &bytes[at..at + length]).map(|new| Patch { at, new }));
            }
            index += 1;
        });
        into
    }

    /// A character, written as the one that it replaces; `None` where that cannot be.
    fn written(&self, byte: u8, old: &[u8]) -> Option<Vec<u8>> {
        let byte = match byte {
            b'+' if self.url => b'-',
            b'/' if self.url => b'_',
            other => other,
        };
        match old {
            [b'%', ..] => Some(format!("%{byte:02X}").into_bytes()),
            [b'\\', b'u', ..] => Some(format!("\\u{byte:04x}").into_bytes()),
            [b'\\', ..] => None,
            _ => Some(vec![byte]),
        }
    }
}
