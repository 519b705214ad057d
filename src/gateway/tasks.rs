//! What goes on beside the line.

use crate::{
    channels::Channels,
    intake::Intake,
    nodes::{self, Node},
    reply::Replies,
    revise::Reviser,
    shared,
    sources::{self, Way},
    store::Sequence,
};
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Handle, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Between writes of the counts of what was rejected.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Between looks for events that nobody told of.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Until a Redis that does not answer is asked again how it is set up.
const ADVISE_AGAIN: Duration = Duration::from_secs(5);

/// Answers citizens whenever this node may, and holds the sessions over which answers leave: those among what takes messages
/// in, the answers behind.
pub(super) fn answer(
    node: &Node,
    replies: Arc<Replies>,
    (channels, way): (Arc<Channels>, Way),
    behind: Option<&Handle>,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let behind = behind.cloned();
    node.role(nodes::REPLIES).run(stop, move |_, stop| {
        let mut sending = JoinSet::new();
        let replies = replies.clone().run(stop.clone());
        match &behind {
            Some(behind) => sending.spawn_on(replies, behind),
            None => sending.spawn(replies),
        };
        let speaking = sources::speaking(&channels, &way, &stop);
        async move {
            tokio::join!(speaking, async { while sending.join_next().await.is_some() {} });
        }
    })
}

/// Writes the counts of what was rejected, until `stop`.
pub(super) async fn flush(intake: Arc<Intake>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => drop(intake.flush().await),
        }
    }
}

/// Tells of events that nobody told of, until `stop`: whoever wrote them may have been given up by its client before it
/// could, or the store could not say which they are.
pub(super) async fn tell(reviser: Reviser, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        // Before the first event, which the line tells of, there is none to miss; and a store that rests is not opened to read.
        if *reviser.issued.borrow() > Sequence(0) {
            reviser.tell().await;
        }
    }
}

/// Says once what should be changed about Redis, as soon as it answers.
pub(super) async fn advise(redis: Option<Arc<shared::Redis>>, stop: CancellationToken) {
    let Some(redis) = redis else { return };
    let advice = async {
        loop {
            match redis.advice().await {
                Ok(advice) => return advice,
                Err(_) => tokio::time::sleep(ADVISE_AGAIN).await,
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        advice = advice => advice.iter().for_each(|advice| tracing::warn!("repeats.url: {advice}")),
    }
}
