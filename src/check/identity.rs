//! Whether the machine can be told from others: its name and its id.

use super::{Host, Outcome, not_the_machine};
use crate::failure::one_line;
use crate::reason::Reason;

/// The kubelet puts the name into the label kubernetes.io/hostname, and the value of a label holds no
/// more; the API server refuses the Node otherwise.
const LONGEST_NAME: usize = 63;

pub(super) fn node_name(host: &Host<'_>) -> Outcome {
    let hostname = one_line(&host.facts.hostname);
    let refused = |what: String| Outcome::failed(Reason::NodeNameInvalid, what);
    let name = match host.node {
        Ok(name) => name.as_str(),
        Err(why) => {
            return refused(format!("taking the host name \"{hostname}\" as the node's name: {why}"));
        }
    };
    if name == "localhost" || name.starts_with("localhost.") {
        return refused(format!("naming the node \"{name}\": this machine has not been given a name yet"));
    }
    if name.len() > LONGEST_NAME {
        return refused(format!(
            "naming the node \"{name}\": the name has {} characters, and the label kubernetes.io/hostname \
             takes {LONGEST_NAME}; give a shorter one in node.name",
            name.len()
        ));
    }
    Outcome::Passed(name.to_owned())
}

pub(super) fn machine_id(host: &Host<'_>) -> Outcome {
    match &host.facts.machine_id {
        Some(id) => Outcome::Passed(id.clone()),
        None if host.root.is_machine() => Outcome::failed(
            Reason::CheckFailed,
            "reading /etc/machine-id: it is absent or uninitialized, so this machine cannot be told from a \
             copy; systemd-machine-id-setup gives it one",
        ),
        None => not_the_machine("the machine id"),
    }
}
