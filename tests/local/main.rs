//! Bad input, through the real agent on this machine's loopback alone: what the agent says of it, and that
//! it changes nothing, loses nothing, tells nobody the token and asks nobody anything.

#![allow(
    clippy::disallowed_methods,
    reason = "the product's doors to files and processes are not the tests'"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test program uses its part")]
mod support;

mod commands;
mod documents;
mod hosts;
mod itself;
mod places;
mod sources;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use support::canary::Canary;
use support::machine::{DOCUMENT, Machine};
use support::token::Token;
use support::tree::{changes, tree};
use support::unix_now;

/// What every run may write, whatever becomes of it.
const REPORTS: [&str; 7] = [
    "run/worker-bootstrap",
    "run/worker-bootstrap/lock",
    "run/worker-bootstrap/status.json",
    "var",
    "var/lib",
    "var/lib/worker-bootstrap",
    "var/lib/worker-bootstrap/result.json",
];

/// A machine, a token nobody else has, and a server that nobody should speak to.
struct Scene {
    machine: Machine,
    token: Token,
    server: TcpListener,
}

/// How a command ended.
struct Said {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Scene {
    fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let scene = Scene { machine: Machine::ready(), token: Token::random(), server };
        std::fs::create_dir_all(scene.machine.path("run/worker-bootstrap")).unwrap();
        scene
    }

    /// A document without a fault, as YAML, that ends in so many seconds. Should a run come as far as the
    /// server, which never answers, it does not stay there for long.
    fn document(&self, expires_in: i64) -> String {
        format!(
            "apiVersion: bootstrap.akua.dev/v1alpha1\nkind: WorkerBootstrap\nexpiresAt: {}\ntoken: {}\ncluster:\n  \
             servers: [\"https://{}\"]\n  caCertHashes: [\"sha256:{}\"]\njoin: {{timeout: 2s}}\n",
            unix_now().cast_signed() + expires_in,
            self.token.text(),
            self.server.local_addr().unwrap(),
            "ab".repeat(32)
        )
    }

    fn deliver(&self, text: &str) {
        self.machine.write(DOCUMENT, text, 0o600);
    }

    /// Runs a command of the agent on this machine; the token must be in nothing that it says.
    fn agent(&self, arguments: &[&str], stdin: &[u8]) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_worker-bootstrap"))
            .args(arguments)
            .arg("--root")
            .arg(self.machine.root())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that refuses its command line does not read.
        child.stdin.take().unwrap().write_all(stdin).ok();
        let output = child.wait_with_output().unwrap();
        let canary = Canary::of(&self.token);
        canary.assert_absent(&output.stdout, "standard output");
        canary.assert_absent(&output.stderr, "standard error");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            exit: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The agent ends so, having changed nothing but its own reports, and having erased the document only
    /// where the token's life has ended.
    #[track_caller]
    fn refuses(&self, case: &str, arguments: &[&str], stdin: &[u8], (exit, reason, says): (i32, &str, &str)) {
        let before = tree(self.machine.root());
        let said = self.agent(arguments, stdin);
        let last = said.stderr.lines().last().unwrap_or_default();
        assert_eq!(said.exit, exit, "{case}: {}", said.stderr);
        assert!(last.contains(reason) && last.contains(says), "{case}: {last}");
        let result: serde_json::Value =
            serde_json::from_str(&self.machine.read("var/lib/worker-bootstrap/result.json")).unwrap();
        assert_eq!((&result["reason"], &result["exitCode"]), (&reason.into(), &exit.into()), "{case}");
        let mut changed = changes(&before, &tree(self.machine.root()));
        changed.retain(|name| !REPORTS.contains(&name.as_str()));
        if matches!(exit, 5..=7) {
            changed.retain(|name| !name.ends_with("/bootstrap.yaml"));
            assert!(!self.machine.has(DOCUMENT), "{case}: the document still lies there");
        }
        assert_eq!(changed, Vec::<String>::new(), "{case}");
        for report in ["run/worker-bootstrap/status.json", "var/lib/worker-bootstrap/result.json"] {
            Canary::of(&self.token).assert_absent(self.machine.read(report).as_bytes(), report);
        }
    }

    /// Nobody has connected to the server.
    #[track_caller]
    fn nobody_was_asked(&self, case: &str) {
        let error = self.server.accept().expect_err(case);
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{case}");
    }

    /// Whoever has connected to the server has not said a word: it was looked at, and not spoken to.
    #[track_caller]
    fn nothing_was_sent(&self, case: &str) {
        while let Ok((mut connection, _)) = self.server.accept() {
            let mut bytes = Vec::new();
            connection.read_to_end(&mut bytes).ok();
            assert!(bytes.is_empty(), "{case}: {} bytes were sent", bytes.len());
        }
    }
}
