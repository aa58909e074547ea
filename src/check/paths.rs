//! Whether what the join writes has a place: directories that can be written, a disk that is not full.

use super::{Host, Outcome, not_the_machine};
use crate::host::files::{self, Space};
use crate::reason::Reason;

const WRITTEN: [&str; 5] = [
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "/var/lib/worker-bootstrap",
    "/run/worker-bootstrap",
    "/etc/systemd/system",
];
/// Images, logs and volumes of pods lie on this one's file system, unless somebody arranged it otherwise.
const PODS: &str = "/var/lib/kubelet";
const MIB: u64 = 1 << 20;
/// The kubelet's own files and its first log lines.
const LEAST: u64 = 100 * MIB;
/// Below this share of free space the kubelet evicts pods (its default evictionHard, nodefs.available).
const EVICTS_BELOW_PERCENT: u64 = 10;

pub(super) fn writable(host: &Host<'_>) -> Outcome {
    if host.lacks_rights() {
        return Outcome::Skipped("it would say nothing without the rights of root".to_owned());
    }
    let refusals: Vec<String> = WRITTEN
        .iter()
        .map(|directory| host.root.at(directory))
        .filter_map(|directory| {
            let error = files::writable_dir(&directory).err()?;
            Some(format!("{}: {error}", directory.display()))
        })
        .collect();
    if refusals.is_empty() {
        return Outcome::Passed(format!("{} directories can be written", WRITTEN.len()));
    }
    Outcome::failed(Reason::PathNotWritable, format!("trying to write to {}", refusals.join(", ")))
}

pub(super) fn space(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return not_the_machine("the room on the disk");
    }
    match files::space(&host.root.at(PODS)) {
        Ok(space) => judge(space),
        Err(error) => Outcome::Warned(format!("the file system of {PODS} does not say its size: {error}")),
    }
}

fn judge(space: Space) -> Outcome {
    let free = format!("{} MiB of {} MiB are free at {PODS}", space.free / MIB, space.total / MIB);
    if space.free < LEAST {
        return Outcome::failed(
            Reason::CheckFailed,
            format!("looking for room on the disk: {free}; make it at least {} MiB", LEAST / MIB),
        );
    }
    if space.free / EVICTS_BELOW_PERCENT < space.total / 100 {
        return Outcome::Warned(format!(
            "{free}: below {EVICTS_BELOW_PERCENT} % the kubelet evicts pods and the node takes no new ones"
        ));
    }
    Outcome::Passed(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_on_the_disk() {
        for (free_mib, total_mib, expected) in [
            (50_000, 100_000, "passed"),
            (10_000, 100_000, "passed"),
            (9_999, 100_000, "warned"),
            (100, 101, "passed"),
            (100, 8_000, "warned"),
            (99, 101, "failed"),
            (0, 100_000, "failed"),
            (0, 0, "failed"),
        ] {
            let seen = match judge(Space { free: free_mib * MIB, total: total_mib * MIB }) {
                Outcome::Passed(_) => "passed",
                Outcome::Warned(_) => "warned",
                Outcome::Failed(failure) => {
                    assert!(failure.line().contains(&format!("{free_mib} MiB of {total_mib} MiB")));
                    "failed"
                }
                Outcome::Skipped(_) => "skipped",
            };
            assert_eq!(seen, expected, "{free_mib} of {total_mib}");
        }
    }
}
