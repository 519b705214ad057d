//! Whether a destination is up, and when it may be tried: a pure state machine, told the time.
//!
//! A poison message is not a poison destination. One failure says little, so after the first one the destination
//! counts as down and *other* events ask whether it is. If one of them gets through, it is up; and if the first event
//! then fails again, the trouble is its own: it alone waits, and the destination stays up.

use super::{
    destination::RetryPolicy,
    outcome::{Fault, FaultClass},
    window::{Key, Tries},
};
use std::time::Duration;
use tokio::time::Instant;

/// Between two probes of a destination that stays down, at least.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// So many different events must have failed before a destination is held to be down beyond doubt; until then an
/// event that was not tried yet need not wait for the back-off.
const SUSPECTS: usize = 3;

/// What to do with an event that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The trouble is its own: it waits until then, others go on.
    Wait(Instant),
    /// The destination is down: it goes again when that is up.
    Suspend,
}

/// The health of one destination.
#[derive(Debug)]
pub struct Health {
    retry: RetryPolicy,
    interval: Duration,
    down: Option<Down>,
    /// `Retry-After`: nothing is sent before.
    hold: Option<Instant>,
    /// How often it has taken, or at least read, an event.
    answers: u64,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    /// Failed probes.
    failures: u32,
    /// The failure that the next probe counts its second from.
    last: Instant,
    /// When to probe next.
    next: Instant,
    /// The probe under way.
    probe: Option<Key>,
    /// The first events to fail.
    suspects: Vec<Key>,
    /// Not even a connection: no message is to blame for that.
    certain: bool,
}

impl Health {
    /// Up, until proven otherwise.
    pub fn new(retry: RetryPolicy, interval: Duration) -> Self {
        Self { retry, interval, down: None, hold: None, answers: 0 }
    }

    /// Whether it counts as up.
    pub fn is_up(&self) -> bool {
        self.down.is_none()
    }

    /// When the next attempt may start; `None` while a probe is under way. `fresh`: an event that has not failed yet
    /// is at hand.
    pub fn next_start(&self, fresh: bool, now: Instant) -> Option<Instant> {
        let next = match &self.down {
            None => now,
            Some(down) if down.probe.is_some() => return None,
            Some(down) if fresh && !down.certain && down.suspects.len() <= SUSPECTS => {
                down.next.min(down.last + self.interval)
            }
            Some(down) => down.next,
        };
        Some(self.hold.map_or(next, |hold| next.max(hold)))
    }

    /// An attempt starts. While down, it is the probe.
    pub fn started(&mut self, key: Key) {
        if let Some(down) = &mut self.down {
            down.probe = Some(key);
        }
    }

    /// The destination has read an event and said so. If it was down, says for how long.
    pub fn answered(&mut self, now: Instant) -> Option<Duration> {
        self.answers += 1;
        self.down.take().map(|down| now - down.since)
    }

    /// An attempt ended without telling anything about the destination.
    pub fn ended(&mut self, key: Key) {
        if let Some(down) = self.down.as_mut().filter(|down| down.probe == Some(key)) {
            down.probe = None;
        }
    }

