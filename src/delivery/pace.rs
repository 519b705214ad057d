//! How many attempts are under way at once: as many as make the destination faster, and no more.
//!
//! Beyond what it works on at the same time, further requests only stand in its queue; and when the gateway is killed,
//! all that stood there comes a second time. So the number follows the waiting time, as TCP Vegas does (Brakmo and
//! Peterson, 1995): the shortest answer ever seen says what an empty queue costs, and what the mean is above that is
//! queueing.

use std::time::Duration;

/// Never fewer, if the configuration allows so many: answers also wait for us, which says nothing of the destination.
const LEAST: usize = 8;
/// Requests in the destination's queue: with fewer there is room for more, with more than that too many.
const QUEUE: (f64, f64) = (3.0, 6.0);

/// The number of attempts under way at once.
#[derive(Debug)]
pub struct Pace {
    limit: usize,
    most: usize,
    shortest: Duration,
    sum: Duration,
    count: u32,
}

impl Pace {
    /// At most `most`.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { limit: LEAST.min(most), most, shortest: Duration::MAX, sum: Duration::ZERO, count: 0 }
    }

    /// How many may be under way now.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// An attempt was answered after `took`.
    pub fn answered(&mut self, took: Duration) {
        self.shortest = self.shortest.min(took);
        self.sum += took;
        self.count += 1;
        if (self.count as usize) < self.limit {
            return;
        }
        let mean = self.sum.as_secs_f64() / f64::from(self.count);
        let queued = self.limit as f64 * (1.0 - self.shortest.as_secs_f64() / mean.max(f64::MIN_POSITIVE));
        (self.sum, self.count) = (Duration::ZERO, 0);
        if queued < QUEUE.0 {
            self.limit = (self.limit * 2).min(self.most);
        } else if queued > QUEUE.1 {
            self.limit = (self.limit * 3 / 4).max(LEAST.min(self.most));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(most: usize, answers: u32, took: impl Fn(usize) -> Duration) -> usize {
        let mut pace = Pace::new(most);
        (0..answers).for_each(|_| pace.answered(took(pace.limit())));
        pace.limit()
    }

    #[test]
    fn a_destination_that_works_in_parallel_gets_all_and_one_that_queues_gets_few() {
        let far = |_| Duration::from_millis(50);
        assert_eq!(after(32, 100, far), 32);
        let one_by_one = |under_way: usize| Duration::from_millis(under_way as u64);
        let mut pace = Pace::new(32);
        pace.answered(Duration::from_millis(1));
        (0..1000).for_each(|_| pace.answered(one_by_one(pace.limit())));
        assert_eq!(pace.limit(), LEAST);
        assert_eq!(after(4, 100, far), 4);
        assert_eq!(after(1, 100, far), 1);
    }

    #[test]
    fn a_destination_that_becomes_a_queue_gets_fewer_again() {
        let mut pace = Pace::new(32);
        (0..100).for_each(|_| pace.answered(Duration::from_millis(1)));
        assert_eq!(pace.limit(), 32);
        (0..500).for_each(|_| pace.answered(Duration::from_millis(pace.limit() as u64)));
        assert_eq!(pace.limit(), LEAST);
    }
}
