//! A machine for a command to be used on: a PATH with the tools that it may find, and an agent that writes
//! down how it was started.

use crate::order::{read, write};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What every machine has.
const TOOLS: [&str; 8] = ["cat", "id", "mktemp", "printf", "readlink", "rm", "sha256sum", "tr"];
/// The exit code that the agent ends with.
pub const CODE: i32 = 7;

pub struct Machine {
    home: TempDir,
}

impl Machine {
    /// Without the agent.
    pub fn new(tools: &[&str]) -> Machine {
        let machine = Machine { home: tempfile::tempdir().unwrap() };
        std::fs::create_dir(machine.path("bin")).unwrap();
        for tool in TOOLS.iter().chain(tools) {
            symlink(find(tool), machine.path("bin").join(tool)).unwrap();
        }
        // Whoever runs the tests, the command runs as somebody who has to become root first.
        machine.program("id", "echo 1000");
        machine.program("sudo", "exec \"$@\"");
        machine.program("sleep", "echo \"$1\" >>\"$HOME/pauses\"");
        machine
    }

    pub fn with_agent(tools: &[&str]) -> Machine {
        let machine = Machine::new(tools);
        machine.program("worker-bootstrap", &machine.agent());
        machine
    }

    /// The agent's text: it notes its arguments, its environment, what its standard input is and holds.
    pub fn agent(&self) -> String {
        format!(
            "if [ \"$1\" = --version ]; then echo 'worker-bootstrap 9'; exit; fi\n\
             printf '%s\\n' \"$*\" >\"$HOME/arguments\"\n\
             tr '\\0' '\\n' </proc/$$/environ >\"$HOME/environment\"\n\
             readlink /proc/self/fd/0 >\"$HOME/input\"\n\
             cat >\"$HOME/document\"\n\
             exit {CODE}"
        )
    }

    pub fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        std::fs::remove_file(&path).ok();
        write(&path, format!("#!{}\n{text}\n", find("bash").display()).as_bytes());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn note(&self, name: &str) -> String {
        read(&self.path(name))
    }

    /// Gives `text` to a shell by its standard input, as a paste or a file would.
    pub fn run(&self, shell: &[&str], environment: &[(&str, &str)], text: &str) -> Output {
        #[expect(clippy::disallowed_methods, reason = "the shell that the text is for")]
        let mut child = Command::new(find(shell[0]))
            .args(&shell[1..])
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.home.path())
            .envs(environment.iter().copied())
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn find(program: &str) -> PathBuf {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|directory| Path::new(directory).join(program))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{program} is not installed"))
}
