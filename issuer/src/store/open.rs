//! Opening the database: who may have it, whether it is ours and whole, and bringing it to this program's
//! schema. The steps are files of SQL, counted by `user_version`; a step that was released is never edited.

use super::error::StoreError;
use crate::files::{self, FileLock};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every step so far, in order.
const STEPS: [&str; 3] = [
    include_str!("migrations/001.sql"),
    include_str!("migrations/002.sql"),
    include_str!("migrations/003.sql"),
];
/// SQLite's `application_id` of our files: "wbis".
const OURS: i64 = 0x7762_6973;
/// How long another process's write is waited for: that of a subcommand beside the running server.
const BUSY: Duration = Duration::from_secs(5);

/// A connection that may write, and the lock that goes with it.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub connection: Connection,
    /// Held by the one process that serves; none beside it.
    pub lock: Option<FileLock>,
}

fn known() -> i64 {
    STEPS.len() as i64
}

/// Opens the database for the process that serves: alone, migrated, checked.
pub fn alone(path: &Path) -> Result<Opened, StoreError> {
    let lock = files::lock(&lock_path(path))?.ok_or_else(|| StoreError::InUse { path: path.to_owned() })?;
    let mut connection = checked(path)?;
    migrate(path, &mut connection)?;
    Ok(Opened { connection, lock: Some(lock) })
}

/// Opens the database beside a process that may be serving from it. Migrates it only when none is.
pub fn beside(path: &Path) -> Result<Opened, StoreError> {
    if let Some(lock) = files::lock(&lock_path(path))? {
        let mut connection = checked(path)?;
        migrate(path, &mut connection)?;
        return Ok(Opened { connection, lock: Some(lock) });
    }
    let connection = checked(path)?;
    match version(&connection).map_err(damaged(path))? {
        found if found < known() => Err(StoreError::Older { path: path.to_owned(), found, known: known() }),
        _ => Ok(Opened { connection, lock: None }),
    }
}

/// A connection that only reads; the writer's must be open.
pub fn reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// A writing connection to a file that is ours, private and whole, of a schema that we know.
fn checked(path: &Path) -> Result<Connection, StoreError> {
    files::private(path)?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    let found = version(&connection).map_err(damaged(path))?;
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(damaged(path))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(damaged(path))?;
    if application != OURS && (application != 0 || found != 0 || tables != 0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found > known() {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: known() });
    }
    let whole: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(damaged(path))?;
    if whole != "ok" {
        return Err(StoreError::Damaged { path: path.to_owned(), what: whole });
    }
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // FULL: a commit is on the disk before anybody is told of it.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection).map_err(damaged(path))?;
    let done = usize::try_from(found).unwrap_or(0);
    let transaction = connection.transaction()?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", OURS)?;
    transaction.pragma_update(None, "user_version", known())?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// What SQLite finds wrong with the file itself is said with the file's name.
fn damaged(path: &Path) -> impl FnOnce(rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let path = path.to_owned();
    move |error| match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged { path, what: error.to_string() },
        _ => error.into(),
    }
}
