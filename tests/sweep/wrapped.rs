//! Copies that are wrapped in something, where it begins or ends badly.

use super::{Root, SECRET, token};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::Read;

const LOG: &str = "var/log/syslog";
const KIB: usize = 1024;
const ERASED: &str = "erased.0000000000000000";

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::best()).read_to_end(&mut packed).unwrap();
    packed
}

/// What gzip makes no shorter.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[7]
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

/// What is left of a log that was cut off while it was packed cannot be read.
#[test]
fn gzip_that_is_cut_off_is_named() {
    for length in [3 * KIB, 2000 * KIB] {
        let packed = gz(&[&noise(length), token().as_bytes()].concat());
        let cut = &packed[..packed.len() * 2 / 3];
        let root = Root::new();
        root.put("var/log/syslog.1.gz", cut);
        root.put("var/log/cloud-init.log", STANDARD.encode(&cut[..cut.len().min(600 * KIB)]).as_bytes());
        root.put("var/log/auth.log.1.gz", &gz(&noise(length)));
        // What is found does not keep from being said what is not.
        let mixed = [cut, b"\nand then ", token().as_bytes(), b"\n"].concat();
        root.put("var/log/messages.1.gz", &mixed);
        let wiped = root.wipe(&[]);
        assert_eq!(wiped.exit, 0, "{}", wiped.said);
        let expected = ["var/log/cloud-init.log", "var/log/syslog.1.gz", "var/log/messages.1.gz"];
        let mut named = wiped.paths("unsearched");
        named.sort();
        let mut shown = expected.map(|path| root.shown(path));
        shown.sort();
        assert_eq!(named, shown, "{}", wiped.said);
        assert_eq!(wiped.paths("erased"), [root.shown("var/log/messages.1.gz")]);
        let swept = root.read("var/log/messages.1.gz");
        assert_eq!(swept, [cut, b"\nand then ", ERASED.as_bytes(), b"\n"].concat());
    }
}

/// Somebody wrote on where the packing was cut off.
#[test]
fn the_log_behind_gzip_that_is_cut_off_goes_on() {
    for (before, length) in [("", 4 * KIB), ("", 2000 * KIB), ("a line\n", 4 * KIB)] {
        let packed = gz(&[token().as_bytes(), b" ", &noise(length)].concat());
        let cut = &packed[..packed.len() - KIB];
        let behind = format!("\n{}it was {}\n", "a line of a log that goes on\n".repeat(400), token());
        let root = Root::new();
        root.put(LOG, &[before.as_bytes(), cut, behind.as_bytes()].concat());
        let wiped = root.wipe(&[]);
        assert_eq!((wiped.exit, wiped.paths("erased").len()), (0, 1), "{}", wiped.said);
        let swept = root.read(LOG);
        let (packed, text) = swept.split_at(before.len() + cut.len());
        assert!(text == behind.replace(&token(), ERASED).as_bytes(), "{}", String::from_utf8_lossy(text));
        assert!(packed.starts_with(before.as_bytes()) && packed[before.len()..] != *cut);
        assert_eq!(root.wipe(&[]).paths("erased"), Vec::<String>::new());
    }
}

/// Gzip that is longer than a window, with a text behind it.
#[test]
fn what_follows_long_gzip_is_searched() {
    for holds in [true, false] {
        let first = if holds { token() } else { String::new() };
        let packed = gz(&[&noise(1500 * KIB), first.as_bytes()].concat());
        let root = Root::new();
        root.put(LOG, &[&packed[..], b"\na text and ", token().as_bytes(), b"\n"].concat());
        let wiped = root.wipe(&[]);
        assert_eq!((wiped.exit, wiped.paths("unsearched").len()), (0, 0), "{}", wiped.said);
        let swept = root.read(LOG);
        assert!(swept.ends_with(format!("\na text and {ERASED}\n").as_bytes()));
        assert_eq!(swept[..packed.len()] != packed, holds);
        assert_eq!(root.wipe(&["--dry-run"]).paths("erased"), Vec::<String>::new());
    }
}

