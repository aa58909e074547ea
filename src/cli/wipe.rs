//! `wipe`: every local copy of the tokens that were used here, found and erased; with `--dry-run`, found.
//!
//! By hand, and by the sweep unit when cloud-init has ended. A token that this machine has not used yet is
//! left alone: a run that is tried again needs it.

use super::args::WipeArgs;
use super::out;
use crate::document::Given;
use crate::failure::Failure;
use crate::find::{self, Found, Residue, Search};
use crate::host::clock::Reading;
use crate::host::root::Root;
use crate::host::{self, own};
use crate::machine::{self, LOCK_PATIENCE, Machine};
use crate::progress::{Progress, Waiting};
use crate::reason::Reason;
use crate::report;
use crate::token::TokenId;
use crate::wipe::{self, Custody, Left, Needles, Occasion};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a disk's trimming is waited for; it goes on by itself.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn wipe(args: WipeArgs, root: Root) -> Result<(), Failure> {
    // What is read on the way holds the token until it is put over.
    if let Err(unlocked) = own::lock_memory() {
        tracing::debug!(target: "worker_bootstrap", "{unlocked}");
    }
    let machine = Machine::gather(root)?;
    let _alone =
        if args.dry_run { None } else { Some(machine::lock(&machine, &Lines, LOCK_PATIENCE, &|| ()).await?) };
    let (ids, own) = tokens(&args, &machine)?;
    let now = machine.reading().await;
    let needles = Needles::of_ids(ids.iter().cloned());
    let mut custody = Custody::default();
    if args.dry_run {
        custody.merge(wipe::survey(&machine.root, &needles, &own));
    } else {
        custody.merge(wipe::everywhere(&machine.root, &needles, own, Occasion::Later));
        trim(&machine, &mut custody).await;
        report::custody(&machine.root, &custody);
        close(&machine, &ids, &custody, &now)?;
    }
    if args.json {
        let token_ids = ids.iter().map(TokenId::as_str).collect();
        out::json(&Swept { dry_run: args.dry_run, token_ids, custody: &custody });
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

/// Older versions of what was erased, here or by the run before, lie in free blocks.
async fn trim(machine: &Machine, custody: &mut Custody) {
    let mut mounts = report::to_trim(&machine.root);
    mounts.extend(custody.to_trim().into_iter().map(str::to_owned));
    mounts.sort();
    mounts.dedup();
    let Some(manager) = machine.manager else { return };
    for mount in mounts {
        tracing::info!(target: "worker_bootstrap", "trimming {mount}: older versions of what was erased lie in its free blocks");
        match host::trim::free_blocks(manager, Path::new(&mount), PATIENCE).await {
            Ok(()) => custody.trimmed(&mount),
            Err(why) => custody.untrimmed.push(Left { path: mount, why }),
        }
    }
}

/// An expired token opens nothing: once everything was swept after that, it is not searched for at each boot.
/// Only a trusted clock says so, and it is read before the sweep begins.
fn close(machine: &Machine, ids: &[TokenId], custody: &Custody, now: &Reading) -> Result<(), Failure> {
    if !now.synced || custody.wants_more() || !custody.left.is_empty() {
        return Ok(());
    }
    for mark in machine.ledger.all()? {
        let swept = mark.needle().is_some_and(|id| ids.contains(&id));
        if swept && mark.has_expired(now.unix) && !mark.swept_after_expiry {
            machine.ledger.close(mark)?;
        }
    }
    Ok(())
}

/// What is said as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Swept<'a> {
    dry_run: bool,
    token_ids: Vec<&'a str>,
    custody: &'a Custody,
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
        if args.until_expiry && mark.swept_after_expiry {
            let id = &mark.token_id;
            tracing::info!(target: "worker_bootstrap", "the token {id} has expired and was swept for since: it is left out");
            continue;
        }
        known.extend(mark.sources.iter().cloned());
        ids.extend(mark.needle());
    }
    if args.unused {
        ids.extend(known.iter().filter_map(|path| wipe::token_of(path)));
        // In cloud-init's user-data, or a credential.
        let (_, found) =
            find::bootstrap(&Search::Everywhere, &Given::default(), &machine.root, &|_: &Found| None);
        ids.extend(found.ok().and_then(|found| wipe::id_in(&found.raw)));
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
pub(super) struct Lines;

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
