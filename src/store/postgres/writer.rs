//! The writer: takes whatever waits together and commits it in one transaction.
//!
//! A thread of its own, so that what runs in a transaction may hold what no other thread may touch, and so that a node whose
//! other threads are busy does not hold the lock of all nodes for longer than it must.

use super::{
    Shared, accept,
    fail::Fail,
    link::Link,
    tx::{Committed, Tx},
};
use crate::store::{Accepted, NewMessage, Result, StoreError};
use futures_util::{FutureExt, future::LocalBoxFuture};
use std::{
    io,
    panic::AssertUnwindSafe,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Jobs waiting at most; beyond this, whoever calls waits too.
const QUEUE: usize = 1_024;
/// Jobs in a transaction at most.
const BATCH: usize = 512;
/// For a transaction, the wait for other nodes' included.
const ANSWER: Duration = Duration::from_secs(10);
/// Between attempts to reach a database that is away.
const AWAY: Duration = Duration::from_millis(500);

/// Work for the writer's transaction. It may run twice, so it must not depend on its first run.
trait Job: Send {
    fn run<'a>(&'a mut self, tx: &'a Tx<'_>) -> LocalBoxFuture<'a, std::result::Result<(), Fail>>;
    fn finish(self: Box<Self>, outcome: Result<()>);
}

