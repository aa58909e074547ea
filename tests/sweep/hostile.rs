//! A machine that does not make it easy.

use super::{Root, token};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const LOG: &str = "var/log/syslog";
const MIB: usize = 1024 * 1024;

fn run(program: &str, arguments: &[&OsStr]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}

#[test]
fn no_link_is_followed_and_nothing_is_waited_for() {
    let root = Root::new();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, token()).unwrap();
    root.put("home/ann/x", b"");
    root.put("var/log/x", b"");
    symlink(&secret, root.path("home/ann/.bash_history")).unwrap();
    symlink(outside.path(), root.path("var/log/audit")).unwrap();
    symlink(outside.path(), root.path("home/eve")).unwrap();
    run("mkfifo", &[root.path("home/ann/.ash_history").as_os_str()]);
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.exit, 0, "{}", wiped.said);
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), token());
    assert!(wiped.reports("unsearched", &root.shown("var/log/audit")), "{}", wiped.said);
}

/// As an unprivileged owner meets it: obj.pkl is 0400.
#[test]
fn a_read_only_mode_is_given_back() {
    let root = Root::new();
    let path = root.put("var/lib/cloud/instances/i-1/obj.pkl", token().as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(root.wipe(&[]).exit, 0);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o400);
    assert!(!root.holds("var/lib/cloud/instances/i-1/obj.pkl"));
}

#[test]
fn names_may_be_anything() {
    let root = Root::new();
    let dir = root.path("var/lib/cloud/instances/i-1");
    std::fs::create_dir_all(&dir).unwrap();
    let names: [&[u8]; 4] = [b"a\nb", b"\x1b[31mred", b"\xff\xfe", b" "];
    for name in names {
        std::fs::write(dir.join(OsStr::from_bytes(name)), token()).unwrap();
    }
    let wiped = root.wipe(&[]);
    assert_eq!((wiped.exit, wiped.paths("erased").len()), (0, 4), "{}", wiped.said);
    assert!(!wiped.said.contains('\x1b'));
    assert!(names.iter().all(|name| !super::holds(&dir.join(OsStr::from_bytes(name)))));
}

/// Also as a person is told: each copy has one line, and none of it is the terminal's to obey.
#[test]
fn names_are_shown_on_one_line_and_harmless() {
    let root = Root::new();
    let names: [(&[u8], &str); 4] = [
        (b"a\nerased  passwd", "a erased  passwd"),
        (b"b\x1b]0;title\x07\x1b[2J", "b\\u{1b}]0;title\\u{7}\\u{1b}[2J"),
        (b"c\r\x08\x7f", "c\\r\\u{8}\\u{7f}"),
        (b"d\xc2\x9b2Jd", "d\\u{9b}2Jd"),
    ];
    let dir = root.path("var/lib/cloud/data");
    for (name, _) in names {
        let (file, link) =
            (dir.join(OsStr::from_bytes(name)), root.path("home").join(OsStr::from_bytes(name)));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::create_dir_all(&link).unwrap();
        std::fs::write(&file, token()).unwrap();
        // One that is not followed is told of as well.
        symlink("/nowhere", link.join(".lesshst")).unwrap();
    }
    for arguments in [&["--dry-run"][..], &[]] {
        let said = Command::new(env!("CARGO_BIN_EXE_worker-bootstrap"))
            .args(["wipe", "--token-id", super::ID, "--root"])
            .arg(root.path(""))
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
        let odd = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(odd), "{text:?}");
        for (name, shown) in names {
            let rows: Vec<&str> = text.lines().filter(|line| line.contains(shown)).collect();
            assert!(rows.len() >= 2, "{name:?}: {text}");
            assert!(
                rows.iter().any(|row| row.trim_start().starts_with(if arguments.is_empty() {
                    "erased"
                } else {
                    "would erase"
                })),
                "{name:?}: {text}"
            );
        }
        assert!(!text.lines().any(|line| line.starts_with("erased  passwd")), "{text}");
    }
}

/// What is no regular file is not waited for and not spoken to, wherever it lies, and is there afterwards.
#[test]
fn what_is_no_file_is_left_alone() {
    is_left_alone_at_every_known_place("FIFO", |path, _| run("mkfifo", &[path.as_os_str()]));
    is_left_alone_at_every_known_place("directory", |path, _| std::fs::create_dir(path).unwrap());
    let mut sockets = Vec::new();
    is_left_alone_at_every_known_place("socket", |path, root| {
        // The name of one is short: it is made elsewhere and moved there.
        let short = root.path("s");
        sockets.push(std::os::unix::net::UnixListener::bind(&short).unwrap());
        std::fs::rename(short, path).unwrap();
    });
    for socket in sockets {
        socket.set_nonblocking(true).unwrap();
        assert!(socket.accept().is_err(), "somebody has connected");
    }
}

