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

fn hex(text: impl AsRef<[u8]>, upper: bool) -> Vec<u8> {
    let digits: String = text.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
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
        ("lines of JSON in JSON", "\\\\n"),
        ("lines of JSON in JSON of DOS", "\\\\r\\\\n"),
        ("lines of a URL", "%0D%0A"),
        ("continued lines of YAML", "\\\n  "),
        ("lines after tabs", "\n\t"),
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
    let special = special.replace('+', "/");
    for (name, slash) in
        [("PHP's JSON", "\\/"), ("JSON in PHP's JSON", "\\\\/"), ("PHP's JSON in its own", "\\\\\\/")]
    {
        all.push((format!("base64 in {name}"), special.replace('/', slash).into()));
        let packed = String::from_utf8(b64(&gz(&kubeconfig()))).unwrap();
        assert!(packed.contains('/'));
        all.push((format!("a k0s token in {name}"), packed.replace('/', slash).into()));
    }
    for (name, text) in [
        ("a broken line", "quoted-printable\n\ntoken: q7x2mz.k3v9w5=\nt1r8y4u6n0\n"),
        ("a broken line of DOS", "Quoted-Printable\r\n\r\ntoken: q7x2mz.k3v9w5=\r\nt1r8y4u6n0\r\n"),
        ("a broken line and blanks", "QUOTED-PRINTABLE\n\ntoken: q7x2mz.k3v9w5= \t\nt1r8y4u6n0\n"),
        ("a broken line, indented", "quoted-printable\n    token: q7x2mz.k3v9w5=\n    t1r8y4u6n0\n"),
        ("a broken line of JSON", "quoted-printable\\ntoken: q7x2mz.k3v9w5=\\r\\nt1r8y4u6n0\\n"),
        ("escapes", "quoted-printable\n\ntoken=3Dq7x2mz=2Ek3v9w5t=31r8y4u6n0=0A"),
        (
            "a broken line of JSON in JSON",
            "quoted-printable\\\\ntoken: q7x2mz.k3v9w5=\\\\r\\\\nt1r8y4u6n0\\\\n",
        ),
        ("a break after it", "quoted-printable\n\ntoken=3Dq7x2mz.k3v9w5t1r8y4u6n0=\n and so on"),
    ] {
        all.push((format!("quoted-printable with {name}"), text.into()));
        all.push((format!("quoted-printable with {name}, base64"), b64(text.as_bytes())));
    }
    let broken = wrapped(&long, 70, "=\n");
    all.push(("base64, quoted-printable".into(), [b"quoted-printable\n\n".as_slice(), &broken].concat()));
    for escape in ["%20", "\\u0020", "\\x20", "\\t"] {
        all.push((format!("base64 after {escape}"), [escape.as_bytes(), &b64(&b64(token))].concat()));
    }
    all.push(("six layers".into(), b64(&gz(&b64(&gz(&b64(&gz(&kubeconfig()))))))));
    all.push((
        "base64 after a long word's line".into(),
        [&[b'x'; 21], b"\n".as_slice(), &b64(&b64(token))].concat(),
    ));
    for lead in 0..3 {
        let text = [&b"abcdefgh"[lead..], &gz(&kubeconfig())].concat();
        all.push((
            format!("gzip in base64 after something, at {lead}"),
            [b"token-".as_slice(), &b64(&text)].concat(),
        ));
    }
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

/// What gzip makes no shorter.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

/// Of a module that is called as the public half is.
const NAME: &str = "q7x2mz.configurationman";

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
                let patches = searcher.patches(&text, true);
                let stands = |patch: &Patch| text[patch.at..].starts_with(&patch.new);
                assert!(!patches.iter().any(stands), "{name}: what stands there is put there");
                apply(&mut swept, &patches);
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

/// A public half may be a word: what goes on after sixteen characters is no token.
#[test]
fn what_only_begins_as_a_token_does_is_left_alone() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    for more in [
        "a",
        "0",
        "agerplugin",
        "q",
        "quality",
        "quality of service",
        "q, and more of it",
        "qé",
        "qabcdefghijé",
        "r",
        "rabbit holes",
    ] {
        let name = format!("{NAME}{more}");
        let quoted = format!("quoted-printable\n{}={}", &name[..NAME.len()], &name[NAME.len()..]);
        for text in [
            name.clone(),
            name.replace('.', "%2E"),
            name.replace('.', "\\u002e"),
            String::from_utf8(hex(&name, false)).unwrap(),
            String::from_utf8(hex(&name, true)).unwrap(),
            quoted.replace('=', "=\n"),
            quoted.replace(&format!("={}", &more[..1]), &format!("={:02X}", more.as_bytes()[0])),
        ] {
            for bytes in [
                text.clone().into_bytes(),
                b64(text.as_bytes()),
                gz(format!("{text} and so on, and on").as_bytes()),
            ] {
                assert_eq!(searcher.patches(&bytes, true), [], "{text}");
            }
        }
    }
    // Of the token that is at hand everything is known.
    let needles = known();
    let searcher = Searcher::of(&needles);
    assert_eq!(searcher.patches(format!("{NAME}ager").as_bytes(), true), []);
    let mut swept = format!("{TOKEN}ager").into_bytes();
    let patches = searcher.patches(&swept, true);
    apply(&mut swept, &patches);
    assert_eq!(swept, format!("{}ager", crate::token::ERASED).as_bytes());
}