struct Task<T, F> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: AsyncFnMut(&Tx<'_>) -> std::result::Result<T, Fail> + Send,
{
    fn run<'a>(&'a mut self, tx: &'a Tx<'_>) -> LocalBoxFuture<'a, std::result::Result<(), Fail>> {
        Box::pin(async move {
            self.value = Some((self.work)(tx).await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        // The caller may have gone away: what it asked for is done all the same.
        let Self { value, reply, .. } = *self;
        let missing = || StoreError::Failed("the transaction did not run".into());
        let _ = reply.send(outcome.and_then(|()| value.ok_or_else(missing)));
    }
}

/// Messages to accept: those of all callers together.
struct Accepting {
    messages: Vec<NewMessage>,
    answers: Vec<Accepted>,
    reply: oneshot::Sender<Result<Vec<Accepted>>>,
}

enum Queued {
    Accept(Accepting),
    Job(Box<dyn Job>),
}

/// What is committed together.
#[derive(Default)]
struct Batch {
    accepting: Vec<Accepting>,
    jobs: Vec<Box<dyn Job>>,
}

impl Batch {
    fn add(&mut self, queued: Queued) {
        match queued {
            Queued::Accept(accepting) => self.accepting.push(accepting),
            Queued::Job(job) => self.jobs.push(job),
        }
    }

    /// Each by itself.
    fn alone(&mut self) -> Vec<Self> {
        let accepting = self.accepting.drain(..).map(|one| Self { accepting: vec![one], jobs: Vec::new() });
        let mut all: Vec<Self> = accepting.collect();
        all.extend(self.jobs.drain(..).map(|job| Self { accepting: Vec::new(), jobs: vec![job] }));
        all
    }

    fn len(&self) -> usize {
        self.accepting.len() + self.jobs.len()
    }

    fn finish(&mut self, outcome: &Result<()>) {
        for Accepting { answers, reply, .. } in self.accepting.drain(..) {
            let _ = reply.send(outcome.clone().map(|()| answers));
        }
        self.jobs.drain(..).for_each(|job| job.finish(outcome.clone()));
    }
}

/// The way to the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Queued>,
}

impl Writer {
    /// Starts the thread with an open connection.
    pub(super) fn start(shared: Arc<Shared>, link: Link) -> io::Result<(Self, JoinHandle<()>)> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Its bytes are carried by the runtime that opened it; the next one's by the thread's own.
        let thread = Thread { shared, link: Some(link), failed_at: None };
        let spawn = std::thread::Builder::new().name("store-writer".into());
        let thread = spawn.spawn(move || runtime.block_on(thread.work(jobs)))?;
        Ok((Self { queue }, thread))
    }

    /// Stores messages.
    pub(super) async fn accept(&self, messages: Vec<NewMessage>) -> Result<Vec<Accepted>> {
        let (reply, answer) = oneshot::channel();
        self.send(Queued::Accept(Accepting { messages, answers: Vec::new(), reply })).await?;
        answer.await.map_err(|_| closed())?
    }

    /// Runs `work` in a transaction; it is durable when this returns.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFnMut(&Tx<'_>) -> std::result::Result<T, Fail> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Queued::Job(Box::new(Task { work, value: None, reply }))).await?;
        answer.await.map_err(|_| closed())?
    }

    /// Makes the writer write what is there already; for when there is trouble. Does not wait.
    pub(super) fn probe(&self) {
        let (reply, _) = oneshot::channel();
        let work = async |tx: &Tx<'_>| tx.execute("UPDATE line SET message = message WHERE one = 1", &[]).await;
        let _ = self.queue.try_send(Queued::Job(Box::new(Task { work, value: None, reply })));
    }

    async fn send(&self, queued: Queued) -> Result<()> {
        self.queue.send(queued).await.map_err(|_| closed())
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

struct Thread {
    shared: Arc<Shared>,
    link: Option<Link>,
    failed_at: Option<Instant>,
}

/// What became of a batch.
enum Outcome {
    Done,
    /// Nothing was stored, and the connection is of no more use.
    Lost(Fail),
    /// The connection broke over the commit.
    Unknown(Fail),
    /// Nothing was stored.
    Undone(Fail),
}

impl Thread {
    async fn work(mut self, mut jobs: mpsc::Receiver<Queued>) {
        let mut queued = Vec::with_capacity(BATCH);
        let mut batch = Batch::default();
        while jobs.recv_many(&mut queued, BATCH).await > 0 {
            queued.drain(..).for_each(|one| batch.add(one));
            self.commit(&mut batch).await;
        }
    }

    async fn commit(&mut self, batch: &mut Batch) {
        metrics::histogram!("jiesu_store_batch_jobs").record(batch.len() as f64);
        let started = Instant::now();
        let outcome = self.attempt(batch).await;
        metrics::histogram!("jiesu_store_commit_seconds").record(started.elapsed().as_secs_f64());
        match outcome {
            Ok(()) => batch.finish(&Ok(())),
            // One of them is at fault: each alone, so that it takes nobody with it.
            Err(Fail::Statement(_) | Fail::Refused(_)) if batch.len() > 1 => {
                for mut alone in batch.alone() {
                    let outcome = self.attempt(&mut alone).await;
                    alone.finish(&outcome.map_err(told));
                }
            }
            Err(fail) => batch.finish(&Err(told(fail))),
        }
    }

    /// Once more if the connection was found broken before the commit: nothing was stored then.
    async fn attempt(&mut self, batch: &mut Batch) -> std::result::Result<(), Fail> {
        let mut again = true;
        loop {
            self.open().await?;
            let Some(link) = &self.link else { return Err(Fail::silent()) };
            let fail = match timeout(ANSWER, transaction(link, batch)).await {
                Ok(Outcome::Done) => {
                    self.shared.note_written();
                    return Ok(());
                }
                Ok(Outcome::Undone(fail)) => {
                    if !matches!(timeout(ANSWER, link.batch("ROLLBACK")).await, Ok(Ok(()))) {
                        self.link = None;
                    }
                    if matches!(fail, Fail::NotNow(_)) {
                        self.shared.set_trouble(fail.text());
                    }
                    return Err(fail);
                }
                Ok(Outcome::Lost(fail)) => {
                    self.link = None;
                    if std::mem::take(&mut again) {
                        continue;
                    }
                    fail
                }
                Ok(Outcome::Unknown(fail)) => fail,
                Err(_) => Fail::silent(),
            };
            self.give_up(&fail);
            return Err(fail);
        }
    }

    /// Connects again, at most twice a second.
    async fn open(&mut self) -> std::result::Result<(), Fail> {
        if self.link.as_ref().is_some_and(|link| !link.is_closed()) {
            return Ok(());
        }
        self.link = None;
        if self.failed_at.is_some_and(|at| at.elapsed() < AWAY) {
            return Err(Fail::Lost("the database is away".into()));
        }
        match Link::open(&self.shared.address).await {
            Ok(link) => {
                self.shared.note_writer(&link);
                self.link = Some(link);
                self.failed_at = None;
                Ok(())
            }
            Err(fail) => {
                self.give_up(&fail);
                Err(fail)
            }
        }
    }

    fn give_up(&mut self, fail: &Fail) {
        if !self.shared.set_trouble(fail.text()) {
            tracing::error!(
                alarm = true,
                error = fail.text(),
                "STORE FAILURE: nothing is acknowledged until the database answers"
            );
            metrics::counter!("jiesu_store_failures_total").increment(1);
        }
        self.failed_at = Some(Instant::now());
        self.link = None;
    }
}

fn told(fail: Fail) -> StoreError {
    match &fail {
        Fail::Statement(error) => tracing::error!(error, "a store job failed"),
        Fail::Refused(why) => tracing::warn!(why, "what this node has made of messages is not stored"),
        Fail::Lost(_) | Fail::NotNow(_) => {}
    }
    fail.into()
}

async fn transaction(link: &Link, batch: &mut Batch) -> Outcome {
    let undone = |fail: Fail| match fail {
        Fail::Lost(_) => Outcome::Lost(fail),
        fail => Outcome::Undone(fail),
    };
    let tx = match Tx::begin(link).await {
        Ok(tx) => tx,
        Err(fail) => return undone(fail),
    };
    // A mistake in one job must not end the only writer. Its transaction is rolled back, and it starts anew if it runs
    // again, so nothing of its state is used.
    let ran = AssertUnwindSafe(run(&tx, batch)).catch_unwind().await;
    match ran.unwrap_or_else(|_| Err(Fail::Statement("a store job panicked".into()))) {
        Ok(()) => {}
        Err(fail) => return undone(fail),
    }
    match tx.commit().await {
        Committed::Yes => Outcome::Done,
        Committed::No(fail) => undone(fail),
        Committed::Unknown(fail) => Outcome::Unknown(fail),
    }
}

async fn run(tx: &Tx<'_>, batch: &mut Batch) -> std::result::Result<(), Fail> {
    if !batch.accepting.is_empty() {
        let groups: Vec<&[NewMessage]> = batch.accepting.iter().map(|one| &one.messages[..]).collect();
        let answers = accept::accept(tx, &groups).await?;
        for (one, answers) in batch.accepting.iter_mut().zip(answers) {
            one.answers = answers;
        }
    }
    for job in &mut batch.jobs {
        job.run(tx).await?;
    }
    Ok(())
}
