//! The one writer: a thread that commits whatever is waiting together (group commit).
//!
//! A disk does some hundred fsyncs a second; a flood brings thousands of messages. While one commit waits for the
//! disk, the next batch gathers in the queue, so the batch grows with the load and nobody waits for a timer. Work behind
//! the door gives way to it: in a flood the door stays quick, and the line catches up afterwards.

use super::{handle::Handle, keys, names::Names, open, shared::Shared};
use crate::store::{Result, StoreError};
use rusqlite::ErrorCode;
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// Jobs in the queue at most; beyond it callers wait.
const QUEUE: usize = 2048;
/// Jobs in one transaction at most, so that nobody waits for a giant.
const BATCH: usize = 512;
/// So many jobs that wait are a flood.
const FLOOD: usize = 16;
/// Work that gives way does so no longer than this.
const PATIENCE: Duration = Duration::from_millis(250);
/// The writer waits so long for readers before the log begins anew.
const RESTART_WAIT: Duration = Duration::from_millis(20);
/// Between attempts to reopen a handle that failed.
const REOPEN: Duration = Duration::from_secs(1);

/// Work for the writer's transaction.
///
/// It may run twice (alone, when the batch that it was in could not be committed), so it must not depend on its first
/// run; and it must decide what can be refused before it writes.
trait Job: Send {
    fn run(&mut self, handle: &Handle) -> rusqlite::Result<()>;
    fn finish(self: Box<Self>, outcome: Result<()>);
}

struct Task<T, F> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnMut(&Handle) -> rusqlite::Result<T> + Send> Job for Task<T, F> {
    fn run(&mut self, handle: &Handle) -> rusqlite::Result<()> {
        // A mistake in one job must not end the only writer. Its transaction is rolled back, and it starts anew if it
        // runs again, so nothing of its state is used.
        let value = catch_unwind(AssertUnwindSafe(|| (self.work)(handle)));
        self.value = Some(value.map_err(|_| open::failure(rusqlite::ffi::SQLITE_INTERNAL, "a store job panicked"))??);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let missing = || StoreError::Failed("the transaction did not run".into());
        // The caller may have gone away: what it asked for is done all the same.
        let Self { value, reply, .. } = *self;
        let _ = reply.send(outcome.and_then(|()| value.ok_or_else(missing)));
    }
}

/// When a job's turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// In the next transaction.
    Next,
    /// The same, but what was written last may be lost with the power: nothing waits for the disk. Of use where that only
    /// means that something is done twice.
    Light,
    /// When there is no [`FLOOD`] of those whose turn is next, or after [`PATIENCE`]. Whoever asks for it has one or two
    /// such jobs in the queue at a time.
    GiveWay,
}

type Queued = (Turn, Box<dyn Job>);

/// The way to the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Queued>,
}

