//! The store: one SQLite file. What it was told to keep is on the disk before it says so, whatever happens to
//! the process after. It holds nothing secret. One process serves from a file at a time; the subcommands
//! for API tokens may open it beside that one.

pub mod api_tokens;
pub mod create;
mod error;
pub mod events;
pub mod find;
pub mod multi_use;
mod open;
mod readers;
pub mod revoke;
pub mod rows;
mod writer;

pub use error::StoreError;

use readers::Readers;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use writer::Writer;

/// The store; clones share it. When the last one goes, what is queued is written and the file is closed.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    readers: Readers,
    writer: Writer,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.readers.close();
    }
}

impl Store {
    /// Opens the file at `path`, made if absent, for the process that serves.
    ///
    /// # Errors
    /// Another process serves from it, it is not ours, damaged, or newer than this program.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Ok(Store::of(path, open::alone(path)?))
    }

    /// Opens the file at `path`, made if absent, beside a process that may be serving from it.
    ///
    /// # Errors
    /// It is not ours, damaged, or of another schema than this program's.
    pub fn open_beside(path: &Path) -> Result<Store, StoreError> {
        Ok(Store::of(path, open::beside(path)?))
    }

    fn of(path: &Path, opened: open::Opened) -> Store {
        Store(Arc::new(Inner { readers: Readers::new(path.to_owned()), writer: Writer::start(opened) }))
    }

    /// Writes in a transaction, and returns when it is durable. An error undoes this work alone.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.0.writer.write(work).await
    }

    /// Reads in one view of the database.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.0.readers.read(work).await
    }
}

#[cfg(test)]
mod tests;
