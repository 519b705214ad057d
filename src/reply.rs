//! Step 9, reply (答复): what the core answers goes back to the citizen, by the channel they came by.

use crate::{
    channels::Channels,
    number::ReceiptKey,
    revise::{Draft, Reviser},
    store::{DueReply, StoreError, TicketChange, TicketRow},
    way,
};
use jiesu_connector::{Failure, Reply};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Replies under way at once.
const AT_ONCE: usize = 64;
/// At the stop, for attempts under way.
const LAST_WORDS: Duration = Duration::from_secs(4);
/// Looked at without being told, at the latest after this.
const IDLE: Duration = Duration::from_secs(1);
/// One attempt, at most. Connectors limit each of their calls themselves: a log-in and the pieces of a long answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first wait after a failure, doubled each time to the longest.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(600);
/// The longest where the channel itself said when to come again.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
/// The name of a receipt among the replies of its ticket. It goes out beside the ticket, which may not be there yet, and
/// its fate is in the outbox only.
pub const RECEIPT: &str = "receipt";
/// So long a receipt is tried, and so long there is no other for the same citizen.
pub const RECEIPT_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// A reply that did not go out for so long has expired.
pub const LIFE: SignedDuration = SignedDuration::from_hours(72);

/// Where a reply stands (contract §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// On its way.
    Pending,
    /// The channel took it.
    Delivered,
    /// A part of it arrived, the rest did not.
    Partial,
    /// The channel will not take it.
    Refused,
    /// It could not be sent in time.
    Expired,
    /// It may have arrived; it is not sent again blindly.
    Unknown,
}

