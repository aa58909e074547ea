use super::*;
use crate::document;
use crate::host::cri::{CgroupDriver, CriError, RuntimeAnswer};
use crate::host::process::tests::put_executable;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory that stands for a machine, what it is, and what is asked for.
struct Fixture {
    directory: TempDir,
    root: Root,
    facts: Facts,
    node: Result<NodeName, String>,
    document: Option<Document>,
    skip: Vec<CheckId>,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path().to_owned());
        let facts = facts::gather(&root);
        Fixture { directory, root, facts, node: NodeName::parse("worker-1"), document: None, skip: vec![] }
    }

    fn asking(mut self, fields: &str) -> Self {
        self.document = Some(document(fields));
        self
    }

    fn host(&self) -> Host<'_> {
        Host {
            root: &self.root,
            facts: &self.facts,
            node: self.node.as_ref().map_err(String::as_str),
            document: self.document.as_ref(),
            skip: &self.skip,
        }
    }

    fn put(&self, path: &str, content: &[u8], mode: u32) {
        let path = self.root.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        put_executable(&path, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn listing(&self) -> Vec<PathBuf> {
        fn walk(directory: &Path, into: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                into.push(entry.path());
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), into);
                }
            }
        }
        let mut found = Vec::new();
        walk(self.directory.path(), &mut found);
        found.sort();
        found
    }
}

fn document(fields: &str) -> Document {
    let text = format!(
        "apiVersion: bootstrap.akua.dev/v1alpha1\nkind: WorkerBootstrap\nexpiresAt: 1790000000\n\
         token: abcdef.0123456789abcdef\n\
         cluster: {{servers: [\"https://127.0.0.1:1\"], caCertHashes: [\"sha256:{}\"]}}\n{fields}\n",
        "0".repeat(64)
    );
    document::parse(text.as_bytes(), "a test").unwrap_or_else(|failure| panic!("{}", failure.line())).document
}

/// The outcome in two words: how, and with which text.
fn told(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Passed(text) => ("passed", text.clone()),
        Outcome::Skipped(text) => ("skipped", text.clone()),
        Outcome::Warned(text) => ("warned", text.clone()),
        Outcome::Failed(failure) => (failure.reason.entry().code, failure.line()),
    }
}

#[track_caller]
fn assert_told(outcome: &Outcome, how: &str, words: &str, case: &str) {
    let (seen, text) = told(outcome);
    assert!(seen == how && text.contains(words), "{case}: {seen}: {text}");
}

#[test]
fn names_of_checks() {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    for (index, id) in CheckId::ALL.iter().enumerate() {
        assert!(plain(id.as_str()), "{id}");
        assert_eq!(CheckId::parse(id.as_str()), Some(*id));
        assert!(!CheckId::ALL[..index].iter().any(|other| other.as_str() == id.as_str()), "{id} twice");
    }
    for name in ["", "all", "Root", "root "] {
        assert_eq!(CheckId::parse(name), None, "{name:?}");
    }
}

#[tokio::test]
async fn a_bare_directory_lacks_a_kubelet_and_stays_as_it_is() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.root.at("/etc/kubernetes")).unwrap();
    let before = fixture.listing();
    let checked = all(&fixture.host()).await;
    assert_eq!(fixture.listing(), before);
    let ids: Vec<CheckId> = checked.verdicts.iter().map(|verdict| verdict.id).collect();
    assert_eq!(ids, CheckId::ALL);
    let failure = checked.failure().unwrap();
    assert_eq!(failure.reason, Reason::KubeletNotReady);
    assert!(failure.line().starts_with("looking for the kubelet: none of /usr/bin/kubelet"));
    assert_eq!((checked.kubelet, checked.runtime), (None, None));
}

#[tokio::test]
async fn a_directory_with_a_kubelet_passes() {
    let fixture = Fixture::new();
    fixture.put("/usr/bin/kubelet", b"#!/bin/sh\necho Kubernetes v1.20.2\n", 0o755);
    let checked = all(&fixture.host()).await;
    assert!(checked.failure().is_none());
    assert_eq!(checked.kubelet.as_ref().unwrap().path, Path::new("/usr/bin/kubelet"));
    let summary = checked.summary();
    assert!(summary.starts_with("kubelet v1.20.2, 3 passed, ") && summary.ends_with(" skipped"), "{summary}");
}

#[tokio::test]
async fn what_is_skipped_is_not_made() {
    let mut fixture = Fixture::new();
    fixture.skip = CheckId::ALL.to_vec();
    let checked = all(&fixture.host()).await;
    assert!(checked.failure().is_none());
    for verdict in &checked.verdicts {
        assert_told(&verdict.outcome, "skipped", "by --skip-check", verdict.id.as_str());
    }
}

