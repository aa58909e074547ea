//! The command line. Man pages and shell completions are made from these definitions.
//!
//! No flag and no environment variable ever takes a token.

use crate::check::CheckId;
use crate::document::{NodeName, Pin, ServerUrl, UnixSeconds, WaitFor, parse_duration};
use crate::token::TokenId;
use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Turns a one-time worker bootstrap into a cluster node and leaves no usable copy of the token behind
#[derive(Debug, Parser)]
#[command(name = "worker-bootstrap", version, disable_help_subcommand = true)]
pub struct Cli {
    /// Work below this directory instead of /; another root starts nothing and needs no root rights
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Show debug lines
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    pub verbose: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Do everything; a machine that is already joined is a fast no-op
    Run(RunArgs),
    /// Run the host checks alone; needs no token, changes nothing
    Check(CheckArgs),
    /// Show what run would do, step by step; changes nothing
    Plan(PlanArgs),
    /// Show the current or last run
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Sweep now: find and erase every local copy of the tokens that were used here
    Wipe(WipeArgs),
    /// Take back exactly what the runs on this machine made, so that a new token can be used
    Reset(ResetArgs),
    /// Say what a reason code means, its usual causes, and what to do
    Explain {
        /// The code, as it stands in the failure's line; all codes without one
        code: Option<String>,
    },
}

/// Where the bootstrap is and what of it is overridden.
#[derive(Debug, Args)]
pub struct Source {
    /// The bootstrap, in any form; - reads standard input. Without it the well-known places are searched
    #[arg(long, value_name = "PATH|-", conflicts_with = "token_file")]
    pub document: Option<PathBuf>,
    /// A file with a token alone, the rest being said by flags; - reads standard input
    #[arg(long, value_name = "PATH|-")]
    pub token_file: Option<PathBuf>,
    /// An API server, for a form that names none; can be repeated
    #[arg(long = "server", value_name = "URL", value_parser = ServerUrl::parse)]
    pub servers: Vec<ServerUrl>,
    /// A hash of the cluster's CA, for a form that has none; can be repeated
    #[arg(long = "ca-cert-hash", value_name = "sha256:HEX", value_parser = Pin::parse, conflicts_with = "ca_file")]
    pub ca_cert_hashes: Vec<Pin>,
    /// The cluster's CA in PEM, for a form that has none
    #[arg(long, value_name = "PATH")]
    pub ca_file: Option<PathBuf>,
    /// When the token ends, for a form that does not say: Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = UnixSeconds::parse, conflicts_with = "no_expiry")]
    pub expires_at: Option<UnixSeconds>,
    /// The form does not say when the token ends, and nobody knows: the cluster alone judges
    #[arg(long)]
    pub no_expiry: bool,
    /// The node's name, instead of the document's or the host's
    #[arg(long, value_name = "NAME", value_parser = NodeName::parse)]
    pub node_name: Option<NodeName>,
    /// How far to follow the join
    #[arg(long, value_name = "STATE", value_parser = WaitFor::parse)]
    pub wait: Option<WaitFor>,
    /// How long the join may take, as 90s, 10m or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Do everything but start the kubelet
    #[arg(long)]
    pub no_start: bool,
    /// Leave out this check; can be repeated
    #[arg(long = "skip-check", value_name = "ID", value_parser = check_id)]
    pub skip: Vec<CheckId>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where the bootstrap is
    #[command(flatten)]
    pub source: Source,
    /// Print the result as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Where the bootstrap is
    #[command(flatten)]
    pub source: Source,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Check what this document requires as well; it is not changed
    #[arg(long, value_name = "PATH|-")]
    pub document: Option<PathBuf>,
    /// Leave out this check; can be repeated
    #[arg(long = "skip-check", value_name = "ID", value_parser = check_id)]
    pub skip: Vec<CheckId>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `wipe`.
#[derive(Debug, Args)]
pub struct WipeArgs {
    /// Say what is there and what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Search for this token as well, by its public half: the six characters before the dot. Can be repeated
    #[arg(long = "token-id", value_name = "ID", value_parser = token_id)]
    pub token_ids: Vec<TokenId>,
    /// Erase a bootstrap that has not been used yet as well: nothing can join with it afterwards
    #[arg(long)]
    pub unused: bool,
    /// Leave out tokens that have expired and have been swept for since, as the unit does at each boot
    #[arg(long)]
    pub until_expiry: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// Say what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

fn token_id(text: &str) -> Result<TokenId, String> {
    // What was given may be a whole token: it is not repeated.
    TokenId::parse(text).ok_or_else(|| "expected six characters of a-z and 0-9".to_owned())
}

fn check_id(text: &str) -> Result<CheckId, String> {
    CheckId::parse(text).ok_or_else(|| {
        let known: Vec<&str> = CheckId::ALL.iter().map(|id| id.as_str()).collect();
        format!("there is no such check; the checks are {}", known.join(", "))
    })
}
