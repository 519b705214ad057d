//! What follows from the end of an attempt.

use super::{Delivery, Landed};
use crate::{
    delivery::{
        attempt::Transport,
        health::Verdict,
        outcome::{Fault, FaultClass, Outcome},
        window::Key,
    },
    store::{DeadLetter, DeadState, StoredEvent},
};
use jiff::Timestamp;
use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};
use tokio::time::Instant;

/// A message is tried so often at most, if it is at fault.
const REFUSALS: u32 = 3;

impl<T: Transport> Delivery<T> {
    pub(super) fn landed(&mut self, Landed { key, event, outcome, took }: Landed) {
        self.meters.attempt(&outcome, took);
        let now = Instant::now();
        let number = event.number;
        if !matches!(outcome, Outcome::DestinationAtFault(_))
            && let Some(down_for) = self.health.answered(now)
        {
            self.window.resume();
            self.report_up(down_for);
        }
        let Some(tries) = self.window.landed(&event) else {
            // Sent before a rewind: it will be sent again.
            self.health.ended(key);
            self.window.finish(number);
            return;
        };
        tries.attempts += 1;
        let first = *tries.first.get_or_insert(now);
        match outcome {
            Outcome::Delivered if key.replay => {
                self.doing.filing += 1;
                self.window.file(number);
                self.calls.push(self.caller.exhume(key, number));
            }
            Outcome::Delivered => {
                self.pace.answered(took);
                self.finish(key, number);
            }
            Outcome::MessageAtFault { reason } => {
                tries.refusals += 1;
                let (refusals, attempts) = (tries.refusals, tries.attempts);
                if refusals >= REFUSALS {
                    self.bury(key, event, reason, attempts);
                } else {
                    self.window.wait(number, now + self.destination.retry.delay(refusals, spread(&self.jitter)));
                }
            }
            Outcome::DestinationAtFault(fault) => {
                let was_up = self.health.is_up();
                let verdict = self.health.failed(key, tries, &fault, now, spread(&self.jitter));
                let attempts = tries.attempts;
                self.report_fault(was_up, fault.class);
                if now - first >= self.destination.retry.give_up {
                    self.give_up(key, event, fault, attempts);
                } else {
                    match verdict {
                        Verdict::Wait(at) => self.window.wait(number, at),
                        Verdict::Suspend => self.window.suspend(number),
                    }
                }
            }
        }
    }

    /// The destination's map leaves the event out: it is done with.
    pub(super) fn leave_out(&mut self, key: Key, event: &StoredEvent) {
        self.window.landed(event);
        if key.replay {
            self.doing.filing += 1;
            self.window.file(event.number);
            self.calls.push(self.caller.exhume(key, event.number));
        } else {
            self.finish(key, event.number);
        }
    }

    fn give_up(&mut self, key: Key, event: StoredEvent, fault: Fault, attempts: u32) {
        let give_up = self.destination.retry.give_up.as_secs();
        self.bury(key, event, format!("not delivered within {give_up} s; last: {}", fault.reason), attempts);
    }

    /// Moves an event to the dead letters.
    pub(super) fn bury(&mut self, key: Key, event: StoredEvent, reason: String, attempts: u32) {
        self.meters.buried();
        self.doing.filing += 1;
        self.window.file(event.number);
        let letter = DeadLetter {
            destination: self.destination.name.clone(),
            sequence: key.sequence,
            event: event.id,
            kind: event.kind,
            number: event.number,
            reason,
            attempts,
            at: Timestamp::now(),
            state: DeadState::Dead,
        };
        self.calls.push(self.caller.bury(key, letter));
    }

    /// Says that it is down, once that is more than one event's failure.
    fn report_fault(&mut self, was_up: bool, class: FaultClass) {
        self.shared.failed(class);
        if !was_up && !self.reported {
            self.reported = true;
            self.turned(false);
            tracing::warn!(destination = self.destination.name, reason = %class, "destination down");
        }
    }

    fn report_up(&mut self, down_for: Duration) {
        if std::mem::take(&mut self.reported) {
            self.turned(true);
            let seconds = down_for.as_secs_f64();
            tracing::info!(destination = self.destination.name, down_for = seconds, "destination up again");
        }
    }

    fn turned(&self, up: bool) {
        self.shared.turned(up);
        self.meters.up(up);
    }
}

/// A random number from 0 to 1; good enough for jitter.
fn spread(state: &RandomState) -> f64 {
    (state.hash_one(std::time::Instant::now()) >> 11) as f64 / (1u64 << 53) as f64
}