    /// An attempt failed. `spread` in 0 to 1 is the jitter.
    pub fn failed(&mut self, key: Key, tries: &mut Tries, fault: &Fault, now: Instant, spread: f64) -> Verdict {
        let own = tries.failed_at.replace(self.answers).is_some_and(|answers| answers < self.answers);
        let asked = fault.retry_after.map(|wait| now + wait.min(self.retry.max));
        let verdict = if own {
            tries.setbacks += 1;
            let wait = now + self.retry.delay(tries.setbacks, spread);
            Verdict::Wait(asked.map_or(wait, |asked| asked.max(wait)))
        } else {
            self.hold = self.hold.max(asked);
            Verdict::Suspend
        };
        match &mut self.down {
            None if own => {}
            None => {
                self.down = Some(Down {
                    since: now,
                    failures: 1,
                    last: now,
                    next: now + self.retry.delay(1, spread).max(self.interval),
                    probe: None,
                    suspects: vec![key],
                    certain: fault.class == FaultClass::Connect,
                });
            }
            Some(down) => {
                down.certain |= fault.class == FaultClass::Connect;
                let known = down.suspects.contains(&key);
                if !known && down.suspects.len() <= SUSPECTS {
                    down.suspects.push(key);
                }
                if down.probe == Some(key) {
                    down.probe = None;
                    down.last = now;
                    if known || down.certain || down.suspects.len() > SUSPECTS {
                        down.failures += 1;
                    }
                    down.next = now + self.retry.delay(down.failures, spread).max(self.interval);
                }
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sequence;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(sequence: i64) -> Key {
        Key { sequence: Sequence(sequence), replay: false }
    }

    fn fault(class: FaultClass) -> Fault {
        Fault::without_answer(class)
    }

    fn fail(health: &mut Health, sequence: i64, tries: &mut Tries, now: Instant) -> Verdict {
        health.failed(key(sequence), tries, &fault(FaultClass::Timeout), now, 0.0)
    }

    #[test]
    fn while_down_there_is_one_probe_at_a_time_and_never_two_in_one_second() {
        let mut health = Health::new(
            RetryPolicy { first: Duration::from_millis(10), max: 8 * SECOND, ..RetryPolicy::default() },
            PROBE_INTERVAL,
        );
        let start = Instant::now();
        let mut now = start;
        assert_eq!(health.next_start(true, now), Some(now));
        assert_eq!(fail(&mut health, 0, &mut Tries::default(), now), Verdict::Suspend);
        let mut waits = Vec::new();
        for event in 1..=20 {
            let next = health.next_start(true, now).unwrap();
            assert!(next >= now + SECOND);
            waits.push((next - now).as_secs_f64());
            now = next;
            health.started(key(event));
            assert_eq!(health.next_start(true, now + SECOND), None, "one at a time");
            assert_eq!(fail(&mut health, event, &mut Tries::default(), now), Verdict::Suspend);
        }
        assert_eq!(*waits.last().unwrap(), 8.0, "it backs off: {waits:?}");
        assert_eq!(health.answered(now), Some(now - start));
        assert_eq!(health.next_start(false, now), Some(now), "up again: full speed at once");
    }

    #[test]
    fn an_event_that_fails_while_others_get_through_waits_alone() {
        let mut health = Health::new(RetryPolicy::default(), PROBE_INTERVAL);
        let now = Instant::now();
        let mut poison = Tries::default();
        assert_eq!(fail(&mut health, 1, &mut poison, now), Verdict::Suspend);
        assert!(!health.is_up());
        assert!(health.answered(now).is_some());
        assert_eq!(fail(&mut health, 1, &mut poison, now), Verdict::Wait(now + SECOND));
        assert!(health.is_up());
        assert!(health.answered(now).is_none());
        assert_eq!(fail(&mut health, 1, &mut poison, now), Verdict::Wait(now + 2 * SECOND));
        assert_eq!(fail(&mut health, 1, &mut poison, now), Verdict::Suspend, "nobody got through meanwhile");
    }

    #[test]
    fn one_event_that_failed_for_hours_does_not_keep_a_new_one_waiting() {
        let mut health = Health::new(RetryPolicy::default(), PROBE_INTERVAL);
        let mut now = Instant::now();
        let mut poison = Tries::default();
        fail(&mut health, 1, &mut poison, now);
        for _ in 0..20 {
            now = health.next_start(false, now).unwrap();
            health.started(key(1));
            fail(&mut health, 1, &mut poison, now);
        }
        assert_eq!(health.next_start(false, now), Some(now + Duration::from_secs(300)));
        assert_eq!(health.next_start(true, now), Some(now + SECOND));
        health.failed(key(1), &mut poison, &fault(FaultClass::Connect), now, 0.0);
        assert_eq!(health.next_start(true, now), Some(now + Duration::from_secs(300)), "no message is to blame");
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_limit_even_if_another_attempt_gets_through() {
        let mut health = Health::new(RetryPolicy { max: 60 * SECOND, ..RetryPolicy::default() }, PROBE_INTERVAL);
        let now = Instant::now();
        let busy = |seconds| Fault { retry_after: Some(seconds * SECOND), ..fault(FaultClass::Timeout) };
        health.failed(key(1), &mut Tries::default(), &busy(30), now, 0.0);
        assert_eq!(health.next_start(true, now), Some(now + 30 * SECOND));
        assert!(health.answered(now).is_some());
        assert_eq!(health.next_start(true, now), Some(now + 30 * SECOND));
        health.failed(key(2), &mut Tries::default(), &busy(3600), now, 0.0);
        assert_eq!(health.next_start(true, now), Some(now + 60 * SECOND));
    }

    #[test]
    fn attempts_that_were_under_way_when_it_went_down_do_not_lengthen_the_wait() {
        let mut health = Health::new(RetryPolicy::default(), PROBE_INTERVAL);
        let now = Instant::now();
        (0..32).for_each(|event| _ = fail(&mut health, event, &mut Tries::default(), now));
        assert_eq!(health.next_start(true, now), Some(now + SECOND));
    }
}
