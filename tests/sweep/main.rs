//! The real `worker-bootstrap wipe` on scratch roots: every place, layers upon layers, and a machine that does
//! not make it easy.

#![allow(clippy::disallowed_methods, reason = "the product's doors are not the tests'")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod as_root;
mod copies;
mod expired;
mod hostile;
#[path = "../support/immutable.rs"]
mod immutable;
mod own;
mod places;
#[allow(clippy::print_stderr, reason = "the seed that failed is said")]
mod random;
mod report;
mod wrapped;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const ID: &str = "q7x2mz";
const SECRET: &str = "k3v9w5t1r8y4u6n0";

fn token() -> String {
    format!("{ID}.{SECRET}")
}

/// A directory that stands for a machine.
struct Root(TempDir);

/// How a `wipe` ended.
struct Wiped {
    exit: i32,
    report: Value,
    said: String,
}

impl Root {
    fn new() -> Self {
        let root = Root(tempfile::Builder::new().prefix("sweep-").tempdir().unwrap());
        root.put("etc/machine-id", b"0123456789abcdef0123456789abcdef\n");
        root
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below.trim_start_matches('/'))
    }

    fn put(&self, below: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, below: &str) -> Vec<u8> {
        std::fs::read(self.path(below)).unwrap()
    }

    /// Whether the secret half stands in the file, plain.
    fn holds(&self, below: &str) -> bool {
        holds(&self.path(below))
    }

    fn wipe(&self, arguments: &[&str]) -> Wiped {
        self.wipe_of(ID, arguments)
    }

    /// Of the token with this public half.
    fn wipe_of(&self, id: &str, arguments: &[&str]) -> Wiped {
        self.wipe_known(&[&["--token-id", id], arguments].concat())
    }

    /// Of the tokens that the machine itself knows of.
    fn wipe_known(&self, arguments: &[&str]) -> Wiped {
        let said = Command::new(env!("CARGO_BIN_EXE_worker-bootstrap"))
            .args(["wipe", "--json", "--root"])
            .arg(self.0.path())
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [&said.stdout[..], &said.stderr[..]].concat();
        assert!(memchr::memmem::find(&text, SECRET.as_bytes()).is_none(), "the token was printed");
        let report: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
        Wiped {
            exit: said.status.code().unwrap_or(-1),
            report: report["custody"].clone(),
            said: String::from_utf8_lossy(&text).into_owned(),
        }
    }

    /// A path as the report shows it.
    fn shown(&self, below: &str) -> String {
        self.path(below).display().to_string()
    }
}

impl Wiped {
    /// The paths in a list of the report.
    fn paths(&self, list: &str) -> Vec<String> {
        let rows = self.report[list].as_array().unwrap_or_else(|| panic!("no {list}: {}", self.said));
        rows.iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
    }

    fn reports(&self, list: &str, path: &str) -> bool {
        self.paths(list).iter().any(|shown| shown == path)
    }
}

fn holds(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    memchr::memmem::find(&bytes, SECRET.as_bytes()).is_some()
}
