//! Tokens that the cluster does not know, or knows no longer.

use crate::support::cluster::Cluster;
use crate::support::machine::{DOCUMENT, Machine, Outcome};
use crate::support::token::{AUTO, MANUAL, Terms, Token, Trust, document};
use crate::support::{eventually, unix_now};
use std::time::Duration;

/// A 401 must have been repeated for so long before it is believed.
const REPEATED: Duration = Duration::from_secs(30);

fn refused(outcome: Outcome, machine: &Machine) {
    let outcome = outcome.must_be(6, "token_refused");
    assert!(outcome.took >= REPEATED, "a starting API server answers so for a while: {:?}", outcome.took);
    assert!(!machine.has(DOCUMENT), "a token that was refused for good is erased");
}

pub async fn unknown(cluster: Cluster) {
    let (token, door, machine) = (Token::random(), cluster.door(), Machine::ready());
    let outcome = machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await;
    refused(outcome.must_name(&[&door.url(), "401"]), &machine);
    let requests = cluster.requests_through(&door);
    assert!(requests.len() > 1 && requests.iter().all(|request| request.status == 401), "{requests:?}");
}

/// With hashes an unknown token shows in the missing signature, before it is ever sent. That may yet
/// come, so the token is kept.
pub async fn unknown_with_hashes(cluster: Cluster) {
    let (token, door, machine) = (Token::random(), cluster.door(), Machine::ready());
    let outcome = machine.join(&document(&token, &[door.url()], Trust::Hashes(&[cluster.ca_hash()]))).await;
    let outcome = outcome.must_be(75, "discovery_unsigned");
    assert!(outcome.took >= REPEATED);
    assert!(machine.has(DOCUMENT));
    let requests = cluster.requests_through(&door);
    assert!(requests.iter().all(|request| request.user == "system:anonymous"), "{requests:?}");
}

/// Judged here, before anything is sent.
pub async fn expired_by_the_document(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    document["expiresAt"] = (unix_now() - 60).into();
    machine.join(&document).await.must_be(5, "token_expired").must_name(&[&token.id]);
    assert_eq!(door.accepted(), 0);
    assert!(!machine.has(DOCUMENT));
}

/// A clock that nobody vouches for condemns nothing by itself: it is given time, and then the API server's
/// clock is asked, without the token.
pub async fn expired_by_the_servers_clock(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.forget_clock();
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    document["expiresAt"] = (unix_now() - 60).into();
    machine.join(&document).await.must_be(5, "token_expired").must_name(&[&token.id, "API server's clock"]);
    let requests = cluster.requests_through(&door);
    assert!(!requests.is_empty() && requests.iter().all(|request| request.user == "system:anonymous"));
    assert!(!machine.has(DOCUMENT));
}

/// With hashes of the CA there is no server whose clock could be believed before the token is used: the
/// cluster judges.
pub async fn expired_by_a_clock_that_is_not_believed(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.forget_clock();
    let mut document = document(&token, &[door.url()], Trust::Hashes(&[cluster.ca_hash()]));
    document["expiresAt"] = (unix_now() - 60).into();
    machine.join(&document).await.must_join();
}

/// A join that outlives its token is over then, for the token's sake and not for the approval's.
pub async fn expired_while_it_waits(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    document["expiresAt"] = (unix_now() + 4).into();
    machine.deliver(&document);
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    let outcome = run.end().await.must_be(5, "token_expired");
    outcome.must_name(&["while the join was under way"]);
    assert!(!machine.has(DOCUMENT));
}

/// The same by a clock that nobody vouches for: the token may live, and is kept for the next run.
pub async fn expired_while_a_doubtful_clock_waits(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.forget_clock();
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    document["expiresAt"] = (unix_now() + 3).into();
    document["join"]["timeout"] = "5s".into();
    machine.join(&document).await.must_be(75, "csr_pending");
    assert!(machine.has(DOCUMENT));
}

/// The wait for a clock ends when there is one.
pub async fn synchronized_while_it_waits(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.forget_clock();
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    document["expiresAt"] = (unix_now() - 60).into();
    machine.deliver(&document);
    let mut run = machine.start(&[]);
    run.waits_for("clock_sync").await;
    machine.write("run/systemd/timesync/synchronized", "", 0o644);
    run.end().await.must_be(5, "token_expired").must_name(&["this machine's clock"]);
    assert_eq!(door.accepted(), 0, "nobody else's clock is asked");
    assert!(!machine.has(DOCUMENT));
}

/// The document says it is good; only the cluster knows better.
pub async fn expired_in_the_cluster(cluster: Cluster) {
    let (token, door, machine) =
        (cluster.issue(&Terms { expires_in: -60, ..AUTO }).await, cluster.door(), Machine::ready());
    refused(machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await, &machine);
}

pub async fn revoked(cluster: Cluster) {
    let (token, door, machine) = (Token::random(), cluster.door(), Machine::ready());
    // Never used before, so that no server has it in its cache of good ones.
    cluster.admin.create_token(&token, &AUTO).await;
    cluster.admin.revoke(&token).await;
    refused(machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await, &machine);
}

/// The open watch outlives the token.
pub async fn revoked_before_approval(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    cluster.admin.revoke(&token).await;
    refuses(&cluster, &token).await;
    cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
    run.end().await.must_join();
}

pub async fn revoked_and_the_watch_broken(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&MANUAL).await, cluster.door(), Machine::ready());
    machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
    let mut run = machine.start(&[]);
    run.waits_for("csr_approval").await;
    cluster.admin.revoke(&token).await;
    refuses(&cluster, &token).await;
    door.reset_all();
    refused(run.end().await, &machine);
}

/// A server goes on accepting a token for some seconds after it is gone.
async fn refuses(cluster: &Cluster, token: &Token) {
    eventually("a revoked token is refused", async || {
        let accepted = cluster.admin.accepts(token, &cluster.ca).await;
        (!accepted).then_some(())
    })
    .await;
}

/// The cluster knows the token, and nobody has given its group any rights.
pub async fn without_rights(cluster: Cluster) {
    let token = cluster.issue(&Terms { group: "nobody", ..AUTO }).await;
    let (door, machine) = (cluster.door(), Machine::ready());
    let outcome = machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await;
    let outcome = outcome.must_be(9, "forbidden").must_name(&["403"]);
    assert!(outcome.took >= REPEATED, "roles are bound a moment after the token is made: {:?}", outcome.took);
}
