//! The one door: every appeal of every channel is accepted (受理) here, and nowhere else.

use crate::{
    assembly,
    channels::Channel,
    clock::Clock,
    number::{ReceiptKey, day_key},
    shared::SharedLimiter,
    store::{Accepted, NewMessage, Pace, Store, StoreError, Window},
};
use futures_util::future::join_all;
use jiesu_connector::{DeliveryKey, Incoming, OnOtherContent, Piece, Receipt, Refusal, digest};
use jiff::{Timestamp, tz::TimeZone};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// After this a caller is told to come again, though the write may still go through: channels wait for about five
/// seconds (WeChat), and an answer that comes too late is no answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// For a look at what was stored before: channels wait for their answer.
const MOMENT: Duration = Duration::from_millis(500);
/// What one citizen sends beyond their limit is one matter, until this closes, whatever the channel's own window.
const COLLAPSED: Window = Window { idle: Duration::from_secs(5), max: Duration::from_secs(60) };

/// The one door.
pub struct Intake {
    store: Arc<dyn Store>,
    key: ReceiptKey,
    zone: TimeZone,
    clock: Clock,
    under_way: Mutex<HashSet<[u8; 16]>>,
    rejected: Mutex<HashMap<(u32, String, String), u64>>,
    /// Held by who writes the counts: whoever reads the sums then waits until they are in the store.
    flushing: tokio::sync::Mutex<()>,
    arrived: Arc<Notify>,
    outbox: Option<Arc<Notify>>,
    citizens: SharedLimiter,
    /// The store did not take what was offered last. What is offered again meanwhile is not counted against its citizen.
    refused: AtomicBool,
}

impl Intake {
    /// A door to `store`; `arrived` is told of each new message.
    pub fn new(store: Arc<dyn Store>, key: ReceiptKey, zone: TimeZone, arrived: Arc<Notify>) -> Self {
        Self {
            store,
            key,
            zone,
            clock: Clock::default(),
            under_way: Mutex::default(),
            rejected: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
            arrived,
            outbox: None,
            citizens: SharedLimiter::new(None, "citizen", None),
            refused: AtomicBool::new(false),
        }
    }

    /// Tells `outbox` of receipts that are to go out.
    #[must_use]
    pub fn with_outbox(self, outbox: Arc<Notify>) -> Self {
        Self { outbox: Some(outbox), ..self }
    }

    /// Goes by this clock instead of the machine's.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Collapses what a citizen sends beyond the limit.
    #[must_use]
    pub fn with_citizens(self, citizens: SharedLimiter) -> Self {
        Self { citizens, ..self }
    }

    /// Stores messages of `channel` together; on return they are on disk.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was stored, or (after a time-out) nobody knows yet.
    pub async fn accept(&self, channel: &Channel, messages: Vec<Incoming>) -> Result<Vec<Receipt>, Refusal> {
        self.accept_within(PATIENCE, channel, messages).await
    }

