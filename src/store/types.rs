//! What goes into the store and comes out of it.

use super::Learnt;
use crate::number::Number;
use bytes::{Bytes, BytesMut};
use jiesu_connector::{Contact, Incoming, Piece, Raw};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};

/// A message's place in the order of acceptance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MessageId(pub i64);

/// An event's place in the log; 0 is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sequence(pub i64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message to store.
#[derive(Clone)]
pub struct NewMessage {
    /// The channel's id.
    pub channel: Arc<str>,
    /// The hotline it is for.
    pub hotline: Arc<str>,
    /// When it was received.
    pub received_at: Timestamp,
    /// The local day of that, `YYYYMMDD`.
    pub day: u32,
    /// The conversation that it joins or opens, if the channel has such and the message may.
    pub window: Option<Window>,
    /// How it bears on the conversation's waiting.
    pub pace: Pace,
    /// The message.
    pub incoming: Incoming,
    /// Which piece of which message it is, if the channel carries a message in several.
    pub piece: Option<Piece>,
    /// The contact that it is of, if the channel delimits such.
    pub contact: Option<Contact>,
}

/// How a message bears on the time for which its conversation waits for more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// More may come.
    #[default]
    Usual,
    /// No word was said yet (a photo, a place): words are waited for as long as the conversation may last.
    Wordless,
    /// It must not wait: the ticket is made at once, and what follows is added to it.
    Urgent,
    /// Nothing more is to come; what follows is another matter.
    End,
}

/// When a conversation closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// After so long without a further message.
    pub idle: Duration,
    /// After so long in any case.
    pub max: Duration,
}

/// What the store made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Stored, under a new number.
    New {
        /// Its number.
        number: Number,
        /// The sender used a delivery key again, with other content.
        reused_key: bool,
    },
    /// Known already.
    Redelivery {
        /// The number of the first delivery.
        number: Number,
        /// When that was received.
        received_at: Timestamp,
        /// What was kept of its code, once there is a ticket.
        code_hash: Option<Vec<u8>>,
    },
    /// A key that must not be used again was, with other content; none of the messages was stored.
    OtherContent,
}

/// A stored message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its place in the order of acceptance.
    pub id: MessageId,
    /// The number on its receipt.
    pub number: Number,
    /// The channel's id.
    pub channel: String,
    /// The hotline it is for.
    pub hotline: String,
    /// When it was received.
    pub received_at: Timestamp,
    /// Who sent it, in the channel's own terms.
    pub sender: Option<String>,
    /// It is one of a conversation; see [`super::Store::conversation`].
    pub conversation: bool,
    /// When that closed, in milliseconds since 1970; not above 0 where it is in none.
    pub due: i64,
    /// It came late: out of quarantine, or when the contact that it is of had its outcome.
    pub late: bool,
    /// Its number has a ticket already.
    pub ticketed: bool,
    /// The bytes.
    pub raw: Raw,
}

/// How far somebody has come in one pass along the line: behind which message that waits for nothing, and behind which one
/// that has waited, by the end of its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    pub(super) ready: MessageId,
    pub(super) due: i64,
    pub(super) ripe: MessageId,
}

impl Pass {
    /// Behind these, too.
    #[must_use]
    pub fn behind<'a>(self, messages: impl IntoIterator<Item = &'a Message>) -> Self {
        messages.into_iter().fold(self, |pass, message| match message.due {
            due if due > 0 => {
                let (due, ripe) = (pass.due, pass.ripe).max((due, message.id));
                Self { due, ripe, ..pass }
            }
            _ => Self { ready: pass.ready.max(message.id), ..pass },
        })
    }
}

