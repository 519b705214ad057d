//! Readers: a few handles, each used by one blocking call at a time.

use super::open;
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;

const HANDLES: usize = 4;

pub(super) struct Readers {
    inner: Arc<Inner>,
    turns: Arc<Semaphore>,
}

struct Inner {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        let inner = Inner { path, idle: Mutex::new(Vec::new()) };
        Self { inner: Arc::new(inner), turns: Arc::new(Semaphore::new(HANDLES)) }
    }

    /// Runs `work` on a handle, away from the async threads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let closed = |_| StoreError::Unavailable("the store is closed".into());
        let turn = self.turns.clone().acquire_owned().await.map_err(closed)?;
        let inner = self.inner.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inner.read(work)
        });
        task.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }

    /// Whether there are no more reads.
    pub(super) fn are_closed(&self) -> bool {
        self.turns.is_closed()
    }

    /// No more reads; handles are closed as they come back.
    pub(super) fn close(&self) {
        self.turns.close();
        self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Inner {
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let outcome = idle.map_or_else(|| open::connect_reader(&self.path), Ok).and_then(|connection| {
            // One look, however many questions: between two of them a message may have become a ticket.
            begin(&connection)?;
            let value = work(&connection)?;
            end(&connection)?;
            // A handle that failed is not used again.
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(value)
        });
        outcome.map_err(|error| failed(&self.path, &error))
    }
}

/// Begins a look at the store as it is now.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN")?.execute([]).map(drop)
}

/// Ends it.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

/// Tells of a read that failed, and remembers damage.
pub(super) fn failed(path: &Path, error: &rusqlite::Error) -> StoreError {
    let damaged = open::is_damage(error);
    tracing::error!(alarm = damaged, %error, "reading the store failed");
    if damaged {
        open::mark_suspect(path);
    }
    StoreError::Failed(error.to_string())
}
