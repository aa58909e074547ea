//! From arguments to one of the commands, and from its outcome to an exit code.

pub mod args;
mod check;
mod explain;
mod out;
mod plan;
mod reset;
mod run;
mod status;
mod wipe;

use crate::agent::Options;
use crate::document::{Authorities, Given, LARGEST, UnixSeconds};
use crate::failure::Failure;
use crate::find::Search;
use crate::host::files;
use crate::host::root::Root;
use crate::host::service;
use crate::reason::{Exit, Reason};
use crate::report::{self, Screen};
use args::{Cli, Command, Source};
use clap::Parser;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs the command line. `undone` is what the process could not do to guard itself.
pub async fn main(arguments: impl Iterator<Item = OsString>, undone: &[String]) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; a closed terminal is nobody's fault.
            drop(error.print());
            return if error.use_stderr() { Exit::Usage } else { Exit::Joined };
        }
    };
    let root = Root::new(cli.root);
    let journal =
        root.is_machine() && matches!(cli.command, Command::Run(_) | Command::Wipe(_) | Command::Reset(_));
    // In the journal every line would stand twice: once with its fields, once as text.
    let silent = journal && service::stderr_is_journal();
    let screen = Arc::new(Screen::new(service::stderr_is_terminal(), silent));
    report::install(screen.clone(), journal, cli.verbose);
    for what in undone {
        tracing::warn!(target: "worker_bootstrap", "{what}");
    }
    let ended = match cli.command {
        Command::Run(args) => return run::run(args, root, screen).await,
        Command::Check(args) => check::check(args, root).await,
        Command::Plan(args) => plan::plan(args, root).await,
        Command::Wipe(args) => wipe::wipe(args, root).await,
        Command::Reset(args) => reset::reset(args, root).await,
        Command::Status { json } => status::status(&root, json),
        Command::Explain { code } => explain::explain(code.as_deref()),
    };
    match ended {
        Ok(()) => Exit::Joined,
        Err(failure) => {
            screen.line(&line(&failure));
            failure.reason.exit()
        }
    }
}

/// The one line of a failure: code, what happened, what to do.
fn line(failure: &Failure) -> String {
    let reason: Reason = failure.reason;
    format!("worker-bootstrap: {reason}: {}; next: {}", failure.line(), reason.entry().next)
}

fn search(document: Option<PathBuf>) -> Search {
    match document {
        None => Search::Everywhere,
        Some(path) if path.as_os_str() == "-" => Search::Stdin,
        Some(path) => Search::File(absolute(path)),
    }
}

/// What is remembered of a path is read by later runs, which are begun elsewhere.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn options(source: Source) -> Result<Options, Failure> {
    let search = match source.token_file {
        None => search(source.document),
        Some(path) if path.as_os_str() == "-" => Search::TokenStdin,
        Some(path) => Search::TokenFile(absolute(path)),
    };
    let given = Given {
        servers: source.servers,
        pins: source.ca_cert_hashes,
        authorities: source.ca_file.map(|path| authorities(&path)).transpose()?,
        expires_at: source.expires_at.or(source.no_expiry.then_some(UnixSeconds::NEVER)),
    };
    Ok(Options {
        search,
        given,
        node_name: source.node_name,
        skip: source.skip,
        wait: source.wait,
        timeout: source.timeout,
        no_start: source.no_start,
    })
}

fn authorities(path: &Path) -> Result<Authorities, Failure> {
    let failed = || Failure::new(Reason::Usage, format!("reading --ca-file {}", path.display()));
    let pem = files::read(path, LARGEST as u64).map_err(|error| failed().because(error))?;
    Authorities::from_pem(&pem).map_err(|what| failed().because(what))
}