impl Writer {
    /// Starts the thread with an open connection.
    pub(super) fn start(shared: Arc<Shared>, handle: Handle) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("store-writer".into());
        let thread = thread.spawn(move || Thread { shared, handle: Some(handle), failed_at: None }.work(jobs))?;
        Ok((Self { queue }, thread))
    }

    /// Runs `work` in a transaction; it is durable when this returns.
    pub(super) async fn run<T, F>(&self, turn: Turn, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Handle) -> rusqlite::Result<T> + Send + 'static,
    {
        let closed = || StoreError::Unavailable("the store is closed".into());
        let (reply, answer) = oneshot::channel();
        self.queue.send((turn, Box::new(Task { work, value: None, reply }))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

struct Thread {
    shared: Arc<Shared>,
    handle: Option<Handle>,
    failed_at: Option<Instant>,
}

impl Thread {
    fn work(mut self, mut jobs: mpsc::Receiver<Queued>) {
        let (mut queued, mut batch) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut giving_way = VecDeque::new();
        let mut light = true;
        loop {
            match giving_way.is_empty() {
                true if jobs.blocking_recv_many(&mut queued, BATCH) == 0 => break,
                true => {}
                false => queued.extend(std::iter::from_fn(|| jobs.try_recv().ok()).take(BATCH)),
            }
            for (turn, job) in queued.drain(..) {
                light &= turn == Turn::Light;
                match turn {
                    Turn::Next | Turn::Light => batch.push(job),
                    Turn::GiveWay => giving_way.push_back((Instant::now(), job)),
                }
            }
            let flood = batch.len() >= FLOOD;
            if let Some((_, job)) = giving_way.pop_front_if(|(since, _)| !flood || since.elapsed() > PATIENCE) {
                light = false;
                batch.push(job);
            }
            let sync = !std::mem::replace(&mut light, true);
            match self.open() {
                Ok(()) => self.commit(&mut batch, sync),
                Err(error) => batch.drain(..).for_each(|job| job.finish(Err(error.clone()))),
            }
            self.tidy();
        }
    }

    /// Opens a failed handle anew, at most once a second.
    fn open(&mut self) -> Result<()> {
        if self.handle.is_none() {
            let since = self.failed_at.map_or(REOPEN, |at| at.elapsed());
            if since < REOPEN {
                return Err(StoreError::Unavailable("the store is being reopened".into()));
            }
            self.failed_at = Some(Instant::now());
            let handle = open::reopen(&self.shared.path, self.shared.names.clone(), self.shared.tail.clone())
                .map_err(|error| StoreError::Unavailable(format!("the store cannot be reopened: {error}")))?;
            tracing::warn!("the store is open again");
            self.shared.set_trouble(None);
            self.handle = Some(handle);
        }
        Ok(())
    }

    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>, sync: bool) {
        let Some(handle) = &self.handle else { return };
        let started = Instant::now();
        metrics::histogram!("jiesu_store_batch_jobs").record(batch.len() as f64);
        let outcome = transaction(handle, batch, sync);
        metrics::histogram!("jiesu_store_commit_seconds").record(started.elapsed().as_secs_f64());
        match outcome {
            Ok(()) => {
                self.shared.note_written();
                batch.drain(..).for_each(|job| job.finish(Ok(())));
            }
            Err(error) => match Trouble::of(&error) {
                Trouble::Handle => {
                    let error = self.give_up(&error);
                    batch.drain(..).for_each(|job| job.finish(Err(error.clone())));
                }
                Trouble::Full => {
                    let error = self.full(&error);
                    batch.drain(..).for_each(|job| job.finish(Err(error.clone())));
                }
                // One of them is at fault: each alone, so that it takes nobody with it.
                Trouble::Statement => self.one_by_one(batch),
            },
        }
    }

    fn one_by_one(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        for mut job in batch.drain(..) {
            let Some(handle) = &self.handle else {
                job.finish(Err(StoreError::Unavailable("the store is being reopened".into())));
                continue;
            };
            let outcome = transaction(handle, std::slice::from_mut(&mut job), true);
            job.finish(match outcome {
                Ok(()) => {
                    self.shared.note_written();
                    Ok(())
                }
                Err(error) => Err(match Trouble::of(&error) {
                    Trouble::Handle => self.give_up(&error),
                    Trouble::Full => self.full(&error),
                    Trouble::Statement => {
                        tracing::error!(%error, "a store job failed");
                        StoreError::Failed(error.to_string())
                    }
                }),
            });
        }
    }

    /// After a failed write or fsync nobody knows what the disk holds: this handle is never used again.
    fn give_up(&mut self, error: &rusqlite::Error) -> StoreError {
        if open::is_damage(error) {
            open::mark_suspect(&self.shared.path);
        }
        tracing::error!(alarm = true, %error, "STORE FAILURE: nothing is acknowledged until the store is open again");
        metrics::counter!("jiesu_store_failures_total").increment(1);
        self.shared.set_trouble(Some(error.to_string()));
        self.failed_at = Some(Instant::now());
        self.handle = None;
        StoreError::Unavailable(error.to_string())
    }

    /// Nothing of the transaction is kept; the handle is sound, and the keeper tries it until there is room.
    fn full(&self, error: &rusqlite::Error) -> StoreError {
        self.shared.set_trouble(Some(format!("the disk is full: {error}")));
        StoreError::Unavailable("the disk is full".into())
    }

    /// Between transactions: what only the writer can do to the log.
    fn tidy(&mut self) {
        if self.shared.suspect.swap(false, Ordering::Relaxed) && self.handle.is_some() {
            let error = open::failure(rusqlite::ffi::SQLITE_IOERR, "the checkpoint failed");
            self.give_up(&error);
        }
        if self.shared.restart_log.swap(false, Ordering::Relaxed)
            && let Some(connection) = &self.handle
        {
            // Nobody waits long for a reader that is in the way: the keeper asks again.
            let _ = connection.busy_timeout(RESTART_WAIT);
            let outcome = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
            let _ = connection.busy_timeout(open::BUSY);
            if let Err(error) = outcome
                && matches!(Trouble::of(&error), Trouble::Handle)
            {
                self.give_up(&error);
            }
        }
    }
}

fn transaction(handle: &Handle, batch: &mut [Box<dyn Job>], sync: bool) -> rusqlite::Result<()> {
    handle.set_sync(sync)?;
    handle.transaction(|| batch.iter_mut().try_for_each(|job| job.run(handle)))
}

/// What a failure means for the handle.
enum Trouble {
    Handle,
    Full,
    Statement,
}

impl Trouble {
    fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            _ if open::is_full(error) => Self::Full,
            Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Handle,
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::Handle,
            _ => Self::Statement,
        }
    }
}

