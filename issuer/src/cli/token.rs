//! `token create|list|revoke`: the API's tokens, in the database itself, also while the issuer serves.

use super::{Failure, out};
use crate::api_token::{ApiToken, PublicId};
use crate::config::{self, Config};
use crate::names::WorkspaceId;
use crate::store::Store;
use crate::{clock, serve};
use clap::Subcommand;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use time::OffsetDateTime;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token. It is shown once: a hash of it is kept.
    Create {
        #[command(flatten)]
        of: Of,
        /// It may look at bootstraps, and not issue or revoke them.
        #[arg(long)]
        read_only: bool,
        /// Write it to this file, 0600, and not to standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List a workspace's tokens.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Revoke a token: from the next request on it is good for nothing.
    Revoke {
        #[command(flatten)]
        of: Of,
        /// Its public half.
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The issuer's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whose tokens.
    #[arg(long, value_name = "ID")]
    workspace: String,
}

impl Of {
    fn open(&self) -> Result<(Store, WorkspaceId), Failure> {
        let config = config::load(&self.config)?;
        let workspace = self.known(&config)?;
        Ok((serve::open(&config, true)?.0, workspace))
    }

    /// A workspace that has a cluster: a token of any other could do nothing.
    fn known(&self, config: &Config) -> Result<WorkspaceId, Failure> {
        let mut all: Vec<&WorkspaceId> = config.clusters.iter().map(|cluster| &cluster.workspace).collect();
        all.dedup();
        let named = all.iter().find(|known| known.as_str() == self.workspace);
        named.map(|known| WorkspaceId::clone(known)).ok_or_else(|| {
            let all: Vec<&str> = all.iter().map(|known| known.as_str()).collect();
            format!("no cluster of the configuration is the workspace's; expected {}", all.join(" or "))
                .into()
        })
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Create { of, read_only, output } => {
            let (store, workspace) = of.open()?;
            let token = ApiToken::random();
            store.add_api_token(&token, workspace, read_only, clock::now().unix_timestamp()).await?;
            writeln!(io::stderr().lock(), "token {} of {}; it is not shown again", token.id(), of.workspace)?;
            out::deliver(&format!("{}\n", token.text().expose()), output.as_deref())?;
        }
        Command::List { of } => {
            let (store, workspace) = of.open()?;
            let at = |at: i64| {
                OffsetDateTime::from_unix_timestamp(at).map_or_else(|_| at.to_string(), clock::seconds)
            };
            let rows: Vec<Vec<String>> = store
                .api_tokens(workspace)
                .await?
                .iter()
                .map(|token| {
                    let rights = if token.read_only { "read" } else { "read, write" };
                    let revoked = token.revoked_at.map_or_else(|| "-".to_owned(), at);
                    vec![token.id.to_string(), rights.to_owned(), at(token.created_at), revoked]
                })
                .collect();
            out::print(&out::table(&["ID", "RIGHTS", "CREATED", "REVOKED"], &rows))?;
        }
        Command::Revoke { of, id } => {
            let (store, workspace) = of.open()?;
            let known =
                PublicId::parse(&id).ok_or("expected the 32 hexadecimal digits that `token list` shows")?;
            if !store.revoke_api_token(workspace, known, clock::now().unix_timestamp()).await? {
                return Err(format!("the workspace has no token {id}").into());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
