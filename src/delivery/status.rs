//! What can be seen of a destination: a snapshot for the console and readiness, and metrics.

use super::outcome::{FaultClass, Outcome};
use crate::store::Sequence;
use jiff::Timestamp;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// How a destination is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its name.
    pub name: String,
    /// Everything up to here is done.
    pub cursor: Sequence,
    /// Whether it takes events.
    pub up: bool,
    /// Whether an operator has stopped it.
    pub paused: bool,
    /// Since when it is up or down.
    pub since: Timestamp,
    /// What its last failure looked like; never its own words.
    pub last_error: Option<String>,
    /// Attempts under way.
    pub in_flight: usize,
    /// Events that are not done.
    pub behind: u64,
}

/// What the worker shows of itself.
#[derive(Debug)]
pub struct Shared {
    name: String,
    cursor: AtomicI64,
    in_flight: AtomicUsize,
    behind: AtomicU64,
    paused: AtomicBool,
    /// This node delivers to it.
    here: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    up: bool,
    since: Timestamp,
    last_error: Option<FaultClass>,
}

impl Shared {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cursor: AtomicI64::new(0),
            in_flight: AtomicUsize::new(0),
            behind: AtomicU64::new(0),
            paused: AtomicBool::new(false),
            here: AtomicBool::new(false),
            state: Mutex::new(State { up: true, since: Timestamp::now(), last_error: None }),
        }
    }

    /// A snapshot.
    pub fn status(&self) -> DestinationStatus {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        DestinationStatus {
            name: self.name.clone(),
            cursor: Sequence(self.cursor.load(Relaxed)),
            up: state.up,
            paused: self.paused.load(Relaxed),
            since: state.since,
            last_error: state.last_error.map(|class| class.to_string()),
            in_flight: self.in_flight.load(Relaxed),
            behind: self.behind.load(Relaxed),
        }
    }

    pub(super) fn moved(&self, cursor: Sequence, in_flight: usize, behind: u64) {
        self.cursor.store(cursor.0, Relaxed);
        self.in_flight.store(in_flight, Relaxed);
        self.behind.store(behind, Relaxed);
    }

    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Another node goes on: nothing is known of it here.
    pub(super) fn left(&self) {
        self.moved(self.status().cursor, 0, 0);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { up: true, since: Timestamp::now(), last_error: None };
    }

    pub(super) fn is_here(&self) -> bool {
        self.here.load(Relaxed)
    }

    pub(super) fn set_here(&self, here: bool) {
        self.here.store(here, Relaxed);
    }

    pub(super) fn failed(&self, class: FaultClass) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last_error = Some(class);
    }

    pub(super) fn turned(&self, up: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.up, state.since) = (up, Timestamp::now());
    }
}

/// The metrics of one destination, looked up once.
pub(super) struct Meters {
    delivered: Counter,
    message_fault: Counter,
    destination_fault: Counter,
    seconds: Histogram,
    up: Gauge,
    paused: Gauge,
    lag: Gauge,
    dead: Counter,
}

impl Meters {
    pub(super) fn new(destination: &str) -> Self {
        let name = destination.to_owned();
        let outcome = |outcome: &'static str| counter!("jiesu_deliveries_total", "destination" => name.clone(), "outcome" => outcome);
        let meters = Self {
            delivered: outcome("delivered"),
            message_fault: outcome("message_fault"),
            destination_fault: outcome("destination_fault"),
            seconds: histogram!("jiesu_delivery_seconds", "destination" => name.clone()),
            up: gauge!("jiesu_destination_up", "destination" => name.clone()),
            paused: gauge!("jiesu_destination_paused", "destination" => name.clone()),
            lag: gauge!("jiesu_delivery_lag_events", "destination" => name.clone()),
            dead: counter!("jiesu_dead_letters_total", "destination" => name.clone()),
        };
        meters.up(true);
        meters
    }

    /// Another node shows how it stands.
    pub(super) fn left(destination: &str) {
        let name = || destination.to_owned();
        gauge!("jiesu_destination_up", "destination" => name()).set(1.0);
        gauge!("jiesu_destination_paused", "destination" => name()).set(0.0);
        gauge!("jiesu_delivery_lag_events", "destination" => name()).set(0.0);
    }

    pub(super) fn attempt(&self, outcome: &Outcome, took: Duration) {
        self.seconds.record(took);
        let counter = match outcome {
            Outcome::Delivered => &self.delivered,
            Outcome::MessageAtFault { .. } => &self.message_fault,
            Outcome::DestinationAtFault(_) => &self.destination_fault,
        };
        counter.increment(1);
    }

    pub(super) fn up(&self, up: bool) {
        self.up.set(if up { 1.0 } else { 0.0 });
    }

    pub(super) fn paused(&self, paused: bool) {
        self.paused.set(if paused { 1.0 } else { 0.0 });
    }

    pub(super) fn lag(&self, events: u64) {
        self.lag.set(events as f64);
    }

    pub(super) fn buried(&self) {
        self.dead.increment(1);
    }
}
