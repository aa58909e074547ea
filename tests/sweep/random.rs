//! Tokens wrapped in layers upon layers, made by chance: afterwards no layer holds one, and whatever is not
//! the token's stands as it stood. `SWEEP_SEED` takes the seed of a failure.

use super::{ID, Root, SECRET, token};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::fmt::Write;
use std::io::Read;

const SEED: u64 = 20_261_126;
const SMALL: u64 = 250;
/// Files around the edges of the windows that a file is read in.
const LARGE: u64 = 8;
const ERASED: &str = "erased.0000000000000000";
const NAMED: &str = "Content-Transfer-Encoding: quoted-printable\n\n";

struct Random(u64);

impl Random {
    /// Below `end`. The generator is SplitMix64.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % end as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// Words and what stands between them in configurations and logs; nothing of it is a token, though with
    /// `names` some begins as one does.
    fn text(&mut self, words: usize, names: bool) -> String {
        let mut text = String::new();
        for _ in 0..self.below(words + 1) {
            match self.below(14) {
                0 if names => {
                    write!(text, "{ID}.configurationman{}", self.of(&["x", "agerplugin", "qualityofservice"]))
                        .unwrap()
                }
                1 => (0..self.below(4)).for_each(|_| text.push_str(self.of(&["é", "ß", "日本", "😀"]))),
                2 => (0..40).for_each(|_| text.push_str(self.of(&["0", "3", "7", "a", "c", "f"]))),
                3 => text
                    .push_str(self.of(&["H4sI", "=\n", "==", "=3D", "\\n", "\\\\", "%20", "=?", "\"", "/"])),
                4 => text.push('\n'),
                5 => text.push_str(ID),
                6 => text.push_str("certificate-authority-data-of-the-cluster\n"),
                _ => (0..=self.below(9)).for_each(|_| text.push(char::from(b'a' + self.below(26) as u8))),
            }
            text.push_str(self.of(&[" ", " ", ": ", "\n", ", ", "\r\n  ", "\t", "\""]));
        }
        text
    }
}

/// What a token is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Layer {
    Hex {
        upper: bool,
    },
    Json {
        slashes: bool,
    },
    /// A block scalar.
    Yaml,
    Percent,
    Base64 {
        width: usize,
        end: &'static str,
    },
    Base64ForUrls,
    Gzip,
    Quoted {
        end: &'static str,
    },
}

use Layer::{Base64, Base64ForUrls, Gzip, Hex, Json, Percent, Quoted, Yaml};

impl Layer {
    /// One that is put around `inner` by somebody.
    fn around(random: &mut Random, inner: &[Layer]) -> Layer {
        loop {
            let end = random.of(&["\n", "\r\n"]);
            let layer = match random.below(10) {
                0 => Hex { upper: random.below(2) == 0 },
                1 | 2 => Json { slashes: random.below(2) == 0 },
                3 => Yaml,
                4 => Percent,
                5 | 6 => Base64 { width: random.of(&[76, 76, 64, usize::MAX]), end },
                7 => random.of(&[Base64ForUrls, Base64 { width: usize::MAX, end }]),
                8 => Gzip,
                _ => Quoted { end },
            };
            let fits = match (layer, inner.last()) {
                (Base64 { .. } | Base64ForUrls | Gzip, _) => true,
                // What is no text is not written as one.
                (_, Some(Gzip)) => false,
                (Hex { .. }, inner) => inner.is_none(),
                (Percent, inner) => {
                    matches!(inner, None | Some(Base64 { .. } | Base64ForUrls | Hex { .. }))
                }
                // Escapes are escaped once more in JSON alone.
                (Json { .. } | Yaml | Quoted { .. }, Some(Percent)) => false,
                (Yaml, Some(Yaml)) => false,
                // Of one text, it is one part that is quoted.
                (Quoted { .. }, _) => {
                    let text = inner
                        .iter()
                        .rev()
                        .take_while(|layer| !matches!(layer, Base64 { .. } | Base64ForUrls));
                    text.into_iter().all(|layer| !matches!(layer, Quoted { .. }))
                }
                _ => true,
            };
            if fits {
                return layer;
            }
        }
    }

