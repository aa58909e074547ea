//! A bootstrap's end: revoked at once here, together with the operation that takes it from the cluster;
//! and what the cluster tells of its use.

use super::create::{Key, get, known, remember};
use super::events::{self, Event, Source};
use super::rows::{self, Bootstrap, Place, SELECT, State};
use super::{Store, StoreError};
use crate::cluster::{Happened, Use};
use crate::names::{BootstrapId, ClusterId, OperationId, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, params};
use worker_bootstrap::token::TokenId;

/// What is to be revoked.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// Whose.
    pub place: Place,
    /// Which.
    pub id: BootstrapId,
    /// The etag that the caller saw.
    pub etag: String,
    /// By what a repetition of the request is known; what it asks for is the bootstrap.
    pub key: Option<String>,
    /// Unix seconds.
    pub now: i64,
}

/// What became of a revocation.
#[derive(Debug)]
pub enum Revoked {
    /// There is no such bootstrap in this place.
    Absent,
    /// The caller has not seen its latest change; this is its etag.
    Changed(i64),
    /// The key was used for another bootstrap.
    OtherRequest,
    /// It is revoked now.
    Now(Box<Bootstrap>),
    /// It was revoked before.
    Before(Box<Bootstrap>),
}

/// What became of what a cluster told.
#[derive(Debug)]
pub struct Told {
    /// Whose token it is.
    pub bootstrap: Bootstrap,
    /// It was not known yet.
    pub first: bool,
}

impl Store {
    /// Revokes a bootstrap and begins its withdrawal, as one.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing was kept.
    pub async fn revoke(&self, what: Revocation) -> Result<Revoked, StoreError> {
        self.write(move |connection| {
            let Some(row) = get(connection, &what.id)?
                .filter(|row| row.place == what.place && matches!(row.state, State::Active | State::Revoked))
            else {
                return Ok(Revoked::Absent);
            };
            let key = what.key.map(|key| Key { key, request: what.id.to_string() });
            if let Some(key) = &key
                && let Some((request, _)) = known(connection, &what.place, "revoke", &key.key)?
            {
                return Ok(if request == key.request {
                    Revoked::Before(Box::new(row))
                } else {
                    Revoked::OtherRequest
                });
            }
            let etag = row.etag(what.now);
            if etag.to_string() != what.etag {
                return Ok(Revoked::Changed(etag));
            }
            let first = row.state == State::Active;
            if first {
                begin(connection, &row.id, what.now)?;
            }
            if let Some(key) = &key {
                remember(connection, &what.place, "revoke", key, &what.id)?;
            }
            let Some(row) = get(connection, &what.id)?.map(Box::new) else { return Ok(Revoked::Absent) };
            Ok(if first { Revoked::Now(row) } else { Revoked::Before(row) })
        })
        .await
    }

