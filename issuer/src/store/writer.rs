//! The one thread that writes. What has queued up while a commit was on its way to the disk goes into the
//! next one together; nobody is told of a write before its commit is there.

use super::error::StoreError;
use super::open::Opened;
use rusqlite::Connection;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Writes that go into one commit at most.
const TOGETHER: usize = 128;
/// Writes that wait at most; whoever comes then waits to wait.
const QUEUE: usize = 1024;

/// Something to write.
pub trait Job: Send {
    /// Does it, inside a transaction. False: undo it.
    fn run(&mut self, connection: &Connection) -> bool;
    /// What SQLite said, where that was why.
    fn cause(&self) -> Option<Arc<rusqlite::Error>>;
    /// Tells whoever asked, now that it is on the disk or was lost with its transaction.
    fn tell(self: Box<Self>, lost: Option<StoreError>);
}

/// A piece of work whose outcome somebody waits for.
struct Write<F, T> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    asker: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Write<F, T>
where
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        self.outcome = self.work.take().map(|work| work(connection));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn cause(&self) -> Option<Arc<rusqlite::Error>> {
        match &self.outcome {
            Some(Err(StoreError::Sql(error))) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    fn tell(self: Box<Self>, lost: Option<StoreError>) {
        let outcome = match (lost, self.outcome) {
            (None, Some(outcome)) | (Some(_), Some(outcome @ Err(_))) => outcome,
            (Some(lost), _) => Err(lost),
            (None, None) => Err(StoreError::Closed),
        };
        // Whoever asked may have gone; what was written stays.
        drop(self.asker.send(outcome));
    }
}

/// The way to the thread.
#[derive(Debug)]
pub struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, which keeps the connection and its lock.
    pub fn start(opened: Opened) -> Writer {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::spawn(move || serve(opened, jobs));
        Writer { queue: Some(queue), thread: Some(thread) }
    }

    /// Writes, and returns when it is durable.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (asker, answer) = oneshot::channel();
        let job = Box::new(Write { work: Some(work), outcome: None, asker });
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    /// What is queued is written first. When this returns, the file is closed and free for another process.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(opened: Opened, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let Opened { connection, lock } = opened;
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < TOGETHER {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        let lost = commit(&connection, &mut batch).err();
        for job in batch {
            job.tell(lost.clone().map(StoreError::Sql));
        }
    }
    drop(connection);
    drop(lock);
}

type Lost = Arc<rusqlite::Error>;

/// All of them in one transaction; one that fails is undone alone.
fn commit(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), Lost> {
    let outcome = attempt(connection, batch);
    if outcome.is_err() && !connection.is_autocommit() {
        drop(connection.execute_batch("ROLLBACK"));
    }
    outcome
}

fn attempt(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), Lost> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for job in batch {
        connection.execute_batch("SAVEPOINT job")?;
        let keep = job.run(connection);
        if connection.is_autocommit() {
            // A full disk makes SQLite undo the whole transaction: everybody in it is told why.
            return Err(job.cause().unwrap_or_else(|| Arc::new(rusqlite::Error::InvalidQuery)));
        }
        connection.execute_batch(if keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" })?;
    }
    Ok(connection.execute_batch("COMMIT")?)
}
