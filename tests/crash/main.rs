//! The agent killed at every system call that changes or tells something, and run again.
//!
//! The table in `src/mark/mod.rs` says what a restart comes to; here each row of it is met at every
//! point at which a run can be cut off. Only the agent's own thread is counted and killed: a child that
//! dies is another story. Each point has a machine and a token of its own.

#![allow(
    clippy::disallowed_methods,
    reason = "the product's doors to files and processes are not the tests'"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "how many points there were is worth a line")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test program uses its part")]
mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::cluster::{Cluster, Kind};
use support::issuer::{Issuer, KEPT};
use support::machine::{DOCUMENT, Machine, Outcome, Running};
use support::token::{AUTO, Token, Trust, document};
use support::tree::{changes, tree};
use support::unix_now;

/// What changes a file, and what another process or machine can see. One that this processor does not
/// have (`?`) is passed over.
const CALLS: [&str; 27] = [
    "write",
    "pwrite64",
    "writev",
    "ftruncate",
    "fsync",
    "?open",
    "openat",
    "?rename",
    "renameat",
    "renameat2",
    "?symlink",
    "symlinkat",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
    "?chmod",
    "fchmod",
    "fchmodat",
    "utimensat",
    "flock",
    "socket",
    "connect",
    "sendto",
    "sendmsg",
    "shutdown",
    "close",
];

/// What a full disk refuses. Not `write`: that would silence the agent as well.
const ROOM: [&str; 7] = ["fsync", "?rename", "renameat", "?mkdir", "mkdirat", "?symlink", "symlinkat"];

/// How many points are tried at once.
const AT_ONCE: usize = 4;

fn alone<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// `fault` befalls these calls, in the words of strace.
fn strace(calls: &str, fault: &str) -> [String; 7] {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{fault}"));
    ["strace", "-o", "/dev/null", "-e", &trace, "-e", &inject].map(str::to_owned)
}

/// Runs this command, to which the fault befalls.
fn start_with(machine: &Machine, strace: &[String], command: &str, arguments: &[&str]) -> Running {
    let strace: Vec<&str> = strace.iter().map(String::as_str).collect();
    machine.command_under(&strace, command, arguments)
}

/// Where a run is cut off: strace counts each call for itself.
#[derive(Debug, Clone, Copy)]
struct Point {
    call: &'static str,
    time: usize,
}

/// Runs the agent and kills it at this point; -1 is how it ends then.
async fn killed_at(machine: &Machine, point: Point) -> Outcome {
    command_killed_at(machine, point, "run", &[]).await
}

async fn command_killed_at(machine: &Machine, point: Point, command: &str, arguments: &[&str]) -> Outcome {
    let strace = strace(point.call, &format!("signal=SIGKILL:when={}", point.time));
    start_with(machine, &strace, command, arguments).end().await
}

/// How far the machine's mark has come.
fn phase(machine: &Machine, token: &Token) -> String {
    let mark = format!("var/lib/worker-bootstrap/ledger/{}.json", token.id);
    if !machine.has(&mark) {
        return "none".to_owned();
    }
    let mark: Value = serde_json::from_str(&machine.read(&mark)).unwrap();
    mark["phase"].as_str().unwrap().to_owned()
}

