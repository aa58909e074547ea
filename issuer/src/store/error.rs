//! What can go wrong with the store, and whether it is worth another try.

use crate::files::FileError;
use rusqlite::ErrorCode;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its files.
    #[error("cannot use the database's files")]
    File(#[from] FileError),
    /// Another process has it.
    #[error("{} is in use by another bootstrap-issuer: stop that one first", path.display())]
    InUse {
        /// Which database.
        path: PathBuf,
    },
    /// It is from a newer version of this program.
    #[error("{} has schema {found}, this program knows {known}: use the program that wrote it, or a newer one", path.display())]
    Newer {
        /// Which database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It is from an older version, and a process that runs on it has yet to be replaced.
    #[error("{} has schema {found}, this program needs {known}: start `serve` of this version first", path.display())]
    Older {
        /// Which database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It is another program's.
    #[error("{} is not a database of bootstrap-issuer", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// It is damaged.
    #[error("{} is damaged ({what}): restore it from a backup", path.display())]
    Damaged {
        /// Which database.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// What SQLite says.
    #[error("the database did not do it")]
    Sql(#[source] Arc<rusqlite::Error>),
    /// The store is closing.
    #[error("the database is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sql(Arc::new(error))
    }
}

impl StoreError {
    /// The disk is full, busy or failing, or the program ends: nothing was kept, and the same request may
    /// go through later.
    pub fn is_temporary(&self) -> bool {
        match self {
            StoreError::Closed => true,
            StoreError::Sql(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::CannotOpen
                )
            ),
            _ => false,
        }
    }
}
