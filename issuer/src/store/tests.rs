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

/// A hundred thousand bootstraps of two clusters, most of them long over.
fn many(path: &std::path::Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let filled = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) ";
    for sql in [
        "INSERT INTO token_ids SELECT printf('%06d', i), printf('wbs_%032x', i) FROM n",
        "INSERT INTO bootstraps (id, workspace, cluster, token_id, state, created_at, updated_at, expires_at, etag) \
         SELECT printf('wbs_%032x', i), 'ws_1', 'clu_' || (i % 2), printf('%06d', i), \
         iif(i % 10, 'active', 'revoked'), i, i, i + 3600, 1 FROM n",
        "INSERT INTO operations SELECT printf('op_%032x', i), printf('wbs_%032x', i), 'SUCCEEDED', 'done', NULL, i, i \
         FROM n WHERE i % 10 = 0",
    ] {
        let (insert, select) = sql.split_once("SELECT").unwrap();
        connection.execute_batch(&format!("{insert} {filled} SELECT{select}")).unwrap();
    }
}

#[tokio::test]
async fn at_a_hundred_thousand_nothing_is_read_but_what_is_asked_for() {
    use super::create::abandoned_sql;
    use super::find::page_sql;
    use super::revoke::to_withdraw_sql;
    use super::rows::{SELECT, Status};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("issuer.db");
    let store = Store::open(&path).unwrap();
    many(&path);
    let queries = [
        page_sql(None),
        page_sql(Some(Status::Active)),
        page_sql(Some(Status::Expired)),
        page_sql(Some(Status::Revoked)),
        abandoned_sql(),
        to_withdraw_sql(),
        format!("{SELECT} WHERE b.id = ? AND b.workspace = ? AND b.cluster = ?"),
    ];
    let plans = move |connection: &rusqlite::Connection| {
        let mut plans = Vec::new();
        for sql in queries {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows =
                statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>()?;
            plans.push((sql, rows.join("; ")));
        }
        Ok(plans)
    };
    for (sql, plan) in store.read(plans).await.unwrap() {
        assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
        assert!(!sql.contains("LIMIT") || !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}
