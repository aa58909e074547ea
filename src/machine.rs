//! The machine a run works on: its root, its facts, its marks, its clock and its service manager,
//! gathered once at the start.

use crate::admit;
use crate::check::{self, Checked};
use crate::document::{Document, Given, NodeName};
use crate::failure::Failure;
use crate::find::Found;
use crate::host::clock::{self, Reading};
use crate::host::facts::{self, Facts};
use crate::host::files;
use crate::host::lock::{self, Lock};
use crate::host::own;
use crate::host::root::Root;
use crate::host::state;
use crate::host::systemd::Manager;
use crate::join::{self, RuntimeForKubelet};
use crate::kube::DateJudge;
use crate::mark::{History, Ledger, Mark};
use crate::plan::Ground;
use crate::progress::{Progress, WaitState, Waiting};
use crate::reason::Reason;
use std::time::{Duration, Instant};

const LOCK: &str = "/run/worker-bootstrap/lock";
/// How long a second run waits for the first.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(600);
const LOCK_LOOK: Duration = Duration::from_millis(250);

const KUBEADM_DROP_INS: [&str; 3] = [
    "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
    "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
    "/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
];
const KUBELET_UNITS: [&str; 3] = [
    "/etc/systemd/system/kubelet.service",
    "/usr/lib/systemd/system/kubelet.service",
    "/lib/systemd/system/kubelet.service",
];

/// What is known of the machine before anything is read that may hold a token.
#[derive(Debug)]
pub struct Machine {
    /// Where its files are.
    pub root: Root,
    /// What it is.
    pub facts: Facts,
    /// Its marks.
    pub ledger: Ledger,
    /// Its service manager; none under another root.
    pub manager: Option<Manager>,
}

impl Machine {
    /// Looks at the machine below `root`.
    ///
    /// # Errors
    /// `host_check_failed` where a running machine has no machine-id: marks could not be bound to it.
    pub fn gather(root: Root) -> Result<Machine, Failure> {
        let facts = facts::gather(&root);
        let machine_id = match &facts.machine_id {
            Some(id) => id.clone(),
            None if root.is_machine() => {
                return Err(Failure::new(
                    Reason::CheckFailed,
                    "reading /etc/machine-id: it is absent or uninitialized, so this machine cannot be told from a copy (systemd-machine-id-setup)",
                ));
            }
            None => "none".to_owned(),
        };
        let ledger = Ledger::of(&root, &machine_id);
        let manager = Manager::of(&root);
        Ok(Machine { root, facts, ledger, manager })
    }

    /// The clock, now.
    pub async fn reading(&self) -> Reading {
        clock::read(&self.root).await
    }

    /// The clock as the judge of certificate dates.
    pub async fn judge(&self) -> DateJudge {
        let reading = self.reading().await;
        DateJudge { unix: reading.unix, trusted: reading.synced }
    }

    /// The join this machine stands on: a finished mark of its own whose credential is still on disk
    /// and valid. Without the credential the mark is history.
    ///
    /// # Errors
    /// `local_write_failed` where the marks cannot be read.
    pub async fn standing(&self) -> Result<Option<Mark>, Failure> {
        let Some(mark) = self.ledger.standing()? else { return Ok(None) };
        let Ok(node) = NodeName::parse(&mark.node) else { return Ok(None) };
        Ok(join::on_disk(&self.root, &node, self.judge().await).then_some(mark))
    }

    /// The name this machine will carry: the document's, else its host name.
    ///
    /// # Errors
    /// `node_name_invalid`.
    pub fn node_name(&self, document: &Document) -> Result<NodeName, Failure> {
        if let Some(name) = &document.node.name {
            return Ok(name.clone());
        }
        let hostname = self.facts.hostname.trim().to_ascii_lowercase();
        let refused = |why: &str| {
            Failure::new(
                Reason::NodeNameInvalid,
                format!(
                    "taking the host name \"{}\" as the node's name: {why}",
                    crate::failure::one_line(&hostname)
                ),
            )
        };
        if hostname.is_empty() || hostname == "localhost" || hostname.starts_with("localhost.") {
            return Err(refused("this machine has not been given a name yet"));
        }
        NodeName::parse(&hostname).map_err(|why| refused(&why))
    }

