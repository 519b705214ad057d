//! The durable truth: everything that was acknowledged is here, and nothing else is true.
//!
//! The trait is what the line needs, not what a database offers: each method that writes is one transaction, durable
//! when it returns ([`EventLog::save_latest`] apart). No method relies on memory of this process, so that several nodes can share one store: work is
//! claimed by [`Store::lease`], and tickets are changed by compare-and-swap on their version.

mod citizens;
mod fates;
mod home;
mod links;
mod nodes;
pub mod postgres;
mod queries;
mod records;
mod seen;
mod signal;
pub mod sqlite;
#[cfg(test)]
mod tests;
mod types;
mod waiting;

pub use citizens::*;
pub use fates::*;
pub use home::{Home, OpenError, Opened};
pub use links::*;
pub use nodes::*;
pub use queries::*;
pub use records::*;
pub use seen::*;
pub use signal::Signal;
pub use types::*;

use crate::number::Number;
use async_trait::async_trait;
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast;

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot write now (disk full, reopening, stopping); nothing was stored. Try again later.
    #[error("the store cannot write now: {0}")]
    Unavailable(String),
    /// It failed in a way that trying again will not mend.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What came back from a store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The event log, and how far each destination has come in it: the part of the store that delivery works on.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Events after `cursor`, in order.
    async fn events(&self, cursor: Sequence, limit: usize) -> Result<Vec<StoredEvent>>;

    /// The newest event's sequence; 0 if there is none.
    async fn last_event(&self) -> Result<Sequence>;

    /// How far a destination has come; the default for one never seen.
    async fn progress(&self, destination: &str) -> Result<Progress>;

    /// Remembers how far a destination has come.
    async fn save_progress(&self, destination: &str, progress: Progress) -> Result<()>;

    /// The same, but what to save is asked for as late as can be, in the transaction itself: what was delivered while
    /// this waited for its turn is not sent again if the process is killed. If the power fails, it may be: the disk is not
    /// waited for.
    async fn save_latest(&self, destination: &str, latest: LatestProgress) -> Result<()> {
        self.save_progress(destination, latest()).await
    }

    /// Moves an event to the dead letters of its destination (again, if a replay failed).
    async fn bury(&self, letter: DeadLetter) -> Result<()>;

    /// A dead letter's replay was delivered.
    async fn exhume(&self, destination: &str, sequence: Sequence) -> Result<()>;

    /// Dead letters, newest first; of one destination or all, in one state or all.
    async fn dead_letters(&self, query: DeadQuery) -> Result<Vec<DeadLetter>>;

    /// Marks dead letters to be sent again: one, those of a destination, or all. Says how many.
    async fn requeue(&self, which: Requeue) -> Result<usize>;

    /// The events of a destination's dead letters that are to be sent again.
    async fn requeued(&self, destination: &str, limit: usize) -> Result<Vec<StoredEvent>>;
}

/// The durable truth.
#[async_trait]
pub trait Store: EventLog + Records + Nodes {
    // --- accept ---

    /// Stores `messages` with a receipt number each, all or none; recognises redeliveries.
    async fn accept(&self, messages: Vec<NewMessage>) -> Result<Vec<Accepted>>;

    /// Counts messages that were received and rejected, `(day, channel, hotline, count)` each.
    async fn count_rejected(&self, rejected: Vec<(u32, String, String, u64)>) -> Result<()>;

    // --- assemble … issue ---

    /// Messages whose turn it is at `now` and that have no outcome yet, in the order of their acceptance: those that wait
    /// for nothing, and of conversations those whose window has closed; of each kind the next `limit` at most behind
    /// `after`. What waits still costs nothing, however much it is.
    async fn pending(&self, after: Pass, now: Timestamp, limit: usize) -> Result<Vec<Message>>;

    /// All messages of the conversation of this number, in order.
    async fn conversation(&self, number: Number) -> Result<Vec<Message>>;

    /// The conversation of this number, and of this sender, must not wait: it goes on as soon as none of its messages lacks a
    /// piece.
    async fn hasten(&self, channel: &str, sender: &str, number: Number) -> Result<()>;