    /// The same for a channel that waits longer, or shorter, for its answer.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub async fn accept_within(
        &self,
        patience: Duration,
        channel: &Channel,
        messages: Vec<Incoming>,
    ) -> Result<Vec<Receipt>, Refusal> {
        let _under_way = self.begin(channel, &messages)?;
        let now = self.clock.now();
        let day = self.day(now);
        let outbox = self.outbox.as_ref().filter(|_| messages.iter().any(|message| message.receipt));
        let hotline = |named: &Option<String>| named.as_deref().map_or_else(|| channel.hotline.clone(), Arc::from);
        let pieces: Vec<Option<Piece>> =
            messages.iter().map(|incoming| assembly::piece(channel, &incoming.raw)).collect();
        let windows = messages.iter().zip(&pieces);
        let windows = windows.map(|(incoming, piece)| self.window(channel, incoming, piece.as_ref()));
        let windows = join_all(windows).await;
        let new = messages.into_iter().zip(pieces).zip(windows).map(|((incoming, piece), window)| NewMessage {
            channel: channel.id.clone(),
            hotline: hotline(&incoming.hotline),
            received_at: now,
            day,
            window,
            pace: assembly::pace(channel, &incoming),
            piece,
            contact: assembly::contact(channel, &incoming.raw),
            incoming,
        });
        let new: Vec<NewMessage> = new.collect();
        let joined = new.iter().map(joined).collect::<Vec<_>>();
        let outcome = tokio::time::timeout(patience, self.store.accept(new)).await;
        self.refused.store(!matches!(outcome, Ok(Ok(_))), Ordering::Relaxed);
        let unavailable = Refusal::Unavailable { retry_after: Duration::from_secs(5) };
        let accepted = match outcome {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(StoreError::Unavailable(_) | StoreError::Failed(_))) | Err(_) => {
                channel.meters.unavailable.increment(1);
                return Err(unavailable);
            }
        };
        if joined.iter().any(Option::is_some)
            && !matches!(tokio::time::timeout(MOMENT, self.hasten(channel, &joined, &accepted)).await, Ok(Ok(())))
        {
            tracing::debug!(channel = &*channel.id, "a message in pieces waits as long as others");
        }
        let receipts = accepted.into_iter().map(|accepted| self.receipt(channel, accepted, now));
        let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
        self.arrived.notify_one();
        if let Some(outbox) = outbox {
            outbox.notify_one();
        }
        Ok(receipts)
    }

    /// The conversation that a message may join: the channel's; beyond the citizen's limit another one, so that a flood of
    /// messages is kept whole, but is no flood of tickets.
    async fn window(&self, channel: &Channel, incoming: &Incoming, piece: Option<&Piece>) -> Option<Window> {
        if !incoming.joins {
            return None;
        }
        // Only where the channel itself knows who speaks: who merely claims a number must not bind others' matters together.
        let sender = incoming.sender.as_deref().filter(|_| channel.parts.converses);
        // A message in pieces counts once, and one that is offered until the store takes it does too.
        let counts = piece.is_none_or(|piece| piece.place == 1) && !self.refused.load(Ordering::Relaxed);
        let within = match sender.filter(|_| counts) {
            Some(sender) => self.citizens.check_key(&format!("{}/{sender}", channel.id)).await.is_ok(),
            None => true,
        };
        if within {
            return channel.window;
        }
        channel.meters.collapsed.increment(1);
        let own = channel.window.unwrap_or(COLLAPSED);
        Some(Window { idle: own.idle.max(COLLAPSED.idle), max: own.max.max(COLLAPSED.max) })
    }

    /// Looks at what was stored as a piece beside the others of its message: together they may be urgent. What fails here
    /// costs the conversation's usual wait.
    async fn hasten(
        &self,
        channel: &Channel,
        joined: &[Option<String>],
        accepted: &[Accepted],
    ) -> Result<(), StoreError> {
        let mut looked_at = HashSet::new();
        for (sender, accepted) in joined.iter().zip(accepted) {
            let (Some(sender), Accepted::New { number, .. }) = (sender, accepted) else { continue };
            if !looked_at.insert(*number) {
                continue;
            }
            let said = self.store.conversation(*number).await?;
            if said.len() > 1 && assembly::is_urgent_together(channel, said) {
                self.store.hasten(&channel.id, sender, *number).await?;
            }
        }
        Ok(())
    }

    fn receipt(&self, channel: &Channel, accepted: Accepted, now: Timestamp) -> Result<Receipt, Refusal> {
        match accepted {
            Accepted::New { number, reused_key } => {
                channel.meters.accepted.increment(1);
                if reused_key {
                    channel.meters.reused_keys.increment(1);
                    tracing::warn!(
                        channel = &*channel.id,
                        number = %number,
                        "a delivery key came again with other content: taken as a new appeal"
                    );
                }
                let code = Some(self.key.code(number));
                Ok(Receipt { number: number.to_string(), code, redelivery: false, received_at: now })
            }
            Accepted::Redelivery { number, received_at, code_hash } => {
                channel.meters.redeliveries.increment(1);
                // With another key the same code cannot be made again, and a wrong one must not be given.
                let known = code_hash.is_none_or(|hash| hash == self.key.code_hash(number));
                let code = known.then(|| self.key.code(number));
                Ok(Receipt { number: number.to_string(), code, redelivery: true, received_at })
            }
            Accepted::OtherContent => {
                channel.meters.conflicts.increment(1);
                Err(Refusal::OtherContent)
            }
        }
    }

    /// Marks keys that must not be used twice at once; the mark goes with the guard. Only a courtesy: that a key is
    /// not taken twice is the store's doing.
    fn begin(&self, channel: &Channel, messages: &[Incoming]) -> Result<UnderWay<'_>, Refusal> {
        let strict = |key: &&DeliveryKey| key.on_other_content == OnOtherContent::Refuse;
        let keys = messages.iter().flat_map(|message| &message.keys).filter(strict);
        let names: Vec<_> =
            keys.map(|key| digest([channel.id.as_bytes(), key.scope.as_bytes(), key.value.as_bytes()])).collect();
        if !names.is_empty() {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            if names.iter().any(|name| under_way.contains(name)) {
                return Err(Refusal::UnderWay);
            }
            under_way.extend(&names);
        }
        Ok(UnderWay { intake: self, names })
    }

    /// The local day that it is.
    pub fn today(&self) -> u32 {
        self.day(self.clock.now())
    }

    /// The local day of `at`.
    pub fn day(&self, at: Timestamp) -> u32 {
        day_key(at.to_zoned(self.zone.clone()).date())
    }

    /// Counts a message that was received and rejected; written with the next [`Intake::flush`].
    pub fn rejected(&self, channel: &Channel, reason: &'static str) {
        self.rejected_many(channel, reason, 1);
    }

    /// The same for several.
    pub fn rejected_many(&self, channel: &Channel, reason: &'static str, count: u64) {
        let meter = metrics::counter!("jiesu_rejected_total", "channel" => channel.id.to_string(), "reason" => reason);
        meter.increment(count);
        let row = (self.today(), channel.id.to_string(), channel.hotline.to_string());
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner).entry(row).or_default() += count;
    }

    /// Writes the counts of what was rejected: all that were there when it was called are in the store when it returns,
    /// also those that another call was writing. Whoever stops waiting for it loses no count.
    ///
    /// # Errors
    /// The store cannot write; the counts are kept for the next time.
    pub async fn flush(self: &Arc<Self>) -> Result<(), StoreError> {
        let intake = self.clone();
        let written = tokio::spawn(async move { intake.write_counts().await }).await;
        written.unwrap_or_else(|failed| Err(StoreError::Failed(failed.to_string())))
    }

    async fn write_counts(&self) -> Result<(), StoreError> {
        let _alone = self.flushing.lock().await;
        let counts = std::mem::take(&mut *self.rejected.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return Ok(());
        }
        let rows = counts.iter().map(|((day, channel, hotline), n)| (*day, channel.clone(), hotline.clone(), *n));
        let written = self.store.count_rejected(rows.collect()).await;
        if written.is_err() {
            let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
            counts.into_iter().for_each(|(row, n)| *rejected.entry(row).or_default() += n);
        }
        written
    }
}

/// Who says something in pieces that waits for more, and is not urgent by itself.
fn joined(message: &NewMessage) -> Option<String> {
    let waits = message.piece.is_some() && message.window.is_some() && message.pace != Pace::Urgent;
    message.incoming.sender.clone().filter(|_| waits)
}

struct UnderWay<'a> {
    intake: &'a Intake,
    names: Vec<[u8; 16]>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.names.is_empty() {
            let mut under_way = self.intake.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|name| !self.names.contains(name));
        }
    }
}