/// Tries `case` at the first, second, third and so on of each of these calls, until a run comes to its end
/// untouched (`None`); counts what the others came to.
fn at_every_point<F: Future<Output = Option<String>>>(
    calls: &[&'static str],
    case: impl Fn(Point) -> F + Sync,
) -> BTreeMap<String, usize> {
    let seen = Mutex::new(BTreeMap::new());
    for call in calls {
        let (next, through) = (AtomicUsize::new(1), AtomicBool::new(false));
        let work = || {
            while !through.load(Ordering::Relaxed) {
                let point = Point { call, time: next.fetch_add(1, Ordering::Relaxed) };
                match alone(case(point)) {
                    Some(what) => *seen.lock().unwrap().entry(what).or_insert(0) += 1,
                    None => through.store(true, Ordering::Relaxed),
                }
            }
        };
        std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    }
    seen.into_inner().unwrap()
}

/// What no run may leave behind, however it and those before it ended.
fn assert_tidy(machine: &Machine, point: Point) {
    let stray: Vec<String> = tree(machine.root())
        .into_keys()
        .filter(|name| name.ends_with(".tmp") || name.ends_with("-updated.pem"))
        .collect();
    assert!(stray.is_empty(), "{point:?}: {stray:?}");
    assert!(!machine.has(DOCUMENT), "{point:?}: the document still lies there");
}

/// Wherever a join is cut off, its issuer learns how it ended, and the key does not outlive that.
async fn report_cut_off_at(cluster: &Cluster, point: Point) -> Option<String> {
    let (token, machine, issuer) = (cluster.issue(&AUTO).await, Machine::ready(), Issuer::new());
    let document = document(&token, &[cluster.door().url()], Trust::Ca(&cluster.ca));
    machine.deliver(&issuer.named_in(document));
    let cut = killed_at(&machine, point).await;
    if cut.exit == 0 {
        assert_eq!(issuer.outcomes(&token), ["joined"], "{point:?}");
        return None;
    }
    assert_eq!(cut.exit, -1, "{point:?}: {cut:?}");
    let phase = phase(&machine, &token);
    let kept = machine.has(KEPT);
    machine.run(&[]).await.must_join();
    let outcomes = issuer.outcomes(&token);
    assert!(outcomes.iter().all(|reason| reason == "joined"), "{point:?} ({phase}): {outcomes:?}");
    assert!(!outcomes.is_empty(), "{point:?} ({phase}): nobody was told");
    assert!(!machine.has(KEPT), "{point:?} ({phase}): the key is kept");
    assert_tidy(&machine, point);
    Some(if kept { "with the key kept" } else { "without a key" }.to_owned())
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_join_cut_off_at_any_point_tells_its_issuer_how_it_ended() {
    let seen = at_every_point(&CALLS, |point| async move {
        let cluster = Cluster::of(Kind::Embedded);
        report_cut_off_at(&cluster, point).await
    });
    eprintln!("killed at {} points: {seen:?}", seen.values().sum::<usize>());
    assert_eq!(seen.len(), 2, "{seen:?}");
}

async fn join_cut_off_at(cluster: &Cluster, point: Point) -> Option<String> {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let cut = killed_at(&machine, point).await;
    if cut.exit == 0 {
        return None;
    }
    assert_eq!(cut.exit, -1, "{point:?}: {cut:?}");
    let phase = phase(&machine, &token);
    let names = |csrs: Vec<Value>| -> Vec<Value> {
        csrs.into_iter().map(|csr| csr["metadata"]["name"].clone()).collect()
    };
    let asked = names(cluster.admin.csrs_of(&token).await);
    let told = cluster.requests_as(&token.user()).len();

    let again = machine.run(&[]).await;
    assert_eq!(again.exit, 0, "{point:?} ({phase}): {again:?}");
    again.must_join();
    let made = names(cluster.admin.csrs_of(&token).await);
    assert_eq!(made.len(), 1, "{point:?} ({phase}): {made:?}");
    assert!(asked.is_empty() || asked == made, "{point:?} ({phase}): {asked:?}, then {made:?}");
    if !matches!(phase.as_str(), "none" | "started") {
        let since = cluster.requests_as(&token.user()).len() - told;
        assert_eq!(since, 0, "{point:?} ({phase}): the token was used after it was spent");
    }
    assert_tidy(&machine, point);

    let settled = |machine: &Machine| {
        let mut tree = tree(machine.root());
        tree.retain(|name, _| !name.starts_with("run/") && !name.ends_with("result.json"));
        tree
    };
    let (before, connections) = (settled(&machine), door.accepted());
    machine.run(&[]).await.must_join();
    assert_eq!(settled(&machine), before, "{point:?} ({phase})");
    assert_eq!(door.accepted(), connections, "{point:?} ({phase})");
    assert_tidy(&machine, point);
    Some(phase)
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_join_cut_off_at_any_point_comes_to_the_same_end() {
    let seen = at_every_point(&CALLS, |point| async move {
        let cluster = Cluster::of(Kind::Embedded);
        join_cut_off_at(&cluster, point).await
    });
    eprintln!("killed at {} points, by what the mark said then: {seen:?}", seen.values().sum::<usize>());
    for phase in ["none", "started", "finished", "wiped", "done"] {
        assert!(seen.contains_key(phase), "no kill met the mark {phase}: {seen:?}");
    }
}

/// A refusal for good erases the document; one that is cut off meanwhile is made good by the next run.
#[test]
#[ignore = "needs strace: tests/run"]
fn a_refusal_cut_off_at_any_point_comes_to_the_same_end() {
    let seen = at_every_point(&CALLS, |point| async move {
        let (token, machine) = (Token::random(), Machine::ready());
        let hashes = [format!("sha256:{}", "ab".repeat(32))];
        let mut document = document(&token, &["https://127.0.0.1:1".to_owned()], Trust::Hashes(&hashes));
        document["expiresAt"] = (unix_now() - 60).into();
        machine.deliver(&document);
        let cut = killed_at(&machine, point).await;
        if cut.exit == 5 {
            return None;
        }
        assert_eq!(cut.exit, -1, "{point:?}: {cut:?}");
        let there = machine.has(DOCUMENT);
        let again = machine.run(&[]).await;
        assert!(matches!(again.exit, 3 | 5), "{point:?}: {again:?}");
        machine.run(&[]).await.must_be(3, "bootstrap_not_found");
        assert_tidy(&machine, point);
        Some(if there { "document there" } else { "document erased" }.to_owned())
    });
    eprintln!("killed at {} points: {seen:?}", seen.values().sum::<usize>());
    assert_eq!(seen.len(), 2, "{seen:?}");
}

/// Copies as cloud-init leaves them: each is whole or put over wherever the wipe is cut off, none is cut short or
/// opened to others, and the next wipe ends what is left.
async fn wipe_cut_off_at(point: Point) -> Option<String> {
    let (token, machine) = (Token::random(), Machine::ready());
    let text = token.text();
    let told = format!("#cloud-config\nwrite_files:\n- path: /opt/told\n  content: {text}\n");
    let copies = [
        ("var/lib/cloud/instances/i-1/user-data.txt", told, 0o600),
        ("var/lib/cloud/instances/i-1/obj.pkl", format!("pickled {text} {text}"), 0o400),
        ("opt/told", format!("{text}\n"), 0o640),
        (
            "var/log/cloud-init.log",
            format!("one\ntoken={text}\n{}\ntoken={text}\n", "-".repeat(100_000)),
            0o640,
        ),
        ("root/.bash_history", format!("echo {text}\n"), 0o600),
    ];
    let is_copy = |name: &str| copies.iter().any(|(path, ..)| *path == name);
    for (path, content, mode) in &copies {
        machine.write(path, content, *mode);
    }
    // What names, for each file: its mode and owner, and how long it is.
    let shapes = || {
        let mut tree = tree(machine.root());
        tree.retain(|name, _| is_copy(name));
        tree.values_mut().for_each(|shape| shape.truncate(shape.find(',').unwrap()));
        tree
    };
    let holding = || copies.iter().filter(|(path, ..)| machine.read(path).contains(&token.secret)).count();
    let before = shapes();
    let cut = command_killed_at(&machine, point, "wipe", &["--token-id", &token.id]).await;
    assert!(matches!(cut.exit, 0 | -1), "{point:?}: {cut:?}");
    assert_eq!(shapes(), before, "{point:?}");
    let left = holding();
    let again = machine.command_under(&["env"], "wipe", &["--token-id", &token.id]).end().await;
    assert_eq!(again.exit, 0, "{point:?}: {again:?}");
    assert_eq!((holding(), shapes()), (0, before), "{point:?}: {again:?}");
    assert_tidy(&machine, point);
    let what = match left {
        0 => "all were erased",
        all if all == copies.len() => "none was erased",
        _ => "some were erased",
    };
    (cut.exit != 0).then(|| what.to_owned())
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_wipe_cut_off_at_any_point_comes_to_the_same_end() {
    let seen = at_every_point(&CALLS, |point| async move { wipe_cut_off_at(point).await });
    eprintln!("killed at {} points: {seen:?}", seen.values().sum::<usize>());
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// What does not belong to this program, and what it keeps of that.
fn made(machine: &Machine) -> BTreeMap<String, String> {
    let mut tree = tree(machine.root());
    let own = |name: &str| name.contains("worker-bootstrap") && !name.starts_with("etc/");
    tree.retain(|name, _| !own(name) || name.ends_with("/made") || name.contains("/former"));
    tree
}

/// A join undone: wherever that is cut off, doing it again comes to the same end, and so does a new token.
async fn reset_cut_off_at(cluster: &Cluster, point: Point) -> Option<String> {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.write("var/lib/kubelet/config.yaml", "old: true\n", 0o640);
    let first = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    machine.deliver(&first);
    let before = made(&machine);
    machine.run(&[]).await.must_join();
    let cut = command_killed_at(&machine, point, "reset", &[]).await;
    let through = cut.exit == 0;
    assert!(through || cut.exit == -1, "{point:?}: {cut:?}");
    let recorded = machine.has("var/lib/worker-bootstrap/made");
    let changed = changes(&before, &made(&machine)).len();
    let again = machine.reset(&[]).await;
    assert_eq!(again.exit, 0, "{point:?}: {again:?}");
    assert_eq!(changes(&before, &made(&machine)), [""; 0], "{point:?}: {again:?}");
    assert_eq!(again.result["state"], "reset", "{point:?}");
    assert_eq!(again.status["state"], "reset", "{point:?}");
    assert_tidy(&machine, point);
    machine.join(&first).await.must_be(7, "token_already_used");
    let token = cluster.issue(&AUTO).await;
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    let what = match (recorded, changed) {
        (true, 0..=2) => "all undone but the record",
        (true, _) => "half undone",
        (false, _) => "without a record",
    };
    (!through).then(|| what.to_owned())
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_reset_cut_off_at_any_point_comes_to_the_same_end() {
    let seen = at_every_point(&CALLS, |point| async move {
        let cluster = Cluster::of(Kind::Embedded);
        reset_cut_off_at(&cluster, point).await
    });
    eprintln!("killed at {} points: {seen:?}", seen.values().sum::<usize>());
    assert!(seen.contains_key("half undone") && seen.len() > 1, "{seen:?}");
}

/// A join cut off and then undone: wherever that was, everything is as it was before.
#[test]
#[ignore = "needs strace: tests/run"]
fn a_join_cut_off_at_any_point_can_be_undone() {
    let seen = at_every_point(&CALLS, |point| async move {
        let cluster = Cluster::of(Kind::Embedded);
        let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
        machine.write("var/lib/kubelet/config.yaml", "old: true\n", 0o640);
        machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
        let before = made(&machine);
        let cut = killed_at(&machine, point).await;
        let phase = phase(&machine, &token);
        let reset = machine.reset(&[]).await;
        assert_eq!(reset.exit, 0, "{point:?} ({phase}): {reset:?}");
        assert_eq!(changes(&before, &made(&machine)), [""; 0], "{point:?} ({phase}): {reset:?}");
        (cut.exit != 0).then_some(phase)
    });
    eprintln!("killed at {} points, by what the mark said then: {seen:?}", seen.values().sum::<usize>());
    for phase in ["none", "started", "finished", "wiped", "done"] {
        assert!(seen.contains_key(phase), "no kill met the mark {phase}: {seen:?}");
    }
}

/// A disk that is full from some point on: nothing is lost, and with room again the machine joins.
#[test]
#[ignore = "needs strace: tests/run"]
fn a_disk_that_fills_up_loses_nothing() {
    let seen = at_every_point(&ROOM, |point| async move {
        let cluster = Cluster::of(Kind::Embedded);
        let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
        machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
        let strace = strace(point.call, &format!("error=ENOSPC:when={}+", point.time));
        let full = start_with(&machine, &strace, "run", &[]).end().await;
        let said = full.lines.last().cloned().unwrap_or_default();
        let phase = phase(&machine, &token);
        let what = match full.exit {
            0 => "joined".to_owned(),
            1 if said.contains("local_write_failed") => "local_write_failed".to_owned(),
            8 if said.contains("path_not_writable") => "path_not_writable".to_owned(),
            10 if said.contains("residue_left") => "residue_left".to_owned(),
            _ => panic!("{point:?} ({phase}): {full:?}"),
        };
        let spent = !matches!(phase.as_str(), "none" | "started");
        assert!(spent || machine.has(DOCUMENT), "{point:?} ({phase}): the document is gone: {full:?}");
        let again = machine.run(&[]).await;
        assert_eq!(again.exit, 0, "{point:?} ({phase}, {what}): {again:?}");
        again.must_join();
        assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1, "{point:?} ({phase}, {what})");
        assert_tidy(&machine, point);
        // A run that could write all that counts, and only not its status, has joined.
        (phase != "done" || full.exit != 0).then_some(what)
    });
    eprintln!("full at {} points: {seen:?}", seen.values().sum::<usize>());
    assert!(seen.contains_key("local_write_failed"), "{seen:?}");
}

/// So much of a file system as counts, with so many pages of room in it.
struct Disk(std::path::PathBuf);

impl Disk {
    fn under(machine: &Machine, pages: usize) -> Disk {
        let path = machine.path("var/lib");
        std::fs::create_dir_all(&path).unwrap();
        let size = format!("size={}k", pages * 4);
        assert!(mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], &path), "it takes root to mount a tmpfs");
        Disk(path)
    }

    fn grow(&self) {
        assert!(mount(&["-o", "remount,size=10m"], &self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().unwrap();
    }
}

fn mount(arguments: &[&str], at: &std::path::Path) -> bool {
    Command::new("mount").args(arguments).arg(at).status().unwrap().success()
}

/// A disk with less and less room, in which what is written is what fails.
#[test]
#[ignore = "needs root: tests/run"]
fn a_disk_with_any_room_loses_nothing() {
    let mut seen = BTreeMap::new();
    // A size of nothing is no limit to a tmpfs.
    for pages in 1.. {
        let what = alone(async {
            let cluster = Cluster::of(Kind::Embedded);
            let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
            let disk = Disk::under(&machine, pages);
            machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
            let full = machine.run(&[]).await;
            let phase = phase(&machine, &token);
            let reason = full.lines.last().cloned().unwrap_or_default();
            let known = ["local_write_failed", "path_not_writable", "residue_left"];
            let what = known.into_iter().find(|known| reason.contains(known)).unwrap_or("joined");
            assert_eq!(full.exit == 0, what == "joined", "{pages} ({phase}): {full:?}");
            let spent = !matches!(phase.as_str(), "none" | "started");
            assert!(spent || machine.has(DOCUMENT), "{pages} ({phase}): the document is gone: {full:?}");
            disk.grow();
            let again = machine.run(&[]).await;
            assert_eq!(again.exit, 0, "{pages} ({phase}, {what}): {again:?}");
            again.must_join();
            assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1, "{pages} ({phase}, {what})");
            assert!(!machine.has(DOCUMENT), "{pages}: the document still lies there");
            what
        });
        *seen.entry(what).or_insert(0) += 1;
        if what == "joined" {
            break;
        }
    }
    eprintln!("by what became of it: {seen:?}");
    assert!(seen["local_write_failed"] > 1, "{seen:?}");
}

#[test]
#[ignore = "needs strace: tests/run"]
fn strace_is_there() {
    let asked = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    assert!(asked.is_ok_and(|status| status.success()), "strace is not installed");
}
