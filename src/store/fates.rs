//! How far destinations have come, and what they would not take.

use super::Sequence;
use crate::number::Number;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// How far a destination has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every event up to here is done with.
    pub cursor: Sequence,
    /// Events beyond the cursor that are done with, as ranges `first..=last`, ascending.
    pub ahead: Vec<(i64, i64)>,
}

/// Says how far a destination has come by now. Quick, and asked on the store's own thread.
pub type LatestProgress = Arc<dyn Fn() -> Progress + Send + Sync>;

/// An event that a destination would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The destination's name.
    pub destination: String,
    /// The event.
    pub sequence: Sequence,
    /// The event's id.
    pub event: String,
    /// The event's type.
    pub kind: String,
    /// The ticket.
    pub number: Number,
    /// Why, with the destination's own answer.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it died (last).
    pub at: Timestamp,
    /// Where it stands.
    pub state: DeadState,
}

/// Where a dead letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadState {
    /// Waits for a person.
    Dead,
    /// To be sent again.
    Queued,
    /// A replay was delivered.
    Delivered,
}

/// Which dead letters.
#[derive(Debug, Clone, Default)]
pub struct DeadQuery {
    /// Of this destination.
    pub destination: Option<String>,
    /// In this state.
    pub state: Option<DeadState>,
    /// Of this ticket.
    pub number: Option<Number>,
    /// At most so many.
    pub limit: usize,
}

/// Which dead letters to send again.
#[derive(Debug, Clone)]
pub enum Requeue {
    /// One.
    One(String, Sequence),
    /// Those of a destination.
    Of(String),
    /// All.
    All,
}
