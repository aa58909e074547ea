//! `bootstrap create|list|get|revoke|events`: a client of the API.

mod commands;

use super::Failure;
use crate::client::{Base, Client, Identity};
use crate::files;
use clap::{Args, Subcommand, ValueEnum};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use worker_bootstrap::document::parse_duration;
use worker_bootstrap::secret::Secret;
use zeroize::Zeroizing;

/// The longest API token that is read, in bytes: tokens of other issuers may be signed claims.
const LONGEST_TOKEN: u64 = 16 * 1024;
const LARGEST_AUTHORITY: u64 = 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Issue a bootstrap. What is printed holds its token, and is given only now.
    Create(Create),
    /// List a cluster's bootstraps, newest first as the API has them.
    List(List),
    /// Show one bootstrap.
    Get(One),
    /// Revoke a bootstrap. Without --etag it is revoked as it is now.
    Revoke(Revoke),
    /// Show what happened to a bootstrap: reports of the machine, and what the cluster saw.
    Events(One),
}

/// Which API, as whom, for which cluster.
#[derive(Debug, Args)]
struct Api {
    /// Base URL of the API; where it has no path, /v1 is meant.
    #[arg(long, value_name = "URL")]
    url: Base,
    /// File that holds the API token, closed to others (0600); - reads standard input.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// CA certificates, PEM, to trust in place of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The workspace, where the token does not imply one.
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// The cluster.
    #[arg(long, value_name = "ID")]
    cluster: String,
    /// Print the API's answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    api: Api,
    /// How long the token is good, as in 600, 90s or 1h30m; an hour where it is not said.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    ttl: Option<u64>,
    /// Print this part of the answer alone.
    #[arg(long, value_name = "PART", conflicts_with = "json")]
    only: Option<Part>,
    /// Write what holds the token to this file, 0600, and not to standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Key by which a repeated request is known as the same; a random one where none is given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Parts of a create's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The command for a shell on the machine.
    Command,
    /// User-data for cloud-init.
    CloudInit,
    /// The token.
    Token,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    api: Api,
    /// At most so many; all of them where it is not said.
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    api: Api,
    /// The bootstrap.
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, Args)]
struct Revoke {
    #[command(flatten)]
    one: One,
    /// Revoke it only if this is still its etag.
    #[arg(long, value_name = "ETAG")]
    etag: Option<String>,
    /// Wait until the cluster does not accept the token any more; at most so long.
    #[arg(long, value_name = "TIME", value_parser = seconds, num_args = 0..=1, default_missing_value = "60s")]
    wait: Option<u64>,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Create(arguments) => commands::create(arguments).await?,
        Command::List(arguments) => commands::list(arguments).await?,
        Command::Get(arguments) => commands::get(arguments).await?,
        Command::Revoke(arguments) => commands::revoke(arguments).await?,
        Command::Events(arguments) => commands::events(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Api {
    fn client(&self) -> Result<Client, Failure> {
        let authority =
            self.ca_file.as_deref().map(|path| files::read(path, LARGEST_AUTHORITY)).transpose()?;
        let token = token(&self.token_file)?;
        let workspace = self.workspace.as_deref();
        let identity = Identity { token: &token, workspace, authority: authority.as_deref() };
        Ok(Client::new(self.url.clone(), &identity)?)
    }
}

fn token(path: &Path) -> Result<Secret, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_TOKEN as usize));
        std::io::stdin().lock().take(LONGEST_TOKEN).read_to_end(&mut bytes)?;
        bytes
    } else {
        files::read_private(path, LONGEST_TOKEN)?
    };
    let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(format!("{} does not hold one API token", path.display()).into());
    }
    Ok(Secret::new(text.to_owned()))
}

fn seconds(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => parse_duration(text).map(|time| time.as_secs()),
    }
}