/// Whether a token ends where a part does, the next part tells.
#[test]
fn what_follows_in_the_next_part_is_waited_for() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    for (text, more) in [
        (format!("{}{TOKEN}", " ".repeat(100)).into_bytes(), "a"),
        ([&[b' '; 200][..], &hex(TOKEN, false)].concat(), "61"),
    ] {
        assert_eq!(searcher.patches(&text, false), []);
        assert_eq!(searcher.patches(&[&text[..], more.as_bytes()].concat(), true), []);
        assert_ne!(
            searcher.patches(&[&text[..], b" and then a tail that is long enough"].concat(), false),
            []
        );
        assert_ne!(searcher.patches(&text, true), []);
    }
}

/// As `pickle.dumps` writes a string of protocol 0 to 5, and what comes after it.
#[test]
fn in_a_pickle_it_ends_where_the_string_does() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let pickles: [&[u8]; 14] = [
        b"\np1\nsVb\np2\nNs.",
        b"q\x01X\x01\x00\x00\x00bq\x02u.",
        b"q\x08s.",
        b"qau.",
        b"qbub.",
        b"qzX\x0b\x00\x00\x00vendor_dataqyNu.",
        b"q\nK\x05e.",
        b"q\naaa\x86q\x0b.",
        b"qaG?\xf1\x99\x99\x99\x99\x99\x9aX",
        b"q\xe9h\x04\x88u.",
        b"r\x00\x01\x00\x00X\x01\x00\x00\x00b",
        b"rabc\x00u.",
        b"\x94\x8c\x01b\x94Nu.",
        b"\x94.",
    ];
    for after in pickles {
        let text = [b"\x80\x03}q\x00(X\x17\x00\x00\x00", TOKEN.as_bytes(), after].concat();
        let mut swept = text.clone();
        apply(&mut swept, &searcher.patches(&text, true));
        let expected = [b"\x80\x03}q\x00(X\x17\x00\x00\x00", crate::token::ERASED.as_bytes(), after].concat();
        assert_eq!(swept, expected, "{after:?}");
        assert_ne!(searcher.patches(&hex(&text, false), true), []);
    }
}

/// What gzip holds is looked at in parts: base64 that lies across their edges as well.
#[test]
fn base64_across_the_parts_of_gzip_is_found() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    for at in (64..132).map(|kib| kib * 1024) {
        let text = [&[b' '; 30][..], TOKEN.as_bytes(), &[b' '; 60_000]].concat();
        let text = [&vec![b' '; at][..], &b64(&text), &[b' '; 300_000]].concat();
        assert_ne!(searcher.patches(&gz(&text), true), [], "{at}");
    }
}

#[test]
fn gzip_that_is_cut_off_is_said_to_be() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let noise = noise(3000);
    let packed = gz(&[&noise[..], TOKEN.as_bytes()].concat());
    let cut = &packed[..2000];
    for (text, said) in [
        (cut.to_vec(), true),
        (b64(cut), true),
        (cut[..100].to_vec(), true),
        (b64(&cut[..100]), true),
        ([b"data: ".as_slice(), &b64(cut)].concat(), true),
        ([b"in the middle ".as_slice(), cut].concat(), true),
        // What is short may be so by chance.
        ([b"in the middle ".as_slice(), &cut[..100]].concat(), false),
        ([b"\x1f\x8b\x08".as_slice(), &[0xff; 100]].concat(), false),
        (gz(&noise), false),
        (b64(&gz(&noise)), false),
        (gz(&gz(&noise)), false),
        (gz(cut), true),
    ] {
        searcher.begin();
        assert_eq!(searcher.patches(&text, true), []);
        assert_eq!(searcher.unread().is_some(), said, "{}", text.len());
    }
}

/// What a window cuts off is no text behind gzip, though it be one.
#[test]
fn gzip_that_goes_over_an_edge_is_not_said_to_be_cut_off() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let text = [&noise(3000)[..], b" ", TOKEN.as_bytes(), &b" and so on".repeat(400)].concat();
    let mut stored = Vec::new();
    GzEncoder::new(&text[..], Compression::none()).read_to_end(&mut stored).unwrap();
    for cut in [stored.len() - 100, stored.len() - 3980, stored.len() - 4000] {
        let window = [&[b' '; 9000][..], &stored[..cut]].concat();
        searcher.begin();
        searcher.patches(&window, false);
        assert_eq!(searcher.unread(), None, "{cut}");
    }
}

