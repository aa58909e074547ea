//! The whole program, serving an embedded cluster from a directory of one test's own.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// The program, running.
pub struct Program {
    child: Child,
    /// Where the API is.
    pub address: SocketAddr,
    log: std::thread::JoinHandle<String>,
}

/// Where a test's files are, and what the program is told of them.
pub fn configure(directory: &Path) {
    let text = "listen: 127.0.0.1:0\ndatabase: issuer.db\nmasterKey: master.key\nclusters:\n\
                - {id: clu_1, workspace: ws_1, embedded: {state: cluster}}\n";
    #[expect(clippy::disallowed_methods, reason = "a test writes what the program reads")]
    std::fs::write(directory.join("issuer.yaml"), text).unwrap();
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap-issuer"));
    command.args(arguments).arg("--config").arg(directory.join("issuer.yaml"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs a subcommand to its end.
pub fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

/// A token of the workspace, as its operator makes one.
pub fn token(directory: &Path) -> String {
    let made = run(directory, &["token", "create", "--workspace", "ws_1"]);
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

impl Program {
    pub fn start(directory: &Path) -> Program {
        let mut child = command(directory, &["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut seen, mut address) = (String::new(), None);
        while address.is_none() {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended: {seen}");
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "the API is served" {
                address = event["address"].as_str().and_then(|text| text.parse().ok());
            }
            seen.push_str(&line);
        }
        // Read to its end, so that the program never waits for a reader.
        let log = std::thread::spawn(move || {
            log.read_to_string(&mut seen).ok();
            seen
        });
        Program { child, address: address.unwrap(), log }
    }

    /// Ends it by this signal: how it ended, and what it logged.
    pub fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
        let ended = self.child.wait().unwrap();
        (ended, self.log.join().unwrap())
    }
}
