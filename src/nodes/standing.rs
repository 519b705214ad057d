//! How each node stands: what it holds, and what only it knows of that, so that each of them can answer for all.

use super::Node;
use crate::{
    channels::Channels,
    delivery::{DestinationStatus, Handle},
    store::{Sequence, Store, StoreError},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a node said is shown for so long: three times the time from one word to the next.
const KEPT: Duration = Duration::from_secs(6);

/// How a node stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Since when it runs, by its own clock.
    pub since: Timestamp,
    /// The resources that it holds.
    pub holds: Vec<String>,
    /// How the destinations are that it delivers to.
    pub destinations: BTreeMap<String, DestinationStatus>,
    /// What it knows of the channels.
    pub channels: BTreeMap<String, Seen>,
    /// So many seconds its clock is ahead of the store's.
    pub clock_ahead: f64,
    /// Which key it has: see [`super::common::sign_of`].
    pub key: String,
    /// Its mark is in the directory of attachments.
    pub marked: bool,
}

/// What a node knows of a channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// When something last came in here, milliseconds since 1970; 0 for never.
    pub last_received: i64,
    /// What keeps messages from coming.
    pub trouble: Option<String>,
}

/// Tells and asks how the nodes stand.
pub struct Standings {
    /// This one.
    pub node: Arc<Node>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Since when it runs.
    pub since: Timestamp,
    /// The channels.
    pub channels: Arc<Channels>,
    /// The destinations' workers, by name.
    pub destinations: BTreeMap<String, Handle>,
    /// Which key this node has.
    pub key: String,
    /// Its mark is in the directory of attachments.
    pub marked: AtomicBool,
}

/// What all nodes say.
pub(super) async fn read(store: &dyn Store) -> Result<Vec<Standing>, StoreError> {
    Ok(store.said().await?.iter().filter_map(|said| serde_json::from_str(said).ok()).collect())
}

impl Standings {
    /// This node.
    pub fn own(&self) -> Standing {
        let here = self.destinations.iter().filter(|(_, worker)| worker.is_here());
        let seen = |channel: &crate::channels::Channel| Seen {
            last_received: channel.last_received.load(Ordering::Relaxed),
            trouble: channel.trouble(),
        };
        Standing {
            name: self.node.name().to_owned(),
            since: self.since,
            holds: self.node.held(),
            destinations: here.map(|(name, worker)| (name.clone(), worker.status())).collect(),
            channels: self.channels.values().map(|channel| (channel.id.to_string(), seen(channel))).collect(),
            clock_ahead: self.node.clock_ahead(),
            key: self.key.clone(),
            marked: self.marked.load(Ordering::Relaxed),
        }
    }

    /// All nodes, this one first.
    ///
    /// # Errors
    /// The store cannot read.
    pub async fn all(&self) -> Result<Vec<Standing>, StoreError> {
        let mut all = vec![self.own()];
        if self.node.is_shared() {
            let said = read(&*self.store).await?;
            all.extend(said.into_iter().filter(|standing| standing.name != self.node.name()));
        }
        Ok(all)
    }

    /// Its mark is there.
    pub(super) fn mark(&self) {
        self.marked.store(true, Ordering::Relaxed);
    }

    /// Tells the others.
    pub(super) async fn say(&self) -> Result<(), StoreError> {
        let standing = serde_json::to_string(&self.own()).unwrap_or_default();
        self.store.say(self.node.name(), standing, KEPT).await
    }

    /// How a destination is, wherever it is delivered to, and which node does; `all` is [`Self::all`]. While nobody does,
    /// only what the store knows.
    ///
    /// # Errors
    /// The store cannot read.
    pub async fn destination(
        &self,
        name: &str,
        all: &[Standing],
        newest: Sequence,
    ) -> Result<Option<(DestinationStatus, Option<String>)>, StoreError> {
        let Some(worker) = self.destinations.get(name) else { return Ok(None) };
        let held = all.iter().find_map(|node| Some((node.destinations.get(name)?, &node.name)));
        let mut status = worker.status();
        let by = match held {
            Some((told, by)) => {
                status = DestinationStatus { paused: status.paused, ..told.clone() };
                Some(by.clone())
            }
            None => {
                status.cursor = self.store.progress(name).await?.cursor;
                status.behind = u64::try_from(newest.0 - status.cursor.0).unwrap_or(0);
                None
            }
        };
        Ok(Some((status, by)))
    }
}
