//! What the cluster does not hold a token to: it approves every machine that asks with it. That can begin at
//! any moment of a token's life, as somebody binds a role, and what was said of the token before is not true
//! from then on: each bootstrap says so once it is known, and does not take it back.

use super::events::{self, Event, Source};
use super::rows::{Bootstrap, Place, State};
use super::{Store, StoreError};
use crate::cluster::Exposed;
use crate::names::BootstrapId;
use rusqlite::{Connection, params};
use worker_bootstrap::token::TokenId;

/// What is said of such a token, here and wherever else it is told of.
pub const WORDS: &str = "multi-use until expiry";

impl Store {
    /// The cluster of this place approves every machine with these tokens: those that are alive are multi-use.
    /// Says how many were not known to be.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing was kept.
    pub async fn multi_use(&self, place: Place, exposed: Exposed, now: i64) -> Result<usize, StoreError> {
        self.write(move |connection| {
            let alive = connection
                .prepare_cached(
                    "SELECT id, token_id FROM bootstraps WHERE workspace = ? AND cluster = ? AND state = 'active' \
                     AND expires_at > ? AND joined_at IS NULL AND NOT multi_use",
                )?
                .query_map(params![place.workspace.as_str(), place.cluster.as_str(), now], |row| {
                    Ok((super::rows::named(row, 0, BootstrapId::parse)?, super::rows::named(row, 1, TokenId::parse)?))
                })?
                .collect::<Result<Vec<_>, _>>()?;
            let mut count = 0;
            for (id, _) in alive.iter().filter(|(_, token)| exposed.tokens.contains(token)) {
                mark(connection, id)?;
                learnt(connection, id, &exposed.why, now)?;
                count += 1;
            }
            Ok(count)
        })
        .await
    }
}

/// One of them, whose caller is told of it now. `first`: its own beginning says so already.
pub(super) fn note(
    connection: &Connection,
    row: &mut Bootstrap,
    first: bool,
    why: &str,
    now: i64,
) -> Result<(), StoreError> {
    if row.multi_use || row.state != State::Active {
        return Ok(());
    }
    mark(connection, &row.id)?;
    row.multi_use = true;
    if first { Ok(()) } else { learnt(connection, &row.id, why, now) }
}

fn mark(connection: &Connection, id: &BootstrapId) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE bootstraps SET multi_use = 1 WHERE id = ?")?.execute([id.as_str()])?;
    Ok(())
}

fn learnt(connection: &Connection, id: &BootstrapId, why: &str, now: i64) -> Result<(), StoreError> {
    let message = format!("the token is {WORDS} from now on: {why}");
    events::add(connection, id, &Event::new(Source::Issuer, "multi_use", now, message)).map(drop)
}
