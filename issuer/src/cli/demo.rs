//! `demo`.

use super::Failure;
use crate::demo;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Keep the scratch directory, and say where it is.
    #[arg(long)]
    keep: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    Ok(if demo::run(arguments.keep).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
