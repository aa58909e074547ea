//! Reading bootstraps: one, or pages of them, newest first. A page ends at a bootstrap and the next begins
//! after it in the order of creation, so that what is created meanwhile moves nothing. Only what was
//! answered for is seen.

use super::rows::{self, Bootstrap, Place, SELECT, Status};
use super::{Store, StoreError};
use crate::names::BootstrapId;
use rusqlite::{Connection, OptionalExtension, params};
use worker_bootstrap::token::TokenId;

/// Which page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Whose.
    pub place: Place,
    /// The last one of the page before.
    pub after: Option<BootstrapId>,
    /// Only those that are this at `now`.
    pub status: Option<Status>,
    /// Unix seconds.
    pub now: i64,
    /// How many at most.
    pub limit: u16,
}

/// A page.
#[derive(Debug)]
pub struct Found {
    /// What is on it.
    pub bootstraps: Vec<Bootstrap>,
    /// There are more.
    pub more: bool,
}

impl Store {
    /// One bootstrap, or nothing where this place has none of this id.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get(&self, place: Place, id: BootstrapId) -> Result<Option<Bootstrap>, StoreError> {
        self.read(move |connection| find(connection, &place, &id)).await
    }

    /// The last that was begun, whoever's.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn newest(&self) -> Result<Option<(BootstrapId, TokenId)>, StoreError> {
        self.read(|connection| {
            let newest = connection
                .prepare_cached("SELECT id, token_id FROM bootstraps ORDER BY seq DESC LIMIT 1")?
                .query_row([], |row| {
                    Ok((rows::named(row, 0, BootstrapId::parse)?, rows::named(row, 1, TokenId::parse)?))
                })
                .optional()?;
            Ok(newest)
        })
        .await
    }

    /// One page, or nothing where it is to begin after a bootstrap that this place does not have.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn list(&self, page: Page) -> Result<Option<Found>, StoreError> {
        self.read(move |connection| {
            let place = [page.place.workspace.as_str(), page.place.cluster.as_str()];
            let before = match &page.after {
                None => i64::MAX,
                Some(id) => {
                    let seq = connection
                        .prepare_cached(
                            "SELECT seq FROM bootstraps WHERE id = ? AND workspace = ? AND cluster = ?",
                        )?
                        .query_row([id.as_str(), place[0], place[1]], |row| row.get(0))
                        .optional()?;
                    match seq {
                        Some(seq) => seq,
                        None => return Ok(None),
                    }
                }
            };
            let sql = page_sql(page.status);
            let mut bootstraps = connection
                .prepare_cached(&sql)?
                .query_map(
                    params![place[0], place[1], before, page.now, i64::from(page.limit) + 1],
                    rows::bootstrap,
                )?
                .collect::<Result<Vec<_>, _>>()?;
            let more = bootstraps.len() > usize::from(page.limit);
            bootstraps.truncate(page.limit.into());
            Ok(Some(Found { bootstraps, more }))
        })
        .await
    }
}

/// One bootstrap that was answered for, or nothing where this place has none of this id.
pub fn find(
    connection: &Connection,
    place: &Place,
    id: &BootstrapId,
) -> Result<Option<Bootstrap>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE b.id = ? AND b.workspace = ? AND b.cluster = ? AND b.state IN ('active', 'revoked')"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let place = [id.as_str(), place.workspace.as_str(), place.cluster.as_str()];
    Ok(statement.query_row(place, rows::bootstrap).optional()?)
}

/// A page: workspace, cluster, seq that it is before, now, rows.
pub(super) fn page_sql(status: Option<Status>) -> String {
    let wanted = match status {
        None => "b.state IN ('active', 'revoked') AND ?4 = ?4",
        Some(Status::Active) => "b.state = 'active' AND b.joined_at IS NULL AND b.expires_at > ?4",
        Some(Status::Expired) => "b.state = 'active' AND (b.joined_at IS NOT NULL OR b.expires_at <= ?4)",
        Some(Status::Revoked) => "b.state = 'revoked' AND ?4 = ?4",
    };
    format!(
        "{SELECT} WHERE b.workspace = ?1 AND b.cluster = ?2 AND b.seq < ?3 AND {wanted} \
         ORDER BY b.seq DESC LIMIT ?5"
    )
}
