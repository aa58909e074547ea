//! The store by itself: who may open it, what is refused, what outlives what.

use super::rig::{now, place};
use bootstrap_issuer::cluster::{Happened, Use};
use bootstrap_issuer::names::BootstrapId;
use bootstrap_issuer::store::create::{Begun, Key, New};
use bootstrap_issuer::store::find::Page;
use bootstrap_issuer::store::{Store, StoreError};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use worker_bootstrap::token::TokenId;

fn new(number: u32, key: Option<&str>) -> New {
    New {
        id: BootstrapId::parse(&format!("wbs_{number:032x}")).unwrap(),
        token: TokenId::parse(&format!("{number:06}")).unwrap(),
        place: place("ws_1", "clu_1"),
        created_at: now(),
        expires_at: now() + 3600,
        key: key.map(|key| Key { key: key.to_owned(), request: "r".to_owned() }),
    }
}

async fn keep(store: &Store, number: u32) {
    let new = new(number, None);
    let id = new.id.clone();
    assert!(matches!(store.begin(new).await.unwrap(), Begun::Is(_)));
    assert!(store.activate(id, None, 0).await.unwrap().is_some());
}

async fn count(store: &Store) -> usize {
    let page = Page { place: place("ws_1", "clu_1"), after: None, status: None, now: 0, limit: 100 };
    store.list(page).await.unwrap().unwrap().bootstraps.len()
}

#[tokio::test]
async fn one_process_at_a_time_and_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("issuer.db");
    let store = Store::open(&path).unwrap();
    keep(&store, 1).await;
    for entry in std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{entry:?}");
    }
    let refused = Store::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains("in use by another"), "{refused}");
    // A subcommand may look and write beside it.
    let beside = Store::open_beside(&path).unwrap();
    assert_eq!(count(&beside).await, 1);
    keep(&beside, 2).await;
    assert_eq!(count(&store).await, 2);
    drop(beside);
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(count(&store).await, 2);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let foreign = |path: &Path| {
        Connection::open(path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    };
    let newer = |path: &Path| {
        drop(Store::open(path).unwrap());
        Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    };
    let text =
        |path: &Path| write(path, &b"not a database, but long enough to be looked at as one. ".repeat(20));
    let torn = |path: &Path| {
        drop(Store::open(path).unwrap());
        let mut bytes = read(path);
        for byte in &mut bytes[4096..] {
            *byte = 0xff;
        }
        write(path, &bytes);
    };
    type Make<'a> = &'a dyn Fn(&Path);
    let rows: [(&str, Make<'_>, &str); 4] = [
        ("another program's", &foreign, "is not a database of bootstrap-issuer"),
        ("a newer program's", &newer, "has schema 99, this program knows"),
        ("text", &text, "is damaged"),
        ("a torn one", &torn, "is damaged"),
    ];
    for (what, make, words) in rows {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("issuer.db");
        make(&path);
        let before = read(&path);
        for refused in [Store::open(&path).unwrap_err(), Store::open_beside(&path).unwrap_err()] {
            assert!(refused.to_string().contains(words), "{what}: {refused}");
            assert!(!refused.is_temporary(), "{what}");
        }
        assert_eq!(read(&path), before, "{what}");
    }
}

#[tokio::test]
async fn a_public_half_is_taken_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("issuer.db")).unwrap();
    assert!(matches!(store.begin(new(1, Some("k"))).await.unwrap(), Begun::Is(_)));
    let mut same = new(2, Some("l"));
    same.token = new(1, None).token;
    assert!(matches!(store.begin(same.clone()).await.unwrap(), Begun::TokenIdTaken));
    store.discard(new(1, None).id).await.unwrap();
    assert!(matches!(store.begin(same).await.unwrap(), Begun::TokenIdTaken));
    // One from a copy of the database that is older than its use: the cluster tells of it all the same.
    let (again, use_of) = (new(4, None), Use { node: "n".to_owned(), key: "k".to_owned() });
    store.begin(again.clone()).await.unwrap();
    store.abandon_older(i64::MAX).await.unwrap();
    store.happened(again.token, Happened::Bound(use_of), now(), now()).await.unwrap();
    store.discard(again.id).await.unwrap();
    assert_eq!(store.abandoned(place("ws_1", "clu_1")).await.unwrap().len(), 0);
    // Its key is free again.
    assert!(
        matches!(store.begin(new(3, Some("k"))).await.unwrap(), Begun::Is(row) if row.id == new(3, None).id)
    );
}

#[tokio::test]
async fn what_was_given_up_is_never_active() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("issuer.db")).unwrap();
    for (number, early) in [(1, true), (2, false)] {
        store.begin(new(number, None)).await.unwrap();
        if !early {
            assert!(store.activate(new(number, None).id, None, 0).await.unwrap().is_some());
        }
        assert_eq!(store.abandon_older(i64::MAX).await.unwrap(), usize::from(early));
        assert_eq!(store.activate(new(number, None).id, None, 0).await.unwrap().is_some(), !early);
    }
    assert_eq!(store.abandoned(place("ws_1", "clu_1")).await.unwrap().len(), 1);
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn one_that_fails_takes_no_other_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("issuer.db")).unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = store.clone();
        // Every second one is a public half that another has: refused inside the common transaction.
        let mut new = new(number, None);
        new.token = TokenId::parse(&format!("{:06}", number / 2)).unwrap();
        asked.spawn(async move { store.begin(new).await.unwrap() });
    }
    let outcomes = asked.join_all().await;
    let good = outcomes.iter().filter(|outcome| matches!(outcome, Begun::Is(_))).count();
    assert_eq!((good, outcomes.len()), (100, 200));
}

#[expect(clippy::disallowed_methods, reason = "a test makes the files that the program meets")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test reads what the program wrote")]
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
