//! Servers that are late, that go away, and that come back.

use crate::support::authority::Authority;
use crate::support::cluster::Cluster;
use crate::support::eventually;
use crate::support::front::{Answers, Closed, Front, Mode, Reply};
use crate::support::machine::Machine;
use crate::support::token::{AUTO, MANUAL, Trust, document};

pub async fn not_yet_up(cluster: Cluster) {
    let (token, closed, machine) = (cluster.issue(&AUTO).await, Closed::new(), Machine::ready());
    machine.deliver(&document(&token, &[closed.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("tcp").await;
    let _door = closed.open(cluster.forward());
    run.end().await.must_join();
}

/// A starting API server knows no token yet.
pub async fn starting_and_answering_401(cluster: Cluster) {
    let (token, machine) = (cluster.issue(&AUTO).await, Machine::ready());
    let authority = Authority::new("starting");
    let starting = Answers::new(authority.server(), |_, _| Reply::status(401, "Unauthorized"));
    let door = Front::new(Mode::Answer(starting.clone()));
    let bundle = format!("{}{}", authority.pem(), cluster.ca);
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&bundle)));
    let run = machine.start(&[]);
    eventually("a second 401", async || (starting.asked().len() >= 2).then_some(())).await;
    door.set(cluster.forward());
    door.reset_all();
    run.end().await.must_join();
}

/// Every connection is reset while the approval is waited for, and the server stays away for a while.
pub async fn broken_in_the_middle(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let before = door.accepted();
    door.set(Mode::Reset);
    door.reset_all();
    eventually("the agent tries again", async || (door.accepted() >= before + 2).then_some(())).await;
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    door.set(cluster.forward());
    run.end().await.must_join();
    posted_once(&cluster, &door, &token.user());
}

/// Nothing comes any more and nothing says so: only the agent's own pings find out.
pub async fn silent_in_the_middle(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    door.freeze_all();
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    run.end().await.must_join();
    posted_once(&cluster, &door, &token.user());
}

pub async fn first_ones_dead(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let (closed, resetting, silent) = (Closed::new(), Front::new(Mode::Reset), Front::new(Mode::Stall));
    let servers = [closed.url(), resetting.url(), silent.url(), door.url()];
    machine.join(&document(&token, &servers, Trust::Ca(&cluster.ca))).await.must_join();
    assert!(resetting.accepted() >= 1 && silent.accepted() >= 1);
}

/// The first connection breaks after more and more of the server's bytes, until there is no more to
/// break; from the second on all is well. Wherever it breaks, one request and one certificate come of it.
pub async fn cut_after_any_number_of_bytes(cluster: Cluster) {
    for limit in (0..).step_by(500) {
        let (token, machine) = (cluster.issue(&AUTO).await, Machine::ready());
        let door = Front::new(Mode::CutAfter(cluster.address, limit));
        machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
        // The check would take the first connection and send nothing on it.
        let run = machine.start(&["--skip-check", "server"]);
        eventually("a connection", async || (door.accepted() >= 1).then_some(())).await;
        door.set(cluster.forward());
        run.end().await.must_join();
        assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1, "cut after {limit} bytes");
        if door.accepted() == 2 {
            assert!(limit >= 1500, "the certificates of the handshake alone are longer than {limit} bytes");
            return;
        }
    }
}

fn posted_once(cluster: &Cluster, door: &Front, user: &str) {
    let requests = cluster.requests_through(door);
    let posts = requests.iter().filter(|request| request.user == user && request.verb == "create").count();
    assert_eq!(posts, 1, "{requests:?}");
}
