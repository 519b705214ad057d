//! One link: it is kept alive, its window is kept, and nothing on it waits for the store.

use super::{
    Dialect, Heard, Limits, Submission, Taken,
    frames::{Broken, Frames},
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use jiesu_connector::Stream;
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::codec::Framed;

/// Deliveries that wait to be stored; a far side that keeps its window never has more unanswered.
const INBOX: usize = 64;
/// A far side that takes nothing for so long is gone.
const WRITE: Duration = Duration::from_secs(20);
/// For the answer to the log-in, and to leave-taking.
const LOG_IN: Duration = Duration::from_secs(15);
const LEAVE: Duration = Duration::from_millis(1_200);
/// Unanswered tries after which a link is lost.
const TRIES: u32 = 3;
/// The highest sequence that SMPP allows.
const LAST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The far side said so.
    Said(Taken),
    /// It never left.
    Unsent(String),
    /// It left, and no answer came: it is never sent again blindly.
    Unknown(String),
}

/// A submission on its way to the wire.
pub(super) struct Order {
    pub submission: Submission,
    pub outcome: oneshot::Sender<Outcome>,
}

/// What a session says over its link.
pub(super) enum Say {
    /// The answer to a delivery.
    Answer(Bytes),
    /// Leave.
    Leave,
}

/// A session's end of a link.
pub(super) struct Link {
    /// Deliveries, in their order.
    pub inbox: mpsc::Receiver<Bytes>,
    /// Answers to them.
    pub answers: mpsc::Sender<Say>,
    /// Why it ended, once it has.
    why: Arc<OnceLock<String>>,
    worker: tokio::task::JoinHandle<()>,
}

impl Link {
    /// Logs in over `stream`. What is ordered on the other end of `orders` goes out over this link.
    pub(super) async fn open(
        stream: Box<dyn Stream>,
        dialect: Arc<dyn Dialect>,
        orders: mpsc::Receiver<Order>,
    ) -> Result<Self, String> {
        let limits = dialect.limits();
        let mut wire = Framed::new(stream, Frames { header: limits.header, longest: limits.longest });
        let login = dialect.login(1, Timestamp::now());
        let answer = async {
            wire.send(login.clone()).await.map_err(|broken| broken.to_string())?;
            match wire.next().await {
                Some(Ok(frame)) => dialect.logged_in(&login, &frame),
                Some(Err(broken)) => Err(broken.to_string()),
                None => Err("the far side closes the connection at the log-in".to_owned()),
            }
        };
        timeout(LOG_IN, answer).await.unwrap_or_else(|_| Err("no answer to the log-in".into()))?;
        let (inbox, deliveries) = mpsc::channel(INBOX);
        let (answers, said) = mpsc::channel(INBOX);
        let why = Arc::new(OnceLock::new());
        let worker = Worker {
            wire,
            limits,
            dialect,
            inbox,
            said,
            orders,
            held: None,
            waiting: HashMap::new(),
            sequence: 1,
            heard_at: Instant::now(),
            tried: 0,
            leaving: None,
        };
        let told = Arc::clone(&why);
        let worker = tokio::spawn(async move {
            let reason = worker.work().await;
            let _ = told.set(reason);
        });
        Ok(Self { inbox: deliveries, answers, why, worker })
    }

    /// Why it ended; asked once its inbox has.
    pub(super) async fn why(&mut self) -> String {
        let _ = timeout(LEAVE, &mut self.worker).await;
        self.why.get().cloned().unwrap_or_else(|| "the link ended".into())
    }

    /// Says goodbye, and waits a moment for the answer.
    pub(super) async fn leave(mut self) {
        let _ = self.answers.send(Say::Leave).await;
        // What still comes in is not answered: it comes again.
        self.inbox.close();
        let _ = timeout(LEAVE + LEAVE, &mut self.worker).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

struct Worker {
    wire: Framed<Box<dyn Stream>, Frames>,
    dialect: Arc<dyn Dialect>,
    limits: &'static Limits,
    inbox: mpsc::Sender<Bytes>,
    said: mpsc::Receiver<Say>,
    orders: mpsc::Receiver<Order>,
    /// A delivery for which the inbox has no room yet: nothing more is read, and the far side has to wait.
    held: Option<Bytes>,
    waiting: HashMap<u32, (Instant, oneshot::Sender<Outcome>)>,
    sequence: u32,
    heard_at: Instant,
    tried: u32,
    leaving: Option<u32>,
}

enum Step {
    Say(Option<Say>),
    Order(Order),
    Heard(Option<Result<Bytes, Broken>>),
    Room,
    Tick,
}

impl Worker {
    /// Until the link ends: why.
    async fn work(mut self) -> String {
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                biased;
                _ = tick.tick() => Step::Tick,
                say = self.said.recv() => Step::Say(say),
                Ok(room) = self.inbox.reserve(), if self.held.is_some() => {
                    if let Some(frame) = self.held.take() {
                        room.send(frame);
                    }
                    Step::Room
                }
                frame = self.wire.next(), if self.held.is_none() => Step::Heard(frame),
                Some(order) = self.orders.recv(), if self.waiting.len() < self.limits.window && self.leaving.is_none() => Step::Order(order),
            };
            let done = match step {
                Step::Say(say) => self.say(say).await,
                Step::Order(order) => self.order(order).await,
                Step::Heard(frame) => self.heard(frame).await,
                Step::Room => Ok(()),
                Step::Tick => self.tick().await,
            };
            if let Err(why) = done {
                return why;
            }
        }
    }

