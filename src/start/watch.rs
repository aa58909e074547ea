//! Watching, as the node, for its own Node object, with an eye on the kubelet's unit: one watch, no
//! polling of the API.

use super::{KUBELET, Node};
use crate::document::WaitFor;
use crate::failure::{Failure, one_line};
use crate::host::facts::Facts;
use crate::host::systemd::Manager;
use crate::kube::Patience;
use crate::kube::objects;
use crate::kube::watch::{Event, Watch};
use crate::progress::{Progress, WaitState, Waiting};
use crate::reason::Reason;
use std::time::{Duration, Instant};

const NODES: &str = "/api/v1/nodes";
/// How often the kubelet's unit is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// A kubelet that systemd had to restart so often since its start does not stay up.
const TOO_OFTEN: u32 = 3;
const LAST_WORDS: usize = 3;

/// Waits until the node is in the state `wait`; says what was seen.
///
/// # Errors
/// `kubelet_failed` with the kubelet's own words; `node_not_seen` at the deadline; the reasons of the
/// server.
pub async fn watch(
    node: &Node,
    wait: WaitFor,
    manager: Option<&Manager>,
    facts: &Facts,
    progress: &dyn Progress,
    deadline: Instant,
) -> Result<String, Failure> {
    if wait == WaitFor::Credential {
        return Ok(format!("node {} has its credential; nothing further is waited for", node.name));
    }
    let doing = "watching for our own Node";
    let patience = Patience { deadline: deadline.into(), progress };
    let mut seen = Seen::Absent;
    let mut stream = Watch::<objects::Node>::new(&node.client, doing, NODES, node.name.as_str(), "");
    say(progress, &seen, deadline);
    loop {
        let event = with_an_eye_on(manager, stream.next(patience)).await??;
        seen = match event {
            Some(Event::Now(object)) => Seen::of(&object, facts),
            Some(Event::Deleted(_)) => Seen::Absent,
            Some(Event::Lost) => continue,
            None => return Err(in_vain(node, &seen, wait, manager).await),
        };
        match &seen {
            Seen::Ours { version, .. } if wait == WaitFor::Registered => {
                return Ok(format!("node {} is registered, kubelet {version}", node.name));
            }
            Seen::Ours { version, not_ready: None } => {
                return Ok(format!("node {} is Ready, kubelet {version}", node.name));
            }
            _ => say(progress, &seen, deadline),
        }
    }
}

/// What the cluster shows under our name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Absent,
    /// An object that our kubelet has not written yet.
    NotOurs(String),
    Ours {
        version: String,
        not_ready: Option<String>,
    },
}

impl Seen {
    fn of(node: &objects::Node, facts: &Facts) -> Self {
        let info = &node.status.node_info;
        let other = |what: &str, theirs: &str, ours: &Option<String>| {
            let differs = ours.as_deref().is_some_and(|ours| ours != theirs);
            differs.then(|| Seen::NotOurs(format!("its {what} is {}", one_line(theirs))))
        };
        // A Node of an earlier life of this machine carries the boot-id of that life.
        let foreign = other("machine-id", &info.machine_id, &facts.machine_id)
            .or_else(|| other("boot-id", &info.boot_id, &facts.boot_id));
        foreign.unwrap_or_else(|| {
            let not_ready = match node.ready() {
                Some(ready) if ready.holds() => None,
                Some(ready) => Some(one_line(&format!("{}: {}", ready.reason, ready.message))),
                None => Some("it has no condition Ready yet".to_owned()),
            };
            Seen::Ours { version: one_line(&info.kubelet_version), not_ready }
        })
    }
}

fn say(progress: &dyn Progress, seen: &Seen, deadline: Instant) {
    let (state, what) = match seen {
        Seen::Absent => (WaitState::Node, None),
        Seen::NotOurs(why) => (WaitState::Node, Some(why)),
        Seen::Ours { not_ready, .. } => (WaitState::Ready, not_ready.as_ref()),
    };
    let last_error = what.map(String::as_str);
    progress.waiting(Waiting { state, until: Some(deadline), attempt: 1, last_error });
}