/// What waits for its ticket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages.
    pub messages: u64,
    /// Since when the oldest waits that could have its ticket: not those of open conversations.
    pub oldest: Option<Timestamp>,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A ticket of its own: of one message, or of all of a conversation, which must not have grown meanwhile.
    Ticket {
        /// The messages.
        messages: Vec<MessageId>,
        /// The ticket.
        ticket: Box<NewTicket>,
        /// Its events.
        events: Vec<NewEvent>,
        /// What its channel still has.
        media: Vec<NewMedia>,
    },
    /// The same citizen's same matter again (重复诉求): it counts to a ticket that is there, which must not have changed
    /// meanwhile, and gets none of its own.
    Repeat {
        /// The messages.
        messages: Vec<MessageId>,
        /// The number on their receipt.
        number: Number,
        /// What is kept of its status code.
        code_hash: [u8; 16],
        /// What it does to the ticket.
        change: Box<TicketChange>,
    },
    /// It belongs to a ticket that is there, which must not have changed meanwhile.
    Supplement {
        /// The message.
        message: MessageId,
        /// What it does to the ticket.
        change: Box<TicketChange>,
    },
    /// It keeps its place, but is no longer one of its contact: what it says comes after the others' ticket.
    Apart {
        /// The message.
        message: MessageId,
    },
    /// Kept, but no ticket: an event of the channel itself.
    Noted {
        /// The message.
        message: MessageId,
        /// Whether its sender can be written to from now on, if it says so: channel, sender, and yes or no.
        reach: Option<(String, String, bool)>,
        /// What its sender is told who looks its number up, if they have one.
        shown: Option<NoTicket>,
    },
    /// What was learnt of citizens beside.
    Learnt(Vec<Learnt>),
    /// No parser understands it: visible and replayable.
    Quarantine {
        /// The message.
        message: MessageId,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
}

/// A message that made no ticket, for who looks its number up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTicket {
    /// The ticket that it was about, if any.
    pub about: Option<Number>,
    /// What it was.
    pub what: &'static str,
}

/// A message in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The message.
    pub message: MessageId,
    /// The number on its receipt.
    pub number: Number,
    /// The channel's id.
    pub channel: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// What a new ticket joins.
#[derive(Debug, Clone)]
pub struct Joins {
    /// The first ticket of the incident.
    pub root: Number,
    /// What the first ticket is told if the incident begins now; it must not have changed meanwhile.
    pub begins: Option<Box<TicketChange>>,
}

/// A ticket to store.
#[derive(Debug, Clone)]
pub struct NewTicket {
    /// Its number.
    pub number: Number,
    /// What is kept of the status code.
    pub code_hash: [u8; 16],
    /// The channel's id.
    pub channel: String,
    /// The hotline's code.
    pub hotline: String,
    /// Its kind, as in the ticket.
    pub kind: &'static str,
    /// The citizen's key.
    pub appellant: String,
    /// Who sent it, in the channel's own terms.
    pub sender: Option<String>,
    /// When the message was received.
    pub received_at: Timestamp,
    /// The receipt as a message of its own. It goes out only if its recipient has had none for as long as such a receipt
    /// is tried (`give_up`): programs may answer each other.
    pub receipt: Option<NewReply>,
    /// The ticket as JSON.
    pub document: String,
    /// The ticket that it repeats, whose count goes up, and which must not have changed meanwhile.
    pub repeats: Option<Box<TicketChange>>,
    /// The incident that it joins.
    pub joins: Option<Joins>,
    /// The repeat index could not be asked: it is to be looked for later.
    pub unchecked: bool,
}

impl NewTicket {
    /// What storing it does to an earlier ticket, if anything: its count goes up, or an incident begins with it.
    pub fn first(&self) -> Option<&TicketChange> {
        self.repeats.as_deref().or_else(|| self.joins.as_ref()?.begins.as_deref())
    }

    /// The same, to be stored.
    pub fn first_mut(&mut self) -> Option<&mut TicketChange> {
        self.repeats.as_deref_mut().or_else(|| self.joins.as_mut()?.begins.as_deref_mut())
    }
}

/// A photo or recording that the channel still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMedia {
    /// Its id in the ticket.
    pub file: String,
    /// The channel's name for it.
    pub source: String,
}

/// Media to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMedia {
    /// The ticket.
    pub number: Number,
    /// Its id in the ticket.
    pub file: String,
    /// The channel's id.
    pub channel: String,
    /// The channel's name for it.
    pub source: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A reply to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReply {
    /// Its id in the ticket.
    pub name: String,
    /// The channel that carries it.
    pub channel: String,
    /// To whom, in the channel's own terms.
    pub recipient: String,
    /// The words.
    pub words: String,
    /// When it is not tried any more.
    pub give_up: Timestamp,
}

