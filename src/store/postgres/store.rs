//! The trait, method by method.

use super::{
    PostgresStore, change, citizens, contacts, conversation, desk, inbox, issue, keys, links, log, outbox, reports,
    tickets, tx::Tx,
};
use crate::{
    number::Number,
    store::{
        Accepted, AuditEntry, Backlog, Changed, Contested, DueMedia, DueReply, Glance, Health, Identity, Known, Member,
        Message, MessageId, NewMessage, Outcome, Pass, PublishedQuery, Quarantined, Reach, Reported, Result, Sequence,
        Signal, Store, StoreError, Tally, TicketChange, TicketQuery, TicketRow,
    },
};
use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::sync::broadcast;

#[async_trait]
impl Store for PostgresStore {
    async fn accept(&self, messages: Vec<NewMessage>) -> Result<Vec<Accepted>> {
        self.writer()?.accept(messages).await
    }

    async fn count_rejected(&self, rejected: Vec<(u32, String, String, u64)>) -> Result<()> {
        self.write(async move |tx: &Tx<'_>| inbox::count_rejected(tx, &rejected).await).await
    }

    async fn pending(&self, after: Pass, now: Timestamp, limit: usize) -> Result<Vec<Message>> {
        self.read(move |link| inbox::pending(link, after, now, limit).boxed()).await
    }

    async fn conversation(&self, number: Number) -> Result<Vec<Message>> {
        self.read(move |link| async move { conversation::messages(link, number).await }.boxed()).await
    }

    async fn hasten(&self, channel: &str, sender: &str, number: Number) -> Result<()> {
        let (channel, sender) = (channel.to_owned(), sender.to_owned());
        self.write(async move |tx: &Tx<'_>| conversation::hasten(tx, &channel, &sender, number).await).await
    }

    async fn contact(&self, number: Number) -> Result<Vec<Message>> {
        self.read(move |link| async move { contacts::messages(link, number).await }.boxed()).await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        self.read(move |link| async move { conversation::next_due(link, now).await }.boxed()).await
    }

    async fn talking(&self, channel: &str, sender: &str) -> Result<Option<Number>> {
        let (channel, sender) = (channel.to_owned(), sender.to_owned());
        self.read(move |link| async move { conversation::talking(link, &channel, &sender).await }.boxed()).await
    }

    async fn named(&self, channel: &str, scope: &str, value: &str) -> Result<Option<Number>> {
        let (channel, scope, value) = (channel.to_owned(), scope.to_owned(), value.to_owned());
        self.read(move |link| async move { keys::named(link, &channel, &scope, &value).await }.boxed()).await
    }

    async fn backlog(&self) -> Result<Backlog> {
        self.look(|link| inbox::backlog(link).boxed()).await
    }

    async fn issue(&self, mut outcomes: Vec<Outcome>) -> Result<usize> {
        let fence = self.fence.clone();
        let issue = async move |tx: &Tx<'_>| {
            if let Some((resource, fence)) = &fence {
                log::hold(tx, resource, *fence).await?;
            }
            issue::issue(tx, &mut outcomes).await
        };
        self.write(issue).await
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<Quarantined>> {
        self.read(move |link| async move { inbox::quarantined(link, limit).await }.boxed()).await
    }

    async fn is_awaited(&self, sha256: &str) -> Result<bool> {
        let sha256 = sha256.to_owned();
        self.read(move |link| async move { inbox::is_awaited(link, &sha256).await }.boxed()).await
    }

    async fn release(&self, message: Option<MessageId>) -> Result<usize> {
        self.write(async move |tx: &Tx<'_>| inbox::release(tx, message).await).await
    }

    async fn ticket(&self, number: Number) -> Result<Option<TicketRow>> {
        self.read(move |link| async move { tickets::ticket(link, number).await }.boxed()).await
    }

    async fn tickets(&self, query: TicketQuery) -> Result<Vec<TicketRow>> {
        self.read(move |link| async move { tickets::search(link, &query).await }.boxed()).await
    }

    async fn published(&self, query: PublishedQuery) -> Result<Vec<TicketRow>> {
        self.read(move |link| async move { tickets::published(link, &query).await }.boxed()).await
    }

    async fn known(&self, number: Number) -> Result<Known> {
        self.look(move |link| async move { tickets::known(link, number).await }.boxed()).await
    }

    async fn tickets_of(&self, channel: &str, sender: &str, limit: usize) -> Result<Vec<TicketRow>> {
        let (channel, sender) = (channel.to_owned(), sender.to_owned());
        self.read(move |link| async move { tickets::of_sender(link, &channel, &sender, limit).await }.boxed()).await
    }

    async fn change_ticket(&self, mut change: TicketChange) -> Result<Changed> {
        self.write(async move |tx: &Tx<'_>| change::change(tx, &mut change).await).await
    }

    async fn tickets_from(&self, number: Number, limit: usize) -> Result<Vec<TicketRow>> {
        self.read(move |link| async move { links::tickets_from(link, number, limit).await }.boxed()).await
    }

    async fn members(&self, root: Number, limit: usize) -> Result<Vec<Member>> {
        self.read(move |link| async move { links::members(link, root, limit).await }.boxed()).await
    }

    async fn set_member(&self, number: Number, root: Option<Number>) -> Result<()> {
        let set = async move |tx: &Tx<'_>| {
            // The line remembers who is in which incident.
            tx.tell(Signal::Desk);
            links::set(tx, number, root).await
        };
        self.write(set).await
    }

    async fn unchecked(&self, limit: usize) -> Result<Vec<TicketRow>> {
        self.read(move |link| async move { links::unchecked(link, limit).await }.boxed()).await
    }

    async fn checked(&self, number: Number) -> Result<()> {
        self.write(async move |tx: &Tx<'_>| links::checked(tx, number).await).await
    }

    async fn repeat_of(&self, number: Number) -> Result<Option<Option<Number>>> {
        let found = self.read(move |link| async move { links::repeat(link, number).await }.boxed()).await?;
        Ok(found.map(|(ticket, _)| ticket))
    }

    async fn undo_repeat(&self, number: Number) -> Result<bool> {
        self.write(async move |tx: &Tx<'_>| links::undo_repeat(tx, number).await).await
    }

    async fn identities(&self, names: Vec<String>) -> Result<Vec<Identity>> {
        self.read(move |link| async move { citizens::named(link, &names).await }.boxed()).await
    }

    async fn citizen(&self, key: &str) -> Result<(Vec<Identity>, Vec<Contested>)> {
        let key = key.to_owned();
        self.look(move |link| async move { citizens::of(link, &key).await }.boxed()).await
    }

    async fn split_citizen(&self, from: &str, name: &str, to: &str, at: Timestamp, who: &str) -> Result<Option<bool>> {
        let [from, name, to, who] = [from, name, to, who].map(str::to_owned);
        let split = async move |tx: &Tx<'_>| {
            let split = citizens::split(tx, &from, &name, &to).await?;
            if let Some(Some(number)) = split {
                desk::audit(tx, at, &who, &format!("citizen.split {from} {name} {to}"), &[number]).await?;
                tx.tell(Signal::Desk);
            }
            Ok(split.map(|number| number.is_some()))
        };
        self.write(split).await
    }

    async fn due_replies(&self, now: Timestamp, limit: usize) -> Result<Vec<DueReply>> {
        self.read(move |link| async move { outbox::due_replies(link, now, limit).await }.boxed()).await
    }

    async fn postpone_reply(&self, id: i64, next_at: Timestamp) -> Result<()> {
        self.write(async move |tx: &Tx<'_>| outbox::postpone_reply(tx, id, next_at).await).await
    }

    async fn sending_reply(&self, id: i64) -> Result<bool> {
        self.write(async move |tx: &Tx<'_>| outbox::sending_reply(tx, id).await).await
    }

    async fn settle_reply(
        &self,
        id: i64,
        state: &'static str,
        sent_as: Option<String>,
        awaited: Option<Timestamp>,
    ) -> Result<()> {
        self.write(async move |tx: &Tx<'_>| reports::settle(tx, id, state, sent_as.as_deref(), awaited).await).await
    }

    async fn interrupted_replies(&self) -> Result<Vec<DueReply>> {
        self.read(|link| outbox::interrupted_replies(link).boxed()).await
    }

    async fn sent_reply(&self, channel: &str, sent_as: &str) -> Result<Option<DueReply>> {
        let (channel, sent_as) = (channel.to_owned(), sent_as.to_owned());
        self.read(move |link| async move { outbox::sent_reply(link, &channel, &sent_as).await }.boxed()).await
    }

    async fn report(&self, channel: &str, sent_as: &str, failed: Option<&str>) -> Result<Option<Reported>> {
        let (channel, sent_as, fate) = (channel.to_owned(), sent_as.to_owned(), failed.unwrap_or_default().to_owned());
        self.write(async move |tx: &Tx<'_>| reports::report(tx, &channel, &sent_as, &fate).await).await
    }

    async fn unreported(&self, now: Timestamp, limit: usize) -> Result<Vec<Reported>> {
        self.look(move |link| async move { reports::unreported(link, now, limit).await }.boxed()).await
    }

    async fn reach(&self, number: Number) -> Result<Reach> {
        self.read(move |link| async move { outbox::reach(link, number).await }.boxed()).await
    }

    async fn due_media(&self, now: Timestamp, limit: usize) -> Result<Vec<DueMedia>> {
        self.read(move |link| async move { outbox::due_media(link, now, limit).await }.boxed()).await
    }

    async fn postpone_media(&self, number: Number, file: &str, next_at: Timestamp) -> Result<()> {
        let file = file.to_owned();
        self.write(async move |tx: &Tx<'_>| outbox::postpone_media(tx, number, &file, next_at).await).await
    }

    async fn tallies(&self, day: u32) -> Result<Vec<Tally>> {
        self.look(move |link| async move { inbox::tallies(link, day).await }.boxed()).await
    }

    async fn events_of(&self, number: Number, cursor: Sequence) -> Result<Vec<Sequence>> {
        self.read(move |link| async move { log::events_of(link, number, cursor).await }.boxed()).await
    }

    async fn glance(&self, since: Timestamp, limit: usize) -> Result<Glance> {
        self.look(move |link| async move { desk::glance(link, since, limit).await }.boxed()).await
    }

    async fn audit(&self, at: Timestamp, who: &str, action: &str, numbers: Vec<Number>) -> Result<()> {
        let (who, action) = (who.to_owned(), action.to_owned());
        self.write(async move |tx: &Tx<'_>| desk::audit(tx, at, &who, &action, &numbers).await).await
    }

    async fn audit_trail(&self, limit: usize) -> Result<Vec<AuditEntry>> {
        self.read(move |link| async move { desk::audit_trail(link, limit).await }.boxed()).await
    }

    async fn pause_channel(&self, channel: &str, paused: bool) -> Result<()> {
        let channel = channel.to_owned();
        self.write(async move |tx: &Tx<'_>| desk::pause(tx, &channel, paused).await).await
    }

    async fn paused_channels(&self) -> Result<Vec<String>> {
        self.read(|link| desk::paused(link).boxed()).await
    }

    fn health(&self) -> Health {
        let shared = &self.home.shared;
        let trouble = shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Health { trouble, bytes: shared.bytes.load(Ordering::Relaxed) }
    }

    /// By itself, behind nobody else: a lease must not run out while its holder is alive and busy.
    async fn lease(&self, resource: &str, holder: &str, _now: Timestamp, ttl: Duration) -> Result<Option<u64>> {
        let (resource, holder) = (resource.to_owned(), holder.to_owned());
        self.home.aside.read(move |link| async move { log::lease(link, &resource, &holder, ttl).await }.boxed()).await
    }

    async fn release_lease(&self, resource: &str, holder: &str) -> Result<()> {
        let (resource, holder) = (resource.to_owned(), holder.to_owned());
        self.home
            .aside
            .read(move |link| async move { log::release_lease(link, &resource, &holder).await }.boxed())
            .await
    }

    fn fenced(self: Arc<Self>, resource: &str, fence: u64) -> Arc<dyn Store> {
        let fence = Some((resource.to_owned(), i64::try_from(fence).unwrap_or(i64::MAX)));
        Arc::new(Self { home: self.home.clone(), fence })
    }

    fn signals(&self) -> Option<broadcast::Receiver<Signal>> {
        Some(self.home.shared.signals.subscribe())
    }

    async fn close(&self) -> Result<()> {
        // The queue closes with its last sender; the writer then finishes what is in it.
        self.home.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.home.ear.abort();
        let thread = self.home.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let joined = match thread {
            Some(thread) => tokio::task::spawn_blocking(move || thread.join()).await.map(|ended| ended.is_ok()),
            None => Ok(true),
        };
        self.home.readers.close();
        self.home.aside.close();
        match joined {
            Ok(true) => Ok(()),
            _ => Err(StoreError::Failed("a thread of the store panicked".into())),
        }
    }
}
