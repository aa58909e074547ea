//! Machines to join, as directories, and runs of the real agent on them.

use super::canary::{Canary, files};
use super::random_word;
use super::token::Token;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// How long a run may take before a test gives it up.
const PATIENCE: Duration = Duration::from_secs(100);

/// A machine that is ready to join, below a directory of its own.
pub struct Machine {
    root: TempDir,
    /// Its host name, and so the node's.
    pub name: String,
    canaries: Mutex<Vec<Canary>>,
}

impl Machine {
    /// A machine with a name nobody else has, a synchronized clock and a kubelet.
    pub fn ready() -> Self {
        let name = format!("worker-{}", random_word(8));
        let root = tempfile::Builder::new().prefix("machine-").tempdir().unwrap();
        let machine = Machine { root, name, canaries: Mutex::new(Vec::new()) };
        machine.give_identity();
        machine.write("etc/hostname", &format!("{}\n", machine.name), 0o644);
        machine.write(SYNCHRONIZED, "", 0o644);
        // The oldest version a cluster of these tests runs: never newer than its API server.
        machine.write("usr/bin/kubelet", "#!/bin/sh\necho 'Kubernetes v1.20.2'\n", 0o755);
        machine
    }

    /// A new /etc/machine-id: what makes a copied disk another machine.
    pub fn give_identity(&self) {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).unwrap();
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.write("etc/machine-id", &format!("{id}\n"), 0o444);
    }

    /// Takes away what vouches for the clock.
    pub fn forget_clock(&self) {
        std::fs::remove_file(self.path(SYNCHRONIZED)).unwrap();
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.root().join(below.trim_start_matches('/'))
    }

    /// The text of a file; a link is followed as the machine itself would follow it.
    pub fn read(&self, below: &str) -> String {
        let path = self.path(below);
        let path = match path.read_link() {
            Ok(target) if target.is_absolute() => self.path(&target.to_string_lossy()),
            _ => path,
        };
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, below: &str) -> bool {
        self.path(below).symlink_metadata().is_ok()
    }

    pub fn mode(&self, below: &str) -> u32 {
        self.path(below).symlink_metadata().unwrap().permissions().mode() & 0o7777
    }

    /// Puts a file there as a package or a person would.
    pub fn write(&self, below: &str, text: &str, mode: u32) {
        use std::io::Write;
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::remove_file(&path).ok();
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Puts a bootstrap document where the agent looks for it.
    pub fn deliver(&self, document: &Value) {
        self.watch_for(document);
        self.write(DOCUMENT, &document.to_string(), 0o600);
    }

    fn watch_for(&self, document: &Value) {
        if let Some((id, secret)) = document["token"].as_str().and_then(|token| token.split_once('.')) {
            let token = Token { id: id.to_owned(), secret: secret.to_owned() };
            self.canaries.lock().unwrap().push(Canary::of(&token));
        }
    }

    /// Delivers the document and runs the agent to its end.
    pub async fn join(&self, document: &Value) -> Outcome {
        self.deliver(document);
        self.run(&[]).await
    }

    /// Runs the agent to its end; the arguments follow `run`.
    pub async fn run(&self, arguments: &[&str]) -> Outcome {
        self.start(arguments).end().await
    }

    /// Starts the agent.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_under(&["env"], arguments)
    }

    /// Takes back what the runs made; the arguments follow `reset`.
    pub async fn reset(&self, arguments: &[&str]) -> Outcome {
        self.command_under(&["env"], "reset", arguments).end().await
    }

    /// Starts the agent by way of another program, which is given the agent's command line.
    pub fn start_under(&self, by: &[&str], arguments: &[&str]) -> Running {
        self.command_under(by, "run", arguments)
    }

    /// The same with another of the agent's commands.
    pub fn command_under(&self, by: &[&str], command: &str, arguments: &[&str]) -> Running {
        let mut child = Command::new(by[0])
            .args(&by[1..])
            .arg(super::program("worker-bootstrap"))
            .arg(command)
            .arg("--root")
            .arg(self.root())
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = child.id().unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        let seen = tokio::spawn(watch_process(pid));
        Running {
            child,
            pid,
            stdout,
            stderr,
            seen,
            began: Instant::now(),
            is_run: command == "run",
            root: self.root().to_path_buf(),
            canaries: self.canaries.lock().unwrap().clone(),
        }
    }
}

/// The mark of systemd-timesyncd.
const SYNCHRONIZED: &str = "run/systemd/timesync/synchronized";
/// Where [`Machine::deliver`] puts the document.
pub const DOCUMENT: &str = "run/worker-bootstrap/bootstrap.yaml";

type Lines = (Arc<Mutex<Vec<String>>>, JoinHandle<()>);

/// A run under way.
pub struct Running {
    child: Child,
    pub pid: u32,
    stdout: Lines,
    stderr: Lines,
    seen: JoinHandle<BTreeSet<Vec<u8>>>,
    began: Instant,
    is_run: bool,
    root: PathBuf,
    canaries: Vec<Canary>,
}

impl Running {
    /// What it has said so far.
    pub fn said(&self) -> String {
        self.stderr.0.lock().unwrap().join("\n")
    }

    /// Its status file, as far as there is one.
    pub fn status(&self) -> Value {
        read_json(&self.root.join("run/worker-bootstrap/status.json"))
    }

    /// Returns when the status file says that this is waited for; the words are the agent's.
    pub async fn waits_for(&mut self, state: &str) {
        let pid = self.pid;
        super::eventually(&format!("waiting for {state}"), async || {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended instead of waiting: {}", self.said());
            let status = self.status();
            (status["pid"] == pid && status["waiting"]["state"] == state).then_some(())
        })
        .await;
    }

