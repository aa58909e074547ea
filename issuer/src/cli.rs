//! The command line, and what the process says and returns.

use crate::cluster::embedded;
use crate::demo;
use clap::{Parser, Subcommand};
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Issues worker bootstraps.
#[derive(Debug, Parser)]
#[command(name = "bootstrap-issuer", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an embedded cluster in the foreground, until SIGTERM or SIGINT.
    Cluster {
        /// Where its CA, the administrator's credential, cluster.json and the audit log are kept.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Address to listen on; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Show a whole join on this machine, without root and without a network: an embedded cluster, one
    /// bootstrap, the agent on a scratch machine, and a second machine that is refused.
    Demo {
        /// Keep the scratch directory, and say where it is.
        #[arg(long)]
        keep: bool,
    },
}

type Failure = Box<dyn Error>;

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let outcome = match cli.command {
        Command::Cluster { state, listen } => runtime.block_on(cluster(&state, listen)),
        Command::Demo { keep } => runtime.block_on(show(keep)),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => fail(error.as_ref()),
    }
}

/// One line with the whole chain of causes.
fn fail(error: &dyn Error) -> ExitCode {
    let mut line = format!("bootstrap-issuer: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    // Where standard error is gone there is nobody left to tell.
    drop(writeln!(io::stderr().lock(), "{line}"));
    ExitCode::FAILURE
}

async fn cluster(state: &Path, listen: SocketAddr) -> Result<ExitCode, Failure> {
    // Before the line that says it is ready, so that a signal right after it is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let access = embedded::start(state, listen).await?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "embedded cluster ready at {} (KUBECONFIG={})",
        access.server,
        access.kubeconfig.display()
    )?;
    out.flush()?;
    drop(out);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(keep: bool) -> Result<ExitCode, Failure> {
    Ok(if demo::run(keep).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
