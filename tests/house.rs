//! The house's own law, as far as the compiler does not see to it: which room may know which, that every
//! file says what it is for, and that none grows beyond one reason to change.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the house has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What everything stands on.
const GROUND: [&str; 7] = ["failure", "progress", "reason", "secret", "step", "token", "yaml"];

/// Who may know whom, from the top down. What stands here is what there is: a new line is a decision.
const MAY_USE: [(&str, &[&str]); 19] = [
    (
        "cli",
        &[
            "agent", "machine", "admit", "check", "document", "find", "host", "plan", "report", "reset",
            "wipe",
        ],
    ),
    ("reset", &["machine", "find", "host", "join", "mark", "start", "wipe"]),
    (
        "agent",
        &[
            "machine", "find", "admit", "plan", "check", "prepare", "join", "mark", "wipe", "start",
            "report", "document", "kube",
        ],
    ),
    ("machine", &["admit", "check", "document", "find", "host", "join", "kube", "mark", "plan"]),
    ("start", &["document", "host", "join", "kube", "mark"]),
    ("report", &["wipe", "outward", "host", "document"]),
    // It has a connection of its own, and shares the one way to make one that trusts one CA alone.
    ("outward", &["document", "kube", "host"]),
    ("wipe", &["find", "document", "host"]),
    ("mark", &["host"]),
    ("join", &["document", "kube", "host"]),
    ("prepare", &["plan", "host"]),
    ("check", &["document", "host"]),
    ("plan", &["check", "document"]),
    ("admit", &["find", "mark", "document", "host"]),
    ("find", &["document", "host"]),
    ("kube", &["document", "host"]),
    ("host", &[]),
    ("document", &[]),
    ("ground", &[]),
];
/// Lines of a file before its tests.
const LONGEST: usize = 350;

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut dirs = vec![root.join("src"), root.join("issuer/src")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                #[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    files
}

/// The text before the unit tests.
fn product(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

fn room(path: &Path) -> Option<String> {
    let below = path.strip_prefix("src").ok()?;
    let first = below.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
    Some(if GROUND.contains(&first.as_str()) { "ground".to_owned() } else { first })
}

#[test]
fn imports_run_downwards_only() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_USE.iter().map(|(room, others)| (*room, others.iter().copied().collect())).collect();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources() {
        let Some(room) = room(&path) else { continue };
        if ["lib", "main"].contains(&room.as_str()) || path.ends_with("tests.rs") {
            continue;
        }
        for (at, _) in product(&text).match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            let other =
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap().to_owned();
            if other != room && !GROUND.contains(&other.as_str()) {
                let may =
                    allowed.get(room.as_str()).unwrap_or_else(|| panic!("{room} has no place in the house"));
                assert!(may.contains(other.as_str()), "{}: {room} may not know {other}", path.display());
                used.entry(room.clone()).or_default().insert(other);
            }
        }
    }
    for (room, others) in MAY_USE {
        let used = used.remove(room).unwrap_or_default();
        let unused: Vec<_> = others.iter().filter(|other| !used.contains(**other)).collect();
        assert!(unused.is_empty(), "{room} does not know {unused:?} any more: take it out of the table");
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    for (path, text) in sources() {
        let place = path.display();
        let is_tests =
            path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests");
        assert!(is_tests || text.starts_with("//! "), "{place} has no header");
        let lines = product(&text).lines().count();
        assert!(lines <= LONGEST || is_tests, "{place} has {lines} lines before its tests");
    }
}
