//! The demo: an issuer with a cluster inside, one bootstrap issued over its API, the real agent on a scratch
//! machine that was given the rendered user-data and nothing else, a second machine that is refused, and
//! then the proof of what is claimed. Needs no rights and no network; everything lies in one scratch
//! directory.

mod agent;
mod evidence;
mod issuer;
mod machine;
mod story;

use crate::client;
use crate::cluster::client::ClientError;
use crate::files::{self, FileError};
use crate::random;
use evidence::Checks;
use std::io::{self, Write};
use std::path::Path;

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The issuer.
    #[error(transparent)]
    Issuer(#[from] issuer::IssuerError),
    /// Its API did not answer as it should.
    #[error("cannot use the issuer's API")]
    Api(#[from] client::ClientError),
    /// The cluster did not answer.
    #[error("cannot talk to the embedded cluster")]
    Cluster(#[from] ClientError),
    /// Something has not the form that it should have.
    #[error("{0}")]
    Form(&'static str),
    /// A scratch file.
    #[error("cannot prepare the scratch directory")]
    File(#[from] FileError),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] agent::AgentError),
    /// Standard output, or a scan of the scratch directory.
    #[error("cannot read or write while showing the demo")]
    Io(#[from] io::Error),
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Runs the demo in a scratch directory, which is removed afterwards unless `keep`. True when everything
/// that is claimed held.
///
/// # Errors
/// See [`DemoError`].
pub async fn run(keep: bool) -> Result<bool, DemoError> {
    let scratch = std::env::temp_dir().join(format!("bootstrap-demo-{}", random::name_suffix()));
    files::directory(&scratch)?;
    let outcome = show(&scratch).await;
    if keep {
        say(&format!("\nkept: {}", scratch.display()))?;
    } else {
        std::fs::remove_dir_all(&scratch)?;
    }
    outcome
}

async fn show(scratch: &Path) -> Result<bool, DemoError> {
    let mut checks = Checks::default();
    story::tell(scratch, &mut checks).await?;
    say("\n== What holds ==")?;
    checks.print()
}
