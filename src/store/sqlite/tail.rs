//! The end of the event log, in memory: destinations ask for an event a moment after it was written.
//!
//! A transaction's events come in when it is committed and before anybody is told, all at once. From then on they are in the
//! log; what SQLite may show a little earlier is left out until then, so that all who read the log see it grow the
//! same way, whether they are answered from here or from the file. The file is the truth: who asks how far the log goes is
//! told what the file says, and what is found in it that did not come in here is read from there.

use crate::store::{Sequence, StoredEvent};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Bytes of bodies kept at most. Fewer than one read of the log may have, so that an answer from here is never cut short.
const BYTES: usize = 1 << 20;
/// Events kept at most.
const EVENTS: usize = 1024;
/// When nothing has come for so long, everything is let go: who has not asked by then can read the file.
pub(super) const REST: Duration = Duration::from_secs(3);

/// The end of the log.
#[derive(Default)]
pub(super) struct Tail(Mutex<State>);

#[derive(Default)]
struct State {
    /// The newest event of the log, or the place up to which none is numbered.
    last: Sequence,
    /// What the log has after this event is here.
    from: Sequence,
    events: VecDeque<StoredEvent>,
    /// Of their bodies.
    bytes: usize,
    /// When the newest one came.
    grown: Option<Instant>,
}

impl Tail {
    /// Begins anew behind `last`, up to where the log was read from the file.
    pub(super) fn begin(&self, last: Sequence) {
        *self.state() = State::behind(last);
    }

    /// Takes note of how far the log goes by the file, and says how far it goes.
    pub(super) fn filed(&self, last: Sequence) -> Sequence {
        let mut state = self.state();
        if last > state.last {
            *state = State::behind(last);
        }
        state.last
    }

    /// Takes the events of a transaction that is committed, in order.
    pub(super) fn committed(&self, events: Vec<StoredEvent>) {
        if events.is_empty() {
            return;
        }
        let mut state = self.state();
        for event in events {
            // Somebody has found it in the file already.
            if event.sequence <= state.last {
                continue;
            }
            // Somebody else has written to the file.
            let before = Sequence(event.sequence.0 - 1);
            if before != state.last {
                *state = State::behind(before);
            }
            state.last = event.sequence;
            state.bytes += event.body.len();
            state.events.push_back(event);
        }
        state.grown = Some(Instant::now());
        while (state.bytes > BYTES || state.events.len() > EVENTS)
            && let Some(oldest) = state.events.pop_front()
        {
            state.bytes -= oldest.body.len();
            state.from = oldest.sequence;
        }
    }

    /// The first `limit` events after `cursor`, if all after it are here; else where the log ends, and the file must be asked.
    pub(super) fn events(&self, cursor: Sequence, limit: usize) -> Result<Vec<StoredEvent>, Sequence> {
        let state = self.state();
        if cursor < state.from {
            return Err(state.last);
        }
        let first = state.events.partition_point(|event| event.sequence <= cursor);
        Ok(state.events.range(first..).take(limit).cloned().collect())
    }

    /// Lets everything go if nothing has come for `rest`; for the keeper, who looks now and then.
    pub(super) fn let_go(&self, rest: Duration) {
        let mut state = self.state();
        if state.grown.is_some_and(|grown| grown.elapsed() >= rest) {
            *state = State::behind(state.last);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Of a log that goes as far as `last`, and of which nothing is here.
    fn behind(last: Sequence) -> Self {
        Self { last, from: last, ..Self::default() }
    }
}
