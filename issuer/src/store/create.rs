//! A bootstrap's beginning: durable before the cluster hears of it, told to nobody before the cluster
//! answered, and gone when it was given up.

use super::events::{self, Event, Source};
use super::multi_use;
use super::rows::{self, Bootstrap, Place, SELECT, State};
use super::{Store, StoreError};
use crate::names::BootstrapId;
use rusqlite::{Connection, OptionalExtension, params};
use worker_bootstrap::token::TokenId;

/// A bootstrap to be.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: BootstrapId,
    /// The public half of its token.
    pub token: TokenId,
    /// Whose it is.
    pub place: Place,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
    /// By what a repetition of the request is known.
    pub key: Option<Key>,
}

/// A caller's idempotency key, and what the request with it asked for.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub key: String,
    /// What was asked for.
    pub request: String,
}

/// What became of a beginning.
#[derive(Debug)]
pub enum Begun {
    /// Nothing: another bootstrap has or had this public half. Another id gives another.
    TokenIdTaken,
    /// Nothing: the key was used for another request.
    OtherRequest,
    /// This is it, new or from the request before.
    Is(Box<Bootstrap>),
}

/// A bootstrap that is listed.
#[derive(Debug)]
pub struct Activated {
    /// As it is there now.
    pub bootstrap: Bootstrap,
    /// It was not listed before.
    pub first: bool,
}

impl Store {
    /// Begins a bootstrap, or finds the one that the same key began.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing was kept.
    pub async fn begin(&self, new: New) -> Result<Begun, StoreError> {
        self.write(move |connection| {
            if let Some(key) = &new.key
                && let Some((request, id)) = known(connection, &new.place, "create", &key.key)?
            {
                return match get(connection, &id)? {
                    Some(row) if request == key.request => Ok(Begun::Is(Box::new(row))),
                    _ => Ok(Begun::OtherRequest),
                };
            }
            let taken = connection
                .prepare_cached("INSERT INTO token_ids VALUES (?, ?) ON CONFLICT DO NOTHING")?
                .execute([new.token.as_str(), new.id.as_str()])?
                == 0;
            if taken {
                return Ok(Begun::TokenIdTaken);
            }
            connection
                .prepare_cached(
                    "INSERT INTO bootstraps \
                     (id, workspace, cluster, token_id, state, created_at, updated_at, expires_at, etag) \
                     VALUES (?1, ?2, ?3, ?4, 'issuing', ?5, ?5, ?6, 1)",
                )?
                .execute(params![
                    new.id.as_str(),
                    new.place.workspace.as_str(),
                    new.place.cluster.as_str(),
                    new.token.as_str(),
                    new.created_at,
                    new.expires_at
                ])?;
            if let Some(key) = &new.key {
                remember(connection, &new.place, "create", key, &new.id)?;
            }
            Ok(Begun::Is(Box::new(Bootstrap {
                id: new.id,
                place: new.place,
                token: new.token,
                state: State::Issuing,
                created_at: new.created_at,
                updated_at: new.created_at,
                expires_at: new.expires_at,
                etag: 1,
                used: None,
                joined_at: None,
                operation: None,
                multi_use: false,
            })))
        })
        .await
    }

