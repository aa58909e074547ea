//! Clocks that are wrong, and clocks that are set while a run is under way. libfaketime stands between the
//! agent and its clock of the day; the clock that only runs forward is left alone, as by everybody who sets
//! the other one.

use crate::support::cluster::{Cluster, Kind};
use crate::support::machine::{DOCUMENT, Machine, Running};
use crate::support::token::{AUTO, MANUAL, Trust, document};
use crate::support::unix_now;
use std::path::PathBuf;

const HOUR_LATER: &str = "+7200";

/// What the machine's clock says, from now on: an offset in seconds, or a moment.
fn set(machine: &Machine, clock: &str) {
    machine.write("clock", clock, 0o644);
}

fn start(machine: &Machine) -> Running {
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", machine.path("clock").display());
    let library = format!("LD_PRELOAD={}", library().display());
    machine
        .start_under(&["env", &library, &file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"], &[])
}

fn library() -> PathBuf {
    let of_architecture = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut places = of_architecture.map(|path| path.join("faketime/libfaketime.so.1"));
    places.find(|path| path.exists()).expect("libfaketime is not installed")
}

/// The time a join may take is counted, not read off the clock of the day.
async fn set_while_a_join_is_under_way(cluster: Cluster, to: &str) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    set(&machine, "+0");
    let mut run = start(&machine);
    run.waits_for("csr_approval").await;
    set(&machine, to);
    // Whatever the agent does next it does by the new clock.
    door.reset_all();
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    let ended = run.end().await.must_join();
    assert!(!machine.has(DOCUMENT));
    let off = ended.status["updatedAt"].as_i64().unwrap() - i64::try_from(unix_now()).unwrap();
    assert!(off.abs() > 3600, "the agent's clock was not set: {off} s");
}

#[test]
#[ignore = "needs libfaketime: tests/run"]
fn set_past_the_expiry_while_a_join_is_under_way() {
    crate::on(Kind::Embedded, |cluster| set_while_a_join_is_under_way(cluster, HOUR_LATER));
}

#[test]
#[ignore = "needs libfaketime: tests/run"]
fn set_back_while_a_join_is_under_way() {
    crate::on(Kind::Embedded, |cluster| set_while_a_join_is_under_way(cluster, "-172800"));
}

/// A machine without a battery for its clock, and without a time server: the API server's clock is asked.
async fn wrong_from_the_start(cluster: Cluster, clock: &str, judged_by: &str) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.forget_clock();
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    set(&machine, clock);
    let ended = start(&machine).end().await.must_join();
    assert!(ended.says(judged_by), "{:#?}", ended.lines);
}

#[test]
#[ignore = "needs libfaketime: tests/run"]
fn past_the_expiry_from_the_start() {
    crate::on(Kind::Embedded, |cluster| {
        wrong_from_the_start(cluster, HOUR_LATER, "by the API server's clock")
    });
}

#[test]
#[ignore = "needs libfaketime: tests/run"]
fn in_1970_from_the_start() {
    crate::on(Kind::Embedded, |cluster| {
        wrong_from_the_start(cluster, "@1970-01-02 00:00:00", "this machine's clock (1970-01-02T")
    });
}
