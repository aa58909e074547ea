//! Whether this process may do what a join does, and whether somebody is there to start the kubelet.

use super::{Host, Outcome, not_the_machine};
use crate::host::facts;
use crate::host::systemd::Manager;
use crate::reason::Reason;

pub(super) fn root(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return Outcome::Skipped("a directory needs no more rights than to write to it".to_owned());
    }
    if facts::is_root() {
        return Outcome::Passed("this process has the rights of root".to_owned());
    }
    Outcome::failed(
        Reason::NotRoot,
        "looking at the rights of this process: they are another user's than root's",
    )
}

pub(super) fn systemd(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return not_the_machine("systemd");
    }
    match Manager::of(host.root) {
        Some(_) => Outcome::Passed("systemd runs this machine".to_owned()),
        None => Outcome::failed(
            Reason::CheckFailed,
            "looking for systemd: there is no /run/systemd/system, so it did not boot this machine and \
             cannot start the kubelet; boot with systemd, or work below --root",
        ),
    }
}