pub fn is_left_alone_at_every_known_place(kind: &str, mut make: impl FnMut(&Path, &Root)) {
    const PLACES: [&str; 9] = [
        "boot/user-data",
        "etc/kubernetes/bootstrap-kubelet.conf",
        "var/lib/cloud/instances/i-now/user-data.txt",
        "var/lib/cloud/instances/i-now/obj.pkl",
        "run/cloud-init/instance-data.json",
        "var/log/auth.log",
        "var/log/audit",
        "proc/cmdline",
        // Where user-data has a file written.
        "opt/told",
    ];
    let root = Root::new();
    let told = format!("- path: /opt/told\n  content: {}\n", token());
    root.put("etc/cloud/cloud.cfg.d/told.cfg", told.as_bytes());
    for place in PLACES {
        let path = root.path(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        make(&path, &root);
    }
    let types = |root: &Root| PLACES.map(|place| root.path(place).symlink_metadata().unwrap().mode());
    let (before, wiped) = (types(&root), root.wipe(&[]));
    assert_eq!(wiped.exit, 0, "{kind}: {}", wiped.said);
    assert_eq!(types(&root), before, "{kind}");
    assert_eq!(wiped.paths("erased"), [root.shown("etc/cloud/cloud.cfg.d/told.cfg")], "{kind}");
}

/// More than is kept of what files tell; each is swept nevertheless.
#[test]
fn files_that_tell_of_thousands_of_others() {
    let root = Root::new();
    for file in 0..30 {
        let told: String = (0..100).map(|path| format!("path: /opt/{file}-{path}\n")).collect();
        root.put(&format!("var/lib/cloud/data/{file}"), format!("{}\n{told}", token()).as_bytes());
    }
    let wiped = root.wipe(&[]);
    assert_eq!((wiped.exit, wiped.paths("erased").len()), (0, 30));
    let told: Vec<_> = wiped.report["unsearched"].as_array().unwrap().iter().map(|row| &row["why"]).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].as_str().unwrap().contains("only 1000 are searched for"), "{told:?}");
}

/// At, before and behind every edge between two windows.
#[test]
fn a_needle_across_any_edge_is_found() {
    let root = Root::new();
    let mut log = vec![b'-'; 4 * MIB];
    let at = |log: &mut Vec<u8>, at: usize| log[at..at + 23].copy_from_slice(token().as_bytes());
    let mut count = 0;
    for edge in [MIB - MIB / 4, MIB, 2 * MIB - MIB / 2, 2 * MIB - MIB / 4, 2 * MIB, 3 * MIB] {
        for shift in [-70_i64, -40, -11, 20] {
            at(&mut log, usize::try_from(edge as i64 + shift).unwrap());
            count += 1;
        }
    }
    at(&mut log, 4 * MIB - 23);
    root.put(LOG, &log);
    let wiped = root.wipe(&[]);
    assert!(!root.holds(LOG), "{}", wiped.said);
    assert_eq!(wiped.report["erased"][0]["bytes"], (count + 1) * 23);
    let swept = root.read(LOG);
    assert_eq!(swept.len(), log.len());
    assert_eq!(
        swept.iter().filter(|byte| **byte == b'-').count(),
        log.iter().filter(|byte| **byte == b'-').count()
    );
}

#[test]
fn ten_gigabytes_of_holes_take_no_time() {
    let root = Root::new();
    let path = root.put(LOG, b"begin\n");
    let mut log = File::options().write(true).open(&path).unwrap();
    log.set_len(10 * 1024 * MIB as u64).unwrap();
    log.seek(SeekFrom::Start(7 * 1024 * MIB as u64 + 4093)).unwrap();
    log.write_all(token().as_bytes()).unwrap();
    let before = std::fs::metadata(&path).unwrap();
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.report["erased"][0]["bytes"], 23, "{}", wiped.said);
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!((before.len(), before.blocks()), (after.len(), after.blocks()), "holes are filled");
}

#[test]
fn a_hundred_thousand_files_and_one_copy() {
    let root = Root::new();
    for dir in 0..100 {
        // Names are what counts; a file for each takes a disk that is busy minutes.
        let one = root.put(&format!("var/lib/cloud/data/{dir}/0"), b"x");
        for file in 1..1000 {
            std::fs::hard_link(&one, root.path(&format!("var/lib/cloud/data/{dir}/{file}"))).unwrap();
        }
    }
    root.put("var/lib/cloud/data/57/hidden", token().as_bytes());
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.paths("erased"), [root.shown("var/lib/cloud/data/57/hidden")]);
}

/// Somebody replaces the file over and over, as a log rotation or an editor would.
#[test]
fn a_file_that_is_replaced_meanwhile_is_swept_or_confessed() {
    let root = Root::new();
    let path = root.put("root/.bash_history", token().as_bytes());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let new = root.path("root/new");
            for _ in 0..100_000 {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                std::fs::write(&new, token()).unwrap();
                std::fs::rename(&new, &path).unwrap();
            }
        });
        for _ in 0..10 {
            let wiped = root.wipe(&[]);
            assert!(matches!(wiped.exit, 0 | 10), "{}", wiped.said);
            let file = root.shown("root/.bash_history");
            // One of a hundred thousand was always there: it is never not seen.
            assert!(wiped.reports("erased", &file) || wiped.reports("left", &file), "{}", wiped.said);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(root.wipe(&[]).exit, 0);
    assert!(!root.holds("root/.bash_history"));
}
