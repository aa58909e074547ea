//! What the kernel must have and what it should be told: cgroup controllers, swap, sysctls.

use super::{Host, Outcome, not_the_machine};
use crate::failure::one_line;
use crate::host::files;
use crate::reason::Reason;
use serde_json::Value;

const V2_CONTROLLERS: &str = "/sys/fs/cgroup/cgroup.controllers";
const V1_CONTROLLERS: &str = "/proc/cgroups";
const NEEDED: [&str; 3] = ["cpu", "memory", "pids"];
const SWAPS: &str = "/proc/swaps";
const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
const BRIDGE: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
const LIMIT: u64 = 64 * 1024;

pub(super) fn cgroups(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return not_the_machine("the kernel");
    }
    let v2 = host.facts.cgroup_v2;
    let path = if v2 { V2_CONTROLLERS } else { V1_CONTROLLERS };
    let text = match files::read_text(&host.root.at(path), LIMIT) {
        Ok(text) => text,
        Err(error) => {
            return Outcome::Warned(format!("the cgroup controllers are not known: {path}: {error}"));
        }
    };
    let there = if v2 { v2_controllers(&text) } else { v1_controllers(&text) };
    let missing: Vec<&str> = NEEDED.into_iter().filter(|needed| !there.contains(needed)).collect();
    if !missing.is_empty() {
        return Outcome::failed(Reason::CheckFailed, missing_controllers(path, &missing));
    }
    if v2 || is(host, "failCgroupV1", false) {
        return Outcome::Passed(format!("the controllers {} are there", NEEDED.join(", ")));
    }
    Outcome::Warned(
        "this machine mounts cgroup v1: a kubelet of 1.35 or newer does not start on it unless \
         kubelet.config.failCgroupV1 is false; boot with systemd.unified_cgroup_hierarchy=1 for cgroup v2"
            .to_owned(),
    )
}

fn v2_controllers(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// cgroups(7): name, hierarchy, number of cgroups, enabled.
fn v1_controllers(text: &str) -> Vec<&str> {
    let enabled = |line: &'_ str| line.split_whitespace().nth(3) == Some("1");
    text.lines().filter(|line| enabled(line)).filter_map(|line| line.split_whitespace().next()).collect()
}

fn missing_controllers(path: &str, missing: &[&str]) -> String {
    let mut message =
        format!("looking for cgroup controllers in {path}: {} is missing or disabled", missing.join(", "));
    if missing.contains(&"memory") {
        message.push_str(
            "; add cgroup_enable=memory to the kernel command line (on a Raspberry Pi \
             \"cgroup_memory=1 cgroup_enable=memory\" in /boot/firmware/cmdline.txt) and reboot",
        );
    }
    if missing.iter().any(|it| *it != "memory") {
        message.push_str("; take cgroup_disable= off the kernel command line, or boot a kernel that has it");
    }
    message
}

pub(super) fn swap(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return not_the_machine("swap");
    }
    let text = files::read_text(&host.root.at(SWAPS), LIMIT).unwrap_or_default();
    let swaps = swaps(&text);
    if swaps.is_empty() {
        return Outcome::Passed("swap is off".to_owned());
    }
    let on = format!("swap is on ({})", one_line(&swaps.join(", ")));
    if is(host, "failSwapOn", false) {
        return Outcome::Passed(format!("{on}, and kubelet.config.failSwapOn of the document is false"));
    }
    Outcome::Warned(format!(
        "{on}: the kubelet does not start like this unless kubelet.config.failSwapOn is false; swapoff -a turns \
         it off until the next boot, /etc/fstab or the zram service for good"
    ))
}

/// proc_swaps(5): a heading, then one line for each, its name first.
fn swaps(text: &str) -> Vec<&str> {
    text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect()
}

pub(super) fn sysctls(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return not_the_machine("the kernel");
    }
    let read = |path| files::read_text(&host.root.at(path), LIMIT).ok();
    judge_sysctls(read(FORWARD).as_deref(), read(BRIDGE).as_deref())
}

/// The values as the kernel shows them; none of the bridge's before br_netfilter is loaded.
fn judge_sysctls(forward: Option<&str>, bridge: Option<&str>) -> Outcome {
    let on = |value: Option<&str>| value.is_some_and(|value| value.trim() == "1");
    let mut todo = Vec::new();
    if !on(forward) {
        todo.push("net.ipv4.ip_forward is not 1 (sysctl -w net.ipv4.ip_forward=1)");
    }
    match bridge {
        None => todo.push(
            "br_netfilter is not loaded (modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1)",
        ),
        Some(_) if !on(bridge) => todo.push(
            "net.bridge.bridge-nf-call-iptables is not 1 (sysctl -w net.bridge.bridge-nf-call-iptables=1)",
        ),
        Some(_) => {}
    }
    if todo.is_empty() {
        return Outcome::Passed("packets are forwarded, and bridged ones filtered".to_owned());
    }
    Outcome::Warned(format!(
        "{}: most pod networks need that; /etc/sysctl.d and /etc/modules-load.d keep it over a reboot",
        todo.join(" and ")
    ))
}

/// Whether the document sets this field of the kubelet's configuration to this.
fn is(host: &Host<'_>, field: &str, value: bool) -> bool {
    host.document.and_then(|document| document.kubelet.config.get(field)) == Some(&Value::Bool(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers() {
        let v1 =
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t0\t1\t0\npids\t9\t1\t1\n";
        assert_eq!(v1_controllers(v1), ["cpu", "pids"]);
        assert_eq!(v2_controllers("cpuset cpu io\n"), ["cpuset", "cpu", "io"]);
        for (missing, expected) in [
            (&["memory"][..], "cgroup_enable=memory"),
            (&["cpu", "memory"], "cgroup_disable="),
            (&["pids"], "cgroup_disable="),
        ] {
            let message = missing_controllers(V1_CONTROLLERS, missing);
            assert!(message.contains(expected) && message.contains(&missing.join(", ")), "{message}");
        }
        assert!(!missing_controllers(V1_CONTROLLERS, &["pids"]).contains("cgroup_enable"));
    }

    #[test]
    fn swap_devices() {
        let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        for (lines, expected) in [
            ("", vec![]),
            ("/dev/zram0 partition 1024 0 100\n", vec!["/dev/zram0"]),
            ("/swapfile file 1 0 -2\n/dev/sda2 partition 1 0 -3\n", vec!["/swapfile", "/dev/sda2"]),
        ] {
            assert_eq!(swaps(&format!("{heading}{lines}")), expected);
        }
        assert!(swaps("").is_empty());
    }

    #[test]
    fn forwarding() {
        for (forward, bridge, missing) in [
            (Some("1\n"), Some("1\n"), &[][..]),
            (Some("0\n"), Some("1\n"), &["ip_forward=1"]),
            (Some("1\n"), Some("0\n"), &["bridge-nf-call-iptables=1"]),
            (Some("1\n"), None, &["modprobe br_netfilter"]),
            (None, None, &["ip_forward=1", "modprobe br_netfilter"]),
        ] {
            match judge_sysctls(forward, bridge) {
                Outcome::Passed(_) => assert!(missing.is_empty(), "{forward:?} {bridge:?}"),
                Outcome::Warned(text) => {
                    assert!(!missing.is_empty(), "{text}");
                    assert!(missing.iter().all(|line| text.contains(line)), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