/// What begins before the end of a window and ends behind it is seen whole in the next one only, also where the
/// token itself stands in both.
#[test]
fn what_goes_over_an_edge_is_found() {
    let text = [token().as_bytes(), b" ", &noise(6000)].concat();
    for wrapped in
        [gz(&text), STANDARD.encode(gz(&text)).into(), STANDARD.encode(STANDARD.encode(&text)).into()]
    {
        for part in [100, 3000, 7000] {
            let mut log = vec![b'.'; 1024 * KIB + 500 * KIB];
            let at = 1024 * KIB - part;
            log[at - 1] = b'\n';
            log[at..at + wrapped.len()].copy_from_slice(&wrapped);
            log[at + wrapped.len()] = b'\n';
            let root = Root::new();
            root.put(LOG, &log);
            let wiped = root.wipe(&[]);
            assert_eq!(wiped.paths("erased"), [root.shown(LOG)], "{part}: {}", wiped.said);
            let swept = root.read(LOG);
            assert!(swept[..at] == log[..at] && swept[at + wrapped.len()..] == log[at + wrapped.len()..]);
            assert_eq!(root.wipe(&["--dry-run"]).paths("erased"), Vec::<String>::new());
            assert_eq!(root.wipe(&["--dry-run"]).paths("unsearched"), Vec::<String>::new());
        }
    }
}

/// What one window has put over, the next, which begins in it, leaves as it is.
#[test]
fn what_is_put_over_across_the_beginning_of_a_window_stays_whole() {
    let inner = STANDARD.encode(format!("it is {} here", token()));
    let text = [&noise(2000)[..], b" ", inner.as_bytes(), b" ", &noise(1000)].concat();
    let mut packed = Vec::new();
    GzEncoder::new(&text[..], Compression::none()).read_to_end(&mut packed).unwrap();
    let mut log = vec![b'.'; 1500 * KIB];
    let at = 768 * KIB - 500;
    log[at..at + packed.len()].copy_from_slice(&packed);
    let root = Root::new();
    root.put(LOG, &log);
    assert_eq!(root.wipe(&[]).exit, 0);
    let mut left = String::new();
    GzDecoder::new(&root.read(LOG)[at..]).read_to_string(&mut left).unwrap();
    assert!(left.starts_with("#cloud-config\n# A worker") && left.trim_end().ends_with("erased."), "{left}");
}

/// Gzip within a file is looked into as far as it and a window go.
#[test]
fn gzip_in_base64_that_is_longer_than_a_window_is_named() {
    let filler = noise(1500 * KIB);
    for (text, erased) in [
        ([token().as_bytes(), b" ", &filler].concat(), 1),
        (
            [&filler[..], &b"so on ".repeat(20_000), token().as_bytes(), b" ", &b"so on ".repeat(9)].concat(),
            0,
        ),
    ] {
        let root = Root::new();
        root.put(LOG, &[b"data: ", STANDARD.encode(gz(&text)).as_bytes(), b"\n"].concat());
        let wiped = root.wipe(&[]);
        assert_eq!((wiped.exit, wiped.paths("erased").len()), (0, erased), "{}", wiped.said);
        assert_eq!(wiped.paths("unsearched"), [root.shown(LOG)], "{}", wiped.said);
        assert!(wiped.said.contains("gzip in it could not be unpacked to its end"), "{}", wiped.said);
    }
}

/// A part of user-data as mail programs write it: the token is in two lines.
#[test]
fn a_part_that_is_quoted_printable_is_searched() {
    let (first, second) = SECRET.split_at(6);
    let data = |id: &str, first: &str, second: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=\"=3D\"\nMIME-Version: 1.0\n\n--=3D\n\
             Content-Type: text/cloud-config; charset=\"utf-8\"\nContent-Transfer-Encoding: Quoted-Printable\n\n\
             #cloud-config\nwrite_files:\n- path: /run/x\n  content: \"token=3D{id}.{first}=\n{second}=22\n\n--=3D--\n"
        )
    };
    let root = Root::new();
    let path = "var/lib/cloud/instances/i-1/user-data.txt";
    root.put(path, data(super::ID, first, second).as_bytes());
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.paths("erased"), [root.shown(path)], "{}", wiped.said);
    assert_eq!(String::from_utf8(root.read(path)).unwrap(), data("erased", "000000", "0000000000"));
}

/// A public half may be a word.
#[test]
fn names_that_begin_as_a_token_does_are_left_alone() {
    let text = "import worker.configurationmanagerplugin\nworker.abcdefghijklmnopq\n";
    let root = Root::new();
    root.put(LOG, text.as_bytes());
    root.put("var/log/messages", format!("{text}worker.{SECRET}\n").as_bytes());
    let wiped = root.wipe_of("worker", &[]);
    assert_eq!(wiped.paths("erased"), [root.shown("var/log/messages")], "{}", wiped.said);
    assert_eq!(root.read(LOG), text.as_bytes());
    assert_eq!(root.read("var/log/messages"), format!("{text}{ERASED}\n").as_bytes());
}
