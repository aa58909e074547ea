//! `run`: the flow of `agent`, its report, and the signals that can end it.

use super::args::RunArgs;
use super::{options, out};
use crate::agent::{self, Options};
use crate::failure::Failure;
use crate::host::root::Root;
use crate::machine::Machine;
use crate::reason::{Exit, Reason};
use crate::report::{Report, Screen};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

const TICK: Duration = Duration::from_secs(1);

pub(super) async fn run(args: RunArgs, root: Root, screen: Arc<Screen>) -> Exit {
    let json = args.json;
    let options = options(args.source);
    let report = Report::begin(&root, screen);
    let outcome = tokio::select! {
        outcome = flow(options, root, &report) => outcome,
        failure = told_to_stop() => Err(failure),
        never = tick(&report) => never,
        never = report.speak() => never,
    };
    let (exit, status) = report.finish(outcome);
    if json {
        out::json(&status);
    }
    report.last_words().await;
    exit
}

async fn flow(options: Result<Options, Failure>, root: Root, report: &Report) -> Result<String, Failure> {
    let options = options?;
    let machine = Machine::gather(root)?;
    agent::run(&options, &machine, report).await
}

/// Ends when the process is told to. Files are written without a pause for signals in between, so
/// that a stop is like a crash: the next run goes on.
async fn told_to_stop() -> Failure {
    let stop = |name: &str| Failure::new(Reason::Interrupted, format!("received {name}"));
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => stop("SIGTERM"),
        _ = int.recv() => stop("SIGINT"),
    }
}

async fn tick<T>(report: &Report) -> T {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        report.tick();
    }
}