/// A reply that is due, or was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueReply {
    /// The store's name for it.
    pub id: i64,
    /// The ticket.
    pub number: Number,
    /// What to send.
    pub reply: NewReply,
    /// How often it was tried.
    pub attempts: u32,
}

/// A reply that is under way, and what is known of the messages that it went out in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The reply.
    pub due: DueReply,
    /// Of each message: nothing yet; empty if it arrived; else why not.
    pub fates: Vec<Option<String>>,
}

/// An event to append: a complete CloudEvent, but for its sequence.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event's id.
    pub id: String,
    /// Its type.
    pub kind: &'static str,
    /// The ticket.
    pub number: Number,
    /// The body, with sixteen zeros where the sequence belongs.
    pub body: Bytes,
    /// Where those zeros begin.
    pub sequence_at: usize,
}

impl NewEvent {
    /// Writes its place in the log into its body.
    pub(super) fn set_sequence(&mut self, sequence: Sequence) {
        // Copied only if somebody else has it.
        let mut body = BytesMut::from(std::mem::take(&mut self.body));
        if let Some(zeros) = body.get_mut(self.sequence_at..self.sequence_at + 16) {
            zeros.copy_from_slice(format!("{:016}", sequence.0).as_bytes());
        }
        self.body = body.freeze();
    }
}

/// An event in the log.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its place.
    pub sequence: Sequence,
    /// Its id: the `webhook-id`.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// The ticket.
    pub number: Number,
    /// The body, byte for byte as it is delivered to whom may see all of it.
    pub body: Bytes,
}

/// A ticket in the store.
#[derive(Debug, Clone)]
pub struct TicketRow {
    /// Its number.
    pub number: Number,
    /// Grows with each change.
    pub version: i64,
    /// What is kept of the status code; nothing where it was found by the number of an addition.
    pub code_hash: Vec<u8>,
    /// The channel's id.
    pub channel: String,
    /// Who sent it, in the channel's own terms.
    pub sender: Option<String>,
    /// Its status.
    pub status: String,
    /// The ticket as JSON.
    pub document: String,
}

/// How an answer may reach the citizen of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// By the ticket's channel, under this name of its own, if it replies at all.
    Sender(String),
    /// Not by the ticket's channel any more: they have left it.
    Left,
    /// Not by the ticket's channel: it never knew them.
    Unknown,
}

/// What the store knows of a number.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// Its message is still in the line.
    InTheLine {
        /// When it was received.
        received_at: Timestamp,
    },
    /// Its ticket.
    Ticket(Box<TicketRow>),
    /// Its message made no ticket.
    Noted {
        /// When it was received.
        received_at: Timestamp,
        /// What it was, as in [`NoTicket`].
        what: String,
        /// The ticket that it was about, if any.
        about: Option<Box<TicketRow>>,
    },
}

/// A change of a ticket.
#[derive(Debug, Clone, Default)]
pub struct TicketChange {
    /// The ticket.
    pub number: Number,
    /// The version that was read.
    pub version: i64,
    /// Its new status.
    pub status: String,
    /// The ticket as JSON.
    pub document: String,
    /// The events of the change.
    pub events: Vec<NewEvent>,
    /// The core's own id of the update, and the digest of its content: makes it idempotent.
    pub update: Option<(String, [u8; 16])>,
    /// A reply that goes out from now on.
    pub reply: Option<NewReply>,
    /// What became of a reply: its id in the store, its state, and the channel's name for it.
    pub replied: Option<(i64, &'static str, Option<String>)>,
    /// What became of media: its id in the ticket, and its state.
    pub fetched: Option<(String, &'static str)>,
    /// What its channel still has of what is added.
    pub media: Vec<NewMedia>,
    /// The channel's name for the citizen is forgotten.
    pub unlink: bool,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Done.
    Done,
    /// This update was done before.
    Before,
    /// An update of this id with other content was done before.
    BeforeWithOtherContent,
    /// The ticket has changed since it was read.
    Stale,
}

/// What became of a message, as it is counted by day, channel and hotline.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counter {
    Ticketed,
    Supplement,
    /// Of the same citizen's same matter: counted to an earlier ticket.
    Repeat,
    Redelivery,
    /// Refused: no message was kept.
    Refused,
    /// Kept, but neither a ticket nor part of one.
    Noted,
}
