//! The configured channels (受理渠道), each with its connector's parts.

use crate::{
    config::{RepeatsBecome, Unsubscribe},
    nodes,
    store::Window,
};
use jiesu_connector::{Inbound, Parts, Words};
use metrics::Counter;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

/// One configured channel.
pub struct Channel {
    /// Its id: the last segment of its path, and its label.
    pub id: Arc<str>,
    /// Its connector's name.
    pub kind: &'static str,
    /// The hotline of what comes in here, unless the message names another.
    pub hotline: Arc<str>,
    /// How further messages of the same sender join; none where each is a matter of its own.
    pub window: Option<Window>,
    /// What becomes of the tickets of a citizen who leaves it.
    pub unsubscribe: Unsubscribe,
    /// What becomes of a matter that the same citizen has raised before.
    pub repeats: RepeatsBecome,
    /// What citizens say to the gateway here.
    pub words: Words,
    /// What its connector built.
    pub parts: Parts,
    /// An operator has stopped it.
    pub paused: AtomicBool,
    /// When something last came in, milliseconds since 1970; 0 for never.
    pub last_received: AtomicI64,
    /// What keeps messages from coming, as the node knows that holds its session.
    pub trouble: Mutex<Option<String>>,
    /// Its counters.
    pub meters: Meters,
}

impl Channel {
    /// A channel that is not paused.
    pub fn new(id: &str, kind: &'static str, hotline: &str, window: Option<Window>, parts: Parts) -> Self {
        let channel = Self {
            id: id.into(),
            kind,
            hotline: hotline.into(),
            window,
            unsubscribe: Unsubscribe::Keep,
            repeats: RepeatsBecome::Count,
            words: Words::default(),
            parts,
            paused: AtomicBool::new(false),
            last_received: AtomicI64::new(0),
            trouble: Mutex::default(),
            meters: Meters::new(id),
        };
        // Each was a work order there, and is one here.
        let repeats = if channel.imports() { RepeatsBecome::Ticket } else { RepeatsBecome::Count };
        Self { repeats, ..channel }
    }

    /// Whether what comes in are another system's work orders.
    pub fn imports(&self) -> bool {
        matches!(&self.parts.inbound, Inbound::Pull(source) if source.importer().is_some())
    }

    /// Which node holds its sessions, if it has such: the one that has this resource. Where answers leave over them, it is
    /// the one that sends answers.
    pub fn resource(&self) -> Option<String> {
        let Inbound::Pull(_) = self.parts.inbound else { return None };
        match &self.parts.replier {
            Some(replier) if replier.by_session() => Some(nodes::REPLIES.to_owned()),
            _ => Some(format!("from/{}", self.id)),
        }
    }

    /// How messages come in, in one word.
    pub fn direction(&self) -> &'static str {
        match self.parts.inbound {
            Inbound::Push(_) => "push",
            Inbound::Pull(_) => "pull",
            Inbound::Listen(_) => "listen",
        }
    }

    /// What keeps messages from coming, if anything does.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what keeps messages from coming; what is new is an alarm.
    pub fn set_trouble(&self, trouble: Option<String>) {
        let id = || self.id.to_string();
        let mut held = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() && trouble.is_none() {
            return;
        }
        match (&*held, &trouble) {
            (None, Some(why)) => {
                tracing::error!(alarm = true, channel = id(), why, "the channel has stopped giving messages")
            }
            (Some(_), None) => {
                tracing::info!(channel = id(), "nothing is known any more that keeps the channel from giving messages")
            }
            _ => {}
        }
        metrics::gauge!("jiesu_channel_trouble", "channel" => id()).set(f64::from(u8::from(trouble.is_some())));
        *held = trouble;
    }

    /// Whether an operator has stopped it.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }
}

/// Handles of a channel's counters, looked up once.
pub struct Meters {
    /// Messages stored.
    pub accepted: Counter,
    /// The same delivery again.
    pub redeliveries: Counter,
    /// The same delivery key with other content, stored as new.
    pub reused_keys: Counter,
    /// The same idempotency key with other content, refused.
    pub conflicts: Counter,
    /// Not stored, because the store could not.
    pub unavailable: Counter,
    /// Not from whom it claims.
    pub unauthenticated: Counter,
    /// Beyond a limit.
    pub limited: Counter,
    /// Beyond a citizen's limit: kept, and put together.
    pub collapsed: Counter,
}

impl Meters {
    fn new(id: &str) -> Self {
        let counter = |outcome: &'static str| {
            let channel = id.to_owned();
            metrics::counter!("jiesu_received_total", "channel" => channel, "outcome" => outcome)
        };
        Self {
            accepted: counter("accepted"),
            redeliveries: counter("redelivery"),
            reused_keys: metrics::counter!("jiesu_reused_keys_total", "channel" => id.to_owned()),
            conflicts: counter("conflict"),
            unavailable: counter("unavailable"),
            unauthenticated: counter("unauthenticated"),
            limited: counter("limited"),
            collapsed: metrics::counter!("jiesu_collapsed_total", "channel" => id.to_owned()),
        }
    }
}

/// All channels, by id.
pub type Channels = BTreeMap<Arc<str>, Arc<Channel>>;
