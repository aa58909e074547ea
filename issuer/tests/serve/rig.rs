//! A running issuer with a certificate of a CA of its own, and the program's other commands beside it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is awaited here takes milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn read(path: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test reads what the program wrote")]
    std::fs::read_to_string(path).unwrap_or_default()
}

pub fn write(path: &Path, text: &str, mode: u32) {
    let options = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    options.unwrap().write_all(text.as_bytes()).unwrap();
}

pub fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The program's command line.
pub fn program(arguments: &[&str]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap-issuer"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// A directory with a CA, a certificate and a configuration.
pub struct Rig {
    pub directory: TempDir,
    ca: (CertificateParams, KeyPair),
}

/// The issuer, serving.
pub struct Serving {
    child: Child,
    pub address: String,
    pub operations: String,
}

impl Rig {
    pub fn new() -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let rig = Rig { directory, ca: (params, key) };
        write(&rig.path("ca.crt"), &certificate.pem(), 0o644);
        rig.renew();
        let config = "listen: 127.0.0.1:0\noperations: 127.0.0.1:0\ntls: {certificate: tls.crt, key: tls.key}\n\
                      database: state/issuer.db\nclusters:\n\
                      - {id: clu_01, workspace: ws_01, embedded: {state: cluster}}\n";
        write(&rig.path("config.yaml"), config, 0o644);
        rig
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Puts a fresh certificate in the place of whatever was there.
    pub fn renew(&self) {
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.ca.0, &self.ca.1);
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        write(&self.path("tls.crt"), &params.signed_by(&key, &issuer).unwrap().pem(), 0o644);
        write(&self.path("tls.key"), &key.serialize_pem(), 0o600);
    }

    /// Runs one of the program's commands to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        program(arguments).current_dir(self.directory.path()).output().unwrap()
    }

    /// Runs a command that is to succeed, and gives what it printed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that is to fail, and gives what it said.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed something");
        said
    }

    /// Makes an API token in the file of this name.
    pub fn token(&self, file: &str, more: &[&str]) {
        let fixed = ["token", "create", "--config", "config.yaml", "--workspace", "ws_01", "--output", file];
        self.done(&[&fixed, more].concat());
    }

    pub fn serve(&self) -> Serving {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, environment: &[(&str, &str)]) -> Serving {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let before = read(&self.path("log")).len();
        let child = program(&["serve", "--config", "config.yaml"])
            .current_dir(self.directory.path())
            .envs(environment.iter().copied())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut serving = Serving { child, address: String::new(), operations: String::new() };
        let began = Instant::now();
        while serving.address.is_empty() {
            let text = read(&self.path("log"));
            assert!(serving.child.try_wait().unwrap().is_none(), "it has ended: {text}");
            assert!(began.elapsed() < PATIENCE, "it does not serve: {text}");
            std::thread::sleep(Duration::from_millis(10));
            for line in text[before..].lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
                let address = line["address"].as_str().unwrap_or_default().to_owned();
                match line["message"].as_str() {
                    Some("the API is served") => serving.address = address,
                    Some("health and metrics are served") => serving.operations = address,
                    _ => {}
                }
            }
        }
        serving
    }
}

impl Serving {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Tells it to end, and gives its exit code.
    pub fn end(mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.child.wait().unwrap().code()
    }

    /// The API's base URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A page for operators: its status and its text.
    pub fn page(&self, path: &str) -> (u16, String) {
        use std::io::Read;
        let mut stream = TcpStream::connect(&self.operations).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
