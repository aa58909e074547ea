//! Step 4: everything that can be known about the host before anything on it is changed.
//!
//! All checks run at once, each with a deadline of its own, and all of them are told: a person fixes a
//! host once, not once per run. A fault of the host is a failure; what may come right by itself (the
//! network, the clock) or what a cluster may have arranged otherwise (swap, sysctls) is a warning. What
//! belongs to the running machine is left out below another root, and says so. A program that is there and
//! does not answer in time is a failure that a later run may not meet: it has a reason of its own, and a
//! failure that lasts wins over it.
//!
//! Trusts the machine's kernel, its package manager, and whoever may listen on the runtime's socket.
//! Nothing is written, so a restart checks again.

mod clock;
mod elf;
mod id;
mod identity;
mod kernel;
mod kubelet;
mod packages;
mod paths;
mod port;
mod rights;
mod runtime;
mod server;

pub use id::CheckId;
pub use kubelet::KubeletFound;
pub use runtime::RuntimeFound;

use crate::document::{Document, NodeName};
use crate::failure::Failure;
use crate::host::facts::{self, Facts};
use crate::host::root::Root;
use crate::reason::{Exit, Reason};
use std::error::Error;
use std::future::poll_fn;
use std::task::Poll;

/// How a check came out. The texts are one line each and hold no secret.
#[derive(Debug)]
pub enum Outcome {
    /// All is well; what was seen.
    Passed(String),
    /// It was not made; why.
    Skipped(String),
    /// The join goes on, and a person should look.
    Warned(String),
    /// The host cannot join like this.
    Failed(Failure),
}

impl Outcome {
    fn failed(reason: Reason, message: impl Into<String>) -> Self {
        Outcome::Failed(Failure::new(reason, message))
    }
}

/// One check and how it came out.
#[derive(Debug)]
pub struct Verdict {
    /// Which check.
    pub id: CheckId,
    /// How it came out.
    pub outcome: Outcome,
}

/// The host, and what it is to become.
#[derive(Debug, Clone, Copy)]
pub struct Host<'a> {
    /// Where its files are.
    pub root: &'a Root,
    /// What it is.
    pub facts: &'a Facts,
    /// The name it would carry, or why it has none.
    pub node: Result<&'a NodeName, &'a str>,
    /// What is asked for, where that is known.
    pub document: Option<&'a Document>,
    /// Checks that are left out.
    pub skip: &'a [CheckId],
}

impl Host<'_> {
    /// Whether what fails for want of rights has been told already.
    fn lacks_rights(&self) -> bool {
        self.root.is_machine() && !facts::is_root() && !self.skip.contains(&CheckId::Root)
    }
}

/// All verdicts, and what the checks found on their way.
#[derive(Debug)]
pub struct Checked {
    /// One for each check, in the order of [`CheckId::ALL`].
    pub verdicts: Vec<Verdict>,
    /// The kubelet, where one was found and has told its version.
    pub kubelet: Option<KubeletFound>,
    /// The container runtime, where one is ready.
    pub runtime: Option<RuntimeFound>,
}

impl Checked {
    /// Why the host cannot join: the failure itself where it is one, all of them by name where they
    /// are several. The reason is temporary only where all of them are.
    pub fn failure(&self) -> Option<Failure> {
        let failed: Vec<(CheckId, &Failure)> = self
            .verdicts
            .iter()
            .filter_map(|verdict| match &verdict.outcome {
                Outcome::Failed(failure) => Some((verdict.id, failure)),
                _ => None,
            })
            .collect();
        let mut lasting = failed
            .iter()
            .map(|(_, failure)| failure.reason)
            .filter(|reason| reason.exit() != Exit::Temporary);
        let reason = match (failed.first(), lasting.next(), lasting.next()) {
            (None, ..) => return None,
            (Some((_, failure)), None, _) => failure.reason,
            (_, Some(reason), None) => reason,
            (_, Some(_), Some(_)) => Reason::CheckFailed,
        };
        let message = match failed.as_slice() {
            [(_, failure)] => failure.line(),
            several => {
                let lines: Vec<String> =
                    several.iter().map(|(id, failure)| format!("{id}: {}", failure.line())).collect();
                format!("{} checks failed: {}", several.len(), lines.join("; "))
            }
        };
        Some(Failure::new(reason, message))
    }

