//! What the database's rows are outside of it.

use crate::cluster::Use;
use crate::names::{BootstrapId, ClusterId, OperationId, WorkspaceId};
use rusqlite::types::Type;
use rusqlite::{Error, Row};
use worker_bootstrap::token::TokenId;

/// Whose cluster: every request is about one, and sees nothing of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its cluster.
    pub cluster: ClusterId,
}

/// How far a bootstrap has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its token may not authenticate yet; nobody was told of it.
    Issuing,
    /// It was given out.
    Active,
    /// It was revoked.
    Revoked,
    /// Nobody was told of it and nobody will be: to be withdrawn and removed.
    Abandoned,
}

/// What a bootstrap is at some moment, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It can be used.
    Active,
    /// It was revoked.
    Revoked,
    /// Its time is over, or its one use is complete.
    Expired,
}

/// One bootstrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// Its id.
    pub id: BootstrapId,
    /// Whose it is.
    pub place: Place,
    /// The public half of its token.
    pub token: TokenId,
    /// How far it has come.
    pub state: State,
    /// Unix seconds, as all times here.
    pub created_at: i64,
    /// When something visible changed last, but for the change that time alone makes.
    pub updated_at: i64,
    /// From then on it cannot be used.
    pub expires_at: i64,
    /// Counts the visible changes, but for the one that time alone makes: see [`Bootstrap::etag`].
    pub etag: i64,
    /// Whom the cluster bound it to.
    pub used: Option<Use>,
    /// When its node had proven itself.
    pub joined_at: Option<i64>,
    /// Its revocation.
    pub operation: Option<Operation>,
    /// The cluster was seen to approve every machine that asks with its token.
    pub multi_use: bool,
}

impl Bootstrap {
    /// What it is at `now`. Expiry is a fact of time: nothing has to have run for it.
    pub fn status(&self, now: i64) -> Status {
        match self.state {
            State::Revoked => Status::Revoked,
            _ if self.joined_at.is_some() || self.expires_at <= now => Status::Expired,
            _ => Status::Active,
        }
    }

    /// Time alone ended it: a visible change that nobody has written.
    fn timed_out(&self, now: i64) -> bool {
        self.state != State::Revoked && self.joined_at.is_none() && self.expires_at <= now
    }

    /// What tells one of its visible states from all others, at `now`.
    pub fn etag(&self, now: i64) -> i64 {
        self.etag + i64::from(self.timed_out(now))
    }

    /// When something visible changed last, as seen at `now`.
    pub fn updated_at(&self, now: i64) -> i64 {
        if self.timed_out(now) { self.updated_at.max(self.expires_at) } else { self.updated_at }
    }

    /// Whether its token may be shown to whoever asked for it: given out, alive, unused.
    pub fn may_be_revealed(&self, now: i64) -> bool {
        self.state == State::Active && self.status(now) == Status::Active && self.used.is_none()
    }
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// How it went; nothing while it runs.
    pub note: Option<String>,
    /// Why it has not gone yet.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub started_at: i64,
    /// When it was done; nothing while it runs.
    pub completed_at: Option<i64>,
}

impl Operation {
    /// The cluster has not answered for it yet.
    pub fn is_running(&self) -> bool {
        self.completed_at.is_none()
    }
}

/// The columns that [`bootstrap`] reads, and where from.
pub const SELECT: &str = "SELECT b.id, b.workspace, b.cluster, b.token_id, b.state, b.created_at, \
     b.updated_at, b.expires_at, b.etag, b.used_node, b.used_key, b.joined_at, \
     o.id, o.note, o.last_error, o.started_at, o.completed_at, b.multi_use \
     FROM bootstraps b LEFT JOIN operations o ON o.bootstrap = b.id";

/// Reads a row of [`SELECT`].
pub fn bootstrap(row: &Row<'_>) -> Result<Bootstrap, Error> {
    let used = match (row.get(9)?, row.get(10)?) {
        (Some(node), Some(key)) => Some(Use { node, key }),
        _ => None,
    };
    let operation = match row.get::<_, Option<String>>(12)? {
        None => None,
        Some(_) => Some(Operation {
            id: named(row, 12, OperationId::parse)?,
            note: row.get(13)?,
            last_error: row.get(14)?,
            started_at: row.get(15)?,
            completed_at: row.get(16)?,
        }),
    };
    Ok(Bootstrap {
        id: named(row, 0, BootstrapId::parse)?,
        place: Place {
            workspace: named(row, 1, WorkspaceId::parse)?,
            cluster: named(row, 2, ClusterId::parse)?,
        },
        token: named(row, 3, TokenId::parse)?,
        state: named(row, 4, state)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        expires_at: row.get(7)?,
        etag: row.get(8)?,
        used,
        joined_at: row.get(11)?,
        operation,
        multi_use: row.get(17)?,
    })
}

fn state(text: &str) -> Option<State> {
    Some(match text {
        "issuing" => State::Issuing,
        "active" => State::Active,
        "revoked" => State::Revoked,
        "abandoned" => State::Abandoned,
        _ => return None,
    })
}

/// The text in a column as what it names.
pub fn named<T>(row: &Row<'_>, column: usize, parse: fn(&str) -> Option<T>) -> Result<T, Error> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        let what = format!("{text:?} is not what belongs there");
        Error::FromSqlConversionFailure(column, Type::Text, what.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_reveal() {
        let used = || Some(Use { node: "n1".into(), key: "sha256:00".into() });
        let row = |state, used, joined_at| Bootstrap {
            id: BootstrapId::parse("wbs_1").unwrap(),
            place: Place {
                workspace: WorkspaceId::parse("ws_1").unwrap(),
                cluster: ClusterId::parse("clu_1").unwrap(),
            },
            token: TokenId::parse("abcdef").unwrap(),
            state,
            created_at: 0,
            updated_at: 0,
            expires_at: 100,
            etag: 1,
            used,
            joined_at,
            operation: None,
            multi_use: false,
        };
        #[rustfmt::skip]
        let rows = [
            (row(State::Active,  None,   None),     99, Status::Active,  true),
            (row(State::Active,  None,   None),    100, Status::Expired, false),
            (row(State::Active,  used(), None),     50, Status::Active,  false),
            (row(State::Active,  used(), Some(40)), 50, Status::Expired, false),
            (row(State::Revoked, None,   None),     50, Status::Revoked, false),
            (row(State::Revoked, used(), Some(40)), 50, Status::Revoked, false),
            (row(State::Revoked, None,   None),    100, Status::Revoked, false),
            (row(State::Issuing, None,   None),     50, Status::Active,  false),
        ];
        for (row, now, status, reveal) in rows {
            assert_eq!((row.status(now), row.may_be_revealed(now)), (status, reveal), "{row:?} at {now}");
        }
    }
}
