//! Group commit: one thread writes whatever is waiting in one transaction, and only then says so.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use rusqlite::Connection;
use std::{path::Path, thread, time::Duration};
use tokio::sync::{mpsc, oneshot};

/// Jobs in one transaction, at most.
const BATCH: usize = 1_024;
/// Marks of delivery wait for company up to this many: they need no fsync of their own.
const MARKS: usize = 512;
/// More than connections: whoever marks never waits for the writer while the writer waits for them.
const JOBS: usize = 4_096;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);

enum Job {
    Store { body: Bytes, stored: oneshot::Sender<()> },
    Delivered(Vec<i64>),
}

/// Hands jobs to the writer thread.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Opens the file, and starts the writer and the checkpointer. Stored rows go on to `forward`.
    ///
    /// # Errors
    /// SQLite's, and the threads'.
    pub fn open(file: &Path, forward: Option<mpsc::Sender<(i64, Bytes)>>) -> Result<Self> {
        let connection = open(file)?;
        connection.execute_batch(
            "CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
             CREATE TABLE delivered (id INTEGER PRIMARY KEY);",
        )?;
        let checkpointer = open(file)?;
        let (jobs, waiting) = mpsc::channel(JOBS);
        thread::Builder::new().name("writer".into()).spawn(move || {
            // The acknowledgements under way are dropped with their senders: those requests get no answer.
            if let Err(error) = write(connection, waiting, forward) {
                eprintln!("the writer stopped: {error:#}");
            }
        })?;
        thread::Builder::new().name("checkpoint".into()).spawn(move || {
            loop {
                thread::sleep(CHECKPOINT_EVERY);
                if let Err(error) = checkpointer.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())) {
                    eprintln!("checkpoint: {error}");
                }
            }
        })?;
        Ok(Self(jobs))
    }

    /// Returns once the body is on disk.
    ///
    /// # Errors
    /// The writer has stopped.
    pub async fn store(&self, body: Bytes) -> Result<()> {
        let (stored, done) = oneshot::channel();
        self.0.send(Job::Store { body, stored }).await.context("no writer")?;
        done.await.context("not stored")
    }

    /// Notes rows as delivered, with one of the next transactions.
    ///
    /// # Errors
    /// The writer has stopped.
    pub async fn mark(&self, rows: Vec<i64>) -> Result<()> {
        self.0.send(Job::Delivered(rows)).await.context("no writer")
    }
}

fn open(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

fn write(
    mut connection: Connection,
    mut waiting: mpsc::Receiver<Job>,
    forward: Option<mpsc::Sender<(i64, Bytes)>>,
) -> Result<()> {
    let (mut stored, mut rows, mut marks) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(first) = waiting.blocking_recv() {
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Store { body, stored: done } => {
                    rows.push(body);
                    stored.push(done);
                }
                Job::Delivered(ids) => marks.extend(ids),
            }
            next = if rows.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        if rows.is_empty() && marks.len() < MARKS {
            continue;
        }
        let transaction = connection.transaction()?;
        let mut ids = Vec::with_capacity(rows.len());
        {
            let mut insert = transaction.prepare_cached("INSERT INTO row (body) VALUES (?1)")?;
            for body in &rows {
                ids.push(insert.insert([&body[..]])?);
            }
            let mut mark = transaction.prepare_cached("INSERT INTO delivered (id) VALUES (?1)")?;
            for id in marks.drain(..) {
                mark.execute([id])?;
            }
        }
        transaction.commit()?;
        for done in stored.drain(..) {
            // Whoever asked may have gone; the row stays.
            let _ = done.send(());
        }
        for row in ids.into_iter().zip(rows.drain(..)) {
            if let Some(forward) = &forward {
                forward.blocking_send(row).context("nobody forwards")?;
            }
        }
    }
    Ok(())
}
