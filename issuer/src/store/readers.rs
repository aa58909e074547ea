//! The connections that only read, each used by one reader at a time on a thread that may block. They see
//! what was committed when they begin, and never wait for the writer.

use super::error::StoreError;
use super::open;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Readers at a time.
const READERS: usize = 4;

/// The connections.
#[derive(Debug, Clone)]
pub struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    /// Of the database at `path`.
    pub fn new(path: PathBuf) -> Readers {
        Readers { path, idle: Arc::default(), free: Arc::new(Semaphore::new(READERS)) }
    }

    /// Reads in one view of the database.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let read = move || {
            let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match connection {
                Some(connection) => connection,
                None => open::reader(&path)?,
            };
            connection.execute_batch("BEGIN")?;
            let outcome = work(&connection);
            connection.execute_batch("COMMIT")?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            outcome
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }

    /// Closes those that nobody uses.
    pub fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
