//! `reset`: what the runs on this machine made, taken back; with `--dry-run`, named. By hand alone.

use super::args::ResetArgs;
use super::out;
use super::wipe::Lines;
use crate::failure::Failure;
use crate::host::root::Root;
use crate::machine::{self, Machine};
use crate::report;
use crate::reset;
use serde::Serialize;
use std::time::Duration;

const WHOLE: &str = "what the runs on this machine made is taken back";

/// What is said as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    dry_run: bool,
    complete: bool,
    items: &'a [reset::Row],
}

pub(super) async fn reset(args: ResetArgs, root: Root) -> Result<(), Failure> {
    let machine = Machine::gather(root)?;
    // A run under way is not waited for: nobody undoes what is still being made.
    let _alone = if args.dry_run {
        None
    } else {
        Some(machine::lock(&machine, &Lines, Duration::ZERO, &|| ()).await?)
    };
    let undone = reset::undo(&machine, args.dry_run).await?;
    let failure = undone.failure();
    if args.json {
        out::json(&Said { dry_run: args.dry_run, complete: failure.is_none(), items: &undone.rows });
    } else {
        for row in &undone.rows {
            let would = if args.dry_run { "would be " } else { "" };
            let would = if matches!(row.what, "kept" | "stays") { "" } else { would };
            let line = format!("{:<18} {}  {}", format!("{would}{}", row.what), row.path, row.why);
            out::line(line.trim_end());
        }
        if !undone.recorded {
            out::line("nothing to undo");
        }
    }
    if !args.dry_run {
        if undone.recorded {
            let message = failure.as_ref().map_or_else(|| WHOLE.to_owned(), Failure::line);
            report::reset(&machine.root, &message, failure.as_ref().map(|failure| failure.reason));
        }
        undone.settle(&machine.root)?;
    }
    failure.map_or(Ok(()), Err)
}
