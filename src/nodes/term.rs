//! The time for which a node holds a resource.

use super::claim::Moment;
use rustix::time::{ClockId, clock_gettime};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Now, as [`Moment`]s count it (clock_gettime(2), `CLOCK_BOOTTIME`).
pub(super) fn now() -> Moment {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn milliseconds(moment: Moment) -> u64 {
    u64::try_from(moment.as_millis()).unwrap_or(u64::MAX)
}

/// From gaining a resource to losing it.
#[derive(Debug, Clone)]
pub struct Term(Arc<Held>);

#[derive(Debug)]
struct Held {
    fence: u64,
    /// Until then it is held for certain.
    until: AtomicU64,
    over: CancellationToken,
}

impl Term {
    /// One that nobody can take.
    pub fn for_ever() -> Self {
        Self(Arc::new(Held { fence: 0, until: AtomicU64::new(u64::MAX), over: CancellationToken::new() }))
    }

    pub(super) fn new(fence: u64, until: Moment) -> Self {
        let term = Self(Arc::new(Held { fence, until: AtomicU64::new(0), over: CancellationToken::new() }));
        term.extend(until);
        term
    }

    pub(super) fn extend(&self, until: Moment) {
        self.0.until.store(milliseconds(until), Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.0.over.cancel();
    }

    /// For [`crate::store::Store::fenced`].
    pub fn fence(&self) -> u64 {
        self.0.fence
    }

    /// Whether another may hold it by now. Asks the clock, so that a process that was frozen knows at its first step.
    pub fn is_over(&self) -> bool {
        let until = self.0.until.load(Ordering::Relaxed);
        self.0.over.is_cancelled() || (until != u64::MAX && milliseconds(now()) >= until)
    }

    /// Waits until it is over.
    pub async fn over(&self) {
        self.0.over.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_over_when_its_time_is_or_when_it_is_ended() {
        let term = Term::new(1, now() + Duration::from_secs(60));
        assert!(!term.is_over());
        term.extend(now());
        assert!(term.is_over());
        let term = Term::for_ever();
        assert!(!term.is_over());
        term.end();
        assert!(term.is_over());
    }
}