    /// All messages of the contact of this number, in order, whatever has become of them; none once it is forgotten.
    async fn contact(&self, number: Number) -> Result<Vec<Message>>;

    /// When the next conversation closes, after `now`.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>>;

    /// The number of this sender's conversation, if it is open, or closed and not yet a ticket.
    async fn talking(&self, channel: &str, sender: &str) -> Result<Option<Number>>;

    /// The number of the first message that came in under this delivery key.
    async fn named(&self, channel: &str, scope: &str, value: &str) -> Result<Option<Number>>;

    /// How many messages wait for their ticket, and since when the oldest.
    async fn backlog(&self) -> Result<Backlog>;

    /// Stores what became of messages. Tells how many outcomes did not fit any more, because a conversation had grown or
    /// a ticket had changed: their messages keep their place in the line.
    async fn issue(&self, outcomes: Vec<Outcome>) -> Result<usize>;

    /// Messages in quarantine, newest first.
    async fn quarantined(&self, limit: usize) -> Result<Vec<Quarantined>>;

    /// Whether a message that is in the line or in quarantine names this upload (its SHA-256, in its `meta`).
    async fn is_awaited(&self, sha256: &str) -> Result<bool>;

    /// Puts quarantined messages back into the line: one, or all. Says how many.
    async fn release(&self, message: Option<MessageId>) -> Result<usize>;

    // --- tickets ---

    /// One ticket.
    async fn ticket(&self, number: Number) -> Result<Option<TicketRow>>;

    /// Tickets, newest first.
    async fn tickets(&self, query: TicketQuery) -> Result<Vec<TicketRow>>;

    /// Tickets that their citizens agreed to publish, newest first.
    async fn published(&self, query: PublishedQuery) -> Result<Vec<TicketRow>>;

    /// What the store knows of `number`: its ticket, or that its message is still in the line.
    async fn known(&self, number: Number) -> Result<Known>;

    /// The newest tickets of one sender of a channel.
    async fn tickets_of(&self, channel: &str, sender: &str, limit: usize) -> Result<Vec<TicketRow>>;

    /// Replaces a ticket if it still has `version`, and appends the events; false if it has changed meanwhile.
    /// With `update`, a core's update id is remembered in the same transaction.
    async fn change_ticket(&self, change: TicketChange) -> Result<Changed>;

    // --- repeats and incidents ---

    /// Tickets after `number`, oldest first: to build an index anew.
    async fn tickets_from(&self, number: Number, limit: usize) -> Result<Vec<TicketRow>>;

    /// The tickets of the incident that began with `root`, at most `limit`, newest first.
    async fn members(&self, root: Number, limit: usize) -> Result<Vec<Member>>;

    /// Puts a ticket to the incident that began with `root`; without one, takes it out of any.
    async fn set_member(&self, number: Number, root: Option<Number>) -> Result<()>;

    /// Tickets that the repeat index has not been asked about, oldest first.
    async fn unchecked(&self, limit: usize) -> Result<Vec<TicketRow>>;

    /// The index has been asked about this ticket.
    async fn checked(&self, number: Number) -> Result<()>;

    /// The ticket that the repeat of this number counts to; an operator's undoing of it is `Some(None)`.
    async fn repeat_of(&self, number: Number) -> Result<Option<Option<Number>>>;

    /// Undoes a repeat: its messages come back into the line, to become a ticket of their own. False if there is none.
    async fn undo_repeat(&self, number: Number) -> Result<bool>;

    // --- citizens ---

    /// Those of these names (at most three) that are known.
    async fn identities(&self, names: Vec<String>) -> Result<Vec<Identity>>;

    /// What a citizen is known by, and which of it others have given as theirs.
    async fn citizen(&self, key: &str) -> Result<(Vec<Identity>, Vec<Contested>)>;

    /// Makes one of the names of `from` the citizen `to`, and writes it to the audit trail as done by `who`; `None` if it is
    /// none of theirs, `Some(false)` if they have no other.
    async fn split_citizen(&self, from: &str, name: &str, to: &str, at: Timestamp, who: &str) -> Result<Option<bool>>;

    // --- replies and media ---

