//! The command line: from arguments to one of the commands, and from its outcome to an exit code.
//!
//! No flag takes a secret. What holds one goes to standard output or to a file of mode 0600, and nowhere
//! else.

mod bootstrap;
mod cluster;
mod demo;
mod manifest;
mod out;
mod serve;
mod token;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// Issues worker bootstraps.
#[derive(Debug, Parser)]
#[command(name = "bootstrap-issuer", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, until SIGTERM or SIGINT.
    Serve(serve::Arguments),
    /// Make, list and revoke the API's tokens.
    Token(token::Arguments),
    /// Issue, list, show and revoke bootstraps, by any API that speaks the contract.
    Bootstrap(bootstrap::Arguments),
    /// Print what a cluster must allow the issuer and its tokens, for `kubectl apply -f -`.
    Manifest,
    /// Run an embedded cluster in the foreground, until SIGTERM or SIGINT.
    Cluster(cluster::Arguments),
    /// Show a whole join on this machine, without root and without a network: an embedded cluster, one
    /// bootstrap, the agent on a scratch machine, and a second machine that is refused.
    Demo(demo::Arguments),
}

type Failure = Box<dyn Error>;

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // Libraries that are not handed one ask for the process's own; there is no other.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Token(arguments) => token::run(arguments).await,
            Command::Bootstrap(arguments) => bootstrap::run(arguments).await,
            Command::Manifest => manifest::run(),
            Command::Cluster(arguments) => cluster::run(arguments).await,
            Command::Demo(arguments) => demo::run(arguments).await,
        }
    });
    match outcome {
        Ok(code) => code,
        Err(error) => fail(error.as_ref()),
    }
}

/// One line with the whole chain of causes.
fn fail(error: &dyn Error) -> ExitCode {
    // Where standard error is gone there is nobody left to tell.
    drop(writeln!(io::stderr().lock(), "bootstrap-issuer: {}", crate::log::chain(error)));
    ExitCode::FAILURE
}
