//! Step 7, issue: a matter becomes a ticket and its event, in one transaction.

mod compose;
mod contact;
mod ended;
mod incidents;
mod late;
mod leave;
mod link;
mod pieces;
mod repeat;
mod supplement;
mod thread;
mod word;

use crate::{
    assembly::{self, Matter},
    channels::{Channel, Channels},
    citizens::Citizens,
    config::{Hotlines, Judgement, RepeatsBecome},
    files::Files,
    number::{Number, ReceiptKey},
    repeats::{Checked, Repeats},
    revise::Reviser,
    store::{Message, MessageId, Outcome, Pass, StoreError},
    triage,
};
pub use incidents::Incidents;
pub use repeat::{count_late, uncount};

use futures_util::FutureExt;
use jiesu_connector::{Appeal, Intent, Payload, Words};
use jiff::Timestamp;
use link::Link;
use pieces::Wholes;
use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Messages looked at in one round.
const BATCH: usize = 128;
/// Between rounds under load: so many messages gather meanwhile that a transaction is worth its while. After a quiet
/// time there is no wait.
const GATHER: Duration = Duration::from_millis(10);
/// Between attempts while the store or the disk cannot write.
const PAUSE: Duration = Duration::from_millis(500);
/// A pass along the line is begun anew after so long, also where it finds no end: for what was skipped.
const LONGEST_PASS: Duration = Duration::from_secs(2);
/// Looked at without being told, at the latest after this: a message whose client left before its receipt tells nobody.
const IDLE: Duration = Duration::from_secs(1);

/// What makes tickets of messages.
#[derive(Clone)]
pub struct Issuer {
    /// The store, the events and the time.
    pub reviser: Reviser,
    /// The channels, for their parsers.
    pub channels: Arc<Channels>,
    /// The register of hotlines.
    pub hotlines: Arc<Hotlines>,
    /// Attachments.
    pub files: Files,
    /// For status codes, citizens' keys and links.
    pub key: ReceiptKey,
    /// The public address, for links.
    pub public_url: String,
    /// Told of new messages.
    pub arrived: Arc<Notify>,
    /// Told of media to fetch.
    pub media_due: Arc<Notify>,
    /// Told of replies to send.
    pub reply_due: Arc<Notify>,
    /// The repeat index.
    pub repeats: Arc<Repeats>,
    /// Who is whom.
    pub citizens: Arc<Citizens>,
    /// How incidents grow.
    pub incidents: Arc<Incidents>,
    /// What was decided of messages that wait for another round.
    pub decided: Arc<Decided>,
    /// What matters are judged by.
    pub judgement: Arc<Judgement>,
    /// What is said to citizens.
    pub words: Words,
    /// When a round was last completed, milliseconds since 1970: a line that stands still is seen.
    pub alive_at: Arc<AtomicI64>,
}

/// Why a message has no outcome in this round; it keeps its place.
enum NotNow {
    /// Something else has to happen first.
    Later,
    /// What was decided in this round has to be stored first.
    AfterOthers,
    /// The store cannot read.
    Store(StoreError),
}

impl From<StoreError> for NotNow {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Decisions that are remembered at most.
const MOST_DECIDED: usize = 4_096;

/// What the repeat index said of messages that wait for another round: they are in the index already, and are not asked
/// about twice.
#[derive(Default)]
pub struct Decided(Mutex<HashMap<Number, (usize, Checked)>>);

impl Decided {
    /// Of a matter of so many messages.
    fn get(&self, number: Number, messages: usize) -> Option<Checked> {
        let decided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        decided.get(&number).filter(|(of, _)| *of == messages).map(|(_, checked)| checked.clone())
    }

    fn put(&self, number: Number, messages: usize, checked: Checked) {
        let mut decided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if decided.len() >= MOST_DECIDED {
            decided.clear();
        }
        decided.insert(number, (messages, checked));
    }