#[tokio::test]
async fn kubelets() {
    let foreign = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    elf.extend([foreign, 0]);
    let good: &[u8] = b"#!/bin/sh\n[ \"$*\" = --version ] && echo Kubernetes v1.28.3\n";
    let any = "";
    for (place, content, mode, document, how, words) in [
        ("/usr/bin/kubelet", good, 0o755, any, "passed", "/usr/bin/kubelet is v1.28.3"),
        ("/opt/bin/kubelet", good, 0o755, any, "passed", "/opt/bin/kubelet is v1.28.3"),
        ("/usr/bin/kubelet", good, 0o755, "kubelet: {version: \">=1.28\"}", "passed", "within >=1.28"),
        (
            "/usr/bin/kubelet",
            good,
            0o755,
            "kubelet: {version: \"<1.28\"}",
            "kubelet_unusable",
            "requires <1.28",
        ),
        ("/opt/kubelet", good, 0o755, any, "kubelet_unusable", "none of /usr/bin/kubelet"),
        ("/usr/bin/kubelet", good, 0o644, any, "kubelet_unusable", "no executable file"),
        ("/usr/bin/kubelet/x", good, 0o755, any, "kubelet_unusable", "no executable file"),
        ("/usr/bin/kubelet", b"#!/bin/sh\necho k3s 1.2\n", 0o755, any, "kubelet_unusable", "\"k3s 1.2\""),
        (
            "/usr/bin/kubelet",
            b"#!/bin/sh\necho Kubernetes unknown\n",
            0o755,
            any,
            "kubelet_unusable",
            "no version",
        ),
        (
            "/usr/bin/kubelet",
            b"#!/bin/sh\necho no >&2; exit 3\n",
            0o755,
            any,
            "kubelet_unusable",
            "status: 3: no",
        ),
        ("/usr/bin/kubelet", &elf, 0o755, any, "warned", "it is built for"),
        ("/usr/bin/kubelet", b"no program", 0o755, any, "warned", "not a program for this machine"),
        ("/usr/bin/kubelet", b"#!/no/such/shell\n", 0o755, any, "warned", "loader or interpreter"),
    ] {
        let fixture = Fixture::new().asking(document);
        fixture.put(place, content, mode);
        let (outcome, found) = kubelet::check(&fixture.host()).await;
        assert_told(&outcome, how, words, place);
        let expected = how == "passed" || words.contains("requires");
        assert_eq!(found.is_some(), expected, "{place}: {outcome:?}");
        assert!(found.is_none_or(|it| it.path == Path::new(place) && it.version.minor() == (1, 28)));
    }
}

#[tokio::test]
async fn a_kubelet_that_hangs_is_named() {
    let fixture = Fixture::new();
    fixture.put("/usr/bin/kubelet", b"#!/bin/sh\nexec sleep 60\n", 0o755);
    // The clock runs ahead whenever everybody waits, so the deadline comes at once.
    tokio::time::pause();
    let (outcome, _) = kubelet::check(&fixture.host()).await;
    assert_told(&outcome, "host_not_answering", "did not end within 1.8s", "hangs");
}

/// What is there and does not answer yet ends the run for now, and beside a failure that lasts it is told.
#[test]
fn a_failure_that_lasts_wins() {
    let (hangs, lasts) = (Reason::HostNotAnswering, Reason::PortTaken);
    for (reasons, expected) in [
        (vec![], None),
        (vec![hangs], Some((hangs, "of 0"))),
        (vec![hangs, hangs], Some((hangs, "2 checks failed: kubelet: of 0; kubelet: of 1"))),
        (vec![hangs, lasts], Some((lasts, "2 checks failed: kubelet: of 0; kubelet: of 1"))),
        (vec![lasts, hangs], Some((lasts, "2 checks failed: kubelet: of 0; kubelet: of 1"))),
        (
            vec![lasts, hangs, lasts],
            Some((Reason::CheckFailed, "3 checks failed: kubelet: of 0; kubelet: of 1")),
        ),
    ] {
        let verdict = |(index, reason): (usize, &Reason)| Verdict {
            id: CheckId::Kubelet,
            outcome: Outcome::failed(*reason, format!("of {index}")),
        };
        let verdicts = reasons.iter().enumerate().map(verdict).collect();
        let failure = Checked { verdicts, kubelet: None, runtime: None }.failure();
        let told = failure.map(|failure| (failure.reason, failure.line()));
        match (expected, &told) {
            (None, None) => {}
            (Some((reason, words)), Some((seen, line))) => {
                assert!(*seen == reason && line.starts_with(words), "{told:?}")
            }
            _ => panic!("{reasons:?}: {told:?}"),
        }
    }
}

