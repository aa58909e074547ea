//! The container runtime, judged by what it answers and not by what lies on the disk.
//!
//! On a first boot it may be starting at this very moment, so on the machine it is asked again for a
//! while before it counts as absent. One that has begun to listen and does not answer yet is no fault of
//! the host: a later run asks it again.

use super::{Host, Outcome, together};
use crate::document::Document;
use crate::host::cri::{self, CgroupDriver, CriError, RuntimeAnswer, SOCKETS};
use crate::reason::Reason;
use serde_json::Value;
use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// All attempts together.
const PATIENCE: Duration = Duration::from_millis(1500);
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// A runtime that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeFound {
    /// Where it listens, as the machine sees it: without the root.
    pub socket: PathBuf,
    /// Who manages cgroups, where it tells.
    pub cgroup_driver: Option<CgroupDriver>,
    /// As in `containerd`.
    pub name: String,
    /// As in `1.6.20`.
    pub version: String,
}

pub(super) async fn check(host: &Host<'_>) -> (Outcome, Option<RuntimeFound>) {
    let sockets = match host.document.and_then(endpoint) {
        Some((_, Some(socket))) => vec![socket],
        Some((field, None)) => {
            let message =
                format!("reading {field} of the document: expected unix:// and the path of a socket");
            return (Outcome::failed(Reason::RuntimeNotReady, message), None);
        }
        None => SOCKETS.map(str::to_owned).to_vec(),
    };
    let until = Instant::now() + PATIENCE;
    loop {
        let answers = ask(host, &sockets, until).await;
        let ready = answers.iter().any(|(_, answer)| answer.as_ref().is_ok_and(|answer| answer.ready));
        if ready || !host.root.is_machine() || Instant::now() + AGAIN_AFTER >= until {
            return judge(host, answers);
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

pub(super) type Answers<'s> = Vec<(&'s str, Result<RuntimeAnswer, CriError>)>;

async fn ask<'s>(host: &Host<'_>, sockets: &'s [String], until: Instant) -> Answers<'s> {
    let left = until.saturating_duration_since(Instant::now());
    let questions = sockets
        .iter()
        .map(|socket| async move { (socket.as_str(), cri::ask(&host.root.at(socket), left).await) });
    together(questions.collect()).await
}

pub(super) fn judge(host: &Host<'_>, answers: Answers<'_>) -> (Outcome, Option<RuntimeFound>) {
    let (mut ready, mut troubles) = (Vec::new(), Vec::new());
    for (socket, answer) in answers {
        match answer {
            Ok(answer) if answer.ready => ready.push(RuntimeFound {
                socket: PathBuf::from(socket),
                cgroup_driver: answer.cgroup_driver,
                name: answer.name,
                version: answer.version,
            }),
            Ok(answer) => troubles.push(Trouble::NotReady(socket, answer)),
            Err(error) => troubles.push(Trouble::NoAnswer(error)),
        }
    }
    if ready.is_empty() {
        return (not_ready(host, troubles), None);
    }
    let also: Vec<String> = ready.iter().skip(1).map(|other| other.socket.display().to_string()).collect();
    let found = ready.swap_remove(0);
    let outcome = agree(host, &found).unwrap_or_else(|| {
        let line = line(&found);
        if also.is_empty() {
            return Outcome::Passed(line);
        }
        Outcome::Warned(format!(
            "{line}; another runtime is ready at {}: kubelet.config.containerRuntimeEndpoint of the document \
             chooses",
            also.join(", ")
        ))
    });
    (outcome, Some(found))
}

fn line(found: &RuntimeFound) -> String {
    let driver = found.cgroup_driver.map_or_else(
        || "which does not tell its cgroup driver".to_owned(),
        |driver| format!("cgroup driver {}", driver.as_str()),
    );
    format!("{} {} at {}, {driver}", found.name, found.version, found.socket.display())
}

/// The failure where the document gives the kubelet another cgroup driver than the runtime's: pods would
/// die without a word.
fn agree(host: &Host<'_>, found: &RuntimeFound) -> Option<Outcome> {
    let wanted = host.document?.kubelet.config.get("cgroupDriver").and_then(Value::as_str)?;
    let driver = found.cgroup_driver?.as_str();
    (wanted != driver).then(|| {
        Outcome::failed(
            Reason::CheckFailed,
            format!(
                "comparing cgroup drivers: kubelet.config.cgroupDriver of the document is not {driver}, which \
                 {} {} uses; take it out of the document, or change the runtime's",
                found.name, found.version
            ),
        )
    })
}

enum Trouble<'s> {
    NotReady(&'s str, RuntimeAnswer),
    NoAnswer(CriError),
}

impl Trouble<'_> {
    fn is_absence(&self) -> bool {
        matches!(self, Trouble::NoAnswer(CriError::Absent(_)))
    }

    /// Nobody listens, as in an image.
    fn is_silence(&self) -> bool {
        let refused = |kind| matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        matches!(self, Trouble::NoAnswer(CriError::Refused { source, .. }) if refused(source.kind()))
    }

    /// Somebody listens, and may answer another time.
    fn is_hesitation(&self) -> bool {
        matches!(self, Trouble::NoAnswer(CriError::Silent { .. }))
    }

    fn is_for_want_of_rights(&self) -> bool {
        matches!(self, Trouble::NoAnswer(CriError::Refused { source, .. })
            if source.kind() == ErrorKind::PermissionDenied)
    }

    fn told(self) -> String {
        match self {
            Trouble::NoAnswer(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("{error}{cause}")
            }
            Trouble::NotReady(socket, answer) => format!(
                "{} {} at {socket} is not ready: {}",
                answer.name,
                answer.version,
                answer.not_ready_why.unwrap_or_default()
            ),
        }
    }
}

fn not_ready(host: &Host<'_>, troubles: Vec<Trouble<'_>>) -> Outcome {
    if !host.root.is_machine() && troubles.iter().all(|it| it.is_absence() || it.is_silence()) {
        return Outcome::Skipped("no container runtime runs below this root, as in an image".to_owned());
    }
    if host.lacks_rights() && troubles.iter().any(Trouble::is_for_want_of_rights) {
        return Outcome::Skipped("it may not be asked without the rights of root".to_owned());
    }
    let may_come = troubles.iter().any(Trouble::is_hesitation);
    let reason = if may_come { Reason::HostNotAnswering } else { Reason::RuntimeNotReady };
    // A socket that is there is worth more words than one that is not.
    let all_absent = troubles.iter().all(Trouble::is_absence);
    let lines: Vec<String> =
        troubles.into_iter().filter(|it| all_absent || !it.is_absence()).map(Trouble::told).collect();
    Outcome::failed(reason, format!("asking the container runtime: {}", lines.join("; ")))
}

/// The socket that the document names, and the field that does; `None` in it for what is no socket.
/// The flag wins over the field, as in the kubelet.
pub(super) fn endpoint(document: &Document) -> Option<(&'static str, Option<String>)> {
    let kubelet = &document.kubelet;
    let flag = kubelet.extra_args.get("container-runtime-endpoint").map(String::as_str);
    let (field, text) = match (flag, kubelet.config.get("containerRuntimeEndpoint")) {
        (Some(text), _) => ("kubelet.extraArgs.container-runtime-endpoint", Some(text)),
        (None, Some(value)) => ("kubelet.config.containerRuntimeEndpoint", value.as_str()),
        (None, None) => return None,
    };
    let path = text.map(|text| text.strip_prefix("unix://").unwrap_or(text));
    Some((field, path.filter(|path| path.starts_with('/')).map(str::to_owned)))
}