    fn forget(&self, numbers: &[Number]) {
        let mut decided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.iter().for_each(|number| _ = decided.remove(number));
    }
}

/// What a round did.
struct Round {
    pass: Pass,
    messages: usize,
    skipped: bool,
}

impl Issuer {
    /// Makes tickets of what waits and of what comes, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        self.prepare(stop.clone()).await;
        let (mut after, mut begun) = (Pass::default(), Instant::now());
        let mut skipped = false;
        // Messages still to be taken one at a time: one of them failed the transaction of all.
        let mut alone = 0usize;
        loop {
            self.alive_at.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
            let round = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                round = self.round(after, if alone > 0 { 1 } else { BATCH }) => round,
            };
            let wait = match round {
                Ok(Some(round)) => {
                    alone = alone.saturating_sub(1);
                    after = round.pass;
                    if begun.elapsed() > LONGEST_PASS && alone == 0 {
                        (after, begun) = (Pass::default(), Instant::now());
                    }
                    skipped |= round.skipped;
                    if round.messages < BATCH && alone == 0 {
                        tokio::select! {
                            () = stop.cancelled() => return,
                            () = tokio::time::sleep(GATHER) => {}
                        }
                    }
                    continue;
                }
                // The end of the line: from the start again, for what was skipped, released or has closed meanwhile.
                Ok(None) => {
                    (after, begun) = (Pass::default(), Instant::now());
                    alone = 0;
                    if let Err(error) = self.catch_up().await {
                        tracing::warn!(%error, "looking for repeats later waits for the store");
                    }
                    self.wait(std::mem::take(&mut skipped)).await
                }
                Err(StoreError::Failed(_)) if alone == 0 => {
                    alone = BATCH;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "issuing waits for the store");
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.arrived.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// How long to wait at the end of the line: until the next conversation closes, if that is soon.
    async fn wait(&self, skipped: bool) -> Duration {
        let longest = if skipped { PAUSE } else { IDLE };
        match self.reviser.store.next_due(Timestamp::now()).await {
            Ok(Some(due)) => {
                let until = due.as_millisecond() - Timestamp::now().as_millisecond() + 1;
                longest.min(Duration::from_millis(until.max(1).unsigned_abs()))
            }
            _ => longest,
        }
    }

    /// One batch; `None` at the end of the line.
    async fn round(&self, after: Pass, limit: usize) -> Result<Option<Round>, StoreError> {
        let store = &self.reviser.store;
        let mut messages = store.pending(after, Timestamp::now(), limit).await?;
        messages.truncate(if limit == 1 { 1 } else { usize::MAX });
        let Some(last) = messages.last().map(|message| message.id) else { return Ok(None) };
        let pass = after.behind(&messages);
        let looked_at = messages.len();
        let mut outcomes = Vec::with_capacity(messages.len());
        let mut conversations = HashSet::new();
        let mut skipped = false;
        for message in messages {
            let said = match message.conversation {
                false => vec![message],
                true if !conversations.insert(message.number) => continue,
                true => store.conversation(message.number).await?,
            };
            let mut decided = self.decide(said.clone()).await;
            // What it belongs to is not stored yet, or is about to change: first that, then this.
            if !outcomes.is_empty() && comes_after(&decided, &outcomes) {
                skipped |= self.store(std::mem::take(&mut outcomes)).await?;
                decided = self.decide(said).await;
            }
            match decided {
                Ok(decided) => outcomes.extend(decided),
                Err(NotNow::Later | NotNow::AfterOthers) => skipped = true,
                Err(NotNow::Store(error)) => return Err(error),
            }
        }
        if !outcomes.is_empty() {
            match self.store(outcomes).await {
                // It keeps its place and is tried again, but it does not stop the line.
                Err(StoreError::Failed(error)) if limit == 1 => {
                    tracing::error!(alarm = true, %error, message = last.0, "a message cannot be issued; the others go on");
                    skipped = true;
                }
                stored => skipped |= stored?,
            }
        }
        Ok(Some(Round { pass, messages: looked_at, skipped }))
    }

    /// As [`Self::outcomes`]; what panics goes into quarantine, and the line goes on.
    async fn decide(&self, messages: Vec<Message>) -> Result<Vec<Outcome>, NotNow> {
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        match AssertUnwindSafe(self.outcomes(messages)).catch_unwind().await {
            Ok(decided) => decided,
            Err(_panic) => {
                let reason = || "issuing panicked: a bug; see the log".to_owned();
                Ok(ids.into_iter().map(|id| quarantine(id, reason())).collect())
            }
        }
    }

    /// Tells whether something was left for another round.
    async fn store(&self, mut outcomes: Vec<Outcome>) -> Result<bool, StoreError> {
        let learnt = self.citizens.take();
        outcomes.extend((!learnt.is_empty()).then_some(Outcome::Learnt(learnt)));
        let (mut issued, mut repeated, mut quarantined, mut media, mut reply) = (0, 0, 0, false, false);
        let mut numbers = Vec::with_capacity(outcomes.len());
        for outcome in &outcomes {
            match outcome {
                Outcome::Ticket { media: files, ticket, .. } => {
                    numbers.push(ticket.number);
                    issued += 1;
                    media |= !files.is_empty();
                }
                Outcome::Quarantine { .. } => quarantined += 1,
                Outcome::Supplement { change, .. } => media |= !change.media.is_empty(),
                Outcome::Repeat { change, number, .. } => {
                    numbers.push(*number);
                    repeated += 1;
                    media |= !change.media.is_empty();
                    reply |= change.reply.is_some();
                }
                Outcome::Noted { .. } | Outcome::Apart { .. } | Outcome::Learnt(_) => {}
            }
        }
        let left = match self.reviser.store.issue(outcomes).await {
            Ok(left) => left,
            Err(error) => {
                self.incidents.forget();
                self.citizens.forget();
                return Err(error);
            }
        };
        match left {
            0 => self.decided.forget(&numbers),
            _ => self.incidents.forget(),
        }
        metrics::counter!("jiesu_repeats_total").increment(repeated);
        if reply {
            self.reply_due.notify_one();
        }
        metrics::counter!("jiesu_issued_total").increment(issued);
        metrics::counter!("jiesu_quarantined_total").increment(quarantined);
        if media {
            self.media_due.notify_one();
        }
        self.reviser.tell().await;
        Ok(left > 0)
    }

    /// What becomes of one message, or of all of a conversation.
    async fn outcomes(&self, messages: Vec<Message>) -> Result<Vec<Outcome>, NotNow> {
        let mut outcomes = Vec::with_capacity(1);
        let mut said = Vec::with_capacity(messages.len());
        let mut wholes = Wholes::default();
        if let Some(channel) = self.of_contact(&messages) {
            return self.contact(&channel, messages).await;
        }
        for message in messages {
            let Some(channel) = self.channels.get(message.channel.as_str()) else {
                let reason = format!("there is no channel {:?} any more", message.channel);
                outcomes.push(quarantine(message.id, reason));
                continue;
            };
            if message.late && assembly::contact(channel, &message.raw).is_some() {
                outcomes.push(self.late(channel, message).await?);
                continue;
            }
            // One that comes after the ticket is an addition by itself.
            let piece = (!message.ticketed).then(|| assembly::piece(channel, &message.raw)).flatten();
            if let Some(piece) = piece {
                wholes.add(piece, message);
                continue;
            }
            match assembly::parse(channel, &message) {
                // A person has looked at what comes back from there.
                Ok(Appeal { suspect: Some(reason), .. }) if !message.late => {
                    outcomes.push(quarantine(message.id, reason));
                }
                Ok(appeal) if appeal.intent == Intent::Appeal => {
                    let row = match self.already(&message).await? {
                        None => self.follow(channel, &message, &appeal.thread).await?,
                        known => known,
                    };
                    match row {
                        Some(_) if message.late && assembly::ends(&appeal, &channel.words) => {
                            outcomes.push(Outcome::Noted { message: message.id, reach: None });
                        }
                        Some(row) => outcomes.push(self.supplement_to(&row, message, appeal)?),
                        None => said.push((message, appeal)),
                    }
                }
                Ok(appeal) => outcomes.push(self.word(channel, message, appeal).await?),
                Err(error) => {
                    tracing::warn!(channel = &*channel.id, number = %message.number, "a message is in quarantine");
                    outcomes.push(quarantine(message.id, error.0));
                }
            }
        }
        let mut also = Vec::new();
        for whole in wholes.take() {
            let Some(channel) = whole.channel().and_then(|id| self.channels.get(id)) else { continue };
            match whole.join(channel) {
                Ok((first, appeal, rest)) => {
                    said.push((first, appeal));
                    also.extend(rest);
                }
                Err((messages, error)) => {
                    outcomes.extend(messages.into_iter().map(|message| quarantine(message, error.0.clone())));
                }
            }
        }
        said.sort_by_key(|(message, _)| message.id);
        if self.only_ended(&mut said).await? {
            outcomes.extend(said.drain(..).map(|(message, _)| Outcome::Noted { message: message.id, reach: None }));
        }
        let channel = said.first().and_then(|(message, _)| self.channels.get(message.channel.as_str()));
        if let Some(channel) = channel {
            outcomes.push(self.ticket(channel, Matter { said, also }).await?);
        }
        Ok(outcomes)
    }

    /// The channel, if the messages are of one contact that is still to be gathered.
    fn of_contact(&self, messages: &[Message]) -> Option<Arc<Channel>> {
        let first = messages.first().filter(|message| message.conversation)?;
        let channel = self.channels.get(first.channel.as_str())?;
        assembly::contact(channel, &first.raw).map(|_| Arc::clone(channel))
    }

    async fn ticket(&self, channel: &Arc<Channel>, matter: Matter) -> Result<Outcome, NotNow> {
        let citizen = self.identify(&matter).await?;
        let link = match self.link(&matter, &citizen).await? {
            Link::Repeat(row, decision) if channel.repeats == RepeatsBecome::Count => {
                return self.repeat(channel, matter, &row, &decision);
            }
            link => link,
        };
        let Some(at) = matter.said.first().map(|(message, _)| message.received_at) else { return Err(NotNow::Later) };
        let code = matter.first(|appeal| appeal.hotline.clone());
        let line = code.or_else(|| matter.said.first().map(|(message, _)| message.hotline.clone()));
        let line = line.and_then(|code| self.hotlines.get(&code));
        let proposal = triage::propose(&self.judgement, &matter, line, at, &self.reviser.zone);
        let mut attachments = matter.said.iter().flat_map(|(_, appeal)| &appeal.attachments);
        if !attachments.any(|attachment| !matches!(attachment.payload, Payload::Remote(_))) {
            return self.compose(channel, matter, proposal, citizen, link);
        }
        // Attachments are written and synced: not on a thread that others wait for.
        let (issuer, channel) = (self.clone(), channel.clone());
        let composed =
            tokio::task::spawn_blocking(move || issuer.compose(&channel, matter, proposal, citizen, link)).await;
        composed.unwrap_or_else(|failed| match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(NotNow::Later),
        })
    }