    /// What was found and how many checks came out how, in one line.
    pub fn summary(&self) -> String {
        let count = |is: fn(&Outcome) -> bool| self.verdicts.iter().filter(|it| is(&it.outcome)).count();
        let kubelet = self.kubelet.as_ref().map(|kubelet| format!("kubelet {}", kubelet.version));
        let runtime = self.runtime.as_ref().map(|runtime| format!("{} {}", runtime.name, runtime.version));
        let counts = [
            (count(|it| matches!(it, Outcome::Passed(_))), "passed"),
            (count(|it| matches!(it, Outcome::Warned(_))), "with a warning"),
            (count(|it| matches!(it, Outcome::Skipped(_))), "skipped"),
            (count(|it| matches!(it, Outcome::Failed(_))), "failed"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let parts = kubelet.into_iter().chain(runtime).chain(counts.map(|(n, how)| format!("{n} {how}")));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Makes all checks but those that are to be skipped. A host without fault takes as long as the slowest
/// program that is asked (a tenth of a second, mostly); one with a fault is named within 2 seconds.
pub async fn all(host: &Host<'_>) -> Checked {
    let checks = CheckId::ALL.iter().map(|id| one(*id, host)).collect();
    let mut checked = Checked { verdicts: Vec::new(), kubelet: None, runtime: None };
    for (verdict, found) in together(checks).await {
        checked.verdicts.push(verdict);
        match found {
            Found::Kubelet(kubelet) => checked.kubelet = Some(kubelet),
            Found::Runtime(runtime) => checked.runtime = Some(runtime),
            Found::Nothing => {}
        }
    }
    checked
}

/// What a check finds beside its outcome, for the steps that follow.
enum Found {
    Nothing,
    Kubelet(KubeletFound),
    Runtime(RuntimeFound),
}

async fn one(id: CheckId, host: &Host<'_>) -> (Verdict, Found) {
    if host.skip.contains(&id) {
        return (Verdict { id, outcome: Outcome::Skipped("by --skip-check".to_owned()) }, Found::Nothing);
    }
    let mut found = Found::Nothing;
    let outcome = match id {
        CheckId::Root => rights::root(host),
        CheckId::Systemd => rights::systemd(host),
        CheckId::NodeName => identity::node_name(host),
        CheckId::MachineId => identity::machine_id(host),
        CheckId::Paths => paths::writable(host),
        CheckId::Space => paths::space(host),
        CheckId::Kubelet => {
            let (outcome, kubelet) = kubelet::check(host).await;
            found = kubelet.map_or(Found::Nothing, Found::Kubelet);
            outcome
        }
        CheckId::Runtime => {
            let (outcome, runtime) = runtime::check(host).await;
            found = runtime.map_or(Found::Nothing, Found::Runtime);
            outcome
        }
        CheckId::Packages => packages::check(host).await,
        CheckId::Port => port::check(host),
        CheckId::Cgroups => kernel::cgroups(host),
        CheckId::Swap => kernel::swap(host),
        CheckId::Sysctls => kernel::sysctls(host),
        CheckId::Time => clock::check(host).await,
        CheckId::Server => server::check(host).await,
    };
    (Verdict { id, outcome }, found)
}

/// Runs all futures at once; their results in their order.
async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, result) in running.iter_mut().filter(|(_, result)| result.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *result = Some(value);
            }
        }
        let all = running.iter().all(|(_, result)| result.is_some());
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, result)| result).collect()
}

/// An error and every cause behind it, in one line.
fn told(error: impl Into<Box<dyn Error + Send + Sync>>, doing: &str) -> String {
    Failure::new(Reason::CheckFailed, doing).because(error).line()
}

/// The sentence of every check that needs the running machine.
fn not_the_machine(what: &str) -> Outcome {
    Outcome::Skipped(format!("{what} belongs to a running machine, not to a directory"))
}

#[cfg(test)]
mod tests;
