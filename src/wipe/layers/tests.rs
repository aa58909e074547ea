use super::*;
use crate::secret::Secret;
use crate::token::{Token, TokenId};
use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::Read;

const TOKEN: &str = "q7x2mz.k3v9w5t1r8y4u6n0";
const OTHER: &str = "b4c8d2.k3v9w5t1r8y4u6n1";

fn by_id() -> Needles {
    Needles::of_ids(TokenId::parse("q7x2mz"))
}

fn known() -> Needles {
    Needles::of(&Token::parse(Secret::new(TOKEN.into())).unwrap())
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::best()).read_to_end(&mut packed).unwrap();
    packed
}

fn b64(bytes: &[u8]) -> Vec<u8> {
    STANDARD.encode(bytes).into_bytes()
}

fn wrapped(bytes: &[u8], width: usize, end: &str) -> Vec<u8> {
    let lines: Vec<String> =
        b64(bytes).chunks(width).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    lines.join(end).into_bytes()
}

fn hex(text: &str, upper: bool) -> Vec<u8> {
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    if upper { digits.to_uppercase().into_bytes() } else { digits.into_bytes() }
}

fn kubeconfig() -> Vec<u8> {
    let ca = STANDARD.encode([7_u8; 900]);
    format!("clusters: [{{cluster: {{certificate-authority-data: {ca}}}}}]\nusers: [{{user: {{token: {TOKEN}}}}}]\n")
        .into_bytes()
}

fn cloud_config(content: &[u8]) -> Vec<u8> {
    let mut text = b"#cloud-config\nwrite_files:\n- path: /run/x\n  content: ".to_vec();
    text.extend_from_slice(content);
    text.extend_from_slice(b"\nruncmd:\n- [true]\n");
    text
}

/// Every encoding that occurs, by name. Each is the only form in which the token stands there.
fn encodings() -> Vec<(String, Vec<u8>)> {
    let token = TOKEN.as_bytes();
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for dot in [".", "%2E", "%2e", "\\u002e", "\\u002E", "\\x2e", "\\x2E", "&#46;", "&#x2e;"] {
        all.push((format!("plain, the dot as {dot}"), TOKEN.replace('.', dot).into_bytes()));
    }
    all.push(("hex".into(), hex(TOKEN, false)));
    all.push(("HEX".into(), hex(TOKEN, true)));
    for lead in 0..3 {
        // Bytes whose base64 has the characters in which the alphabets differ.
        let text = [&[0xfb, 0xff, 0xbf][..lead], token, &[0xff, 0xef, 0xff]].concat();
        all.push((format!("base64 at {lead}"), b64(&text)));
        all.push((format!("base64 for URLs at {lead}"), URL_SAFE.encode(&text).into_bytes()));
        all.push((format!("base64 without padding at {lead}"), STANDARD_NO_PAD.encode(&text).into_bytes()));
    }
    let long = cloud_config(&[b"x ".repeat(60).as_slice(), token, b" y".repeat(60).as_slice()].concat());
    for (name, end) in [
        ("lines", "\n"),
        ("lines of DOS", "\r\n"),
        ("an indented block", "\n      "),
        ("lines of JSON", "\\n"),
        ("lines of JSON of DOS", "\\r\\n"),
    ] {
        for width in [60, 64, 76] {
            all.push((format!("base64 in {name} of {width}"), wrapped(&long, width, end)));
        }
    }
    let special = b64(&[b"\xfb\xff\xbf\xfb".as_slice(), token, b"\xfb\xff\xbf"].concat());
    let special = String::from_utf8(special).unwrap();
    assert!(special.contains('+') && special.contains('/'));
    all.push((
        "base64 in a URL".into(),
        special.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").into(),
    ));
    all.push((
        "base64 in careful JSON".into(),
        special.replace('+', "\\u002b").replace('/', "\\u002f").into(),
    ));
    all.push(("base64 after a word".into(), [b"tokenis".as_slice(), &b64(token)].concat()));
    all.push(("base64 after an escaped line end".into(), [b"\\n".as_slice(), &b64(&b64(token))].concat()));
    all.push(("base64 in base64".into(), b64(&b64(token))));
    all.push(("gzip".into(), gz(token)));
    all.push(("gzip of base64".into(), gz(&b64(token))));
    all.push(("base64 of gzip".into(), b64(&gz(token))));
    all.push(("two members of gzip".into(), [gz(&[b'x'; 5000]), gz(token)].concat()));
    all.push(("a k0s token".into(), b64(&gz(&kubeconfig()))));
    all.push(("a k0s token in lines".into(), wrapped(&gz(&kubeconfig()), 76, "\n")));
    all.push(("a k0s token after a word".into(), [b"token-".as_slice(), &b64(&gz(&kubeconfig()))].concat()));
    let user_data = cloud_config(&b64(&gz(&kubeconfig())));
    all.push(("user-data with a k0s token, gzip".into(), gz(&user_data)));
    all.push(("user-data with a k0s token, base64".into(), b64(&user_data)));
    all.push(("user-data with a k0s token, base64 of gzip".into(), wrapped(&gz(&user_data), 76, "\n")));
    all
}

