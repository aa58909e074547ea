//! What only the inside can bring about: a database that cannot grow.

use super::create::{Begun, New};
use super::rows::Place;
use super::{Store, StoreError};
use crate::names::{BootstrapId, ClusterId, WorkspaceId};
use worker_bootstrap::token::TokenId;

fn new(number: u32) -> New {
    New {
        id: BootstrapId::random(),
        token: TokenId::parse(&format!("{number:06}")).unwrap(),
        place: Place {
            workspace: WorkspaceId::parse("ws_1").unwrap(),
            cluster: ClusterId::parse("clu_1").unwrap(),
        },
        created_at: 0,
        expires_at: 1,
        key: None,
    }
}

async fn rows(store: &Store) -> u32 {
    let count = |connection: &rusqlite::Connection| {
        Ok(connection.query_row("SELECT count(*) FROM bootstraps", [], |row| row.get(0))?)
    };
    store.read(count).await.unwrap()
}

#[tokio::test]
async fn a_full_disk_is_temporary_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("issuer.db");
    let store = Store::open(&path).unwrap();
    // What a full disk is to SQLite: no page more.
    let limit = |pages: &'static str| {
        move |connection: &rusqlite::Connection| -> Result<(), StoreError> {
            Ok(connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        }
    };
    store.write(limit("1")).await.unwrap();
    let mut kept = 0;
    let refused = loop {
        // Two at once, so that one transaction holds both.
        let (one, two) = tokio::join!(store.begin(new(kept * 2)), store.begin(new(kept * 2 + 1)));
        match (one, two) {
            (Ok(Begun::Is(_)), Ok(Begun::Is(_))) => kept += 1,
            (Err(error), _) | (_, Err(error)) => break error,
            other => panic!("{other:?}"),
        }
        assert!(kept < 10_000, "it is never full");
    };
    assert!(kept > 0 && refused.is_temporary(), "{kept} {refused:?}");
    let seen = rows(&store).await;
    assert!((kept * 2..=kept * 2 + 1).contains(&seen), "{seen}");
    // Room again: the same process goes on.
    store.write(limit("1000000")).await.unwrap();
    assert!(matches!(store.begin(new(999_999)).await.unwrap(), Begun::Is(_)));
    drop(store);
    assert_eq!(rows(&Store::open(&path).unwrap()).await, seen + 1);
}