    /// The revoked bootstraps of a place that the cluster has not answered for, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn to_withdraw(&self, place: Place) -> Result<Vec<Bootstrap>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&to_withdraw_sql())?;
            let found = statement
                .query_map([place.workspace.as_str(), place.cluster.as_str()], rows::bootstrap)?
                .collect::<Result<Vec<_>, _>>()?;
            Ok(found)
        })
        .await
    }

    /// How many revocations no cluster has answered for, by place.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn unanswered(&self) -> Result<Vec<(Place, i64)>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT b.workspace, b.cluster, count(*) FROM operations o JOIN bootstraps b \
                 ON b.id = o.bootstrap WHERE o.state = 'RUNNING' GROUP BY b.workspace, b.cluster";
            let place = |row: &rusqlite::Row<'_>| {
                let workspace = rows::named(row, 0, WorkspaceId::parse)?;
                Ok((Place { workspace, cluster: rows::named(row, 1, ClusterId::parse)? }, row.get(2)?))
            };
            Ok(connection.prepare_cached(sql)?.query_map([], place)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The withdrawal is done, and this is how it went.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn withdrawn(
        &self,
        id: BootstrapId,
        used: Option<Use>,
        note: String,
        now: i64,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let said = note.clone();
            let changed = connection
                .prepare_cached(
                    "UPDATE operations SET state = 'SUCCEEDED', note = ?, last_error = NULL, completed_at = ? \
                     WHERE bootstrap = ? AND state = 'RUNNING'",
                )?
                .execute(params![note, now, id.as_str()])?;
            if let Some(used) = used {
                bind(connection, &id, &used)?;
            }
            if changed > 0 {
                touch(connection, &id, now, now)?;
                let event = Event::new(Source::Cluster, "withdrawn", now, said);
                events::add(connection, &id, &event)?;
            }
            Ok(())
        })
        .await
    }

    /// The withdrawal of one or of all of a place did not go, for this reason; it is tried again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn not_withdrawn(
        &self,
        place: Place,
        id: Option<BootstrapId>,
        why: String,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE operations SET last_error = ?1 WHERE state = 'RUNNING' AND last_error IS NOT ?1 \
                     AND EXISTS (SELECT 1 FROM bootstraps b WHERE b.id = operations.bootstrap \
                     AND b.workspace = ?2 AND b.cluster = ?3 AND b.id = coalesce(?4, b.id))",
                )?
                .execute(params![
                    why,
                    place.workspace.as_str(),
                    place.cluster.as_str(),
                    id.as_ref().map(BootstrapId::as_str)
                ])?;
            Ok(())
        })
        .await
    }

    /// Takes in what the cluster tells of a token, any number of times; it happened at `at`. Nothing where it is none of ours.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn happened(
        &self,
        token: TokenId,
        what: Happened,
        at: i64,
        now: i64,
    ) -> Result<Option<Told>, StoreError> {
        self.write(move |connection| {
            let Some(row) = owner(connection, &token)? else { return Ok(None) };
            events::add_happened(connection, &row, &what, at)?;
            let (id, first) = (row.id, row.joined_at.is_none());
            let first = match &what {
                Happened::Denied { .. } => true,
                Happened::Bound(used) => bind(connection, &id, used)?,
                Happened::Joined(used) => {
                    bind(connection, &id, used)?;
                    if first {
                        touch(connection, &id, at, now)?;
                        connection
                            .prepare_cached("UPDATE bootstraps SET joined_at = ? WHERE id = ?")?
                            .execute(params![at, id.as_str()])?;
                    }
                    first
                }
            };
            Ok(get(connection, &id)?.map(|bootstrap| Told { bootstrap, first }))
        })
        .await
    }
}

/// What the cluster has not answered for: workspace, cluster.
pub(super) fn to_withdraw_sql() -> String {
    format!("{SELECT} WHERE o.state = 'RUNNING' AND b.workspace = ? AND b.cluster = ? ORDER BY b.seq")
}

fn begin(connection: &Connection, id: &BootstrapId, now: i64) -> Result<(), StoreError> {
    touch(connection, id, now, now)?;
    connection
        .prepare_cached("UPDATE bootstraps SET state = 'revoked' WHERE id = ?")?
        .execute([id.as_str()])?;
    connection
        .prepare_cached(
            "INSERT INTO operations (id, bootstrap, state, started_at) VALUES (?, ?, 'RUNNING', ?)",
        )?
        .execute(params![OperationId::random().as_str(), id.as_str(), now])?;
    let message = "the bootstrap was revoked; the cluster is told as soon as it can be reached";
    events::add(connection, id, &Event::new(Source::Issuer, "revoked", now, message))?;
    Ok(())
}

/// Something visible is about to change, which happened at `at` and is seen from `now` on. Where time has
/// ended it before, that was a change as well: see [`Bootstrap::etag`].
fn touch(connection: &Connection, id: &BootstrapId, at: i64, now: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE bootstraps SET etag = etag + 1 + (state <> 'revoked' AND joined_at IS NULL AND expires_at <= ?), \
             updated_at = max(updated_at, ?) WHERE id = ?",
        )?
        .execute(params![now, at, id.as_str()])?;
    Ok(())
}

/// The first use is the use. False where one is known.
fn bind(connection: &Connection, id: &BootstrapId, used: &Use) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE bootstraps SET used_node = ?, used_key = ? WHERE id = ? AND used_node IS NULL",
        )?
        .execute([used.node.as_str(), used.key.as_str(), id.as_str()])?;
    Ok(changed > 0)
}

fn owner(connection: &Connection, token: &TokenId) -> Result<Option<Bootstrap>, StoreError> {
    let sql = format!("{SELECT} JOIN token_ids t ON b.id = t.bootstrap WHERE t.token_id = ?");
    Ok(connection.prepare_cached(&sql)?.query_row([token.as_str()], rows::bootstrap).optional()?)
}
