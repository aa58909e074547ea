//! The kubelet: where it is, whether it runs here, and whether the document lets its version run.

use super::{Host, Outcome, elf, told};
use crate::document::Version;
use crate::failure::one_line;
use crate::host::files;
use crate::host::process::{self, ANSWER_WITHIN, ProcessError};
use crate::reason::Reason;
use std::path::{Path, PathBuf};

/// Where packages, hand-made installations and immutable systems put it; the first that is there counts.
const PLACES: [&str; 5] = [
    "/usr/bin/kubelet",
    "/usr/local/bin/kubelet",
    "/opt/bin/kubelet",
    "/usr/sbin/kubelet",
    "/usr/local/sbin/kubelet",
];

/// A kubelet that runs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeletFound {
    /// Where it is, as the machine sees it: without the root.
    pub path: PathBuf,
    /// What it says.
    pub version: Version,
}

pub(super) async fn check(host: &Host<'_>) -> (Outcome, Option<KubeletFound>) {
    let Some(place) = PLACES.iter().find(|place| files::exists(&host.root.at(place))) else {
        return (unusable(format!("looking for the kubelet: none of {} is there", PLACES.join(", "))), None);
    };
    let version = match version(host, place).await {
        Ok(version) => version,
        Err(outcome) => return (outcome, None),
    };
    let outcome = match host.document.and_then(|document| document.kubelet.version.as_ref()) {
        Some(range) if !range.holds(&version) => {
            unusable(format!("comparing {place}: it is {version}, and the document requires {range}"))
        }
        Some(range) => Outcome::Passed(format!("{place} is {version}, within {range}")),
        None => Outcome::Passed(format!("{place} is {version}")),
    };
    (outcome, Some(KubeletFound { path: PathBuf::from(place), version }))
}

fn unusable(message: impl Into<String>) -> Outcome {
    Outcome::failed(Reason::KubeletNotReady, message)
}

async fn version(host: &Host<'_>, place: &str) -> Result<Version, Outcome> {
    let path = host.root.at(place);
    let shown = path.display();
    match files::is_executable(&path) {
        Ok(true) => {}
        Ok(false) => {
            return Err(unusable(format!("looking at {shown}: it is no executable file (chmod 0755 it)")));
        }
        Err(error) => return Err(unusable(format!("looking at {shown}: {error}"))),
    }
    let head = files::read_head(&path, elf::HEAD)
        .map_err(|error| unusable(format!("reading the head of {shown}: {error}")))?;
    if let Some(built_for) = elf::architecture(&head)
        && built_for != host.facts.architecture
    {
        let seen = format!("it is built for {built_for}, and this machine is {}", host.facts.architecture);
        return Err(cannot_run(host, &path, &seen));
    }
    // The program is started in another directory than this one's.
    let program = std::path::absolute(&path)
        .map_err(|error| unusable(format!("finding the directory of {shown}: {error}")))?;
    match process::run(&program, &["--version"], ANSWER_WITHIN).await {
        Ok(said) => parse(&said.stdout).ok_or_else(|| {
            let said: String = one_line(&said.stdout).chars().take(200).collect();
            unusable(format!(
                "asking {shown} --version: it says \"{said}\", which names no version of Kubernetes"
            ))
        }),
        Err(error @ ProcessError::NotStarted { .. }) => Err(cannot_run(host, &path, &why_not_started(error))),
        Err(error) => {
            let reason = match error {
                ProcessError::TooLate { .. } => Reason::HostNotAnswering,
                _ => Reason::KubeletNotReady,
            };
            Err(Outcome::failed(reason, told(error, "asking the kubelet for its version")))
        }
    }
}

/// On the machine that is a fault. Below another root it may well be right: the image of another machine.
fn cannot_run(host: &Host<'_>, path: &Path, seen: &str) -> Outcome {
    if host.root.is_machine() {
        return unusable(format!("starting {}: {seen}", path.display()));
    }
    Outcome::Warned(format!("{} cannot be started here, so its version is not known: {seen}", path.display()))
}

fn why_not_started(error: ProcessError) -> String {
    const ENOEXEC: i32 = 8;
    let hint = match &error {
        ProcessError::NotStarted { source, .. } if source.raw_os_error() == Some(ENOEXEC) => {
            "; it is not a program for this machine"
        }
        ProcessError::NotStarted { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "; the loader or interpreter it was built for is not here"
        }
        ProcessError::NotStarted { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            "; look at its mount options (noexec) and its SELinux label"
        }
        _ => "",
    };
    format!("{}{hint}", told(error, "asking for its version"))
}

/// What `kubelet --version` prints: `Kubernetes v1.28.3`.
fn parse(said: &str) -> Option<Version> {
    Version::parse(said.lines().find_map(|line| line.trim().strip_prefix("Kubernetes "))?)
}
