//! `reset`: what the runs on this machine made is taken back, and nothing else, so that a new token can be
//! used.
//!
//! Trusts the record ([`made`]) and what it finds in each thing's place. In order: the kubelet is stopped,
//! where a run started it; credentials; everything else in the reverse of the order in which it was made;
//! the marks; and the record last, when the result is written ([`Undone::settle`]). So a restart at any
//! moment takes back what is left.
//!
//! The kubelet's later credentials go with the one that a run obtained: they are for the same node, and
//! with one of them it would stay in the cluster. They are told by the names that were not there before the
//! first run, and are believed to be its own where its kubeconfig is still the one that the run wrote.

use crate::failure::Failure;
use crate::find;
use crate::host::files::FileError;
use crate::host::made::{self, Item, Kind, RECORD};
use crate::host::root::Root;
use crate::host::undo::{Outcome, Undoing};
use crate::join::{CLIENTS, KUBECONFIG};
use crate::machine::Machine;
use crate::mark::Mark;
use crate::reason::Reason;
use crate::start::KUBELET;
use crate::wipe;
use serde::Serialize;
use std::path::PathBuf;

const KEPT: &str = "kept";

/// One thing, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `removed`, `restored`, `stopped`, `disabled`, `restarted`, `stays`, or `kept` where it
    /// should have gone.
    pub what: &'static str,
    /// The thing.
    pub path: String,
    /// What else is to be said.
    pub why: String,
}

/// What became of everything, or would.
#[derive(Debug, Default)]
pub struct Undone {
    /// In order.
    pub rows: Vec<Row>,
    /// Whether anything was recorded.
    pub recorded: bool,
    rest: Vec<Item>,
}

/// Takes back everything that is recorded; `dry` changes nothing and says the same.
///
/// # Errors
/// `local_write_failed`, `not_root` where record or marks cannot be read or written; `reset_incomplete`
/// where the kubelet cannot be stopped, or nothing is recorded of a join that stands.
pub async fn undo(machine: &Machine, dry: bool) -> Result<Undone, Failure> {
    let root = &machine.root;
    let items = made::items(root).map_err(|error| failed(error, "reading the record"))?;
    let mut undone = Undone { recorded: !items.is_empty(), ..Undone::default() };
    if items.is_empty() {
        return match machine.ledger.standing()? {
            None => Ok(undone),
            Some(mark) => Err(Failure::new(
                Reason::ResetIncomplete,
                format!(
                    "this machine has joined as node {}, and nothing is recorded of that in {}",
                    mark.node,
                    root.at(RECORD).display()
                ),
            )),
        };
    }
    units(machine, &items, Stage::Before, dry, &mut undone).await?;
    files(root, &items, dry, &mut undone);
    documents(machine, &mut undone)?;
    units(machine, &items, Stage::After, dry, &mut undone).await?;
    if !dry {
        machine.ledger.reset()?;
    }
    Ok(undone)
}

impl Undone {
    fn tell(&mut self, what: &'static str, path: String, why: impl Into<String>) {
        self.rows.push(Row { what, path, why: why.into() });
    }

    /// What should have gone and is still there.
    pub fn failure(&self) -> Option<Failure> {
        let kept = self.rows.iter().filter(|row| row.what == KEPT);
        let kept: Vec<String> = kept.map(|row| format!("{} ({})", row.path, row.why)).collect();
        (!kept.is_empty())
            .then(|| Failure::new(Reason::ResetIncomplete, format!("still there: {}", kept.join(", "))))
    }

    /// The end: what is done with is forgotten.
    ///
    /// # Errors
    /// `local_write_failed`.
    pub fn settle(self, root: &Root) -> Result<(), Failure> {
        made::settle(root, self.rest).map_err(|error| failed(error, "closing the record"))
    }
}

fn failed(error: FileError, what: &str) -> Failure {
    let denied = error.source.kind() == std::io::ErrorKind::PermissionDenied;
    let reason = if denied { Reason::NotRoot } else { Reason::LocalWrite };
    Failure::new(reason, what).because(error)
}