impl Writer {
    /// Takes recent delivery keys into the index, if it is worth it; for the keeper, which may wait.
    ///
    /// # Errors
    /// The writer is in trouble; the keys stay where they are.
    pub(super) fn fold_keys(&self) -> Result<()> {
        let Some(mut fold) = self.run_blocking(|handle| keys::begin(handle, keys::FOLD_AT))? else { return Ok(()) };
        fold.sort();
        let fold = Arc::new(fold);
        (0..fold.slices()).try_for_each(|slice| {
            let fold = fold.clone();
            self.run_blocking(move |handle| keys::fold(handle, &fold, slice))
        })
    }

    /// The same for names of citizens.
    ///
    /// # Errors
    /// The writer is in trouble; the names stay where they are.
    pub(super) fn fold_names(&self, names: &Names) -> Result<()> {
        let Some(fold) = names.due() else { return Ok(()) };
        let fold = Arc::new(fold);
        (0..fold.slices()).try_for_each(|slice| {
            let fold = fold.clone();
            self.run_blocking(move |handle| handle.names().fold(handle, &fold, slice))
        })
    }

    fn run_blocking<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Handle) -> rusqlite::Result<T> + Send + 'static,
    {
        let closed = || StoreError::Unavailable("the store is closed".into());
        let (reply, answer) = oneshot::channel();
        self.queue.blocking_send((Turn::GiveWay, Box::new(Task { work, value: None, reply }))).map_err(|_| closed())?;
        answer.blocking_recv().map_err(|_| closed())?
    }

    /// Makes the writer try an empty transaction; for a keeper that sees trouble. Does not wait.
    pub(super) fn probe(&self) {
        let (reply, _) = oneshot::channel();
        let work = |handle: &Handle| {
            handle.query_row("SELECT 1", [], |_| Ok(()))?;
            // Touches a page, so that a full or failing disk is noticed.
            handle.pragma_update(None, "user_version", super::schema::version())
        };
        let _ = self.queue.try_send((Turn::Next, Box::new(Task { work, value: None, reply })));
    }
}
