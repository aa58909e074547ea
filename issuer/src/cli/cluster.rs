//! `cluster`: an embedded cluster by itself.

use super::Failure;
use crate::cluster::embedded;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where its CA, the administrator's credential, cluster.json and the audit log are kept.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    // Before the line that says it is ready, so that a signal right after it is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let access = embedded::start(&arguments.state, arguments.listen).await?;
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