#[tokio::test]
async fn sockets_of_an_image() {
    let fixture = Fixture::new();
    let (outcome, _) = runtime::check(&fixture.host()).await;
    assert_told(&outcome, "skipped", "as in an image", "nothing there");

    let socket = fixture.root.at("/run/containerd/containerd.sock");
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let bound = tokio::net::UnixSocket::new_stream().unwrap();
    bound.bind(&socket).unwrap();
    let (outcome, _) = runtime::check(&fixture.host()).await;
    assert_told(&outcome, "skipped", "as in an image", "nobody listens");

    fs::remove_file(&socket).unwrap();
    let _silent = UnixListener::bind(&socket).unwrap();
    tokio::time::pause();
    let (outcome, found) = runtime::check(&fixture.host()).await;
    assert_told(&outcome, "host_not_answering", "gives no answer within 1.5s", "silent");
    assert_eq!(found, None);
}

#[tokio::test]
async fn what_runtimes_answer() {
    let answer = |name: &str, ready, cgroup_driver| RuntimeAnswer {
        name: name.to_owned(),
        version: "1.6.20".to_owned(),
        ready,
        not_ready_why: (!ready).then(|| "ContainerdNotReady disk full".to_owned()),
        cgroup_driver,
    };
    let (systemd, cgroupfs) = (Some(CgroupDriver::Systemd), Some(CgroupDriver::Cgroupfs));
    let (absent, no_cri) = (|| CriError::Absent("/a".into()), || CriError::NoCri("/a".into()));
    let wants = "kubelet: {config: {cgroupDriver: systemd}}";
    for (document, a, b, how, words) in [
        (
            "",
            Ok(answer("x", true, systemd)),
            Err(absent()),
            "passed",
            "x 1.6.20 at /a, cgroup driver systemd",
        ),
        ("", Ok(answer("x", true, None)), Err(absent()), "passed", "does not tell its cgroup driver"),
        ("", Err(absent()), Ok(answer("y", true, cgroupfs)), "passed", "y 1.6.20 at /b"),
        (
            "",
            Ok(answer("x", true, None)),
            Ok(answer("y", true, None)),
            "warned",
            "another runtime is ready at /b",
        ),
        ("", Ok(answer("x", false, None)), Ok(answer("y", true, None)), "passed", "y 1.6.20 at /b"),
        (
            "",
            Ok(answer("x", false, None)),
            Err(absent()),
            "runtime_not_ready",
            "ContainerdNotReady disk full",
        ),
        ("", Err(no_cri()), Err(absent()), "runtime_not_ready", "CRI plugin is disabled"),
        ("", Err(absent()), Err(absent()), "skipped", "as in an image"),
        (wants, Ok(answer("x", true, systemd)), Err(absent()), "passed", "x 1.6.20"),
        (wants, Ok(answer("x", true, None)), Err(absent()), "passed", "x 1.6.20"),
        (wants, Ok(answer("x", true, cgroupfs)), Err(absent()), "host_check_failed", "is not cgroupfs"),
    ] {
        let fixture = Fixture::new().asking(document);
        let (outcome, found) = runtime::judge(&fixture.host(), vec![("/a", a), ("/b", b)]);
        assert_told(&outcome, how, words, document);
        assert_eq!(found.is_none(), ["runtime_not_ready", "skipped"].contains(&how), "{outcome:?}");
    }
    let fixture = Fixture::new();
    let (outcome, _) = runtime::judge(
        &fixture.host(),
        vec![("/a", Err(no_cri())), ("/b", Err(CriError::Absent("/b".into())))],
    );
    assert!(!told(&outcome).1.contains("/b"), "a socket that is not there is not told beside one that is");
}

#[test]
fn sockets_that_documents_name() {
    let flag = "kubelet.extraArgs.container-runtime-endpoint";
    let field = "kubelet.config.containerRuntimeEndpoint";
    for (fields, expected) in [
        ("", None),
        (
            "kubelet: {extraArgs: {container-runtime-endpoint: \"unix:///run/a\"}}",
            Some((flag, Some("/run/a"))),
        ),
        ("kubelet: {config: {containerRuntimeEndpoint: \"unix:///run/b\"}}", Some((field, Some("/run/b")))),
        ("kubelet: {config: {containerRuntimeEndpoint: /run/b}}", Some((field, Some("/run/b")))),
        ("kubelet: {config: {containerRuntimeEndpoint: \"tcp://127.0.0.1:1\"}}", Some((field, None))),
        ("kubelet: {config: {containerRuntimeEndpoint: 7}}", Some((field, None))),
        (
            "kubelet: {extraArgs: {container-runtime-endpoint: /a}, config: {containerRuntimeEndpoint: /b}}",
            Some((flag, Some("/a"))),
        ),
    ] {
        let expected = expected.map(|(field, path): (_, Option<&str>)| (field, path.map(str::to_owned)));
        assert_eq!(runtime::endpoint(&document(fields)), expected, "{fields}");
    }
}

