//! The clusters that the agent joins: the embedded one of `bootstrap-issuer`, and a real control
//! plane. One of each kind per test program, started when first asked for, ended with the program.

use super::admin::Admin;
use super::audit::{self, Request};
use super::front::{Front, Mode};
use super::token::{Terms, Token};
use serde::Deserialize;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Which cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `bootstrap-issuer cluster`.
    Embedded,
    /// etcd, kube-apiserver and kube-controller-manager.
    Real,
}

/// A running cluster, as a test sees it.
pub struct Cluster {
    pub kind: Kind,
    /// Where its API server listens.
    pub address: SocketAddr,
    /// PEM of its CA certificate.
    pub ca: String,
    pub admin: Admin,
    /// The administrator's certificate and key, PEM.
    pub credential: (PathBuf, PathBuf),
    audit_log: PathBuf,
}

/// The contract of everything that starts a cluster.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contract {
    server: String,
    ca: PathBuf,
    admin_cert: PathBuf,
    admin_key: PathBuf,
    audit_log: PathBuf,
}

impl Cluster {
    /// The cluster of this kind. Must be called within a runtime.
    pub fn of(kind: Kind) -> Self {
        let contract = match kind {
            Kind::Embedded => embedded(),
            Kind::Real => &real().contract,
        };
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        let ca = text(&contract.ca);
        let admin =
            Admin::new(&contract.server, &ca, &text(&contract.admin_cert), &text(&contract.admin_key));
        let credential = (contract.admin_cert.clone(), contract.admin_key.clone());
        let audit_log = contract.audit_log.clone();
        Cluster { kind, address: address(&contract.server), ca, admin, credential, audit_log }
    }

    /// A way to the cluster of a test's own, whose requests can be told from all others.
    pub fn door(&self) -> Front {
        Front::new(self.forward())
    }

    pub fn forward(&self) -> Mode {
        Mode::Forward(self.address)
    }

    /// A fresh token that the cluster accepts already.
    pub async fn issue(&self, terms: &Terms) -> Token {
        let token = Token::random();
        self.admin.create_token(&token, terms).await;
        if terms.expires_in > 0 {
            self.admin.token_is_known(&token, &self.ca).await;
        }
        token
    }

    /// `sha256:...` of the CA's public key.
    pub fn ca_hash(&self) -> String {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.ca.as_bytes()).unwrap();
        let certificate = pem.parse_x509().unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate.public_key().raw);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// What the agent asked through this front, in order.
    pub fn requests_through(&self, front: &Front) -> Vec<Request> {
        let mut requests = audit::read(&self.audit_log);
        requests.retain(|request| request.is_from(front.source()));
        requests
    }

    /// What the agent asked as this user, in order.
    pub fn requests_as(&self, user: &str) -> Vec<Request> {
        let mut requests = audit::read(&self.audit_log);
        requests.retain(|request| request.user == user && request.agent.starts_with("worker-bootstrap/"));
        requests
    }
}

fn address(server: &str) -> SocketAddr {
    server.strip_prefix("https://").unwrap().trim_end_matches('/').parse().unwrap()
}

/// An API server more, on the same data as the real cluster's first one, that can be stopped and
/// started without harm to other tests.
pub struct SecondServer {
    name: String,
    pub address: SocketAddr,
}

impl SecondServer {
    /// Returns when the server is ready.
    pub fn add(name: &str) -> Self {
        let answer = real().tell(&format!("add {name}"));
        let url = answer.strip_prefix(&format!("added {name} ")).unwrap_or_else(|| panic!("{answer}"));
        SecondServer { name: name.to_owned(), address: address(url) }
    }

    /// Ends it as a power failure would.
    pub fn stop(&self) {
        assert_eq!(real().tell(&format!("stop {}", self.name)), format!("stopped {}", self.name));
    }

    /// Starts it and returns at once.
    pub fn start(&self) {
        assert_eq!(real().tell(&format!("start {}", self.name)), format!("started {}", self.name));
    }
}

impl Drop for SecondServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn embedded() -> &'static Contract {
    static EMBEDDED: OnceLock<(Contract, Mutex<Child>)> = OnceLock::new();
    let (contract, _) = EMBEDDED.get_or_init(|| {
        let program = super::program("bootstrap-issuer");
        let state = state_directory("embedded");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(["cluster", "--state"]).arg(&state);
        command.stdin(Stdio::null()).stdout(log(&state)).stderr(log(&state));
        let child = start(command);
        (ready(&state, Duration::from_secs(30)), Mutex::new(child))
    });
    contract
}

struct Real {
    contract: Contract,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _process: Child,
}

fn real() -> &'static Real {
    static REAL: OnceLock<Real> = OnceLock::new();
    REAL.get_or_init(|| {
        let state = state_directory("real");
        let script = super::repository().join("tests/cluster/control-plane");
        // Its standard input ends with this program, and it with that.
        let mut command = Command::new(script);
        command.arg("run").arg(&state).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log(&state));
        let mut child = start(command);
        let mut talk = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = String::new();
        talk.1.read_line(&mut line).unwrap();
        let said = std::fs::read_to_string(state.join("log")).unwrap_or_default();
        assert!(line.starts_with("ready "), "the control plane did not start: {said}");
        Real { contract: ready(&state, Duration::ZERO), talk: Mutex::new(talk), _process: child }
    })
}

impl Real {
    fn tell(&self, command: &str) -> String {
        let mut talk = self.talk.lock().unwrap();
        writeln!(talk.0, "{command}").unwrap();
        let mut line = String::new();
        talk.1.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// Starts a child that is to live as long as this program. `--pdeathsig` looks at the thread that
/// started it, so that is one that does not end.
fn start(mut command: Command) -> Child {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        send.send(command.spawn()).ok();
        loop {
            std::thread::park();
        }
    });
    receive.recv().unwrap().unwrap()
}

fn ready(state: &Path, patience: Duration) -> Contract {
    let deadline = Instant::now() + patience;
    loop {
        if let Ok(text) = std::fs::read(state.join("cluster.json")) {
            return serde_json::from_slice(&text).unwrap();
        }
        let said = std::fs::read_to_string(state.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "the cluster in {} did not start: {said}", state.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn log(state: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().create(true).append(true).open(state.join("log")).unwrap()
}

/// A directory for a cluster of this process. Those of processes that are gone are removed.
fn state_directory(kind: &str) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{kind}"));
    std::fs::create_dir_all(&parent).unwrap();
    for entry in std::fs::read_dir(&parent).unwrap().flatten() {
        let alive = Path::new("/proc").join(entry.file_name()).exists();
        if !alive {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
    let state = parent.join(std::process::id().to_string());
    std::fs::create_dir_all(&state).unwrap();
    state
}
