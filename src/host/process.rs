//! The one way to start a child: by absolute path, with next to no environment, nothing on stdin, a
//! deadline, its status checked, its words bounded. No secret ever passes through here.

use crate::failure::one_line;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// How much of a child's output is kept, in bytes. What comes after is read and dropped.
pub const STDOUT_LIMIT: usize = 64 * 1024;
/// How much of the end of a child's error output is kept, in bytes.
pub const STDERR_LIMIT: usize = 1024;

/// How long a program of this machine has for a short answer that a fault of the host is named by. One that
/// is read from a slow disk for the first time may need longer: it is asked again by the next run.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(1800);

/// A child that ended well.
#[derive(Debug)]
pub struct Finished {
    /// What it said; invalid UTF-8 replaced.
    pub stdout: String,
}

/// A child that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("{} is not there", program.display())]
    Missing {
        /// Its path.
        program: PathBuf,
    },
    /// The kernel would not run it.
    #[error("{} cannot be started", program.display())]
    NotStarted {
        /// Its path.
        program: PathBuf,
        /// What the kernel said; raw error 8 (ENOEXEC) is a program of another architecture.
        source: io::Error,
    },
    /// It was killed at the deadline: it is there, and may answer another time.
    #[error("{} did not end within {deadline:?}", program.display())]
    TooLate {
        /// Its path.
        program: PathBuf,
        /// How long it had.
        deadline: Duration,
    },
    /// It ended with another status than 0.
    #[error("{} ended with {status}{}", program.display(), said(stderr))]
    Failed {
        /// Its path.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it said until then; invalid UTF-8 replaced.
        stdout: String,
        /// The end of what it said on stderr, on one line.
        stderr: String,
    },
    /// Its output could not be read.
    #[error("reading what {} says", program.display())]
    Unheard {
        /// Its path.
        program: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

/// Runs `program` (an absolute path) to its end. At the deadline it and what it started are killed; when
/// the returned future is dropped, it alone is.
pub async fn run(program: &Path, args: &[&str], deadline: Duration) -> Result<Finished, ProcessError> {
    let mut child = start(program, args)?;
    let group = child.id();
    match tokio::time::timeout(deadline, finish(&mut child)).await {
        Ok(Ok((status, stdout, _))) if status.success() => Ok(Finished { stdout }),
        Ok(Ok((status, stdout, stderr))) => {
            let (program, stderr) = (program.to_owned(), one_line(&stderr));
            Err(ProcessError::Failed { program, status, stdout, stderr })
        }
        Ok(Err(source)) => Err(ProcessError::Unheard { program: program.to_owned(), source }),
        Err(_) => {
            kill_group(group);
            Err(ProcessError::TooLate { program: program.to_owned(), deadline })
        }
    }
}

fn start(program: &Path, args: &[&str]) -> Result<Child, ProcessError> {
    debug_assert!(program.is_absolute());
    #[expect(clippy::disallowed_methods, reason = "the one door")]
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command.spawn().map_err(|source| {
        let program = program.to_owned();
        // A script or binary whose interpreter is missing is "not found" as well.
        if source.kind() == io::ErrorKind::NotFound && !program.exists() {
            ProcessError::Missing { program }
        } else {
            ProcessError::NotStarted { program, source }
        }
    })
}

async fn finish(child: &mut Child) -> io::Result<(ExitStatus, String, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, stdout, stderr) = tokio::join!(
        child.wait(),
        read_bounded(stdout, Keep::Start(STDOUT_LIMIT)),
        read_bounded(stderr, Keep::End(STDERR_LIMIT))
    );
    Ok((status?, stdout?, stderr?))
}

fn kill_group(group: Option<u32>) {
    let Some(group) = group.and_then(|id| i32::try_from(id).ok()) else { return };
    // ESRCH: all of them have ended by themselves.
    killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
}

#[derive(Clone, Copy)]
enum Keep {
    Start(usize),
    End(usize),
}

/// Reads to the end, so that the child never waits for us, and keeps what is asked for.
async fn read_bounded(pipe: Option<impl AsyncRead + Unpin>, keep: Keep) -> io::Result<String> {
    let Some(mut pipe) = pipe else { return Ok(String::new()) };
    let mut kept: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = pipe.read(&mut chunk).await?;
        if count == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        match keep {
            Keep::Start(limit) => kept.extend(&chunk[..count.min(limit - kept.len())]),
            Keep::End(limit) => {
                kept.extend(&chunk[..count]);
                kept.drain(..kept.len().saturating_sub(limit));
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