#[test]
fn ports() {
    for (fields, expected) in [
        ("", Ok(10250)),
        ("kubelet: {config: {port: 10350}}", Ok(10350)),
        ("kubelet: {config: {port: 0}}", Err("kubelet.config.port")),
        ("kubelet: {config: {port: 65536}}", Err("kubelet.config.port")),
        ("kubelet: {config: {port: \"10350\"}}", Err("kubelet.config.port")),
        ("kubelet: {extraArgs: {port: \"10450\"}, config: {port: 10350}}", Ok(10450)),
        ("kubelet: {extraArgs: {port: all}}", Err("kubelet.extraArgs.port")),
    ] {
        assert_eq!(port::port(&document(fields)), expected, "{fields}");
    }
}

#[test]
fn a_port_that_is_taken_names_its_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().port();
    let own = format!("(process {})", std::process::id());
    assert_told(&port::free(taken), "port_taken", &own, "held");
}

#[test]
fn names_of_nodes() {
    let named = |name: &str| NodeName::parse(name);
    let (longest, longer) = (format!("{}.{}", "a".repeat(31), "b".repeat(31)), "a.".repeat(31) + "bc");
    for (node, how, words) in [
        (named("worker-1"), "passed", "worker-1"),
        (named(&longest), "passed", ".bbb"),
        (named(&longer), "node_name_invalid", "has 64 characters"),
        (named("localhost"), "node_name_invalid", "has not been given a name"),
        (named("localhost.localdomain"), "node_name_invalid", "has not been given a name"),
        (named("localhost-1"), "passed", "localhost-1"),
        (named("Worker_1"), "node_name_invalid", "taking the host name \"\u{1b}"),
    ] {
        let mut fixture = Fixture::new();
        fixture.facts.hostname = "\u{1b}[1m".to_owned();
        fixture.node = node;
        let outcome = identity::node_name(&fixture.host());
        // What the host calls itself must not steer a terminal.
        let words = words.replace('\u{1b}', "\\u{1b}");
        assert_told(&outcome, how, &words, &words);
    }
}

#[test]
fn something_else_in_the_place_of_a_directory() {
    let fixture = Fixture::new();
    assert_told(&paths::writable(&fixture.host()), "passed", "5 directories", "nothing there");
    fixture.put("/etc/kubernetes", b"", 0o644);
    fixture.put("/var/lib", b"", 0o644);
    let (how, line) = told(&paths::writable(&fixture.host()));
    assert_eq!(how, "path_not_writable");
    for part in ["etc/kubernetes: ", "var/lib/kubelet: ", "var/lib/worker-bootstrap: ", "is not a directory"]
    {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("run/worker-bootstrap"), "{line}");
}

#[tokio::test]
async fn servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let up = listener.local_addr().unwrap().port();
    // Bound and not listening: nobody else gets it, and it refuses.
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let down = bound.local_addr().unwrap().port();
    let refused = format!("https://127.0.0.1:{down}: 127.0.0.1:{down}: Connection refused");
    let accepts = format!("https://127.0.0.1:{up} accepts connections");
    for (ports, how, words) in [
        (vec![up], "passed", &accepts),
        (vec![down, up], "passed", &accepts),
        (vec![down], "warned", &refused),
    ] {
        let url = |port| document::ServerUrl::parse(&format!("https://127.0.0.1:{port}")).unwrap();
        let servers: Vec<_> = ports.into_iter().map(url).collect();
        assert_told(&server::any(&servers).await, how, words, words);
    }
}

#[test]
fn one_failure_keeps_its_reason_and_several_are_all_named() {
    let failed = |id, reason, line: &str| Verdict { id, outcome: Outcome::failed(reason, line) };
    let passed = || Verdict { id: CheckId::Root, outcome: Outcome::Passed(String::new()) };
    let kubelet = || failed(CheckId::Kubelet, Reason::KubeletNotReady, "no kubelet");
    let port = || failed(CheckId::Port, Reason::PortTaken, "port taken");
    for (verdicts, expected) in [
        (vec![passed()], None),
        (vec![passed(), kubelet()], Some((Reason::KubeletNotReady, "no kubelet"))),
        (
            vec![passed(), kubelet(), port()],
            Some((Reason::CheckFailed, "2 checks failed: kubelet: no kubelet; port: port taken")),
        ),
    ] {
        let failure = Checked { verdicts, kubelet: None, runtime: None }.failure();
        let seen = failure.map(|failure| (failure.reason, failure.line()));
        assert_eq!(seen, expected.map(|(reason, line)| (reason, line.to_owned())));
    }
}
