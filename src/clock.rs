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
/// The first answer is asked for again if it took longer: until the next one, times go by it.
const FIRST: Duration = Duration::from_millis(50);
/// How often at most.
const ASKED: usize = 5;
/// What is known of the store's clock grows older by a millisecond in so many: no two clocks drift apart faster.
const DRIFT: i64 = 1_000;
/// The store was not asked: this machine's own clock counts.
const UNKNOWN: i64 = i64::MIN;

/// A clock: this machine's own until it was set by the store's. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Known>);

/// What is known of the store's clock; all in milliseconds.
#[derive(Debug)]
struct Known {
    /// How far it is ahead of what [`running`] says.
    ahead: AtomicI64,
    /// By how much that may be wrong, and as of when.
    within: AtomicI64,
    set_at: AtomicI64,
}

impl Default for Clock {
    fn default() -> Self {
        let [ahead, within, set_at] = [UNKNOWN, 0, 0].map(AtomicI64::new);
        Self(Arc::new(Known { ahead, within, set_at }))
    }
}

impl Clock {
    /// Now. Between two settings it goes on with the machine, whatever is done to the machine's clock meanwhile.
    pub fn now(&self) -> Timestamp {
        match self.0.ahead.load(Ordering::Relaxed) {
            UNKNOWN => Timestamp::now(),
            ahead => Timestamp::from_millisecond(ahead.saturating_add(running())).unwrap_or_else(|_| Timestamp::now()),
        }
    }

    /// Sets it by the store's, and tells how many seconds this machine's own is ahead of that.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn set_by(&self, store: &dyn Store) -> Result<f64, StoreError> {
        let mut off = self.ask(store).await?;
        for _ in 1..ASKED {
            if u128::from(self.0.within.load(Ordering::Relaxed).unsigned_abs()) * 2 <= FIRST.as_millis() {
                break;
            }
            off = self.ask(store).await?;
        }
        Ok(off)
    }

    async fn ask(&self, store: &dyn Store) -> Result<f64, StoreError> {
        let (asked, before) = (running(), Timestamp::now());
        let there = store.clock().await?;
        let (answered, after) = (running(), Timestamp::now());
        self.set(asked, there, answered);
        Ok((before.duration_since(there) + after.duration_since(there)).as_secs_f64() / 2.0)
    }

    /// It was `there` at some moment between these two. The surest answer counts, until it is too old, or another one
    /// contradicts it: so nothing that was slow once moves the times of what comes next to and fro.
    fn set(&self, asked: i64, there: Timestamp, answered: i64) {
        let known = &*self.0;
        let within = (answered - asked + 1) / 2;
        let ahead = there.as_millisecond() - (asked + within);
        let before = known.ahead.load(Ordering::Relaxed);
        let aged = known.within.load(Ordering::Relaxed) + (answered - known.set_at.load(Ordering::Relaxed)) / DRIFT;
        let late = u128::from(answered.abs_diff(asked)) > SURE.as_millis();
        let contradicts = ahead.abs_diff(before) > (within + aged).unsigned_abs();
        if before == UNKNOWN || within <= aged || contradicts && !late {
            known.within.store(within, Ordering::Relaxed);
            known.set_at.store(answered, Ordering::Relaxed);
            known.ahead.store(ahead, Ordering::Relaxed);
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
        // Nor does one that says less than what is known, and fits it.
        let before = clock.now().duration_since(Timestamp::now());
        clock.set(asked, there + SignedDuration::from_millis(200), asked + 400);
        assert!((clock.now().duration_since(Timestamp::now()) - before).abs() < SignedDuration::from_millis(50));
        assert!(off(&clock) > SignedDuration::from_secs(170), "{:?}", off(&clock));
        // One that cannot both be true does, and so does a sure one where nothing so sure is known.
        clock.set(asked, Timestamp::now(), asked + 20);
        assert!(off(&clock) < SignedDuration::from_secs(1), "{:?}", off(&clock));
        clock.set(asked, Timestamp::now() + SignedDuration::from_millis(3), asked + 2);
        assert_eq!(clock.0.within.load(Ordering::Relaxed), 1);
    }
}