impl State {
    /// As it stands in tickets.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Partial => "partial",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

/// Carries replies to citizens.
pub struct Replies {
    /// The store, the events and the time.
    pub reviser: Reviser,
    /// The channels, for their repliers.
    pub channels: Arc<Channels>,
    /// For the codes of receipts, and for proofs.
    pub key: ReceiptKey,
    /// Told of new replies.
    pub due: Arc<Notify>,
    /// Those whose attempt is under way here.
    pub under_way: Mutex<HashSet<i64>>,
}

impl Replies {
    /// Sends what is due and what comes, until `stop`; attempts under way are finished, if they are quick.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let replies = self;
        tokio::select! {
            () = stop.cancelled() => return,
            () = replies.settle_interrupted() => {}
        }
        let mut under_way = JoinSet::new();
        while !stop.is_cancelled() {
            while under_way.try_join_next().is_some() {}
            replies.give_up_waiting().await;
            if replies.start(&mut under_way).await {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = replies.due.notified() => {}
                Some(_) = under_way.join_next() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
        // What is cut off here is found at the next start.
        let _ = tokio::time::timeout(LAST_WORDS, async { while under_way.join_next().await.is_some() {} }).await;
    }

    /// Begins what is due, as far as there is room; false if there was nothing to begin.
    async fn start(self: &Arc<Self>, under_way: &mut JoinSet<()>) -> bool {
        if under_way.len() >= AT_ONCE {
            return false;
        }
        let store = &self.reviser.store;
        // Those under way may be due still, as long as nothing has left for the citizen.
        let due = store.due_replies(Timestamp::now(), AT_ONCE).await.unwrap_or_default();
        let mut begun = false;
        for due in due {
            if under_way.len() < AT_ONCE && self.here().insert(due.id) {
                let replies = Arc::clone(self);
                under_way.spawn(async move {
                    let _here = Here { replies: &replies, id: due.id };
                    replies.attempt(&due).await;
                });
                begun = true;
            }
        }
        begun
    }

    fn here(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replies that were being sent when the process ended may have arrived: they are not sent again.
    async fn settle_interrupted(&self) {
        let interrupted = loop {
            match self.reviser.store.interrupted_replies().await {
                Ok(interrupted) => break interrupted,
                Err(_) => tokio::time::sleep(FIRST).await,
            }
        };
        for due in interrupted {
            let why = "the gateway ended while it was being sent".to_owned();
            count(&due.reply.channel, "unknown");
            self.end(&due, State::Unknown, Some(why), None).await;
        }
    }

    async fn attempt(&self, due: &DueReply) {
        let channel = self.channels.get(due.reply.channel.as_str());
        let Some(replier) = channel.and_then(|channel| channel.parts.replier.as_ref()) else {
            let why = format!("there is no channel {:?} that replies any more", due.reply.channel);
            return self.end(due, State::Refused, Some(why), None).await;
        };
        if channel.is_some_and(|channel| channel.is_paused()) {
            return self.postpone(due, later(due.attempts)).await;
        }
        let document = match self.reviser.store.ticket(due.number).await {
            Ok(row) => row.and_then(|row| serde_json::from_str::<Value>(&row.document).ok()).unwrap_or_default(),
            Err(_) => return self.postpone(due, later(due.attempts)).await,
        };
        let reply = Reply {
            id: format!("{}/{}", due.number, due.reply.name),
            to: due.reply.recipient.clone(),
            number: due.number.to_string(),
            text: due.reply.words.clone(),
            code: (due.reply.name == RECEIPT).then(|| self.key.code(due.number)),
            title: document["title"].as_str().unwrap_or_default().to_owned(),
            message: document["channel"]["message"].as_str().map(str::to_owned),
            proof: self.key.proof(due.number),
        };
        let ready = tokio::time::timeout(PATIENCE, replier.ready()).await;
        let ready = ready.unwrap_or_else(|_| Err(Failure::Retry { after: None, why: "not ready in time".into() }));
        let sent = match ready {
            Ok(()) => {
                // On disk before a word leaves: after a crash nobody knows whether it went out.
                if self.reviser.store.sending_reply(due.id).await != Ok(true) {
                    return tokio::time::sleep(FIRST).await;
                }
                let sent = tokio::time::timeout(PATIENCE, replier.reply(&reply)).await;
                sent.unwrap_or_else(|_| Err(Failure::Unknown { why: "no answer in time".into() }))
            }
            Err(failure) => Err(failure),
        };
        let outcome = match &sent {
            Ok(_) => "delivered",
            Err(Failure::Retry { .. }) => "retry",
            Err(Failure::Refused { .. }) => "refused",
            Err(Failure::Unknown { .. }) => "unknown",
            Err(Failure::Partial { .. }) => "partial",
        };
        count(&due.reply.channel, outcome);
        match sent {
            Ok(sent) => match (replier.reports_within(), sent.message) {
                (Some(within), Some(names)) => self.under_way(due, &names, within).await,
                (_, name) => self.end(due, State::Delivered, None, name).await,
            },
            Err(Failure::Refused { why }) => self.end(due, State::Refused, Some(why), None).await,
            Err(Failure::Unknown { why }) => self.end(due, State::Unknown, Some(why), None).await,
            Err(Failure::Partial { why }) => self.end(due, State::Partial, Some(why), None).await,
            Err(Failure::Retry { why, .. }) if Timestamp::now() >= due.reply.give_up => {
                self.end(due, State::Expired, Some(why), None).await;
            }
            Err(Failure::Retry { after, why }) => {
                tracing::warn!(channel = due.reply.channel, number = %due.number, why, "a reply is tried again later");
                self.postpone(due, again(due.attempts, after)).await;
            }
        }
    }

    /// The channel took it, and will report what becomes of it: until then nothing changes on the ticket.
    async fn under_way(&self, due: &DueReply, names: &str, within: Duration) {
        let awaited = Some(in_future(within));
        while let Err(error) = self.reviser.store.settle_reply(due.id, "sent", Some(names.to_owned()), awaited).await {
            tracing::warn!(%error, "the fate of a reply waits for the store");
            tokio::time::sleep(FIRST).await;
        }
        // The next reply of the same ticket may go now.
        self.due.notify_one();
    }

    /// What was awaited too long.
    async fn give_up_waiting(&self) {
        for reported in self.reviser.store.unreported(Timestamp::now(), AT_ONCE).await.unwrap_or_default() {
            let (state, why) =
                verdict(&reported.fates).unwrap_or((State::Unknown, Some("no report came in time".into())));
            self.end(&reported.due, state, why, None).await;
        }
    }

    /// Stores the fate, however long the store takes: what was said is not said again.
    async fn end(&self, due: &DueReply, state: State, reason: Option<String>, sent_as: Option<String>) {
        while let Err(error) = settle(&self.reviser, &self.channels, due, state, reason.clone(), sent_as.clone()).await
        {
            tracing::warn!(%error, "the fate of a reply waits for the store");
            tokio::time::sleep(FIRST).await;
        }
        // The next reply of the same ticket may go now.
        self.due.notify_one();
    }

    async fn postpone(&self, due: &DueReply, next: Timestamp) {
        while let Err(error) = self.reviser.store.postpone_reply(due.id, next).await {
            tracing::warn!(%error, "a reply waits for the store");
            tokio::time::sleep(FIRST).await;
        }
    }
}

/// What the fates of the messages that a reply went out in make of it; none while one of them is not known.
pub fn verdict(fates: &[Option<String>]) -> Option<(State, Option<String>)> {
    let fates: Vec<&str> = fates.iter().map(Option::as_deref).collect::<Option<_>>()?;
    let failed: Vec<&str> = fates.iter().copied().filter(|fate| !fate.is_empty()).collect();
    Some(match failed.first() {
        None => (State::Delivered, None),
        Some(why) if failed.len() == fates.len() => (State::Refused, Some((*why).to_owned())),
        Some(why) => {
            let arrived = fates.len() - failed.len();
            (State::Partial, Some(format!("{arrived} of {} messages arrived: {why}", fates.len())))
        }
    })
}

/// An attempt under way, until it ends.
struct Here<'a> {
    replies: &'a Replies,
    id: i64,
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.replies.here().remove(&self.id);
    }
}

/// When to try again after `attempts` failures.
pub fn later(attempts: u32) -> Timestamp {
    in_future(back_off(attempts).min(LONGEST))
}

/// The same where the channel may have said how long to wait: thousands may wait for one link, and each attempt costs a
/// write.
fn again(attempts: u32, after: Option<Duration>) -> Timestamp {
    after.map_or_else(|| later(attempts), |after| in_future(after.max(back_off(attempts).min(LONGEST_ASKED))))
}

fn back_off(attempts: u32) -> Duration {
    FIRST.saturating_mul(1 << attempts.min(12))
}

fn count(channel: &str, outcome: &'static str) {
    metrics::counter!("jiesu_replies_total", "channel" => channel.to_owned(), "outcome" => outcome).increment(1);
}

fn in_future(wait: Duration) -> Timestamp {
    Timestamp::now().saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Writes what became of a reply onto its ticket, and tells of it; of a receipt into the outbox alone.
///
/// # Errors
/// The store cannot write; nothing was changed.
pub async fn settle(
    reviser: &Reviser,
    channels: &Channels,
    due: &DueReply,
    state: State,
    reason: Option<String>,
    sent_as: Option<String>,
) -> Result<(), StoreError> {
    if due.reply.name == RECEIPT {
        return reviser.store.settle_reply(due.id, state.as_str(), sent_as, None).await;
    }
    let change = |row: &TicketRow| {
        let mut draft = Draft::new(row);
        draft.edit_list("replies", |replies| {
            for reply in replies.iter_mut().filter(|reply| reply["id"] == due.reply.name.as_str()) {
                reply["state"] = state.as_str().into();
                reply["reason"] = reason.clone().map_or(Value::Null, Value::from);
            }
        });
        let next = match state {
            State::Refused | State::Expired => way::next(channels, &mut draft, &due.reply),
            _ => None,
        };
        let replied = Some((due.id, state.as_str(), sent_as.clone()));
        TicketChange { replied, reply: next, ..reviser.updated(row, &draft) }
    };
    reviser.revise(due.number, change).await.map(drop)
}