    /// Replies whose time has come: of each ticket the first one only, so that answers arrive in their order.
    async fn due_replies(&self, now: Timestamp, limit: usize) -> Result<Vec<DueReply>>;

    /// A reply was tried in vain: it is due again at `next_at`.
    async fn postpone_reply(&self, id: i64, next_at: Timestamp) -> Result<()>;

    /// Notes that a reply is being sent; false if it is not waiting any more. Until its fate is stored it is not due,
    /// so that nothing is said twice after a crash.
    async fn sending_reply(&self, id: i64) -> Result<bool>;

    /// Notes, beside its ticket, what became of a reply, and the channel's names for it; with a time, its fate is awaited
    /// until then.
    async fn settle_reply(
        &self,
        id: i64,
        state: &'static str,
        sent_as: Option<String>,
        awaited: Option<Timestamp>,
    ) -> Result<()>;

    /// Replies that were being sent when the process ended.
    async fn interrupted_replies(&self) -> Result<Vec<DueReply>>;

    /// The reply that the channel calls so.
    async fn sent_reply(&self, channel: &str, sent_as: &str) -> Result<Option<DueReply>>;

    /// Notes what became of the message that the channel calls so, `failed` saying why it did not arrive; gives back the
    /// reply that it was of, if its fate is still awaited.
    async fn report(&self, channel: &str, sent_as: &str, failed: Option<&str>) -> Result<Option<Reported>>;

    /// Replies whose fate was awaited until `now` in vain.
    async fn unreported(&self, now: Timestamp, limit: usize) -> Result<Vec<Reported>>;

    /// Whether the citizen of a ticket can be written to.
    async fn reach(&self, number: Number) -> Result<Reach>;

    /// Media whose time has come.
    async fn due_media(&self, now: Timestamp, limit: usize) -> Result<Vec<DueMedia>>;

    /// Media were tried in vain: they are due again at `next_at`.
    async fn postpone_media(&self, number: Number, file: &str, next_at: Timestamp) -> Result<()>;

    // --- what can be seen ---

    /// What became of what was received on a local day (`YYYYMMDD`).
    async fn tallies(&self, day: u32) -> Result<Vec<Tally>>;

    /// The places of a ticket's events after `cursor`, in order.
    async fn events_of(&self, number: Number, cursor: Sequence) -> Result<Vec<Sequence>>;

    /// What came in since `since` (at most `limit` messages), and what waits for a person.
    async fn glance(&self, since: Timestamp, limit: usize) -> Result<Glance>;

    /// Writes to the audit trail: `who` did `action` to these tickets.
    async fn audit(&self, at: Timestamp, who: &str, action: &str, numbers: Vec<Number>) -> Result<()>;

    /// The audit trail, newest first.
    async fn audit_trail(&self, limit: usize) -> Result<Vec<AuditEntry>>;

    /// Remembers that an operator has stopped a channel, or started it again.
    async fn pause_channel(&self, channel: &str, paused: bool) -> Result<()>;

    /// The channels that an operator has stopped.
    async fn paused_channels(&self) -> Result<Vec<String>>;

    /// Whether it can write, and its size.
    fn health(&self) -> Health;

    // --- several nodes ---

    /// Claims or renews `resource` for `holder`; `None` if another holds it. The fence grows with each new holder. Where
    /// several nodes share the store, its own clock counts instead of `now`, because theirs differ.
    async fn lease(&self, resource: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<Option<u64>>;

    /// Gives `resource` back, if `holder` has it: the next who asks gets it at once.
    async fn release_lease(&self, resource: &str, holder: &str) -> Result<()>;

    /// The same store for whoever was given this `fence` of `resource`: once another holds that, [`Store::issue`] does
    /// nothing and is [`StoreError::Unavailable`]. Where one process has the store for itself, nobody else can, and it is
    /// this store.
    fn fenced(self: Arc<Self>, resource: &str, fence: u64) -> Arc<dyn Store>;

    /// What other nodes do to this store, as it happens; `None` where one process has the store for itself. A receiver that
    /// lags behind should act as on every signal.
    fn signals(&self) -> Option<broadcast::Receiver<Signal>> {
        None
    }

    /// Writes what is waiting, and closes.
    async fn close(&self) -> Result<()>;
}