    async fn say(&mut self, first: Option<Say>) -> Result<(), String> {
        let mut next = first;
        // All that are there, in one write.
        loop {
            match next {
                Some(Say::Answer(pdu)) => self.feed(pdu).await?,
                Some(Say::Leave) => {
                    let sequence = self.next_sequence();
                    self.feed(self.dialect.bye(sequence)).await?;
                    self.leaving = Some(sequence);
                }
                None => return Err("the session is over".into()),
            }
            match self.said.try_recv() {
                Ok(say) => next = Some(say),
                Err(_) => return self.flush().await,
            }
        }
    }

    async fn order(&mut self, order: Order) -> Result<(), String> {
        let sequence = self.next_sequence();
        let pdu = self.dialect.submit(sequence, &order.submission);
        // Before a byte of it leaves: from now on nobody knows.
        self.waiting.insert(sequence, (Instant::now() + self.limits.answer, order.outcome));
        self.feed(pdu).await?;
        self.flush().await
    }

    async fn heard(&mut self, frame: Option<Result<Bytes, Broken>>) -> Result<(), String> {
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(broken)) => return Err(broken.to_string()),
            None => return Err("the far side closed the connection".into()),
        };
        (self.heard_at, self.tried) = (Instant::now(), 0);
        match self.dialect.hear(&frame).map_err(|garbage| garbage.to_string())? {
            Heard::Delivery if self.leaving.is_some() => {}
            Heard::Delivery => self.held = Some(frame),
            Heard::Submitted(sequence, taken) => {
                if let Some((_, outcome)) = self.waiting.remove(&sequence) {
                    let _ = outcome.send(Outcome::Said(taken));
                }
            }
            Heard::Request(answer) => {
                self.feed(answer).await?;
                self.flush().await?;
            }
            Heard::Bye(answer) => {
                self.feed(answer).await?;
                self.flush().await?;
                return Err("the far side ended the session".into());
            }
            Heard::Answer(sequence) if self.leaving == Some(sequence) => return Err("we have left".into()),
            Heard::Answer(sequence) => {
                // An answer of the wrong kind to a submission: it was understood as something, nobody knows as what.
                if let Some((_, outcome)) = self.waiting.remove(&sequence) {
                    let _ = outcome.send(Outcome::Unknown("the far side answered with something else".into()));
                }
            }
            Heard::Nothing => {}
        }
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), String> {
        let now = Instant::now();
        let late: Vec<u32> =
            self.waiting.iter().filter(|(_, (until, _))| *until <= now).map(|(sequence, _)| *sequence).collect();
        for sequence in late {
            if let Some((_, outcome)) = self.waiting.remove(&sequence) {
                let _ = outcome.send(Outcome::Unknown("the far side gave no answer in time".into()));
            }
        }
        let due = self.heard_at + self.limits.idle + self.limits.answer * self.tried;
        if now < due {
            return Ok(());
        }
        if self.tried == TRIES {
            return Err("the far side does not answer any more".into());
        }
        self.tried += 1;
        let sequence = self.next_sequence();
        self.feed(self.dialect.ping(sequence)).await?;
        self.flush().await
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence >= LAST_SEQUENCE { 1 } else { self.sequence + 1 };
        self.sequence
    }

    async fn feed(&mut self, pdu: Bytes) -> Result<(), String> {
        written(timeout(WRITE, self.wire.feed(pdu)).await)
    }

    async fn flush(&mut self) -> Result<(), String> {
        written(timeout(WRITE, self.wire.flush()).await)
    }
}

fn written(outcome: Result<Result<(), Broken>, tokio::time::error::Elapsed>) -> Result<(), String> {
    outcome.map_err(|_| "the far side takes nothing any more".to_owned())?.map_err(|broken| broken.to_string())
}

/// Whoever waits for an answer is told how it stands.
impl Drop for Worker {
    fn drop(&mut self) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            let _ = order.outcome.send(Outcome::Unsent("the link was lost".into()));
        }
        for (_, (_, outcome)) in self.waiting.drain() {
            let _ = outcome.send(Outcome::Unknown("the link was lost before the answer".into()));
        }
    }
}