    fn put_around(self, text: &[u8], random: &mut Random) -> Vec<u8> {
        match self {
            Hex { upper: true } => text.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect(),
            Hex { upper: false } => text.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
            Json { slashes } => {
                let text = String::from_utf8(text.to_vec()).unwrap();
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                let text = text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
                if slashes { text.replace('/', "\\/") } else { text }.into_bytes()
            }
            Yaml => text.split_inclusive(|byte| *byte == b'\n').flat_map(|l| [b"    ", l].concat()).collect(),
            Percent => text
                .iter()
                .flat_map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => vec![*byte],
                    byte => format!("%{byte:02X}").into_bytes(),
                })
                .collect(),
            Base64 { width, end } => {
                let text = STANDARD.encode(text).into_bytes();
                text.chunks(width).collect::<Vec<_>>().join(end.as_bytes())
            }
            Base64ForUrls => URL_SAFE_NO_PAD.encode(text).into_bytes(),
            Gzip => {
                let mut packed = Vec::new();
                let level = Compression::new(random.of(&[0, 1, 6, 9]));
                GzEncoder::new(text, level).read_to_end(&mut packed).unwrap();
                packed
            }
            Quoted { end } => {
                let mut quoted = Vec::new();
                let mut since_break = 0;
                for (at, byte) in text.iter().enumerate() {
                    // Blanks may follow in a block, which could be the text's.
                    let word = text[..at].ends_with(b"configurationman");
                    if *byte != b'\n' && !word && (since_break > 70 || random.below(12) == 0) {
                        quoted.extend_from_slice([b"=", end.as_bytes()].concat().as_slice());
                        since_break = 0;
                    }
                    match byte {
                        b'\n' => since_break = 0,
                        b'=' | b'\r' | b'\t' | 0x80.. => since_break += 3,
                        _ => since_break += 1,
                    }
                    match byte {
                        b'=' | b'\r' | b'\t' | 0x80.. => quoted.extend(format!("={byte:02X}").into_bytes()),
                        byte if random.below(8) == 0 && *byte != b'\n' => {
                            quoted.extend(format!("={byte:02X}").into_bytes());
                        }
                        byte => quoted.push(*byte),
                    }
                }
                quoted
            }
        }
    }

    /// What stands in it now.
    fn taken_off(self, text: &[u8]) -> Vec<u8> {
        let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        match self {
            Hex { .. } => text.chunks(2).map(byte).collect(),
            Json { .. } => {
                let mut bytes = text.iter();
                let mut plain = Vec::new();
                while let Some(first) = bytes.next() {
                    plain.push(match first {
                        b'\\' => match bytes.next().unwrap() {
                            b'n' => b'\n',
                            b'r' => b'\r',
                            b't' => b'\t',
                            other => *other,
                        },
                        other => *other,
                    });
                }
                plain
            }
            Yaml => text.split_inclusive(|byte| *byte == b'\n').flat_map(|line| line[4..].to_vec()).collect(),
            Percent | Quoted { .. } => {
                let mut plain = Vec::new();
                let mut at = 0;
                while at < text.len() {
                    let rest = &text[at..];
                    at += match rest[0] {
                        b'=' if self != Percent && rest[1] == b'\n' => 2,
                        b'=' if self != Percent && rest[1] == b'\r' => 3,
                        b'%' | b'=' if (rest[0] == b'%') == (self == Percent) => {
                            plain.push(byte(&rest[1..3]));
                            3
                        }
                        other => {
                            plain.push(other);
                            1
                        }
                    };
                }
                plain
            }
            // What has none of the characters in which the alphabets differ may get those of either.
            Base64 { .. } | Base64ForUrls => {
                let standard = |byte: &u8| match byte {
                    b'-' => Some(b'+'),
                    b'_' => Some(b'/'),
                    b'\r' | b'\n' | b'=' => None,
                    other => Some(*other),
                };
                STANDARD_NO_PAD.decode(text.iter().filter_map(standard).collect::<Vec<_>>()).unwrap()
            }
            Gzip => {
                let mut plain = Vec::new();
                GzDecoder::new(text).read_to_end(&mut plain).unwrap();
                plain
            }
        }
    }
}

/// One text, and where in it the next stands, which the layer is put around.
struct Shell {
    text: Vec<u8>,
    at: usize,
    length: usize,
    layer: Option<Layer>,
}

struct Case {
    /// From the token outwards.
    shells: Vec<Shell>,
}

