//! The store in one SQLite file: the embedded default.
//!
//! One writer thread commits whatever is waiting together; readers see the last commit (WAL). One process a file.

mod citizens;
mod contacts;
mod conversation;
mod desk;
mod events;
mod filter;
mod handle;
mod inbox;
mod keeper;
mod keys;
mod line;
mod links;
mod lock;
mod log;
mod names;
mod open;
mod outbox;
mod pieces;
mod reader;
mod receipts;
mod records;
mod reports;
mod salvage;
mod schema;
mod shared;
mod space;
mod spare;
mod tail;
#[cfg(test)]
mod tests;
mod tickets;
mod writer;

pub use lock::{announce, announced, lock_is_free};
pub(crate) use open::make_directory;
pub use open::{OpenError, inspect};
pub use records::parity_at_rest;

use super::{
    Accepted, AuditEntry, Backlog, Changed, Contested, DueMedia, DueReply, Glance, Health, Identity, Known, Member,
    Message, MessageId, NewMessage, Nodes, Outcome, Pass, PublishedQuery, Quarantined, Reach, Reported, Result,
    Sequence, Store, Tally, TicketChange, TicketQuery, TicketRow,
};
use crate::number::Number;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use shared::Shared;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};
use writer::Turn;

/// What has waited for its ticket so long gives way to new messages no more.
const LONG: SignedDuration = SignedDuration::from_secs(10);

/// The store in one SQLite file.
pub struct SqliteStore {
    home: Arc<Home>,
    /// Reads in place, instead of on the readers' threads.
    line: Option<line::LineReader>,
}

/// What all ways to one file share.
struct Home {
    shared: Arc<Shared>,
    writer: Mutex<Option<Arc<writer::Writer>>>,
    readers: reader::Readers,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Home {
    fn is_open(&self) -> Result<()> {
        match self.readers.are_closed() {
            true => Err(super::StoreError::Unavailable("the store is closed".into())),
            false => Ok(()),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
    }
}

impl SqliteStore {
    /// Opens the file, or makes it; checks it first, and says in the log what it found.
    ///
    /// # Errors
    /// [`OpenError`]: another process has it, it is newer than this program, it is no store of ours, or the disk fails.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        let (lock, handle) = open::open(path)?;
        let shared = Arc::new(Shared::new(path, &handle, lock));
        let (writer, thread) = writer::Writer::start(shared.clone(), handle)?;
        let writer = Arc::new(writer);
        let keeper = keeper::start(shared.clone(), Arc::downgrade(&writer))?;
        let home = Home {
            readers: reader::Readers::new(path.to_owned()),
            shared,
            writer: Mutex::new(Some(writer)),
            threads: Mutex::new(vec![keeper, thread]),
        };
        Ok(Self { home: Arc::new(home), line: None })
    }

    /// The same store for one thread that may wait for its disk: what it reads, it reads itself, and from
    /// [`Store::pending`] to its next write it has one look at the store, however many questions it asks.
    pub fn in_place(&self) -> Self {
        let line = line::LineReader::new(self.home.shared.path.clone());
        Self { home: self.home.clone(), line: Some(line) }
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.line {
            Some(line) => self.home.is_open().and_then(|()| line.read(work)),
            None => self.home.readers.read(work).await,
        }
    }

    /// The end of the log, for those who read it.
    fn tail(&self) -> Result<&tail::Tail> {
        self.home.is_open().map(|()| &*self.home.shared.tail)
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&handle::Handle) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer()?.run(Turn::Next, work).await
    }

    fn writer(&self) -> Result<Arc<writer::Writer>> {
        // What is read after a write has to show it.
        if let Some(line) = &self.line {
            line.look_away();
        }
        let writer = self.home.writer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writer.ok_or_else(|| super::StoreError::Unavailable("the store is closed".into()))
    }
}

/// One process has the file for itself.
impl Nodes for SqliteStore {}

