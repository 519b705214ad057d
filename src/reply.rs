//! Step 9, reply (答复): what the core answers goes back to the citizen, by the channel they came by.

use crate::{
    channels::Channels,
    revise::{Draft, Reviser},
    store::{DueReply, StoreError, TicketChange, TicketRow},
};
use futures_util::{StreamExt, stream};
use jiesu_connector::{Failure, Reply};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Replies looked at in one round.
const BATCH: usize = 32;
/// Recipients written to at a time.
const AT_ONCE: usize = 8;
/// Looked at without being told, at the latest after this.
const IDLE: Duration = Duration::from_secs(5);
/// One attempt, at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first wait after a failure, doubled each time to the longest.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(600);
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
    /// Told of new replies.
    pub due: Arc<Notify>,
}

impl Replies {
    /// Sends what is due and what comes, until `stop`; an attempt under way is finished.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let due = self.reviser.store.due_replies(Timestamp::now(), BATCH).await.unwrap_or_default();
            if due.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.due.notified() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
            // One recipient's in order; a channel that does not answer holds up nobody else's for long.
            let mut recipients: BTreeMap<_, Vec<DueReply>> = BTreeMap::new();
            for due in due {
                let recipient = (due.reply.channel.clone(), due.reply.recipient.clone());
                recipients.entry(recipient).or_default().push(due);
            }
            stream::iter(recipients.into_values())
                .for_each_concurrent(AT_ONCE, async |replies| {
                    for due in replies {
                        if stop.is_cancelled() {
                            return;
                        }
                        if let Err(error) = self.attempt(&due).await {
                            tracing::warn!(%error, "a reply waits for the store");
                            tokio::time::sleep(FIRST).await;
                        }
                    }
                })
                .await;
        }
    }

    async fn attempt(&self, due: &DueReply) -> Result<(), StoreError> {
        let channel = self.channels.get(due.reply.channel.as_str());
        let Some(replier) = channel.and_then(|channel| channel.parts.replier.as_ref()) else {
            let why = format!("there is no channel {:?} that replies any more", due.reply.channel);
            return settle(&self.reviser, due, State::Refused, Some(why), None).await;
        };
        if channel.is_some_and(|channel| channel.is_paused()) {
            return self.reviser.store.postpone_reply(due.id, later(due.attempts)).await;
        }
        let reply = Reply {
            id: format!("{}/{}", due.number, due.reply.name),
            to: due.reply.recipient.clone(),
            number: due.number.to_string(),
            text: due.reply.words.clone(),
        };
        let sent = tokio::time::timeout(PATIENCE, replier.reply(&reply)).await;
        let sent = sent.unwrap_or_else(|_| Err(Failure::Unknown { why: "no answer in time".into() }));
        let outcome = match &sent {
            Ok(_) => "delivered",
            Err(Failure::Retry { .. }) => "retry",
            Err(Failure::Refused { .. }) => "refused",
            Err(Failure::Unknown { .. }) => "unknown",
            Err(Failure::Partial { .. }) => "partial",
        };
        metrics::counter!("jiesu_replies_total", "channel" => due.reply.channel.clone(), "outcome" => outcome)
            .increment(1);
        match sent {
            Ok(sent) => settle(&self.reviser, due, State::Delivered, None, sent.message).await,
            Err(Failure::Refused { why }) => settle(&self.reviser, due, State::Refused, Some(why), None).await,
            Err(Failure::Unknown { why }) => settle(&self.reviser, due, State::Unknown, Some(why), None).await,
            Err(Failure::Partial { why }) => settle(&self.reviser, due, State::Partial, Some(why), None).await,
            Err(Failure::Retry { why, .. }) if Timestamp::now() >= due.reply.give_up => {
                settle(&self.reviser, due, State::Expired, Some(why), None).await
            }
            Err(Failure::Retry { after, .. }) => {
                let next = after.map_or_else(|| later(due.attempts), in_future);
                self.reviser.store.postpone_reply(due.id, next).await
            }
        }
    }
}

/// When to try again after `attempts` failures.
pub fn later(attempts: u32) -> Timestamp {
    in_future(FIRST.saturating_mul(1 << attempts.min(12)).min(LONGEST))
}

fn in_future(wait: Duration) -> Timestamp {
    Timestamp::now().saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Writes what became of a reply onto its ticket, and tells of it.
///
/// # Errors
/// The store cannot write; nothing was changed.
pub async fn settle(
    reviser: &Reviser,
    due: &DueReply,
    state: State,
    reason: Option<String>,
    sent_as: Option<String>,
) -> Result<(), StoreError> {
    let change = |row: &TicketRow| {
        let mut draft = Draft::new(row);
        draft.edit_list("replies", |replies| {
            for reply in replies.iter_mut().filter(|reply| reply["id"] == due.reply.name.as_str()) {
                reply["state"] = state.as_str().into();
                reply["reason"] = reason.clone().map_or(Value::Null, Value::from);
            }
        });
        TicketChange { replied: Some((due.id, state.as_str(), sent_as.clone())), ..reviser.updated(row, &draft) }
    };
    reviser.revise(due.number, change).await.map(drop)
}