/// The text behind gzip that is cut off is none of it.
#[test]
fn what_follows_gzip_that_is_cut_off_stays() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let noise = noise(9000);
    let packed = gz(&[TOKEN.as_bytes(), b" ", &noise].concat());
    let behind = format!("\nand a log goes on: {} {TOKEN}\n", "a line of it\n".repeat(500));
    for cut in (1000..9000).step_by(531) {
        let text = [b"before ", &packed[..cut], behind.as_bytes()].concat();
        let mut swept = text.clone();
        apply(&mut swept, &searcher.patches(&text, true));
        assert_eq!(searcher.patches(&swept, true), []);
        let expected = behind.replace(TOKEN, crate::token::ERASED);
        assert!(swept.starts_with(b"before "));
        assert_eq!(swept[7 + cut..], *expected.as_bytes(), "cut at {cut}");
        assert_ne!(swept[7..7 + cut], packed[..cut]);
    }
}

/// As it was written, so it is written again.
#[test]
fn of_what_is_quoted_only_the_token_changes() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let before =
        "Content-Transfer-Encoding: quoted-printable\n\na=3Db, q7x2mz=2Ek3v9=\nw5t=31r8y4u6n0=0A=\nb: q7x2mz";
    let after =
        "Content-Transfer-Encoding: quoted-printable\n\na=3Db, erased=2E0000=\n000=3000000000=0A=\nb: q7x2mz";
    let mut swept = before.as_bytes().to_vec();
    apply(&mut swept, &searcher.patches(before.as_bytes(), true));
    assert_eq!(String::from_utf8(swept).unwrap(), after);
    // Without the name it is none.
    searcher.begin();
    assert_eq!(searcher.patches(&before.as_bytes()[50..], true), []);
    // Once it was named, what follows in the same file is so too.
    searcher.begin();
    assert_eq!(searcher.patches(b"quoted-printable", false), []);
    assert_ne!(searcher.patches(&before.as_bytes()[50..], true), []);
    searcher.begin();
    assert_eq!(searcher.patches(&before.as_bytes()[50..], true), []);
    // What only looks like an escape is none.
    for text in [
        format!("quoted-printable {TOKEN}=x"),
        format!("quoted-printable =3D {TOKEN}=x"),
        format!("quoted-printable {TOKEN}="),
    ] {
        let mut swept = text.clone().into_bytes();
        apply(&mut swept, &searcher.patches(text.as_bytes(), true));
        assert_eq!(String::from_utf8(swept).unwrap(), text.replace(TOKEN, crate::token::ERASED));
    }
    // What the plain text shows is put over once.
    let plain = format!("quoted-printable\n\n=3D {TOKEN}\n");
    assert_eq!(searcher.patches(plain.as_bytes(), true).len(), 1);
}

/// JSON has two characters for this one alone.
#[test]
fn what_json_has_two_characters_for_stays() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let before = b64(&[b"\xff\xff\xff".as_slice(), TOKEN.as_bytes(), b"\xff\xff\xff\xff"].concat());
    let before = String::from_utf8(before).unwrap().replace('/', "\\/");
    let mut swept = before.clone().into_bytes();
    apply(&mut swept, &searcher.patches(before.as_bytes(), true));
    let swept = String::from_utf8(swept).unwrap();
    assert_ne!(swept, before);
    assert_eq!(swept.matches("\\/").count(), before.matches("\\/").count());
    assert_eq!(swept.matches('\\').count(), before.matches("\\/").count());
    let decoded = STANDARD.decode(swept.replace('\\', "")).unwrap();
    assert!(decoded.starts_with(b"\xff\xff\xfferased.000000000000000"), "{decoded:?}");
    // Gzip of which some characters stay is none any more, and is not taken for any.
    let packed = String::from_utf8(b64(&gz(&kubeconfig()))).unwrap().replace('/', "\\/");
    let mut swept = packed.clone().into_bytes();
    apply(&mut swept, &searcher.patches(packed.as_bytes(), true));
    searcher.begin();
    assert_eq!((searcher.patches(&swept, true), searcher.unread()), (vec![], None));
}

/// The alphabet is that of the text, not of words before it.
#[test]
fn what_is_written_is_of_the_same_alphabet() {
    let needles = by_id();
    let searcher = Searcher::of(&needles);
    let packed = gz(&kubeconfig());
    let standard = b64(&packed);
    for (before, text, other) in [
        (&b""[..], standard.clone(), "-_"),
        (b"", URL_SAFE.encode(&packed).into_bytes(), "+/"),
        (b"token-", standard, "-_"),
        (b"a-very-long-word-before-it\n", wrapped(&gz(TOKEN.as_bytes()), 76, "\n"), "-_"),
    ] {
        let mut swept = [before, &text].concat();
        let patches = searcher.patches(&swept, true);
        assert_ne!(patches, []);
        apply(&mut swept, &patches);
        let swept = String::from_utf8(swept[before.len()..].to_vec()).unwrap();
        assert!(!swept.contains(|it| other.contains(it)), "{swept}");
    }
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
    assert!(searcher.unread().is_some());
    assert_eq!(searcher.patches(b"plain", true), []);
    assert!(searcher.unread().is_some(), "it is said of the whole file");
    searcher.begin();
    assert_eq!(searcher.patches(b"plain", true), []);
    assert!(searcher.unread().is_none());
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