impl Case {
    fn new(random: &mut Random, around: Option<usize>) -> Case {
        let mut layers: Vec<Layer> = Vec::new();
        for _ in 0..=random.below(3) {
            layers.push(Layer::around(random, &layers));
        }
        // Where base64 is broken as quoted-printable is, the piece before the break may be all there is: what
        // ends there is rather taken for a token.
        let quoted = layers.iter().position(|layer| matches!(layer, Quoted { .. }));
        let names = !quoted.is_some_and(|quoted| {
            layers[..quoted].iter().any(|layer| matches!(layer, Base64 { .. } | Base64ForUrls))
        });
        let mut shells: Vec<Shell> = Vec::new();
        let mut inner = token().into_bytes();
        for layer in std::iter::once(None).chain(layers.into_iter().map(Some)) {
            if let (Some(layer), Some(last)) = (layer, shells.last()) {
                inner = layer.put_around(&last.text, random);
            }
            let named = if matches!(layer, Some(Quoted { .. })) { NAMED } else { "" };
            let before = format!(
                "{} and then comes: {named}{}",
                random.text(30, names),
                random.of(&["", " ", ": ", "\"", "\n", "="])
            );
            // What it stands in has to be text where it is to be escaped as one.
            let before =
                if named.is_empty() { before + " " } else { before.trim_end_matches('=').to_owned() };
            let after = random.of(&[" ", "\"", "\n", "'", "&"]).to_owned() + &random.text(30, names);
            let text = [before.as_bytes(), &inner, after.as_bytes()].concat();
            shells.push(Shell { text, at: before.len(), length: inner.len(), layer });
        }
        // Into a file, at an edge of its windows where one is wanted.
        let last = shells.last_mut().unwrap();
        if let Some(edge) = around {
            let lead = edge - random.below(last.length + 200).min(edge);
            last.text.splice(0..0, std::iter::repeat_n(b'-', lead.saturating_sub(last.at)).chain([b'\n']));
            last.text.extend(std::iter::repeat_n(b'.', random.below(500_000)));
            last.at += lead.saturating_sub(last.at) + 1;
        }
        Case { shells }
    }

    fn file(&self) -> &[u8] {
        &self.shells.last().unwrap().text
    }

    /// Looks into what stands there now, layer by layer.
    fn check(&self, swept: Vec<u8>) {
        let mut now = swept;
        for shell in self.shells.iter().rev() {
            assert_eq!(now.len(), shell.text.len(), "the length is another");
            let end = shell.at + shell.length;
            let others = (0..now.len()).filter(|at| !(shell.at..end).contains(at));
            if let Some(at) = others.into_iter().find(|at| now[*at] != shell.text[*at]) {
                let there = |text: &[u8]| {
                    String::from_utf8_lossy(&text[at.saturating_sub(40)..text.len().min(at + 40)])
                        .into_owned()
                };
                panic!(
                    "at {at}, outside {}..{end}: {:?} became {:?}",
                    shell.at,
                    there(&shell.text),
                    there(&now)
                );
            }
            now = now[shell.at..end].to_vec();
            match shell.layer {
                None => assert_eq!(now, ERASED.as_bytes()),
                Some(Gzip) => {
                    let left = memchr::memmem::find(&Gzip.taken_off(&now), SECRET.as_bytes());
                    return assert_eq!(left, None, "it is left in gzip");
                }
                // It need not be gzip any more where a character cannot be put over.
                Some(layer) => now = layer.taken_off(&now),
            }
            if shell.layer.is_some() && self.is_spoilt(shell) {
                return assert_eq!(memchr::memmem::find(&now, SECRET.as_bytes()), None);
            }
        }
    }

    /// Whether it is gzip in base64 of which JSON has escaped characters.
    fn is_spoilt(&self, shell: &Shell) -> bool {
        let layers: Vec<Layer> = self.shells.iter().filter_map(|shell| shell.layer).collect();
        let at = self.shells.iter().position(|other| std::ptr::eq(other, shell)).unwrap() - 1;
        at > 0
            && layers[at - 1] == Gzip
            && layers[at + 1..].iter().any(|layer| matches!(layer, Json { slashes: true }))
    }

    fn layers(&self) -> Vec<Layer> {
        self.shells.iter().filter_map(|shell| shell.layer).collect()
    }
}

#[test]
fn what_is_wrapped_by_chance_is_found_and_nothing_else_is_touched() {
    let seed = std::env::var("SWEEP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    eprintln!("SWEEP_SEED={seed}");
    let root = Root::new();
    let mut random = Random(seed);
    const MIB: usize = 1024 * 1024;
    let edges = [MIB, MIB - MIB / 4, 2 * MIB - MIB / 4, 2 * MIB - MIB / 2];
    let cases: Vec<(String, Case)> = (0..SMALL + LARGE)
        .map(|number| {
            let around = (number >= SMALL).then(|| random.of(&edges));
            (format!("var/log/syslog.{number}"), Case::new(&mut random, around))
        })
        .collect();
    for (path, case) in &cases {
        root.put(path, case.file());
    }
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.exit, 0, "seed {seed}: {}", wiped.said);
    let unsearched = wiped.paths("unsearched");
    for (path, case) in &cases {
        eprintln!("seed {seed}, {path}: {:?}", case.layers());
        case.check(root.read(path));
        assert!(!unsearched.contains(&root.shown(path)), "{}", wiped.said);
    }
    assert_eq!(wiped.paths("erased").len(), cases.len());
    let again = root.wipe(&["--dry-run"]);
    assert_eq!(again.paths("erased"), Vec::<String>::new(), "seed {seed}: something is left");
    assert_eq!(again.paths("unsearched"), Vec::<String>::new(), "seed {seed}: what was put is no gzip");
}