    /// A message that is no appeal, taken for one after all, because there is no ticket that it could be about.
    async fn after_all(&self, channel: &Arc<Channel>, message: Message, appeal: Appeal) -> Result<Outcome, NotNow> {
        match message.ticketed {
            true => self.supplement(message, appeal).await,
            false => self.ticket(channel, Matter { said: vec![(message, appeal)], also: Vec::new() }).await,
        }
    }
}

fn quarantine(message: MessageId, reason: String) -> Outcome {
    Outcome::Quarantine { message, reason, at: Timestamp::now() }
}

/// It needs what is not stored yet, or changes a ticket that another outcome changes.
fn comes_after(decided: &Result<Vec<Outcome>, NotNow>, others: &[Outcome]) -> bool {
    match decided {
        Err(NotNow::AfterOthers) => true,
        Ok(decided) => decided.iter().any(|outcome| match outcome {
            // It is read anew by the store's own word.
            Outcome::Supplement { .. } => false,
            outcome => changed(outcome).is_some_and(|own| others.iter().any(|other| changed(other) == Some(own))),
        }),
        Err(_) => false,
    }
}

/// The ticket that is there and changes with this outcome.
fn changed(outcome: &Outcome) -> Option<Number> {
    match outcome {
        Outcome::Repeat { change, .. } | Outcome::Supplement { change, .. } => Some(change.number),
        Outcome::Ticket { ticket, .. } => ticket.repeats.as_ref().map(|change| change.number),
        _ => None,
    }
}