#[async_trait]
impl Store for SqliteStore {
    async fn accept(&self, messages: Vec<NewMessage>) -> Result<Vec<Accepted>> {
        if !self.home.shared.take_room(&messages) {
            return Err(super::StoreError::Unavailable("the disk is nearly full".into()));
        }
        self.write(move |connection| inbox::accept(connection, &messages)).await
    }

    async fn count_rejected(&self, rejected: Vec<(u32, String, String, u64)>) -> Result<()> {
        self.write(move |connection| inbox::count_rejected(connection, &rejected)).await
    }

    async fn pending(&self, after: Pass, now: Timestamp, limit: usize) -> Result<Vec<Message>> {
        if let Some(line) = &self.line {
            line.look();
        }
        let pending = self.read(move |connection| inbox::pending(connection, after, now, limit)).await?;
        if let (Some(line), true) = (&self.line, pending.is_empty()) {
            line.look_away();
        }
        Ok(pending)
    }

    async fn conversation(&self, number: Number) -> Result<Vec<Message>> {
        self.read(move |connection| conversation::messages(connection, number)).await
    }

    async fn hasten(&self, channel: &str, sender: &str, number: Number) -> Result<()> {
        let (channel, sender) = (channel.to_owned(), sender.to_owned());
        self.write(move |connection| conversation::hasten(connection, &channel, &sender, number)).await
    }

    async fn contact(&self, number: Number) -> Result<Vec<Message>> {
        self.read(move |connection| contacts::messages(connection, number)).await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        self.read(move |connection| conversation::next_due(connection, now)).await
    }

    async fn talking(&self, channel: &str, sender: &str) -> Result<Option<Number>> {
        let (channel, sender) = (channel.to_owned(), sender.to_owned());
        self.read(move |connection| conversation::talking(connection, &channel, &sender)).await
    }

    async fn named(&self, channel: &str, scope: &str, value: &str) -> Result<Option<Number>> {
        let (channel, scope, value) = (channel.to_owned(), scope.to_owned(), value.to_owned());
        self.write(move |connection| receipts::named(connection, &channel, &scope, &value)).await
    }

    async fn backlog(&self) -> Result<Backlog> {
        self.read(inbox::backlog).await
    }

