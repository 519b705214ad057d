//! Step 7, issue: a matter becomes a ticket and its event, in one transaction.

mod asked;
mod compose;
mod contact;
mod decided;
mod ended;
mod incidents;
mod late;
mod leave;
mod link;
mod repeat;
mod rounds;
mod supplement;
mod thread;
mod word;

use crate::{
    assembly::{self, Matter, Wholes},
    channels::{Channel, Channels},
    citizens::Citizens,
    config::{Hotlines, Judgement, RepeatsBecome},
    files::Files,
    nodes::{LINE, Term},
    number::ReceiptKey,
    repeats::Repeats,
    revise::Reviser,
    store::{Message, MessageId, NoTicket, Outcome, Store, StoreError},
    triage,
};
pub use decided::Decided;
pub use incidents::Incidents;
pub use repeat::{count_late, uncount};

use jiesu_connector::{Appeal, Intent, Payload, Words};
use jiff::Timestamp;
use link::Link;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tokio::sync::Notify;

/// What makes tickets of messages.
#[derive(Clone)]
pub struct Issuer {
    /// The store, the events and the time. It runs on a thread of its own, and reads there.
    pub reviser: Reviser,
    /// The store, for what goes on beside the line.
    pub aside: Arc<dyn Store>,
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
    /// For how long it is this node's to make tickets.
    pub term: Term,
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

impl Issuer {
    /// The same for a term: nothing is remembered of an earlier one, because another node made tickets since, and nothing
    /// is stored once it is over.
    #[must_use]
    pub fn in_term(&self, term: Term) -> Self {
        self.citizens.forget();
        drop(self.citizens.take());
        self.incidents.forget();
        self.decided.clear();
        self.alive_at.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
        let store = Arc::clone(&self.reviser.store).fenced(LINE, term.fence());
        Self { reviser: Reviser { store, ..self.reviser.clone() }, term, ..self.clone() }
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
                            outcomes.push(noted(message.id, None));
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
        if let Some(ended) = self.only_ended(&mut said).await? {
            let shown = NoTicket { about: Some(ended), what: "end" };
            outcomes.extend(said.drain(..).map(|(message, _)| noted(message.id, Some(shown))));
        }
        let channel = said.first().and_then(|(message, _)| self.channels.get(message.channel.as_str()));
        if let Some(channel) = channel {
            match self.asked(channel, &said).await? {
                Some(words) if also.is_empty() => outcomes.extend(words),
                _ => outcomes.push(self.ticket(channel, Matter { said, also }).await?),
            }
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

/// Kept, and no ticket.
fn noted(message: MessageId, shown: Option<NoTicket>) -> Outcome {
    Outcome::Noted { message, reach: None, shown }
}

fn quarantine(message: MessageId, reason: String) -> Outcome {
    Outcome::Quarantine { message, reason, at: Timestamp::now() }
}
