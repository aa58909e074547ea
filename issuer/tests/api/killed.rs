//! Killed at any moment, the program loses nothing that it said, and says nothing twice.

use super::program::{self, Program};
use super::rig::{CLUSTER, PATIENCE};
use super::wire::{Answer, send, send_to_mortal};
use nix::sys::signal::Signal;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

const CLIENTS: usize = 8;
const ROUNDS: usize = 8;
/// What each client asks for in one round.
const ASKED: usize = 16;

/// What somebody was told.
#[derive(Debug, Default)]
struct Told {
    /// Id and token by key.
    created: BTreeMap<String, (String, String)>,
    /// Ids.
    revoked: BTreeSet<String>,
    /// Keys whose answer never came.
    open: BTreeSet<String>,
}

async fn create(address: SocketAddr, bearer: &str, key: &str) -> Option<Answer> {
    let headers = [("Authorization", bearer), ("Idempotency-Key", key)];
    send_to_mortal(address, "POST", CLUSTER, &headers).await
}

/// One client: creates, and revokes every third one at once.
async fn client(
    address: SocketAddr,
    bearer: Arc<str>,
    name: String,
    answered: Arc<AtomicUsize>,
    more: Arc<Notify>,
) -> Told {
    let mut told = Told::default();
    for number in 0..ASKED {
        let key = format!("{name}-{number}");
        let Some(answer) = create(address, &bearer, &key).await else {
            told.open.insert(key);
            continue;
        };
        assert_eq!(answer.code, 201, "{answer:?}");
        let id = answer.text_at("/id").to_owned();
        told.created.insert(key, (id.clone(), answer.text_at("/token").to_owned()));
        answered.fetch_add(1, Ordering::Relaxed);
        more.notify_one();
        if number % 3 == 0 {
            let headers = [("Authorization", &*bearer), ("If-Match", "1")];
            let target = format!("{CLUSTER}/{id}:revoke");
            if let Some(answer) = send_to_mortal(address, "POST", &target, &headers).await {
                assert_eq!(answer.code, 202, "{answer:?}");
                told.revoked.insert(id);
            }
        }
    }
    told
}

#[tokio::test]
async fn a_thousand_creates() {
    let directory = tempfile::tempdir().unwrap();
    program::configure(directory.path());
    let bearers: Vec<Arc<str>> =
        (0..CLIENTS).map(|_| format!("Bearer {}", program::token(directory.path())).into()).collect();
    let mut told = Told::default();
    for round in 0..ROUNDS {
        let program = Program::start(directory.path());
        let (answered, more) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut clients = tokio::task::JoinSet::new();
        for (number, bearer) in bearers.iter().enumerate() {
            let name = format!("{round}-{number}");
            let (answered, more) = (Arc::clone(&answered), Arc::clone(&more));
            clients.spawn(client(program.address, Arc::clone(bearer), name, answered, more));
        }
        // Later in each round, while others are at any point of theirs.
        while answered.load(Ordering::Relaxed) < 5 + round * 13 {
            tokio::time::timeout(PATIENCE, more.notified()).await.unwrap();
        }
        let (ended, _) = program.end(Signal::SIGKILL);
        assert!(!ended.success());
        for one in clients.join_all().await {
            told.created.extend(one.created);
            told.revoked.extend(one.revoked);
            told.open.extend(one.open);
        }
    }
    assert_eq!(told.created.len() + told.open.len(), ROUNDS * CLIENTS * ASKED);
    assert!(
        told.created.len() > 300 && told.revoked.len() > 80 && told.open.len() > 100,
        "{}",
        told.open.len()
    );

    let program = Program::start(directory.path());
    let address = program.address;
    let bearer = |number: usize| &*bearers[number % CLIENTS];
    let mut ids = BTreeSet::new();
    for (number, (key, (id, token))) in told.created.iter().enumerate() {
        let again = insist(address, bearer(number), key).await;
        assert_eq!(again.text_at("/id"), id, "{key}");
        let revoked = told.revoked.contains(id);
        // A revocation that was not answered for may have been kept or not.
        if revoked || again.text_at("/status") == "revoked" {
            assert_eq!((again.text_at("/status"), again.text_at("/token")), ("revoked", ""), "{key}");
        } else {
            assert_eq!(again.text_at("/token"), token, "{key}");
        }
        assert!(ids.insert(id.clone()), "{id} was told twice");
    }
    for (number, key) in told.open.iter().enumerate() {
        let again = insist(address, bearer(number), key).await;
        assert!(ids.insert(again.text_at("/id").to_owned()), "{key} is another's");
    }
    assert_eq!(all(address, &bearers).await, ids, "one bootstrap for one key, and no other");
    settled(directory.path()).await;
    let (ended, log) = program.end(Signal::SIGTERM);
    assert!(ended.success(), "{log}");
}

/// The same request until it is not asked too often.
async fn insist(address: SocketAddr, bearer: &str, key: &str) -> Answer {
    let began = Instant::now();
    loop {
        let answer = create(address, bearer, key).await.unwrap();
        if answer.code == 201 {
            return answer;
        }
        assert!(answer.code == 429 && began.elapsed() < PATIENCE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn all(address: SocketAddr, bearers: &[Arc<str>]) -> BTreeSet<String> {
    let (mut ids, mut cursor, mut pages) = (BTreeSet::new(), String::new(), 0);
    loop {
        let headers = [("Authorization", &*bearers[pages % bearers.len()])];
        let page = send(address, "GET", &format!("{CLUSTER}?limit=100&cursor={cursor}"), &headers, "").await;
        if page.code == 429 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        for row in page.at("/data").as_array().unwrap() {
            assert!(ids.insert(row["id"].as_str().unwrap().to_owned()), "twice in the list: {row}");
        }
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return ids,
        }
        pages += 1;
    }
}

/// Nothing is left half begun or half revoked.
async fn settled(directory: &Path) {
    let connection =
        Connection::open_with_flags(directory.join("issuer.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let left = "SELECT (SELECT count(*) FROM bootstraps WHERE state IN ('issuing', 'abandoned')) \
                + (SELECT count(*) FROM operations WHERE state = 'RUNNING')";
    let began = Instant::now();
    loop {
        let left: i64 = connection.query_row(left, [], |row| row.get(0)).unwrap();
        if left == 0 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{left} are left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_second_process_is_refused_and_another_master_key_too() {
    let directory = tempfile::tempdir().unwrap();
    program::configure(directory.path());
    let bearer = format!("Bearer {}", program::token(directory.path()));
    let program = Program::start(directory.path());
    assert_eq!(insist(program.address, &bearer, "k").await.code, 201);
    let refused = |words: &str| {
        let second = program::run(directory.path(), &["serve"]);
        let said = String::from_utf8(second.stderr).unwrap();
        assert!(second.status.code() == Some(1) && said.contains(words), "{said}");
    };
    refused("is in use by another bootstrap-issuer");
    program.end(Signal::SIGTERM);
    let key = directory.path().join("master.key");
    #[expect(clippy::disallowed_methods, reason = "a test makes the files that the program meets")]
    std::fs::write(&key, [7; 32]).unwrap();
    refused("is not the one that");
    std::fs::remove_file(&key).unwrap();
    refused("restore it, or move the database away");
}