    /// Why a bootstrap cannot be the one that is meant, where there are several: used before, or expired
    /// by a clock that can be trusted.
    pub fn spent(&self, found: &Found, given: &Given, now: &Reading) -> Option<String> {
        let bootstrap = admit::form(found, given).ok()?;
        if bootstrap.token.id().is_erased() {
            return Some("its token was used and has been erased".to_owned());
        }
        let judged = admit::judge(bootstrap.document.expires_at, now);
        if let Some(expired) = judged.refusal(bootstrap.token.id().as_str(), bootstrap.document.expires_at) {
            return Some(expired.to_string());
        }
        match self.ledger.history(bootstrap.token.id()).ok()? {
            History::Spent(mark) => Some(format!("the token {} is spent", mark.token_id)),
            History::OtherMachine(mark) => {
                Some(format!("the token {} belongs to another machine", mark.token_id))
            }
            History::New | History::Started(_) => None,
        }
    }

    /// What the plan depends on.
    pub fn ground(&self, start: bool) -> Ground {
        let any = |paths: &[&str]| paths.iter().any(|path| files::exists(&self.root.at(path)));
        Ground {
            kubeadm_drop_in: any(&KUBEADM_DROP_INS),
            kubelet_unit: any(&KUBELET_UNITS),
            is_machine: self.root.is_machine(),
            start,
        }
    }
}

/// What the kubelet must be told of the runtime that the checks found.
pub fn runtime_for_kubelet(checked: &Checked) -> RuntimeForKubelet<'_> {
    let runtime: Option<&check::RuntimeFound> = checked.runtime.as_ref();
    RuntimeForKubelet {
        socket: runtime.map(|runtime| runtime.socket.as_path()),
        cgroup_driver: runtime.and_then(|runtime| runtime.cgroup_driver),
        kubelet_version: checked.kubelet.as_ref().map(|kubelet| &kubelet.version),
    }
}

/// Keeps what is read from now on out of swap, or says why not.
pub fn lock_memory(progress: &dyn Progress) {
    if let Err(unlocked) = own::lock_memory() {
        progress.note(&unlocked);
    }
}

/// One run at a time: the second one waits this long for the first. `ready` is called before a wait.
///
/// # Errors
/// `lock_held` when the first does not end in time; `local_write_failed` where the lock cannot be made.
pub async fn lock(
    machine: &Machine,
    progress: &dyn Progress,
    patience: Duration,
    ready: &dyn Fn(),
) -> Result<Lock, Failure> {
    let path = machine.root.at(LOCK);
    let failed = |error: std::io::Error| {
        let reason = if error.kind() == std::io::ErrorKind::PermissionDenied {
            Reason::NotRoot
        } else {
            Reason::LocalWrite
        };
        Failure::new(reason, format!("taking the lock {}", path.display())).because(error)
    };
    if let Some((directory, _)) = LOCK.rsplit_once('/') {
        state::directory(&machine.root, directory, 0o755).map_err(|error| failed(error.source))?;
    }
    let until = Instant::now() + patience;
    let mut attempt = 0;
    loop {
        if let Some(lock) = lock::try_acquire(&path).map_err(failed)? {
            return Ok(lock);
        }
        attempt += 1;
        let holder =
            lock::holder(&path).map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        if Instant::now() >= until {
            return Err(Failure::new(
                Reason::LockHeld,
                format!(
                    "taking the lock {}: {holder} holds it, still after {} s",
                    path.display(),
                    patience.as_secs()
                ),
            ));
        }
        if attempt == 1 {
            ready();
            let error = format!("{holder} holds {}", path.display());
            progress.waiting(Waiting {
                state: WaitState::Lock,
                until: Some(until),
                attempt,
                last_error: Some(&error),
            });
        }
        tokio::time::sleep(LOCK_LOOK).await;
    }
}
