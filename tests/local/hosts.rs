//! A document without a fault, and a host with one.

use super::Scene;
use super::support::immutable::Immutable;

type Row = (&'static str, fn(&Scene), i32, &'static str, &'static str);

fn no_kubelet(scene: &Scene) {
    std::fs::remove_file(scene.machine.path("usr/bin/kubelet")).unwrap();
}

fn hanging_kubelet(scene: &Scene) {
    scene.machine.write("usr/bin/kubelet", "#!/bin/sh\nexec sleep 1000\n", 0o755);
}

/// Somebody listens where a runtime would, and never answers. The kernel takes the connection by itself.
fn silent_runtime(scene: &Scene) {
    let socket = scene.machine.path("run/containerd/containerd.sock");
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    std::mem::forget(std::os::unix::net::UnixListener::bind(socket).unwrap());
}

fn require(scene: &Scene, text: &str) {
    scene.deliver(&format!("{}{text}", scene.document(3600)));
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no kubelet",    no_kubelet,                                              8, "kubelet_unusable", "kubelet"),
    ("old kubelet",   |s| require(s, "kubelet: {version: '>=1.28'}\n"),        8, "kubelet_unusable", "1.20.2"),
    ("localhost",     |s| s.machine.write("etc/hostname", "localhost\n", 0o644), 8, "node_name_invalid", "has not been given a name"),
    ("hangs",         hanging_kubelet,                                        75, "host_not_answering", "did not end within 1.8s"),
    ("silent",        silent_runtime,                                         75, "host_not_answering", "gives no answer within 1.5s"),
    ("both",          |s| { hanging_kubelet(s); silent_runtime(s); },         75, "host_not_answering", "2 checks failed: kubelet:"),
    ("silent, none",  |s| { no_kubelet(s); silent_runtime(s); },               8, "kubelet_unusable", "2 checks failed: kubelet:"),
    ("several",       |s| { no_kubelet(s); s.machine.write("etc/kubernetes", "", 0o644); }, 8, "host_check_failed", "2 checks failed: paths:"),
];

#[test]
fn a_fault_of_the_host_is_named_and_nothing_is_changed() {
    for (case, spoil, exit, reason, says) in ROWS {
        let scene = Scene::new();
        scene.deliver(&scene.document(3600));
        spoil(&scene);
        scene.refuses(case, &["run"], b"", (*exit, reason, says));
        scene.nothing_was_sent(case);
    }
}

#[test]
fn a_torn_mark_is_not_a_fresh_start() {
    let scene = Scene::new();
    scene.deliver(&scene.document(3600));
    scene.machine.write(&format!("var/lib/worker-bootstrap/ledger/{}.json", scene.token.id), "{\"sch", 0o600);
    scene.refuses("torn", &["run"], b"", (1, "local_write_failed", "reading the mark"));
    scene.nobody_was_asked("torn");
}

/// Before anything is begun: a run whose end could not be noted would spend the token for nothing.
#[test]
#[ignore = "needs root: tests/run"]
fn a_result_that_cannot_be_written() {
    let scene = Scene::new();
    scene.deliver(&scene.document(3600));
    let directory = scene.machine.path("var/lib/worker-bootstrap");
    std::fs::create_dir_all(&directory).unwrap();
    let _unwritable = Immutable::new(directory);
    let said = scene.agent(&["run"], b"");
    assert_eq!(said.exit, 8, "{}", said.stderr);
    assert!(said.stderr.contains("path_not_writable"), "{}", said.stderr);
    scene.nothing_was_sent("unwritable");
}
