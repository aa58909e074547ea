//! Progress told to an issuer: what it learns, and that one that fails costs nothing.

use crate::support::authority::Authority;
use crate::support::cluster::Cluster;
use crate::support::eventually;
use crate::support::front::{Mode, Reply};
use crate::support::issuer::{Issuer, KEPT};
use crate::support::machine::{DOCUMENT, Machine};
use crate::support::token::{AUTO, MANUAL, Trust, document};
use std::time::{Duration, Instant};

/// Two seconds for the last words, and one for a machine that has more to do.
const BOUND: Duration = Duration::from_secs(3);

pub async fn a_join_is_told(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let issuer = Issuer::new();
    let document = issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    machine.join(&document).await.must_join();
    let events = issuer.events(&token);
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<u64>>());
    let steps: Vec<&str> = events
        .iter()
        .filter(|event| event["kind"] == "step" && event["state"] == "done")
        .map(|event| event["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["find", "admit", "plan", "check", "prepare", "join", "mark", "wipe", "start"]);
    let last = events.last().unwrap();
    assert_eq!((&last["kind"], &last["reason"]), (&"outcome".into(), &"joined".into()), "{last}");
    assert_eq!((&last["exitCode"], &last["erased"], &last["left"]), (&0.into(), &1.into(), &0.into()));
    assert_eq!(last["nodeName"], machine.name.as_str());
    assert!(last["message"].as_str().unwrap().contains(&machine.name), "{last}");
    assert!(!machine.has(KEPT), "the key is kept after the last report");
    // A machine that has joined has told so: nothing more is sent.
    let told = issuer.front.accepted();
    machine.run(&[]).await.must_join();
    assert_eq!(issuer.front.accepted(), told);
}

/// Whoever looks from outside sees what a machine waits for while it waits.
pub async fn a_wait_is_told(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    let issuer = Issuer::new();
    machine.deliver(&issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca))));
    let run = machine.start(&[]);
    let waiting = eventually("a report of the wait", async || {
        issuer.events(&token).into_iter().find(|event| event["state"] == "csr_approval")
    })
    .await;
    assert_eq!((&waiting["kind"], &waiting["step"]), (&"waiting".into(), &"join".into()));
    assert_eq!(machine.mode(KEPT), 0o600);
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    run.end().await.must_join();
    assert_eq!(issuer.outcomes(&token), ["joined"]);
    assert!(!machine.has(KEPT));
}

/// The join takes its course beside this issuer, and ends no later than it may.
async fn costs_nothing(cluster: Cluster, issuer: &Issuer) -> Machine {
    let plain = {
        let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
        machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join().took
    };
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let document = issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    machine.deliver(&document);
    let ended = machine.run(&["-v"]).await.must_join();
    assert!(ended.took < plain + BOUND, "{:?} instead of {plain:?}", ended.took);
    let noted = ended.lines.iter().filter(|line| line.contains("reporting to https://")).count();
    assert!(noted <= 1, "{:#?}", ended.lines);
    assert!(ended.lines.iter().all(|line| !line.contains("reporting to") || line.contains("debug: ")));
    machine
}

/// What could not be told is kept, closed to others, until it can be.
fn assert_kept(machine: &Machine) {
    assert_eq!(machine.mode(KEPT), 0o600);
    assert!(machine.read(KEPT).contains("\\\"reason\\\":\\\"joined\\\""), "{}", machine.read(KEPT));
}

pub async fn nobody_there(cluster: Cluster) {
    let issuer = Issuer::failing(Mode::Reset);
    // The port belongs to a socket that does not listen.
    let closed = crate::support::front::Closed::new();
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let mut document = issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    document["report"]["url"] = format!("{}/v1/reports/x", closed.url()).into();
    let began = Instant::now();
    machine.join(&document).await.must_join();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_kept(&machine);
}

pub async fn silent(cluster: Cluster) {
    assert_kept(&costs_nothing(cluster, &Issuer::failing(Mode::Stall)).await);
}

pub async fn reset(cluster: Cluster) {
    assert_kept(&costs_nothing(cluster, &Issuer::failing(Mode::Reset)).await);
}

/// An answer that comes after two megabytes at a time, and never ends.
pub async fn slow(cluster: Cluster) {
    costs_nothing(cluster, &Issuer::answering(|_, _| Reply::Endless)).await;
}

