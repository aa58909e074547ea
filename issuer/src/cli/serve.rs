//! `serve`: the API, until SIGTERM or SIGINT.

use super::Failure;
use crate::{config, log, serve};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration, YAML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Log in more detail.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let config = config::load(&arguments.config)?;
    log::begin(arguments.verbose);
    serve::run(config).await?;
    Ok(ExitCode::SUCCESS)
}