    /// The cluster answered: from now on it is listed. Nothing where it was given up meanwhile. `multi_use` is
    /// why its token is, where it is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn activate(
        &self,
        id: BootstrapId,
        multi_use: Option<String>,
        now: i64,
    ) -> Result<Option<Activated>, StoreError> {
        self.write(move |connection| {
            let first = connection
                .prepare_cached("UPDATE bootstraps SET state = 'active' WHERE id = ? AND state = 'issuing'")?
                .execute([id.as_str()])?
                > 0;
            let row = get(connection, &id)?.filter(|row| row.state != State::Abandoned);
            let Some(mut bootstrap) = row else { return Ok(None) };
            if let Some(why) = &multi_use {
                multi_use::note(connection, &mut bootstrap, first, why, now)?;
            }
            if first {
                let uses = match &multi_use {
                    None => "one-time, for one machine".to_owned(),
                    Some(why) => format!("{}: {why}", multi_use::WORDS),
                };
                let message = format!("the token {} was issued, {uses}", bootstrap.token);
                let event = Event::new(Source::Issuer, "issued", bootstrap.created_at, message);
                events::add(connection, &id, &event)?;
            }
            Ok(Some(Activated { bootstrap, first }))
        })
        .await
    }

    /// Gives up a beginning that the cluster may have heard of: its key is free, and it is to be withdrawn.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn abandon(&self, id: BootstrapId) -> Result<(), StoreError> {
        self.write(move |connection| abandon(connection, "id = ?", params![id.as_str()]).map(drop)).await
    }

    /// Gives up every beginning from before `before`. Says how many.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn abandon_older(&self, before: i64) -> Result<usize, StoreError> {
        self.write(move |connection| abandon(connection, "created_at < ?", params![before])).await
    }

    /// Removes a beginning that no cluster knows. Its token's public half stays taken.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn discard(&self, id: BootstrapId) -> Result<(), StoreError> {
        self.write(move |connection| {
            forget(connection, "id = ?", params![id.as_str()])?;
            // A database that was restored from a copy may learn what happened to one that it never finished.
            connection
                .prepare_cached(
                    "DELETE FROM events WHERE bootstrap IN
                     (SELECT id FROM bootstraps WHERE id = ? AND state IN ('issuing', 'abandoned'))",
                )?
                .execute([id.as_str()])?;
            connection
                .prepare_cached("DELETE FROM bootstraps WHERE id = ? AND state IN ('issuing', 'abandoned')")?
                .execute([id.as_str()])?;
            Ok(())
        })
        .await
    }

    /// What was given up and has to be withdrawn, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn abandoned(&self, place: Place) -> Result<Vec<Bootstrap>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&abandoned_sql())?;
            let found = statement
                .query_map([place.workspace.as_str(), place.cluster.as_str()], rows::bootstrap)?
                .collect::<Result<Vec<_>, _>>()?;
            Ok(found)
        })
        .await
    }
}

/// What was given up: workspace, cluster.
pub(super) fn abandoned_sql() -> String {
    format!("{SELECT} WHERE b.state = 'abandoned' AND b.workspace = ? AND b.cluster = ? ORDER BY b.seq")
}

fn abandon(
    connection: &Connection,
    which: &str,
    arguments: &[&dyn rusqlite::ToSql],
) -> Result<usize, StoreError> {
    forget(connection, which, arguments)?;
    let sql = format!("UPDATE bootstraps SET state = 'abandoned' WHERE state = 'issuing' AND {which}");
    Ok(connection.prepare_cached(&sql)?.execute(arguments)?)
}

/// Frees the keys of beginnings.
fn forget(
    connection: &Connection,
    which: &str,
    arguments: &[&dyn rusqlite::ToSql],
) -> Result<(), StoreError> {
    let sql = format!(
        "DELETE FROM idempotency_keys WHERE operation = 'create' AND bootstrap IN \
         (SELECT id FROM bootstraps WHERE state = 'issuing' AND {which})"
    );
    connection.prepare_cached(&sql)?.execute(arguments)?;
    Ok(())
}

/// What was asked for with a key, and the bootstrap it led to.
pub fn known(
    connection: &Connection,
    place: &Place,
    operation: &str,
    key: &str,
) -> Result<Option<(String, BootstrapId)>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT request, bootstrap FROM idempotency_keys \
             WHERE workspace = ? AND cluster = ? AND operation = ? AND key = ?",
        )?
        .query_row([place.workspace.as_str(), place.cluster.as_str(), operation, key], |row| {
            Ok((row.get(0)?, rows::named(row, 1, BootstrapId::parse)?))
        })
        .optional()?;
    Ok(found)
}

/// Remembers what a key was used for.
pub fn remember(
    connection: &Connection,
    place: &Place,
    operation: &str,
    key: &Key,
    id: &BootstrapId,
) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT INTO idempotency_keys VALUES (?, ?, ?, ?, ?, ?)")?.execute([
        place.workspace.as_str(),
        place.cluster.as_str(),
        operation,
        &key.key,
        &key.request,
        id.as_str(),
    ])?;
    Ok(())
}

/// The bootstrap of this id, whoever's and in whatever state.
pub fn get(connection: &Connection, id: &BootstrapId) -> Result<Option<Bootstrap>, StoreError> {
    let sql = format!("{SELECT} WHERE b.id = ?");
    Ok(connection.prepare_cached(&sql)?.query_row([id.as_str()], rows::bootstrap).optional()?)
}
