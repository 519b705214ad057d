//! The event log, as delivery asks for it.

use super::{SqliteStore, Turn, log};
use crate::store::{DeadLetter, DeadQuery, EventLog, LatestProgress, Progress, Requeue, Result, Sequence, StoredEvent};
use async_trait::async_trait;

#[async_trait]
impl EventLog for SqliteStore {
    async fn events(&self, cursor: Sequence, limit: usize) -> Result<Vec<StoredEvent>> {
        match self.tail()?.events(cursor, limit) {
            Ok(events) => Ok(events),
            Err(last) => self.read(move |connection| log::events(connection, cursor, last, limit)).await,
        }
    }

    async fn last_event(&self) -> Result<Sequence> {
        let last = self.read(log::last).await?;
        Ok(self.tail()?.filed(last))
    }

    async fn progress(&self, destination: &str) -> Result<Progress> {
        let name = destination.to_owned();
        self.read(move |connection| log::progress(connection, &name)).await
    }

    async fn save_progress(&self, destination: &str, progress: Progress) -> Result<()> {
        let name = destination.to_owned();
        self.write(move |connection| log::save_progress(connection, &name, &progress)).await
    }

    async fn save_latest(&self, destination: &str, latest: LatestProgress) -> Result<()> {
        let name = destination.to_owned();
        self.writer()?.run(Turn::Light, move |connection| log::save_progress(connection, &name, &latest())).await
    }

    async fn bury(&self, letter: DeadLetter) -> Result<()> {
        self.write(move |connection| log::bury(connection, &letter)).await
    }

    async fn exhume(&self, destination: &str, sequence: Sequence) -> Result<()> {
        let name = destination.to_owned();
        self.write(move |connection| log::exhume(connection, &name, sequence)).await
    }

    async fn dead_letters(&self, query: DeadQuery) -> Result<Vec<DeadLetter>> {
        self.read(move |connection| log::dead_letters(connection, &query)).await
    }

    async fn requeue(&self, which: Requeue) -> Result<usize> {
        self.write(move |connection| log::requeue(connection, &which)).await
    }

    async fn requeued(&self, destination: &str, limit: usize) -> Result<Vec<StoredEvent>> {
        let name = destination.to_owned();
        self.read(move |connection| log::requeued(connection, &name, limit)).await
    }
}