    async fn issue(&self, mut outcomes: Vec<Outcome>) -> Result<usize> {
        // A flood that lasts must not leave the line behind for good.
        let due = Timestamp::now().saturating_sub(LONG).unwrap_or(Timestamp::MIN);
        let is_late = |outcome: &Outcome| matches!(outcome, Outcome::Ticket { ticket, .. } if ticket.received_at < due);
        let turn = if outcomes.iter().any(is_late) { Turn::Next } else { Turn::GiveWay };
        self.writer()?.run(turn, move |handle| tickets::issue(handle, &mut outcomes)).await
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<Quarantined>> {
        self.read(move |connection| inbox::quarantined(connection, limit)).await
    }

    async fn is_awaited(&self, sha256: &str) -> Result<bool> {
        let sha256 = sha256.to_owned();
        self.read(move |connection| inbox::is_awaited(connection, &sha256)).await
    }

    async fn release(&self, message: Option<MessageId>) -> Result<usize> {
        self.write(move |connection| inbox::release(connection, message)).await
    }

    async fn ticket(&self, number: Number) -> Result<Option<TicketRow>> {
        self.read(move |connection| tickets::ticket(connection, number)).await
    }

    async fn tickets(&self, query: TicketQuery) -> Result<Vec<TicketRow>> {
        self.read(move |connection| tickets::search(connection, &query)).await
    }

    async fn published(&self, query: PublishedQuery) -> Result<Vec<TicketRow>> {
        self.read(move |connection| tickets::published(connection, &query)).await
    }

    async fn known(&self, number: Number) -> Result<Known> {
        self.read(move |connection| tickets::known(connection, number)).await
    }

    async fn tickets_of(&self, channel: &str, sender: &str, limit: usize) -> Result<Vec<TicketRow>> {
        let (channel, sender) = (channel.to_owned(), sender.to_owned());
        self.read(move |connection| tickets::of_sender(connection, &channel, &sender, limit)).await
    }

    async fn change_ticket(&self, mut change: TicketChange) -> Result<Changed> {
        self.write(move |connection| tickets::change(connection, &mut change)).await
    }

    async fn tickets_from(&self, number: Number, limit: usize) -> Result<Vec<TicketRow>> {
        self.read(move |connection| links::tickets_from(connection, number, limit)).await
    }

    async fn members(&self, root: Number, limit: usize) -> Result<Vec<Member>> {
        self.read(move |connection| links::members(connection, root, limit)).await
    }

    async fn set_member(&self, number: Number, root: Option<Number>) -> Result<()> {
        self.write(move |connection| links::set(connection, number, root)).await
    }

    async fn unchecked(&self, limit: usize) -> Result<Vec<TicketRow>> {
        self.read(move |connection| links::unchecked(connection, limit)).await
    }

    async fn checked(&self, number: Number) -> Result<()> {
        self.write(move |connection| links::checked(connection, number)).await
    }

    async fn repeat_of(&self, number: Number) -> Result<Option<Option<Number>>> {
        let found = self.read(move |connection| links::repeat(connection, number)).await?;
        Ok(found.map(|(ticket, _)| ticket))
    }

    async fn undo_repeat(&self, number: Number) -> Result<bool> {
        self.write(move |connection| links::undo_repeat(connection, number)).await
    }

    async fn identities(&self, names: Vec<String>) -> Result<Vec<Identity>> {
        let (mut found, asked) = self.home.shared.names.known(names);
        if !asked.is_empty() {
            found.extend(self.read(move |connection| citizens::named(connection, &asked)).await?);
        }
        Ok(found)
    }

    async fn citizen(&self, key: &str) -> Result<(Vec<Identity>, Vec<Contested>)> {
        let key = key.to_owned();
        self.read(move |connection| citizens::of(connection, &key)).await
    }

    async fn split_citizen(&self, from: &str, name: &str, to: &str, at: Timestamp, who: &str) -> Result<Option<bool>> {
        let [from, name, to, who] = [from, name, to, who].map(str::to_owned);
        let split = move |connection: &handle::Handle| {
            let split = citizens::split(connection, &from, &name, &to)?;
            if let Some(Some(number)) = split {
                desk::audit(connection, at, &who, &format!("citizen.split {from} {name} {to}"), &[number])?;
            }
            Ok(split.map(|number| number.is_some()))
        };
        self.write(split).await
    }

    async fn due_replies(&self, now: Timestamp, limit: usize) -> Result<Vec<DueReply>> {
        self.read(move |connection| outbox::due_replies(connection, now, limit)).await
    }

    async fn postpone_reply(&self, id: i64, next_at: Timestamp) -> Result<()> {
        self.write(move |connection| outbox::postpone_reply(connection, id, next_at)).await
    }

    async fn sending_reply(&self, id: i64) -> Result<bool> {
        self.write(move |connection| outbox::sending_reply(connection, id)).await
    }

    async fn settle_reply(
        &self,
        id: i64,
        state: &'static str,
        sent_as: Option<String>,
        awaited: Option<Timestamp>,
    ) -> Result<()> {
        self.write(move |connection| reports::settle(connection, id, state, sent_as.as_deref(), awaited)).await
    }

    async fn interrupted_replies(&self) -> Result<Vec<DueReply>> {
        self.read(outbox::interrupted_replies).await
    }

    async fn sent_reply(&self, channel: &str, sent_as: &str) -> Result<Option<DueReply>> {
        let (channel, sent_as) = (channel.to_owned(), sent_as.to_owned());
        self.read(move |connection| outbox::sent_reply(connection, &channel, &sent_as)).await
    }

    async fn report(&self, channel: &str, sent_as: &str, failed: Option<&str>) -> Result<Option<Reported>> {
        let (channel, sent_as, fate) = (channel.to_owned(), sent_as.to_owned(), failed.unwrap_or_default().to_owned());
        self.write(move |connection| reports::report(connection, &channel, &sent_as, &fate)).await
    }

    async fn unreported(&self, now: Timestamp, limit: usize) -> Result<Vec<Reported>> {
        self.read(move |connection| reports::unreported(connection, now, limit)).await
    }

    async fn reach(&self, number: Number) -> Result<Reach> {
        self.read(move |connection| outbox::reach(connection, number)).await
    }

    async fn due_media(&self, now: Timestamp, limit: usize) -> Result<Vec<DueMedia>> {
        self.read(move |connection| outbox::due_media(connection, now, limit)).await
    }

    async fn postpone_media(&self, number: Number, file: &str, next_at: Timestamp) -> Result<()> {
        let file = file.to_owned();
        self.write(move |connection| outbox::postpone_media(connection, number, &file, next_at)).await
    }

    async fn tallies(&self, day: u32) -> Result<Vec<Tally>> {
        self.read(move |connection| inbox::tallies(connection, day)).await
    }

    async fn events_of(&self, number: Number, cursor: Sequence) -> Result<Vec<Sequence>> {
        self.read(move |connection| log::events_of(connection, number, cursor)).await
    }

    async fn glance(&self, since: Timestamp, limit: usize) -> Result<Glance> {
        self.read(move |connection| desk::glance(connection, since, limit)).await
    }

    async fn audit(&self, at: Timestamp, who: &str, action: &str, numbers: Vec<Number>) -> Result<()> {
        let (who, action) = (who.to_owned(), action.to_owned());
        self.write(move |connection| desk::audit(connection, at, &who, &action, &numbers)).await
    }

    async fn audit_trail(&self, limit: usize) -> Result<Vec<AuditEntry>> {
        self.read(move |connection| desk::audit_trail(connection, limit)).await
    }

    async fn pause_channel(&self, channel: &str, paused: bool) -> Result<()> {
        let channel = channel.to_owned();
        self.write(move |connection| desk::pause(connection, &channel, paused)).await
    }

    async fn paused_channels(&self) -> Result<Vec<String>> {
        self.read(desk::paused).await
    }

    fn health(&self) -> Health {
        let trouble = self.home.shared.trouble();
        let bytes = |suffix: &str| {
            std::fs::metadata(open::beside(&self.home.shared.path, suffix)).map_or(0, |metadata| metadata.len())
        };
        Health { trouble, bytes: bytes("") + bytes("-wal") }
    }

    async fn lease(&self, resource: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<Option<u64>> {
        let (resource, holder) = (resource.to_owned(), holder.to_owned());
        self.write(move |connection| log::lease(connection, &resource, &holder, now, ttl)).await
    }

    async fn release_lease(&self, resource: &str, holder: &str) -> Result<()> {
        let (resource, holder) = (resource.to_owned(), holder.to_owned());
        self.write(move |connection| log::release_lease(connection, &resource, &holder)).await
    }

    fn fenced(self: Arc<Self>, _resource: &str, _fence: u64) -> Arc<dyn Store> {
        self
    }

    async fn close(&self) -> Result<()> {
        self.home.shared.stopping.store(true, Ordering::Relaxed);
        // The queue closes with its last sender; the writer then finishes what is in it.
        self.home.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.home.readers.close();
        let threads = std::mem::take(&mut *self.home.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let shared = self.home.shared.clone();
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().try_for_each(JoinHandle::join)?;
            // Before the log goes away.
            shared.lock.mark(false);
            // What cannot be settled now stays in the log, where the next start finds it.
            if let (false, Err(error)) = (shared.troubled.load(Ordering::Relaxed), open::settle(&shared.path)) {
                tracing::warn!(%error, "the log was not copied into the store file at the end");
            }
            Ok::<_, Box<dyn std::any::Any + Send>>(())
        })
        .await;
        match joined {
            Ok(Ok(())) => Ok(()),
            _ => Err(super::StoreError::Failed("a thread of the store panicked".into())),
        }
    }
}