/// Runs `work` to its end, unless the kubelet's unit turns out not to stay up.
async fn with_an_eye_on<T>(manager: Option<&Manager>, work: impl Future<Output = T>) -> Result<T, Failure> {
    let Some(manager) = manager else { return Ok(work.await) };
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(LOOK, &mut work).await {
            return Ok(done);
        }
        let state = manager.unit_state(KUBELET).await;
        let down = |state: &crate::host::systemd::UnitState| {
            state.active == "failed" || state.n_restarts >= TOO_OFTEN
        };
        if let Ok(state) = state
            && down(&state)
        {
            let words = last_words(manager).await;
            return Err(Failure::new(
                Reason::KubeletFailed,
                format!(
                    "watching {KUBELET}: it is {}, its last exit status {}, restarted {} times; {words}",
                    state.active, state.exec_main_status, state.n_restarts
                ),
            ));
        }
    }
}

async fn in_vain(node: &Node, seen: &Seen, wait: WaitFor, manager: Option<&Manager>) -> Failure {
    let what = match seen {
        Seen::Absent => "the cluster knows no such node".to_owned(),
        Seen::NotOurs(why) => format!("the node of that name was not written by this kubelet: {why}"),
        Seen::Ours { not_ready: Some(why), .. } => format!("it is registered and not Ready: {why}"),
        Seen::Ours { not_ready: None, .. } => "it is Ready".to_owned(),
    };
    let words = match manager {
        Some(manager) => format!("; {}", last_words(manager).await),
        None => String::new(),
    };
    Failure::new(Reason::NodeNotSeen, format!("waiting for node {} to be {wait}: {what}{words}", node.name))
}

async fn last_words(manager: &Manager) -> String {
    match manager.journal_tail(KUBELET, LAST_WORDS).await {
        Ok(lines) if !lines.is_empty() => format!("the kubelet's last words: {}", lines.join(" | ")),
        _ => "the kubelet has said nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn facts(machine_id: &str, boot_id: Option<&str>) -> Facts {
        Facts {
            hostname: "worker-1".into(),
            machine_id: Some(machine_id.into()),
            product_uuid: None,
            boot_id: boot_id.map(str::to_owned),
            memory_bytes: 0,
            cpus: 1,
            cgroup_v2: true,
            resolv_conf: None,
            architecture: "x86_64",
        }
    }

    #[test]
    fn only_what_our_own_kubelet_wrote_counts() {
        let node = |conditions: serde_json::Value| {
            let node = json!({"metadata": {"name": "worker-1"}, "status": {"conditions": conditions, "nodeInfo":
                {"machineID": "aaa", "systemUUID": "", "bootID": "bbb", "kubeletVersion": "v1.31.0"}}});
            serde_json::from_value::<objects::Node>(node).unwrap()
        };
        let ours = |not_ready: Option<&str>| Seen::Ours {
            version: "v1.31.0".into(),
            not_ready: not_ready.map(str::to_owned),
        };
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let not_ready =
            json!([{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "no CNI"}]);
        for (conditions, machine_id, boot_id, seen) in [
            (&ready, "aaa", Some("bbb"), ours(None)),
            (&ready, "aaa", None, ours(None)),
            (&not_ready, "aaa", Some("bbb"), ours(Some("KubeletNotReady: no CNI"))),
            (&json!([]), "aaa", Some("bbb"), ours(Some("it has no condition Ready yet"))),
            (&ready, "zzz", Some("bbb"), Seen::NotOurs("its machine-id is aaa".into())),
            (&ready, "aaa", Some("zzz"), Seen::NotOurs("its boot-id is bbb".into())),
        ] {
            assert_eq!(Seen::of(&node(conditions.clone()), &facts(machine_id, boot_id)), seen);
        }
    }
}