fn apply(bytes: &mut [u8], patches: &[Patch]) {
    for patch in patches {
        bytes[patch.at..patch.at + patch.new.len()].copy_from_slice(&patch.new);
    }
}

#[test]
fn every_encoding_is_found_wherever_it_stands_and_is_gone_afterwards() {
    for needles in [by_id(), known()] {
        let searcher = Searcher::of(&needles);
        for (name, encoded) in encodings() {
            for (before, after) in [
                ("", ""),
                ("key: \"", "\"\n"),
                ("a\x00\x01\u{fffd} ", " tail"),
                ("line\n  - ", "\n  - next\n"),
            ] {
                let text = [before.as_bytes(), &encoded, after.as_bytes()].concat();
                let mut swept = text.clone();
                apply(&mut swept, &searcher.patches(&text, true));
                assert_ne!(swept, text, "{name} between {before:?} and {after:?} is not found");
                assert_eq!(
                    searcher.patches(&swept, true),
                    [],
                    "{name} between {before:?}: something is left"
                );
                assert!(swept.starts_with(before.as_bytes()) && swept.ends_with(after.as_bytes()), "{name}");
            }
        }
    }
}

#[test]
fn the_secret_half_alone_is_found_while_it_is_known() {
    let half = &TOKEN[7..];
    let needles = known();
    let searcher = Searcher::of(&needles);
    for encoded in [
        half.into(),
        hex(half, false),
        b64(half.as_bytes()),
        b64(format!("x{half}xxxxxx").as_bytes()),
        b64(format!("xx{half}xxxxxx").as_bytes()),
        gz(half.as_bytes()),
    ] {
        let mut swept = encoded.clone();
        apply(&mut swept, &searcher.patches(&encoded, true));
        assert_ne!(swept, encoded);
        assert_eq!(searcher.patches(&swept, true), []);
    }
}

#[test]
fn what_stands_around_it_decodes_as_before() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let text = format!("{{\"a\": \"before {TOKEN} after\", \"b\": [1, 2]}}");
    let expected = text.replace(TOKEN, crate::token::ERASED);
    let mut plain = text.clone().into_bytes();
    apply(&mut plain, &searcher.patches(text.as_bytes(), true));
    assert_eq!(plain, expected.as_bytes());
    let mut encoded = b64(text.as_bytes());
    let patches = searcher.patches(&encoded, true);
    apply(&mut encoded, &patches);
    assert_eq!(STANDARD.decode(&encoded).unwrap(), expected.as_bytes());
    let mut packed = b64(&gz(text.as_bytes()));
    let patches = searcher.patches(&packed, true);
    apply(&mut packed, &patches);
    let mut unpacked = String::new();
    GzDecoder::new(&STANDARD.decode(&packed).unwrap()[..]).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked.starts_with('#') || unpacked.trim().is_empty(), "{unpacked}");
}

#[test]
fn what_is_no_token_of_these_is_left_alone() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let erased = crate::token::ERASED;
    for text in ["", "q7x2mz", "q7x2mz.", "q7x2mz.k3v9w5t1r8y4u6n", "q7x2mz.K3v9w5t1r8y4u6n0", OTHER, erased]
    {
        for bytes in [text.as_bytes().to_vec(), b64(text.as_bytes()), gz(text.as_bytes()), hex(text, false)] {
            assert_eq!(searcher.patches(&bytes, true), [], "{text}");
        }
    }
    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    assert_eq!(searcher.patches(&noise, true), []);
}

#[test]
fn a_token_whose_public_half_is_the_fillers_is_not_erased_for_ever() {
    let needles = Needles::of_ids(TokenId::parse("erased"));
    assert_eq!(Searcher::of(&needles).patches(crate::token::ERASED.as_bytes(), true), []);
}

#[test]
fn a_bomb_is_left_packed_and_said_to_be() {
    let mut bomb = Vec::new();
    GzEncoder::new(std::io::repeat(b'x').take(70 * 1024 * 1024), Compression::fast())
        .read_to_end(&mut bomb)
        .unwrap();
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    assert_eq!(searcher.patches(&bomb, true), []);
    assert!(searcher.gave_up());
    assert_eq!(searcher.patches(b"plain", true), []);
    assert!(!searcher.gave_up());
}

/// Each of these would take hours if every beginning were followed to the end.
#[test]
fn a_text_made_to_keep_us_busy_does_not() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    for text in ["H4sIAAAA", "q7x2mz.", "cTd4Mm16Lg"] {
        searcher.patches(text.repeat(1024 * 1024 / text.len()).as_bytes(), true);
    }
    searcher.patches(&MAGIC.repeat(340_000), true);
}