/// A join during which this issuer's refusal is heard: what had not been answered yet when a run ends is
/// asked once more.
async fn is_believed(cluster: Cluster, issuer: &Issuer) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca))));
    let run = machine.start(&["-v"]);
    eventually("the refusal", async || run.said().contains("debug: reporting to").then_some(())).await;
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    run.end().await.must_join();
    assert_kept(&machine);
    assert_eq!(issuer.asked().len(), 1, "a refusal is believed");
}

pub async fn refusing(cluster: Cluster) {
    is_believed(cluster, &Issuer::answering(|_, _| Reply::status(401, "Unauthorized"))).await;
}

/// The key goes to the server that the document names, and nowhere else.
pub async fn redirecting(cluster: Cluster) {
    let other = Issuer::new();
    let to = format!("{}/v1/reports/x", other.front.url());
    let issuer = Issuer::answering(move |_, _| Reply::Other {
        status: 307,
        headers: vec![("Location", to.clone())],
        body: Vec::new(),
    });
    is_believed(cluster, &issuer).await;
    assert_eq!(other.front.accepted(), 0);
}

/// What it answers is nobody's business: a page, or half a gigabyte.
pub async fn lying(cluster: Cluster) {
    let issuer = Issuer::answering(|_, _| Reply::Other {
        status: 200,
        headers: vec![("Content-Type", "text/html".to_owned())],
        body: vec![b'x'; 50_000_000],
    });
    assert!(!costs_nothing(cluster, &issuer).await.has(KEPT));
}

/// Asked to come back later, the agent does, and not at every turn.
pub async fn busy(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    let issuer = Issuer::answering(|_, before| {
        if before < 2 {
            return Reply::status(503, "ServiceUnavailable");
        }
        Reply::Other { status: 204, headers: Vec::new(), body: Vec::new() }
    });
    machine.deliver(&issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca))));
    let began = Instant::now();
    let run = machine.start(&[]);
    eventually("a third report", async || (issuer.asked().len() >= 3).then_some(())).await;
    // Two seconds after the first failure, four after the second.
    assert!(began.elapsed() >= Duration::from_secs(6), "{:?}", began.elapsed());
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    run.end().await.must_join();
    assert_eq!(issuer.outcomes(&token), ["joined"]);
}

/// The cluster's own CA does not vouch for the issuer.
pub async fn of_another_authority(cluster: Cluster) {
    let mut issuer = Issuer::new();
    issuer.authority = Authority::new("another");
    assert_kept(&costs_nothing(cluster, &issuer).await);
    assert_eq!(issuer.asked().len(), 0);
}

/// A machine that cannot join, and an issuer that comes back: the next run tells both.
pub async fn told_later(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let issuer = Issuer::failing(Mode::Reset);
    let kubelet = machine.read("usr/bin/kubelet");
    std::fs::remove_file(machine.path("usr/bin/kubelet")).unwrap();
    machine.deliver(&issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca))));
    machine.run(&[]).await.must_be(8, "kubelet_unusable");
    issuer.recover();
    machine.write("usr/bin/kubelet", &kubelet, 0o755);
    machine.run(&[]).await.must_join();
    assert_eq!(issuer.outcomes(&token), ["kubelet_unusable", "joined"]);
    assert!(!machine.has(KEPT));
}

/// The document is erased at once where the token is spent elsewhere, and the news is not.
pub async fn told_by_the_next_run_when_the_document_is_gone(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    let issuer = Issuer::failing(Mode::Reset);
    machine.deliver(&issuer.named_in(document(&token, &[door.url()], Trust::Ca(&cluster.ca))));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let csr = cluster.admin.csr_of(&token).await;
    cluster.admin.deny(&csr, "TokenAlreadyUsed", "bound to worker-7").await;
    run.end().await.must_be(7, "token_already_used");
    assert!(!machine.has(DOCUMENT));
    machine.run(&[]).await.must_be(3, "bootstrap_not_found");
    assert_eq!(machine.mode(KEPT), 0o600);
    issuer.recover();
    machine.run(&[]).await.must_be(3, "bootstrap_not_found");
    let events = issuer.events(&token);
    assert_eq!(issuer.outcomes(&token), ["token_already_used"], "{events:#?}");
    assert!(events[0]["message"].as_str().unwrap().contains("bound to worker-7"), "{events:#?}");
    assert!(!machine.has(KEPT));
}
