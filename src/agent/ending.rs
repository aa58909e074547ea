//! What follows from how a run ends, for the token and for the failure's name.

use crate::admit::{self, Verdict};
use crate::document::Document;
use crate::failure::Failure;
use crate::find::Residue;
use crate::machine::Machine;
use crate::mark::{History, Mark};
use crate::progress::Progress;
use crate::reason::{Exit, Reason};
use crate::report::Report;
use crate::wipe::{self, Custody, Needles, Occasion};
use std::path::PathBuf;

const SWEEP_UNIT: &str = "worker-bootstrap-sweep.service";

/// A refusal that ends the token's life ends its copies too; a temporary failure never does.
pub(super) fn give_up(
    failure: Failure,
    machine: &Machine,
    needles: &Needles,
    residue: Residue,
    report: &Report,
) -> Failure {
    if matches!(failure.reason.exit(), Exit::Expired | Exit::TokenRefused | Exit::Used) {
        report.keep_will(&failure);
        // The sweep may take longer than the boot may wait.
        report.ready();
        report.custody(&wipe::everywhere(&machine.root, needles, residue, Occasion::Last));
    }
    failure
}

/// The last sweep is another unit's: it comes when cloud-init has ended. Queued and not waited for: it is ordered after what may be waiting for this run.
pub(super) async fn queue_the_sweep(machine: &Machine, custody: &Custody, report: &Report) {
    let by_hand = "worker-bootstrap wipe erases them when cloud-init has ended";
    match machine.manager {
        Some(manager) => match manager.start_no_block(SWEEP_UNIT).await {
            Ok(()) => {}
            Err(error) if !custody.wants_more() => report.note(&format!("{SWEEP_UNIT}: {error}")),
            Err(error) => report.warn(&format!(
                "copies may wait to be erased and {SWEEP_UNIT} does not start: {error}; {by_hand}"
            )),
        },
        None if !custody.wants_more() => {}
        None => report.warn(&format!("copies may wait to be erased; {by_hand}")),
    }
}

/// A join that was cut short by the token's expiry has one cause, whatever it was doing then.
pub(super) async fn expired_meanwhile(failure: Failure, machine: &Machine, document: &Document) -> Failure {
    let judged = admit::judge(document.expires_at, &machine.reading().await);
    match judged.verdict {
        Verdict::Expired { .. } if failure.reason.exit() == Exit::Temporary => Failure::new(
            Reason::TokenExpired,
            format!(
                "the token expired at {} while the join was under way, by {}",
                document.expires_at, judged.by
            ),
        )
        .because(failure),
        _ => failure,
    }
}

/// A joined machine needs no other bootstrap: one that was delivered to it all the same is named, not used.
pub(super) fn name_others(
    places: &[PathBuf],
    machine: &Machine,
    mark: &Mark,
    report: &Report,
) -> Result<(), Failure> {
    for path in places {
        let Some(id) = wipe::token_of(path).filter(|id| id.as_str() != mark.token_id) else {
            continue;
        };
        if !matches!(machine.ledger.history(&id)?, History::Spent(_)) {
            report.warn(&format!(
                "{} holds a bootstrap with another token, {id}, which this machine does not need: worker-bootstrap \
                 wipe --unused erases it",
                path.display()
            ));
        }
    }
    Ok(())
}

/// A copy that is still there is said in the end, and ends the run with its own code.
pub(super) fn confess(left: &[wipe::Left]) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = left.iter().map(|left| format!("{} ({})", left.path, left.why)).collect();
    Err(Failure::new(
        Reason::ResidueLeft,
        format!("the node has joined, but the token is still in {}", names.join(", ")),
    ))
}
