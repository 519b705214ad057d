//! What other nodes and operators at them do, as this node learns it: by the store's signals, and by looking.

use super::{LINE, Node, common::Place, standing::Standings, to};
use crate::{
    channels::Channels,
    citizens::Citizens,
    config::Hotlines,
    files::Files,
    issue::Incidents,
    repeats::Repeats,
    revise::Reviser,
    store::{Sequence, Signal, Store, StoreError},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{
        Notify,
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
    },
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

/// Between looks: a signal may have been lost with its connection.
const LOOK: Duration = Duration::from_secs(2);
/// Of these looks, every so many go to the desk and to the clock.
const DESK: u64 = 5;
const CLOCK: u64 = 15;
/// For one look.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the last word.
const LAST: Duration = Duration::from_secs(1);
/// Clocks that differ by more are an alarm: days, conversations and deadlines go by the store's, but signatures, retries and
/// links by the node's own.
const APART: f64 = 5.0;
/// All that can be signalled.
const EVERYTHING: [Signal; 5] = [Signal::Arrived, Signal::Issued, Signal::ReplyDue, Signal::MediaDue, Signal::Desk];

/// Who is told what.
pub struct News {
    /// This node.
    pub node: Arc<Node>,
    /// The store, the newest event, and who waits for it.
    pub reviser: Reviser,
    /// Told of new messages.
    pub arrived: Arc<Notify>,
    /// Told of new replies.
    pub reply_due: Arc<Notify>,
    /// Told of new media.
    pub media_due: Arc<Notify>,
    /// The channels, which operators stop.
    pub channels: Arc<Channels>,
    /// The destinations, and the other nodes.
    pub standings: Arc<Standings>,
    /// Who is whom, as the line remembers it.
    pub citizens: Arc<Citizens>,
    /// How incidents grow, as the line remembers it.
    pub incidents: Arc<Incidents>,
    /// The repeat index.
    pub repeats: Arc<Repeats>,
    /// The register of hotlines, of which some are held back.
    pub hotlines: Arc<Hotlines>,
    /// Attachments.
    pub files: Files,
    /// Orders are carried out one after the other, and each once.
    pub carrying_out: tokio::sync::Mutex<()>,
}

impl News {
    /// Listens until `stop`.
    pub async fn listen(self: Arc<Self>, mut signals: Receiver<Signal>, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                () = stop.cancelled() => return,
                first = signals.recv() => first,
            };
            let mut heard = match first {
                Ok(signal) => BTreeSet::from([signal]),
                Err(RecvError::Lagged(_)) => BTreeSet::from(EVERYTHING),
                Err(RecvError::Closed) => return,
            };
            // What came meanwhile is one piece of news.
            loop {
                match signals.try_recv() {
                    Ok(signal) => _ = heard.insert(signal),
                    Err(TryRecvError::Lagged(_)) => heard.extend(EVERYTHING),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            for signal in heard {
                let told = timeout(PATIENCE, self.tell(signal)).await;
                if let Ok(Err(error)) = told {
                    tracing::debug!(%error, ?signal, "news of other nodes wait for the store");
                }
            }
        }
    }

    /// Looks now and then, and tells the others how this node stands, until `stop`.
    pub async fn look(self: Arc<Self>, stop: CancellationToken) {
        let place = Place::new(self.files.clone());
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for round in 0u64.. {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => {}
            }
            let _ = timeout(PATIENCE, self.standings.say()).await;
            let _ = timeout(PATIENCE, self.reviser.look()).await;
            let _ = timeout(PATIENCE, self.orders()).await;
            if round % DESK == 0 {
                let _ = timeout(PATIENCE, self.desk()).await;
                let _ = timeout(PATIENCE, place.look(&self.standings)).await;
            }
            if round % CLOCK == 0 {
                let _ = timeout(PATIENCE, self.clock()).await;
            }
        }
        place.leave(self.node.name());
        let _ = timeout(LAST, self.store().say(self.node.name(), String::new(), Duration::ZERO)).await;
    }

    async fn tell(&self, signal: Signal) -> Result<(), StoreError> {
        match signal {
            Signal::Arrived => self.arrived.notify_one(),
            Signal::ReplyDue => self.reply_due.notify_one(),
            Signal::MediaDue => self.media_due.notify_one(),
            Signal::Left => self.node.hurry(),
            Signal::Issued => self.reviser.look().await?,
            Signal::Desk => {
                self.citizens.forget();
                self.incidents.forget();
                self.desk().await?;
                self.orders().await?;
                for worker in self.standings.destinations.values() {
                    // One that has stopped finds them at its next start.
                    let _ = worker.requeued().await;
                }
                self.arrived.notify_one();
            }
        }
        Ok(())
    }

    /// What operators have stopped, and which lines are held back.
    async fn desk(&self) -> Result<(), StoreError> {
        let stopped = self.store().paused_channels().await?;
        for channel in self.channels.values() {
            channel.paused.store(stopped.iter().any(|id| **id == *channel.id), Ordering::Relaxed);
        }
        let stopped = self.store().paused_destinations().await?;
        for (name, worker) in &self.standings.destinations {
            let paused = stopped.contains(name);
            if worker.status().paused != paused {
                let _ = worker.pause(paused).await;
            }
        }
        for run in self.store().parity().await? {
            self.hotlines.hold(&run.line, run.parity());
        }
        Ok(())
    }

    /// What is to be done for what this node holds.
    async fn orders(&self) -> Result<(), StoreError> {
        let _alone = self.carrying_out.lock().await;
        if self.node.holds(LINE) {
            for order in self.store().orders(LINE).await? {
                if order.what == REINDEX {
                    self.repeats.rebuild();
                    self.arrived.notify_one();
                }
                self.store().order_done(order.id).await?;
            }
        }
        let here = self.standings.destinations.iter().filter(|(_, worker)| worker.is_here());
        for (name, worker) in here {
            for order in self.store().orders(&to(name)).await? {
                let after = order.what.strip_prefix(REWIND).and_then(|after| after.trim().parse().ok());
                if let Some(after) = after
                    && worker.rewind(Sequence(after)).await.is_err()
                {
                    // Another node delivers by now, and finds it.
                    continue;
                }
                self.store().order_done(order.id).await?;
            }
        }
        Ok(())
    }

    async fn clock(&self) -> Result<(), StoreError> {
        let ahead = self.reviser.clock.set_by(self.store()).await?;
        metrics::gauge!("jiesu_clock_ahead_seconds").set(ahead);
        let was_apart = self.node.set_clock_ahead(ahead).abs() > APART;
        match (was_apart, ahead.abs() > APART) {
            (false, true) => tracing::error!(
                alarm = true,
                ahead,
                "this node's clock is not the store's: signatures, retries and links go by it; set it by NTP"
            ),
            (true, false) => tracing::info!(ahead, "this node's clock is the store's again"),
            _ => {}
        }
        Ok(())
    }

    fn store(&self) -> &dyn Store {
        &*self.reviser.store
    }
}

/// An order for the line: the repeat index is to be built anew.
pub const REINDEX: &str = "reindex";
/// An order for a destination, with a cursor behind it: everything after that goes out again.
pub const REWIND: &str = "rewind ";
