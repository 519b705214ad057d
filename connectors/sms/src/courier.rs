//! What the gateway says by itself: progress, a word for a word. Within a budget, never to a machine, and it never holds up
//! what comes in. What is lost with the process was a courtesy; receipts are none, and go through the gateway's outbox.

use crate::{
    budget::Budget,
    number::{Line, Number},
    session::{Exchange, Submission},
    short::{INTENT, Short},
    text::split,
};
use jiesu_connector::{Ask, Incoming, Intent, Question, Receipt, Words};
use jiff::Timestamp;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};
use tokio::{sync::mpsc, task::JoinSet};

/// Messages that wait to be sent; beyond it they are left out.
const QUEUE: usize = 1_000;
/// Under way at the same time.
const AT_ONCE: usize = 8;
/// Pseudo numbers whose link is known.
const REMEMBERED: usize = 10_000;
/// Bytes of an answer to 进度.
const LONGEST: usize = 1_200;

/// How a channel speaks.
pub(crate) struct Manner {
    /// Before each message, as registered with the carrier: 【…】.
    pub signature: String,
    /// Characters that the carrier adds.
    pub reserve: usize,
    /// Citizens are told the number of what they sent.
    pub receipts: bool,
}

/// Carries what the gateway says by itself.
pub(crate) struct Courier {
    channel: String,
    manner: Manner,
    words: Arc<Words>,
    budget: Budget,
    post: mpsc::Sender<Letter>,
    waiting: Mutex<Option<mpsc::Receiver<Letter>>>,
    reference: AtomicU8,
    full: AtomicBool,
    links: Mutex<Recent>,
}

struct Letter {
    line: Line,
    text: String,
}

/// What was seen lately; the oldest goes first.
#[derive(Default)]
struct Recent {
    known: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Recent {
    fn note(&mut self, name: String, value: String) {
        if self.known.insert(name.clone(), value).is_some() {
            return;
        }
        self.order.push_back(name);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Courier {
    pub(crate) fn new(channel: &str, manner: Manner, words: Arc<Words>, budget: Budget) -> Self {
        let (post, waiting) = mpsc::channel(QUEUE);
        Self {
            channel: channel.to_owned(),
            manner,
            words,
            budget,
            post,
            waiting: Mutex::new(Some(waiting)),
            // Another one after each start, so that parts of before are not taken for parts of now.
            reference: AtomicU8::new(Timestamp::now().as_microsecond() as u8),
            full: AtomicBool::new(false),
            links: Mutex::default(),
        }
    }

    /// Starts carrying, with the first session.
    pub(crate) fn start(self: &Arc<Self>, exchange: &Arc<Exchange>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        // Weak: the queue ends with the channel, not the other way round.
        let (courier, exchange) = (Arc::downgrade(self), Arc::clone(exchange));
        tokio::spawn(async move {
            let mut under_way = JoinSet::new();
            while let Some(letter) = waiting.recv().await {
                let Some(parts) =
                    courier.upgrade().and_then(|courier| courier.parts(&letter.line, &letter.text, false))
                else {
                    continue;
                };
                while under_way.len() >= AT_ONCE {
                    under_way.join_next().await;
                }
                let exchange = Arc::clone(&exchange);
                under_way.spawn(async move {
                    for part in parts {
                        exchange.submit(part).await;
                    }
                });
            }
        });
    }

    /// `text` to a citizen, in as many parts as it takes; `None` if that is more than can be counted.
    pub(crate) fn parts(&self, line: &Line, text: &str, report: bool) -> Option<Vec<Submission>> {
        let text = format!("{}{text}", self.manner.signature);
        let parts = split(&text, self.manner.reserve, self.reference.fetch_add(1, Ordering::Relaxed))?;
        let link_id = match &line.citizen {
            Number::Pseudo(number) => {
                self.links.lock().unwrap_or_else(PoisonError::into_inner).known.get(number).cloned()
            }
            _ => None,
        };
        let submission = |part| Submission { line: line.clone(), link_id: link_id.clone(), part, report };
        Some(parts.into_iter().map(submission).collect())
    }

    /// A message has come: what an answer to it must carry, and whether its sender gets a receipt.
    pub(crate) fn heard(&self, short: &Short, incoming: &mut Incoming) {
        if let (Number::Pseudo(number), Some(link)) = (&short.line.citizen, &short.link_id) {
            self.links.lock().unwrap_or_else(PoisonError::into_inner).note(number.clone(), link.clone());
        }
        // A word to the gateway, and a score, are no matter of their own.
        let matter = short.report.is_none() && !incoming.raw.meta.contains_key(INTENT);
        incoming.receipt = self.manner.receipts
            && matter
            && short.line.may_be_answered()
            && self.budget.has_room(&short.line.name(""), Timestamp::now());
    }

    /// A message is on the disk. Says what there is to say, or gives back what has to be looked up first.
    pub(crate) fn told(
        self: &Arc<Self>,
        short: &Short,
        ask: Option<Ask>,
        receipt: &Receipt,
        service_code: &str,
    ) -> Option<Question> {
        let line = short.line.clone();
        if short.report.is_some() || !line.may_be_answered() {
            return None;
        }
        match ask {
            Some(Ask::Progress { number }) => {
                let (courier, sender) = (Arc::clone(self), line.name(service_code));
                let answer = Box::new(move |found: Result<&[_], _>| {
                    if let Ok(found) = found {
                        courier.say(line, courier.words.progress("sms", found, LONGEST));
                    }
                });
                return Some(Question { sender, number, answer });
            }
            Some(Ask::Act { intent, .. }) => {
                let phrase = if intent == Intent::Withdraw { "sms.withdrawn" } else { "sms.urged" };
                self.say(line, self.words.fill(phrase, &[("number", &receipt.number)]));
            }
            None => {}
        }
        None
    }

    fn count(&self, outcome: &'static str) {
        let channel = self.channel.clone();
        metrics::counter!("jiesu_sms_said_total", "channel" => channel, "outcome" => outcome).increment(1);
    }

    /// Takes one message to `line` out of the budget; false if that would be too many.
    pub(crate) fn take(&self, line: &Line) -> bool {
        let may = self.budget.take(&line.name(""), Timestamp::now());
        if !may {
            self.count("budget");
        }
        may
    }

    /// One that was taken has not left.
    pub(crate) fn give_back(&self, line: &Line) {
        self.budget.give_back(&line.name(""));
    }

    fn say(&self, line: Line, text: String) {
        if text.trim().is_empty() || !self.take(&line) {
            return;
        }
        match self.post.try_send(Letter { line, text }) {
            Ok(()) => {
                self.full.store(false, Ordering::Relaxed);
                self.count("sent");
            }
            Err(_) => {
                if !self.full.swap(true, Ordering::Relaxed) {
                    tracing::warn!(channel = self.channel, "the carrier takes messages too slowly; some are left out");
                }
                self.count("left-out");
            }
        }
    }
}

/// The receipt (受理回执) in words.
pub(crate) fn receipt_text(words: &Words, number: &str, code: Option<&str>) -> String {
    match code {
        Some(code) => words.fill("sms.receipt", &[("number", number), ("code", code)]),
        None => words.fill("sms.receipt_without_code", &[("number", number)]),
    }
}
