//! `wipe`: every local copy of the tokens that were used here, found and erased; with `--dry-run`, found.
//!
//! By hand, and by the sweep unit when cloud-init has ended. A token that this machine has not used yet is
//! left alone: a run that is tried again needs it.

use super::args::WipeArgs;
use super::out;
use crate::failure::Failure;
use crate::find::{self, Residue};
use crate::host::own;
use crate::host::root::Root;
use crate::machine::{self, Machine};
use crate::progress::{Progress, Waiting};
use crate::reason::Reason;
use crate::report;
use crate::token::TokenId;
use crate::wipe::{self, Custody, Needles, Occasion};
use serde_json::json;
use std::path::PathBuf;

pub(super) async fn wipe(args: WipeArgs, root: Root) -> Result<(), Failure> {
    // What is read on the way holds the token until it is put over.
    if let Err(unlocked) = own::lock_memory() {
        tracing::debug!(target: "worker_bootstrap", "{unlocked}");
    }
    let machine = Machine::gather(root)?;
    let _alone = if args.dry_run { None } else { Some(machine::lock(&machine, &Lines, || ()).await?) };
    let (ids, own) = tokens(&args, &machine)?;
    let needles = Needles::of_ids(ids.iter().cloned());
    let mut custody = Custody::default();
    if args.dry_run {
        custody.merge(wipe::survey(&machine.root, &needles));
    } else {
        custody.merge(wipe::everywhere(&machine.root, &needles, own, Occasion::Later));
        report::custody(&machine.root, &custody);
    }
    if args.json {
        let names: Vec<&str> = ids.iter().map(TokenId::as_str).collect();
        out::json(&json!({"dryRun": args.dry_run, "tokenIds": names, "custody": custody}));
    } else {
        for [what, path, more] in custody.rows(args.dry_run) {
            out::line(&format!("{what:<12} {path}  {more}"));
        }
        let of = if ids.is_empty() { "no token was used here".to_owned() } else { names(&ids) };
        out::line(&format!("{of}: {}", custody.count()));
    }
    if custody.left.is_empty() {
        return Ok(());
    }
    let left: Vec<String> = custody.left.iter().map(|left| format!("{} ({})", left.path, left.why)).collect();
    Err(Failure::new(Reason::ResidueLeft, format!("the token is still in {}", left.join(", "))))
}

/// What is searched for, and the files of our own that hold it.
fn tokens(args: &WipeArgs, machine: &Machine) -> Result<(Vec<TokenId>, Residue), Failure> {
    let mut ids = args.token_ids.clone();
    let mut known: Vec<PathBuf> = find::WELL_KNOWN.iter().map(|place| machine.root.at(place)).collect();
    for mark in machine.ledger.all()? {
        if machine.ledger.may_need(&mark) && !args.unused {
            let id = &mark.token_id;
            tracing::info!(target: "worker_bootstrap", "the token {id} has not been used up: a run needs it, and it is left alone (--unused erases it)");
            continue;
        }
        known.extend(mark.sources.iter().cloned());
        ids.extend(mark.needle());
    }
    if args.unused {
        ids.extend(known.iter().filter_map(|path| wipe::token_of(path, &machine.root)));
    }
    ids.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    ids.dedup();
    let mut own = wipe::cut_short(&known, &machine.root);
    for id in &ids {
        own.add(wipe::recall(&known, id.as_str(), &machine.root));
    }
    Ok((ids, own))
}

fn names(ids: &[TokenId]) -> String {
    let names: Vec<&str> = ids.iter().map(TokenId::as_str).collect();
    format!("token {}", names.join(", "))
}

/// Waits are told as lines.
struct Lines;

impl Progress for Lines {
    fn waiting(&self, waiting: Waiting<'_>) {
        let error = waiting.last_error.unwrap_or_default();
        tracing::info!(target: "worker_bootstrap", "waiting for {}: {error}", waiting.state.code());
    }
    fn note(&self, text: &str) {
        tracing::info!(target: "worker_bootstrap", "{text}");
    }
    fn warn(&self, text: &str) {
        tracing::warn!(target: "worker_bootstrap", "{text}");
    }
}
