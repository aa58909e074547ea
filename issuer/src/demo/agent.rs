//! The agent, run as a child: its output is shown as it comes and kept for the search.

use super::machine::Machine;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The name of the agent's program, which is built beside this one.
const NAME: &str = "worker-bootstrap";

/// Why the agent did not run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It is not there.
    #[error("{} is not there: build it first (cargo build --workspace), or start the demo by ./demo", .0.display())]
    Absent(PathBuf),
    /// It could not be started or followed.
    #[error("cannot run {}", path.display())]
    Run {
        /// Which program.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// How a run ended and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output and error, each whole.
    pub output: Vec<u8>,
}

impl Ended {
    /// The exit code for people.
    pub fn shown(&self) -> String {
        self.code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string())
    }
}

/// The agent beside this program.
pub fn find() -> Result<PathBuf, AgentError> {
    let own =
        std::env::current_exe().map_err(|source| AgentError::Run { path: PathBuf::from(NAME), source })?;
    let path = own.with_file_name(NAME);
    if path.is_file() { Ok(path) } else { Err(AgentError::Absent(path)) }
}

/// Has the machine join.
pub async fn run(program: &PathBuf, machine: &Machine) -> Result<Ended, AgentError> {
    to_its_end(program, machine, &["run", "--no-start"]).await
}

/// Has it swept, and shows what became of every copy.
pub async fn wipe(program: &PathBuf, machine: &Machine) -> Result<Ended, AgentError> {
    to_its_end(program, machine, &["wipe"]).await
}

/// Has it say what it knows of its last run.
pub async fn status(program: &PathBuf, machine: &Machine) -> Result<Ended, AgentError> {
    to_its_end(program, machine, &["status"]).await
}

async fn to_its_end(program: &PathBuf, machine: &Machine, words: &[&str]) -> Result<Ended, AgentError> {
    let failed = |source| AgentError::Run { path: program.clone(), source };
    #[expect(clippy::disallowed_methods, reason = "the demo's one child: absolute path, no environment")]
    let mut command = tokio::process::Command::new(program);
    command.args(words).arg("--root").arg(&machine.root);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) = tokio::join!(pass(stdout), pass(stderr), child.wait());
    let mut output = stdout.map_err(failed)?;
    output.extend(stderr.map_err(failed)?);
    Ok(Ended { code: status.map_err(failed)?.code(), output })
}

/// Shows a stream as it comes, and returns it whole.
async fn pass(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    let Some(mut stream) = stream else { return Ok(whole) };
    let mut chunk = [0u8; 4096];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(&chunk[..count]);
        let mut out = io::stdout().lock();
        out.write_all(&chunk[..count])?;
        out.flush()?;
    }
}
