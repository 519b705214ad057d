//! A store in memory that can be told to fail, and a destination that follows a script.

use super::{body, number};
use crate::{
    delivery::{
        Destination, Handle, RetryPolicy, Worker,
        attempt::Transport,
        outcome::{Fault, FaultClass, Outcome},
        post::{Post, start_with},
    },
    store::*,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub struct Memory {
    pub events: Vec<StoredEvent>,
    pub progress: HashMap<String, Progress>,
    pub dead: Vec<DeadLetter>,
    pub saves: usize,
    pub full: bool,
}

pub struct Fake {
    memory: Mutex<Memory>,
    wake: watch::Sender<Sequence>,
    /// A place for each read of the log that may be answered.
    answers: Semaphore,
    reads: AtomicUsize,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        let (wake, answers) = (watch::Sender::new(Sequence(0)), Semaphore::new(Semaphore::MAX_PERMITS));
        Arc::new(Self { memory: Mutex::default(), wake, answers, reads: AtomicUsize::new(0) })
    }

    /// Reads of the log are answered no more, until [`Self::answer`]; with what was there when they began.
    pub fn hold(&self) {
        self.answers.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn answer(&self) {
        self.answers.add_permits(1_000);
    }

    /// Reads of the log that have begun.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// Appends one event for each ticket named.
    pub fn append(&self, tickets: impl IntoIterator<Item = u32>) {
        let mut memory = self.memory();
        for ticket in tickets {
            let sequence = memory.events.len() as i64 + 1;
            memory.events.push(StoredEvent {
                sequence: Sequence(sequence),
                id: format!("ev_{sequence}"),
                kind: "ticket.created".into(),
                number: number(ticket),
                body: body(sequence).into(),
            });
        }
        let newest = Sequence(memory.events.len() as i64);
        drop(memory);
        self.wake.send_replace(newest);
    }

    pub fn wake(&self) -> watch::Receiver<Sequence> {
        self.wake.subscribe()
    }

    fn write<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> Result<T> {
        let mut memory = self.memory();
        if memory.full { Err(StoreError::Unavailable("disk full".into())) } else { Ok(work(&mut memory)) }
    }
}

#[async_trait]
impl EventLog for Fake {
    async fn events(&self, cursor: Sequence, limit: usize) -> Result<Vec<StoredEvent>> {
        let events = self.memory().events.iter().skip(cursor.0 as usize).take(limit).cloned().collect();
        self.reads.fetch_add(1, Ordering::Relaxed);
        let _answered = self.answers.acquire().await;
        Ok(events)
    }
    async fn last_event(&self) -> Result<Sequence> {
        Ok(Sequence(self.memory().events.len() as i64))
    }
    async fn progress(&self, destination: &str) -> Result<Progress> {
        Ok(self.memory().progress.get(destination).cloned().unwrap_or_default())
    }
    async fn save_progress(&self, destination: &str, progress: Progress) -> Result<()> {
        self.write(|memory| {
            memory.saves += 1;
            memory.progress.insert(destination.into(), progress);
        })
    }
    async fn bury(&self, letter: DeadLetter) -> Result<()> {
        self.write(|memory| {
            memory.dead.retain(|other| other.sequence != letter.sequence);
            memory.dead.push(letter);
        })
    }
    async fn exhume(&self, _: &str, sequence: Sequence) -> Result<()> {
        self.write(|memory| {
            let letters = memory.dead.iter_mut().filter(|letter| letter.sequence == sequence);
            letters.for_each(|letter| letter.state = DeadState::Delivered);
        })
    }
    async fn requeue(&self, _: Requeue) -> Result<usize> {
        self.write(|memory| memory.dead.iter_mut().map(|letter| letter.state = DeadState::Queued).count())
    }
    async fn requeued(&self, _: &str, limit: usize) -> Result<Vec<StoredEvent>> {
        let memory = self.memory();
        let queued = memory.dead.iter().filter(|letter| letter.state == DeadState::Queued).take(limit);
        Ok(queued.map(|letter| memory.events[letter.sequence.0 as usize - 1].clone()).collect())
    }
    async fn dead_letters(&self, _: DeadQuery) -> Result<Vec<DeadLetter>> {
        Ok(self.memory().dead.clone())
    }
}

/// What a script says of an event's nth attempt (from 0).
pub type Script = dyn Fn(&str, usize) -> Say + Send + Sync;

pub enum Say {
    Yes,
    Refuse,
    Fail(FaultClass),
    /// Takes so long, then says yes.
    Slow(Duration),
    Hang,
}

/// A scripted destination, and what reached it.
#[derive(Default)]
pub struct Log {
    /// Event, body, and when the attempt began.
    pub attempts: Vec<(String, Bytes, Instant)>,
    pub delivered: Vec<String>,
    pub under_way: usize,
    pub most_under_way: usize,
}

impl Log {
    pub fn attempts_of(&self, id: &str) -> usize {
        self.attempts.iter().filter(|(other, ..)| other == id).count()
    }
}

#[derive(Clone)]
pub struct Scripted {
    script: Arc<Script>,
    log: Arc<Mutex<Log>>,
}

impl Transport for Scripted {
    async fn attempt(&self, id: &str, body: Bytes) -> Outcome {
        let attempt = {
            let mut log = self.log.lock().unwrap();
            let attempt = log.attempts_of(id);
            log.attempts.push((id.to_owned(), body, Instant::now()));
            log.under_way += 1;
            log.most_under_way = log.most_under_way.max(log.under_way);
            attempt
        };
        let outcome = match (self.script)(id, attempt) {
            Say::Yes => {
                tokio::task::yield_now().await;
                Outcome::Delivered
            }
            Say::Slow(time) => {
                tokio::time::sleep(time).await;
                Outcome::Delivered
            }
            Say::Refuse => Outcome::MessageAtFault { reason: "answered 422: why".into() },
            Say::Fail(class) => Outcome::DestinationAtFault(Fault::without_answer(class)),
            Say::Hang => std::future::pending().await,
        };
        let mut log = self.log.lock().unwrap();
        log.under_way -= 1;
        if outcome == Outcome::Delivered {
            log.delivered.push(id.to_owned());
        }
        outcome
    }
}

/// A worker that runs against a script.
pub struct Run {
    pub handle: Handle,
    worker: Worker,
    stop: CancellationToken,
    log: Arc<Mutex<Log>>,
}

/// Shorter than one second, so that the tests are; [`crate::delivery::health`] is tested with the real one.
pub const PROBE: Duration = Duration::from_millis(40);

pub fn destination() -> Destination {
    let retry = RetryPolicy { first: Duration::from_millis(10), max: PROBE, give_up: Duration::from_secs(3600) };
    Destination { retry, concurrency: 8, ..Destination::new("core", "http://127.0.0.1:9/") }
}

pub fn run(
    store: &Arc<Fake>,
    destination: Destination,
    script: impl Fn(&str, usize) -> Say + Send + Sync + 'static,
) -> Run {
    let log = Arc::<Mutex<Log>>::default();
    let scripted = Scripted { script: Arc::new(script), log: Arc::clone(&log) };
    let stop = CancellationToken::new();
    let store_: Arc<dyn EventLog> = Arc::<Fake>::clone(store);
    let worker = start_with(store_, destination, scripted, PROBE, Post::alone(), store.wake(), stop.clone());
    Run { handle: worker.handle.clone(), worker, stop, log }
}

impl Run {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    pub async fn delivered(&self, events: usize) {
        super::until(&format!("{events} delivered"), || self.log().delivered.len() >= events).await;
    }

    /// As kill -9 does.
    pub async fn kill(self) {
        self.worker.join.abort();
        assert!(self.worker.join.await.unwrap_err().is_cancelled());
    }

    pub async fn stop(self) {
        self.stop.cancel();
        super::soon(self.worker.join).await.unwrap();
    }
}
