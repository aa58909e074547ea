//! What only root can prepare or see. Each fails where it cannot look.

use super::immutable::Immutable;
use super::{Root, token};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

fn make_device(path: &Path, major: &str, minor: &str) {
    let status = Command::new("mknod").arg(path).args(["c", major, minor]).status();
    assert!(status.unwrap().success(), "mknod {}", path.display());
}

/// Reading this one never ends.
#[test]
#[ignore = "needs root: tests/run"]
fn a_device_in_the_place_of_a_history_is_not_read() {
    let root = Root::new();
    root.put("home/ann/x", b"");
    make_device(&root.path("home/ann/.sh_history"), "1", "5");
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.exit, 0, "{}", wiped.said);
}

/// A terminal would be taken, a watchdog started.
#[test]
#[ignore = "needs root: tests/run"]
fn a_device_at_a_known_place_is_left_alone() {
    super::hostile::is_left_alone_at_every_known_place("device", |path, _| make_device(path, "5", "0"));
}

/// Seen from outside: to strace a process that is not dumpable shows its memory to root alone.
#[test]
#[ignore = "needs root and strace: tests/run"]
fn a_file_that_holds_nothing_is_not_opened_to_be_written() {
    let root = Root::new();
    let path = root.put("root/.bash_history", b"nothing here");
    let before = std::fs::metadata(&path).unwrap();
    let status = Command::new("strace")
        .args(["-f", "-e", "trace=openat,open", "-o"])
        .arg(root.path("trace"))
        .arg(env!("CARGO_BIN_EXE_worker-bootstrap"))
        .args(["wipe", "--token-id", super::ID, "--root"])
        .arg(root.path(""))
        .status()
        .unwrap();
    assert!(status.success(), "strace, or the wipe in it: {status}");
    let trace = String::from_utf8(root.read("trace")).unwrap();
    let opened: Vec<&str> = trace.lines().filter(|line| line.contains(".bash_history")).collect();
    assert!(opened.iter().all(|line| line.contains("O_RDONLY")) && !opened.is_empty(), "{opened:?}");
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!((before.ctime(), before.ctime_nsec()), (after.ctime(), after.ctime_nsec()));
}

#[test]
#[ignore = "needs root: tests/run"]
fn a_copy_that_resists_is_confessed_and_the_others_go() {
    const LOG: &str = "var/log/syslog";
    let root = Root::new();
    let resists = Immutable::new(root.put("root/.bash_history", token().as_bytes()));
    root.put(LOG, token().as_bytes());
    let wiped = root.wipe(&[]);
    drop(resists);
    assert_eq!(wiped.exit, 10, "{}", wiped.said);
    assert!(wiped.reports("left", &root.shown("root/.bash_history")) && wiped.said.contains("chattr"));
    assert!(!root.holds(LOG));
    assert_eq!(root.wipe(&[]).exit, 0);
    assert!(!root.holds("root/.bash_history"));
}

#[test]
#[ignore = "needs root: tests/run"]
fn another_file_system_below_a_place_is_not_entered() {
    let root = Root::new();
    let mounted = root.path("var/lib/cloud/data/mounted");
    std::fs::create_dir_all(&mounted).unwrap();
    let script = "set -e; mount -t tmpfs tmpfs \"$1\"; printf %s \"$TOKEN\" >\"$1/file\"; \"$2\" wipe --root \"$3\" --token-id \"$4\"; cat \"$1/file\"";
    let said = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&mounted)
        .arg(env!("CARGO_BIN_EXE_worker-bootstrap"))
        .arg(root.path(""))
        .arg(super::ID)
        .env("TOKEN", token())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    assert!(text.contains("another file system is mounted there") && text.ends_with(&token()), "{text}");
}
