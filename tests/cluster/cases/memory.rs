//! What the process itself still holds of the token.

use crate::support::canary::Canary;
use crate::support::cluster::Cluster;
use crate::support::machine::Machine;
use crate::support::token::{AUTO, MANUAL, Trust, document};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;

/// While the node is waited for the token is gone from memory, in every encoding; before it was spent it
/// is there, so that the search is known to find it.
pub async fn holds_no_token_while_the_node_is_waited_for(cluster: Cluster) {
    for trust in ["ca", "hashes"] {
        let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
        let hashes = [cluster.ca_hash()];
        let trust = if trust == "ca" { Trust::Ca(&cluster.ca) } else { Trust::Hashes(&hashes) };
        machine.deliver(&document(&token, &[door.url()], trust));
        let canary = Canary::of(&token);
        let mut run = machine.start(&["--wait", "registered"]);
        run.waits_for("csr_approval").await;
        assert!(holds(run.pid, &canary) > 0, "the token is not found where it must be");
        cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
        run.waits_for("node_object").await;
        assert_eq!(holds(run.pid, &canary), 0, "copies of the token in the memory of the run");
        run.terminate();
        run.end().await.must_exit(75);
    }
}

/// Locked where the limit allows it, and a line where it does not.
pub async fn is_locked_or_said_not_to_be(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&["--wait", "registered"]);
    run.waits_for("node_object").await;
    let word = |file: &str, line: &str| {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", run.pid)).unwrap();
        let rest = text.lines().find_map(|one| one.strip_prefix(line)).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let (locked, limit, said) = (word("status", "VmLck:"), word("limits", "Max locked memory"), run.said());
    assert_eq!(locked != "0", limit == "unlimited", "{locked} kB locked, of {limit}: {said}");
    assert_eq!(locked == "0", said.contains("memory is not locked"), "{locked} kB locked: {said}");
    run.terminate();
    run.end().await.must_exit(75);
}

/// How many needles stand in the memory of a process, which is root's alone to read.
fn holds(pid: u32, canary: &Canary) -> usize {
    let maps = File::open(format!("/proc/{pid}/maps")).unwrap();
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut found = 0;
    for line in BufReader::new(maps).lines().map(Result::unwrap) {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // A mapping that went away or cannot be read holds nothing that could be read.
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            found += canary.count(&bytes);
        }
    }
    found
}