    /// Tells it to stop, as `systemctl stop` does.
    pub fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid.try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    /// Kills it as a power failure would.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
        self.judge().await;
    }

    /// Waits for its end.
    pub async fn end(mut self) -> Outcome {
        let Ok(ended) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            panic!("the agent did not end within {PATIENCE:?}; it said:\n{}", self.said());
        };
        let took = self.began.elapsed();
        let exit = ended.unwrap().code().unwrap_or(-1);
        let root = self.root.clone();
        let canaries = self.canaries.clone();
        let is_run = self.is_run;
        let (lines, stdout) = self.judge().await;
        let result = read_json(&root.join("var/lib/worker-bootstrap/result.json"));
        // A verdict that ends the token's life ends its copies, but for those that are confessed; before one, the
        // document stays.
        let kept = match exit {
            0 | 5 | 6 | 7 if is_run => Vec::new(),
            10 if is_run => {
                let left = result["custody"]["left"].as_array().into_iter().flatten();
                left.filter_map(|left| Some(PathBuf::from(left["path"].as_str()?))).collect()
            }
            _ => vec![root.join(DOCUMENT)],
        };
        for canary in &canaries {
            canary.assert_absent_below(&root, &kept);
        }
        Outcome {
            exit,
            status: read_json(&root.join("run/worker-bootstrap/status.json")),
            result,
            lines,
            stdout,
            took,
        }
    }

    /// Looks for the token in everything that the process let out; gives back its output.
    async fn judge(self) -> (Vec<String>, String) {
        self.stdout.1.await.unwrap();
        self.stderr.1.await.unwrap();
        let seen = self.seen.await.unwrap();
        let lines = self.stderr.0.lock().unwrap().clone();
        let stdout = self.stdout.0.lock().unwrap().join("\n");
        for canary in &self.canaries {
            canary.assert_absent(lines.join("\n").as_bytes(), "standard error");
            canary.assert_absent(stdout.as_bytes(), "standard output");
            for text in &seen {
                canary.assert_absent(text, "the arguments or the environment of a process");
            }
        }
        assert!(!lines.iter().any(|line| line.contains("PRIVATE KEY")), "a key was printed");
        (lines, stdout)
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub exit: i32,
    /// Standard error.
    pub lines: Vec<String>,
    pub stdout: String,
    /// run/worker-bootstrap/status.json
    pub status: Value,
    /// var/lib/worker-bootstrap/result.json
    pub result: Value,
    pub took: Duration,
}

impl Outcome {
    /// Fails unless it ended so, in the exit code, in the result file and in the last line alike.
    #[track_caller]
    pub fn must_be(self, exit: i32, reason: &str) -> Self {
        let said = self.lines.join("\n");
        assert_eq!(self.exit, exit, "expected exit {exit} ({reason}); it said:\n{said}");
        assert_eq!(self.result["reason"], reason, "{said}");
        assert_eq!(self.result["exitCode"], exit, "{said}");
        assert_eq!(self.status["reason"], reason, "{said}");
        if exit != 0 {
            let last = self.lines.last().map_or("", String::as_str);
            assert!(last.contains(reason), "the last line does not name {reason}:\n{said}");
        }
        self
    }

    /// Fails unless it exited so. For runs whose files another run may have written over.
    #[track_caller]
    pub fn must_exit(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "it said:\n{}", self.lines.join("\n"));
        self
    }

    /// Fails unless the machine has joined.
    #[track_caller]
    pub fn must_join(self) -> Self {
        self.must_be(0, "joined")
    }

    /// Fails unless the message of the result holds each of these words.
    #[track_caller]
    pub fn must_name(self, words: &[&str]) -> Self {
        let message = self.result["message"].as_str().unwrap_or_default();
        for word in words {
            assert!(message.contains(word), "\"{word}\" is not in: {message}");
        }
        self
    }

    /// Whether a line says this.
    pub fn says(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.contains(words))
    }
}

fn read_json(path: &Path) -> Value {
    std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn collect(stream: impl AsyncRead + Unpin + Send + 'static) -> Lines {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = lines.clone();
    let task = tokio::spawn(async move {
        let mut stream = BufReader::new(stream).lines();
        while let Ok(Some(line)) = stream.next_line().await {
            into.lock().unwrap().push(line);
        }
    });
    (lines, task)
}

/// Looks at the arguments and the environment of a process and its children until it is gone.
async fn watch_process(pid: u32) -> BTreeSet<Vec<u8>> {
    let mut seen = BTreeSet::new();
    while look_at(pid, &mut seen) {
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    seen
}

fn look_at(pid: u32, seen: &mut BTreeSet<Vec<u8>>) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let Ok(arguments) = std::fs::read(process.join("cmdline")) else { return false };
    // One that has ended and is not yet waited for has no arguments any more.
    let alive = !arguments.is_empty();
    seen.insert(arguments);
    seen.extend(std::fs::read(process.join("environ")));
    let children = std::fs::read_to_string(process.join(format!("task/{pid}/children"))).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        look_at(child, seen);
    }
    alive
}

/// Every file below the machine's root, as the machine names it.
pub fn files_of(machine: &Machine) -> Vec<String> {
    let name = |path: PathBuf| format!("/{}", path.strip_prefix(machine.root()).unwrap().display());
    files(machine.root()).into_iter().map(name).collect()
}
