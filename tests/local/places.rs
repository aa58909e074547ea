//! What lies at the document's place, and which place it is.

use super::Scene;
use super::support::machine::DOCUMENT;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

type Row = (&'static str, fn(&Scene, &Path), i32, &'static str, &'static str);

/// What lies in the first place and in the second.
type Texts = fn(&Scene) -> (String, String);

fn file(scene: &Scene, path: &Path, mode: u32) {
    std::fs::write(path, scene.document(3600)).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("missing",       |_, _| {},                                            3, "bootstrap_not_found", "absent"),
    ("directory",     |_, path| std::fs::create_dir(path).unwrap(),         4, "source_unsafe", "it is a directory"),
    ("link",          |s, path| { let to = s.machine.path("etc/real"); file(s, &to, 0o600); symlink(to, path).unwrap(); },
                                                                            4, "source_unsafe", "it is a symbolic link"),
    ("dangling link", |_, path| symlink("/nowhere", path).unwrap(),         4, "source_unsafe", "it is a symbolic link"),
    ("FIFO",          |_, path| fifo(path),                                 4, "source_unsafe", "it is a FIFO"),
    ("socket",        |_, path| drop(UnixListener::bind(path).unwrap()),    4, "source_unsafe", "it is a socket"),
    ("mode 0644",     |s, path| file(s, path, 0o644),                       4, "source_unsafe", "its mode is 0644"),
    ("mode 0640",     |s, path| file(s, path, 0o640),                       4, "source_unsafe", "its mode is 0640"),
    ("mode 0620",     |s, path| file(s, path, 0o620),                       4, "source_unsafe", "its mode is 0620"),
    ("mode 0602",     |s, path| file(s, path, 0o602),                       4, "source_unsafe", "its mode is 0602"),
    ("mode 0666",     |s, path| file(s, path, 0o666),                       4, "source_unsafe", "its mode is 0666"),
];

#[test]
fn what_cannot_be_trusted_is_not_read() {
    for (case, put, exit, reason, says) in ROWS {
        let scene = Scene::new();
        put(&scene, &scene.machine.path(DOCUMENT));
        scene.refuses(case, &["run"], b"", (*exit, reason, says));
        scene.nobody_was_asked(case);
    }
}

#[test]
#[ignore = "needs root: tests/run"]
fn another_owner() {
    let scene = Scene::new();
    file(&scene, &scene.machine.path(DOCUMENT), 0o600);
    std::os::unix::fs::chown(scene.machine.path(DOCUMENT), Some(65534), None).unwrap();
    scene.refuses("owner", &["run"], b"", (4, "source_unsafe", "it is owned by user 65534"));
    scene.nobody_was_asked("owner");
}

#[test]
fn a_named_place_and_standard_input() {
    let scene = Scene::new();
    let input = |text: String| text.into_bytes();
    for (case, document, stdin, says) in [
        ("no such file", "/nowhere/bootstrap.yaml", Vec::new(), (3, "bootstrap_not_found", "no such file")),
        ("no input", "-", Vec::new(), (3, "bootstrap_not_found", "standard input holds no document")),
        ("bad input", "-", input("kind: Pod".into()), (4, "document_invalid", "standard input")),
        ("expired input", "-", input(scene.document(-60)), (5, "token_expired", "expired 1 min")),
    ] {
        scene.refuses(case, &["run", "--document", document], &stdin, says);
        scene.nobody_was_asked(case);
    }
}

#[test]
fn two_places() {
    const OTHER: &str = "etc/worker-bootstrap/bootstrap.yaml";
    let no_kubelet = (8, "kubelet_unusable", "kubelet");
    #[rustfmt::skip]
    let rows: [(&str, Texts, (i32, &str, &str)); 4] = [
        ("different",    |s| (s.document(3600), s.document(7200)),            (4, "two_bootstraps_found", "hold different bootstraps")),
        ("the same",     |s| { let text = s.document(3600); (text.clone(), text) }, no_kubelet),
        ("both expired", |s| { let text = s.document(-60); (text.clone(), text) },  (5, "token_expired", "expired 1 min")),
        ("one expired",  |s| (s.document(-60), s.document(3600)),             no_kubelet),
    ];
    for (case, texts, end) in rows {
        let scene = Scene::new();
        std::fs::remove_file(scene.machine.path("usr/bin/kubelet")).unwrap();
        let (first, second) = texts(&scene);
        scene.deliver(&first);
        scene.machine.write(OTHER, &second, 0o600);
        scene.refuses(case, &["run"], b"", end);
        assert_eq!(scene.machine.has(OTHER), end.0 != 5, "{case}");
        scene.nothing_was_sent(case);
    }
}
