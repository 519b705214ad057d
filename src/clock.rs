//! What time it is, by one clock for all nodes of a store: the store's. Days, conversations and deadlines go by it, and a
//! node whose own clock is wrong would cut them short, or make them last.

use crate::store::{Store, StoreError};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// An answer that took longer says little of when it was given.
const SURE: Duration = Duration::from_millis(500);
/// The store was not asked: this machine's own clock counts.
const UNKNOWN: i64 = i64::MIN;

/// A clock: this machine's own until it was set by the store's. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }
}

impl Clock {
    /// Now. Between two settings it goes on with the machine, whatever is done to the machine's clock meanwhile.
    pub fn now(&self) -> Timestamp {
        match self.0.load(Ordering::Relaxed) {
            UNKNOWN => Timestamp::now(),
            ahead => Timestamp::from_millisecond(ahead.saturating_add(running())).unwrap_or_else(|_| Timestamp::now()),
        }
    }

    /// Sets it by the store's, and tells how many seconds this machine's own is ahead of that.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn set_by(&self, store: &dyn Store) -> Result<f64, StoreError> {
        let (asked, before) = (running(), Timestamp::now());
        let there = store.clock().await?;
        let (answered, after) = (running(), Timestamp::now());
        self.set(asked, there, answered);
        Ok((before.duration_since(there) + after.duration_since(there)).as_secs_f64() / 2.0)
    }

    /// It was `there` at some moment between these two.
    fn set(&self, asked: i64, there: Timestamp, answered: i64) {
        let sure = u128::from(answered.abs_diff(asked)) <= SURE.as_millis();
        if sure || self.0.load(Ordering::Relaxed) == UNKNOWN {
            let middle = asked + (answered - asked) / 2;
            self.0.store(there.as_millisecond() - middle, Ordering::Relaxed);
        }
    }
}

/// Milliseconds since the machine started, its sleep included.
fn running() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn it_is_the_machines_own_until_it_is_set_and_a_late_answer_does_not_move_it() {
        let clock = Clock::default();
        let off = |clock: &Clock| clock.now().duration_since(Timestamp::now()).abs();
        assert!(off(&clock) < SignedDuration::from_secs(1));
        let there = Timestamp::now() + SignedDuration::from_mins(-3);
        let asked = running();
        clock.clone().set(asked, there, asked + 20);
        let shown = clock.now().duration_since(there);
        assert!(shown > SignedDuration::from_secs(-1) && shown < SignedDuration::from_secs(5), "{shown:?}");
        clock.set(asked, Timestamp::now(), asked + 5_000);
        assert!(off(&clock) > SignedDuration::from_secs(170), "{:?}", off(&clock));
    }
}