/// Credentials first, while it can still be told whose they are.
fn files(root: &Root, items: &[Item], dry: bool, undone: &mut Undone) {
    let mut undoing = Undoing::of(root, items, dry);
    let mut since = undoing.since(items);
    let kubeconfig = items.iter().find(|item| item.path == KUBECONFIG);
    if kubeconfig.is_none_or(|item| undoing.is_changed(item)) {
        for item in since.drain(..).filter(|_| kubeconfig.is_some()) {
            let why = format!("{KUBECONFIG} is not what a run wrote: it may belong to that");
            undone.tell(KEPT, root.at(&item.path).display().to_string(), why);
        }
    }
    // Of the credentials the link first: where it leads nowhere any more, a kubelet has no identity.
    let mut order = Vec::new();
    for first in [true, false] {
        for item in items.iter().rev() {
            let of_node = item.path.starts_with(CLIENTS) && item.kind == Kind::Link;
            if (of_node || item.kind == Kind::Secret) == first {
                order.push(item);
            }
        }
        if first {
            order.extend(&since);
        }
    }
    let mut kept: Vec<&Item> = Vec::new();
    for item in order {
        if matches!(item.kind, Kind::Others | Kind::Enabled | Kind::Started | Kind::Restarted) {
            continue;
        }
        let (what, why) = match undoing.undo(item, &since) {
            None => continue,
            Some(Outcome::Removed) => ("removed", String::new()),
            Some(Outcome::Restored) => ("restored", "as it was before".to_owned()),
            Some(Outcome::NotRestored) => (
                "removed",
                "of what stood there before, a credential or too large, no copy was kept".to_owned(),
            ),
            Some(Outcome::Stays) => ("stays", "it is not empty".to_owned()),
            Some(Outcome::Kept(why)) => {
                kept.push(item);
                (KEPT, why)
            }
        };
        undone.tell(what, root.at(&item.path).display().to_string(), why);
    }
    // What is kept stays recorded, with the directories it lies in and the names that were there before.
    for item in items {
        let of_kept = |other: &&Item| {
            other.path == item.path
                || item.kind == Kind::Others
                || item.kind == Kind::Directory && other.path.starts_with(&item.path)
        };
        if kept.iter().any(of_kept) {
            undone.rest.push(item.clone());
        }
    }
}

/// The documents that still lie there are no run's making: they are named, with what becomes of them.
fn documents(machine: &Machine, undone: &mut Undone) -> Result<(), Failure> {
    let marks = machine.ledger.all()?;
    let mut places: Vec<PathBuf> = find::WELL_KNOWN.iter().map(|place| machine.root.at(place)).collect();
    for source in marks.iter().flat_map(|mark| &mark.sources) {
        if !places.contains(source) {
            places.push(source.clone());
        }
    }
    for path in places {
        let Some(id) = wipe::token_of(&path) else { continue };
        let spent = |mark: &&Mark| mark.token_id == id.as_str() && !machine.ledger.may_need(mark);
        let why = if marks.iter().any(|mark| spent(&mark)) {
            format!("its token {id} is spent: worker-bootstrap wipe erases it, and so does the next run")
        } else {
            format!("its token {id} is not spent: a run takes it; worker-bootstrap wipe --unused erases it")
        };
        undone.tell("stays", path.display().to_string(), why);
    }
    Ok(())
}

/// What is to be done with the kubelet's unit, by what runs did to it: before its files are taken back, and
/// afterwards. Nothing under another root: there is no manager then.
async fn units(
    machine: &Machine,
    items: &[Item],
    stage: Stage,
    dry: bool,
    undone: &mut Undone,
) -> Result<(), Failure> {
    let did = |kind| items.iter().any(|item| item.kind == kind && item.path == KUBELET);
    let Some(manager) = machine.manager else {
        if stage == Stage::Before && (did(Kind::Started) || did(Kind::Enabled)) {
            undone.tell(
                "stays",
                KUBELET.to_owned(),
                "a run started or enabled it, and systemd does not run here",
            );
        }
        return Ok(());
    };
    let state = manager.unit_state(KUBELET).await.map_err(|error| in_vain("looked at", error))?;
    if stage == Stage::After && !dry {
        manager.daemon_reload().await.map_err(|error| in_vain("read again", error))?;
    }
    // Its package may have gone meanwhile.
    if state.load == "not-found" && state.active == "inactive" {
        return Ok(());
    }
    for (when, kind, words, what, why) in UNITS {
        if when != stage || !did(kind) {
            continue;
        }
        if !dry {
            manager.tell(words, KUBELET).await.map_err(|error| in_vain(what, error))?;
        }
        undone.tell(what, KUBELET.to_owned(), why);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    After,
}

type Act = (Stage, Kind, &'static [&'static str], &'static str, &'static str);

const UNITS: [Act; 3] = [
    (Stage::Before, Kind::Started, &["stop"], "stopped", "a run started it"),
    (Stage::Before, Kind::Enabled, &["disable", "--quiet"], "disabled", "a run enabled it"),
    (Stage::After, Kind::Restarted, &["try-restart", "--no-block"], "restarted", "it ran before"),
];

fn in_vain(what: &str, error: crate::host::process::ProcessError) -> Failure {
    Failure::new(Reason::ResetIncomplete, format!("{KUBELET} was to be {what}")).because(error)
}
