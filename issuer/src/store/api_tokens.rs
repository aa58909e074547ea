//! The API tokens: of each its public half, a hash of the other, whose it is and what it may do.

use super::rows::named;
use super::{Store, StoreError};
use crate::api_token::{ApiToken, Hash, PublicId};
use crate::names::WorkspaceId;
use rusqlite::{OptionalExtension, Row, params};

/// What is known of an API token.
#[derive(Debug, Clone)]
pub struct KnownToken {
    /// Its public half.
    pub id: PublicId,
    /// The hash of the other.
    pub hash: Hash,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// It may look and not touch.
    pub read_only: bool,
    /// Unix seconds.
    pub created_at: i64,
    /// From then on it is good for nothing.
    pub revoked_at: Option<i64>,
}

const SELECT: &str = "SELECT id, secret_hash, workspace, read_only, created_at, revoked_at FROM api_tokens";

fn known(row: &Row<'_>) -> Result<KnownToken, rusqlite::Error> {
    Ok(KnownToken {
        id: named(row, 0, PublicId::parse)?,
        hash: Hash::from(row.get::<_, [u8; 32]>(1)?),
        workspace: named(row, 2, WorkspaceId::parse)?,
        read_only: row.get(3)?,
        created_at: row.get(4)?,
        revoked_at: row.get(5)?,
    })
}

impl Store {
    /// Keeps a token's hash.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn add_api_token(
        &self,
        token: &ApiToken,
        workspace: WorkspaceId,
        read_only: bool,
        now: i64,
    ) -> Result<(), StoreError> {
        let (id, hash) = (token.id().clone(), token.hash());
        self.write(move |connection| {
            connection
                .prepare_cached("INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, NULL)")?
                .execute(params![id.as_str(), hash.as_bytes(), workspace.as_str(), read_only, now])?;
            Ok(())
        })
        .await
    }

    /// The token of this public half, revoked ones included.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn api_token(&self, id: PublicId) -> Result<Option<KnownToken>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE id = ?"))?;
            Ok(statement.query_row([id.as_str()], known).optional()?)
        })
        .await
    }

    /// All tokens of a workspace, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn api_tokens(&self, workspace: WorkspaceId) -> Result<Vec<KnownToken>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached(&format!("{SELECT} WHERE workspace = ? ORDER BY created_at, id"))?;
            let found = statement.query_map([workspace.as_str()], known)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
        .await
    }

    /// Revokes a token of a workspace. False where it has none of this public half.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn revoke_api_token(
        &self,
        workspace: WorkspaceId,
        id: PublicId,
        now: i64,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? AND workspace = ?",
                )?
                .execute(params![now, id.as_str(), workspace.as_str()])?;
            Ok(changed > 0)
        })
        .await
    }
}
