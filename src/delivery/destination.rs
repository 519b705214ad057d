//! A destination: the core or a subscriber, as configured.

use super::filter::Filter;
use jiesu_connector::Secret;
use std::{fmt, sync::Arc, time::Duration};

/// Where events go, and on what terms.
#[derive(Debug, Clone)]
pub struct Destination {
    /// `core`, or the subscriber's name: the key of its progress, and its label.
    pub name: String,
    /// Where events are posted to.
    pub url: String,
    /// Signs the events (Standard Webhooks); without it they go unsigned.
    pub secret: Option<Secret>,
    /// For one attempt, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// Attempts under way at once.
    pub concurrency: usize,
    /// When to try again.
    pub retry: RetryPolicy,
    /// Which 2xx answers count.
    pub success: Success,
    /// Which events it gets.
    pub filter: Filter,
    /// What it may see of the citizen.
    pub contact: Contact,
    /// Its own form of an event; the event itself unless given.
    pub map: Option<Map>,
    /// An operator has stopped it.
    pub paused: bool,
}

impl Destination {
    /// A destination with the defaults of `[core]`: 10 s, 32 at once, every event in full, any 2xx counts.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            secret: None,
            timeout: Duration::from_secs(10),
            concurrency: 32,
            retry: RetryPolicy::default(),
            success: Success::Status,
            filter: Filter::default(),
            contact: Contact::Full,
            map: None,
            paused: false,
        }
    }
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// After the first failure; it doubles with each one that follows.
    pub first: Duration,
    /// Never wait longer than this.
    pub max: Duration,
    /// Failing for longer than this, an event becomes a dead letter.
    pub give_up: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(300), give_up: Duration::from_secs(72 * 3600) }
    }
}

impl RetryPolicy {
    /// How long to wait after `failures` failures (1 or more). `spread` in 0 to 1 takes up to a quarter off, so that
    /// those who failed together do not come back together.
    pub(super) fn delay(&self, failures: u32, spread: f64) -> Duration {
        let doubled = self.first.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.max).mul_f64(1.0 - spread.clamp(0.0, 1.0) / 4.0)
    }
}

/// A predicate on the body of a 2xx answer.
pub type Predicate = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Which 2xx answers count as delivered.
#[derive(Clone, Default)]
pub enum Success {
    /// All of them.
    #[default]
    Status,
    /// Those whose body the predicate agrees with, for cores that say `200 {"code":500}`.
    Predicate(Predicate),
}

impl fmt::Debug for Success {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "Status",
            Self::Predicate(_) => "Predicate",
        })
    }
}

/// A destination's own form of an event: `None` leaves the event out; an error is the message's fault.
pub type Form = Result<Option<Vec<u8>>, String>;

type Former = dyn Fn(&[u8]) -> Form + Send + Sync;

/// Makes a destination's own form of an event.
#[derive(Clone)]
pub struct Map(pub Arc<Former>);

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Map")
    }
}

/// What a destination may see of the citizen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Contact {
    /// The event as it is.
    #[default]
    Full,
    /// The same, but masked where the citizen wants to be known to the centre only.
    UnlessConfidential,
    /// `王**`, `138****8000`, `w***@example.com`; no openid.
    Masked,
    /// No name, no phone, no address, no openid.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit_and_loses_a_quarter_at_most() {
        let retry = RetryPolicy::default();
        let waits: Vec<u64> = (1..=10).map(|failures| retry.delay(failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(retry.delay(u32::MAX, 0.0), retry.max);
        assert_eq!(retry.delay(2, 1.0), Duration::from_millis(1500));
    }
}
