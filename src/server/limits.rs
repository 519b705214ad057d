//! Rate limits, by address and by key (governor, GCRA).

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{
        InMemoryState, NotKeyed, StateStore,
        keyed::{DashMapStateStore, ShrinkableKeyedStateStore},
    },
};
use http::StatusCode;
use jiesu_connector::Problem;
use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// Keys that are known one by one; further ones share buckets until some are forgotten.
const MAX_KEYS: usize = 65_536;
/// Buckets that the keys beyond share.
const CROWD: usize = 1024;
/// After so many unknown keys, those that are idle again are forgotten.
const SWEEP_EVERY: usize = 4096;

/// So many in a time: `20/s`. The whole count may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSpec {
    /// How many.
    pub count: NonZeroU32,
    /// In what time; longer than zero.
    pub per: Duration,
}

/// A rate limit for each of many keys; keys are hashed, never kept.
///
/// The table is bounded. A flood of new keys beyond the bound shares a thousand buckets, each as strict as one key:
/// keys that were known before feel nothing of it.
pub struct Limiter<C: Clock = DefaultClock> {
    limiter: Option<RateLimiter<u64, Table, C, NoOpMiddleware<C::Instant>>>,
    table: Arc<Keys>,
    hasher: RandomState,
}

impl Limiter {
    /// A limiter on the system's clock; `None` limits nothing.
    pub fn new(rate: Option<RateSpec>) -> Self {
        Self::with_clock(rate, MAX_KEYS, DefaultClock::default())
    }
}

impl<C: Clock> Limiter<C> {
    /// A limiter that knows at most `keys` keys, on a clock of its own.
    pub fn with_clock(rate: Option<RateSpec>, keys: usize, clock: C) -> Self {
        let table = Arc::new(Keys::new(keys));
        let limiter = rate.map(|rate| RateLimiter::new(quota(rate), Table(table.clone()), clock));
        Self { limiter, table, hasher: RandomState::new() }
    }

    /// Counts one request of a client: an IPv4 address, or the /64 of an IPv6 address (what one line gets).
    ///
    /// # Errors
    /// The time until the next would be let through.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Duration> {
        self.check(self.hasher.hash_one(client(address)))
    }

    /// Counts one request under a key.
    ///
    /// # Errors
    /// The time until the next would be let through.
    pub fn check_key(&self, key: &str) -> Result<(), Duration> {
        self.check(self.hasher.hash_one(key))
    }

    fn check(&self, hash: u64) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let outcome = limiter.check_key(&hash).map_err(|until| until.wait_time_from(limiter.clock().now()));
        if self.table.due_for_sweep() {
            limiter.retain_recent();
        }
        outcome
    }

    /// Forgets the keys that are idle again. Happens by itself under load; call it now and then to give memory back.
    pub fn sweep(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// Keys known one by one now.
    pub fn known(&self) -> usize {
        self.table.known.len()
    }
}

/// The client behind an address: all that one line gets of IPv6 (a /64) counts as one.
pub fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

/// The answer to a client beyond its limit: 429 with `Retry-After`.
pub fn too_many(wait: Duration) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests; wait and send it again").retry(wait)
}

fn quota(rate: RateSpec) -> Quota {
    let each = (rate.per / rate.count.get()).max(Duration::from_nanos(1));
    // `with_period` refuses zero only.
    Quota::with_period(each).unwrap_or(Quota::per_second(rate.count)).allow_burst(rate.count)
}

struct Keys {
    known: DashMapStateStore<u64>,
    size: AtomicUsize,
    max: usize,
    unknown: AtomicUsize,
    crowd: Box<[InMemoryState]>,
}

impl Keys {
    fn new(max: usize) -> Self {
        Self {
            known: DashMapStateStore::default(),
            size: AtomicUsize::new(0),
            max,
            unknown: AtomicUsize::new(0),
            crowd: std::iter::repeat_with(InMemoryState::default).take(CROWD).collect(),
        }
    }

    fn due_for_sweep(&self) -> bool {
        self.unknown.load(Relaxed) >= SWEEP_EVERY.min(self.max) && self.unknown.swap(0, Relaxed) > 0
    }
}

/// governor's view of [`Keys`].
struct Table(Arc<Keys>);

impl StateStore for Table {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let keys = &*self.0;
        if let Some(state) = keys.known.get(key) {
            return state.measure_and_replace(&NotKeyed::NonKey, decide);
        }
        keys.unknown.fetch_add(1, Relaxed);
        // Two threads may both take the last place; a bound need not be exact.
        if keys.size.load(Relaxed) >= keys.max {
            return keys.crowd[*key as usize % CROWD].measure_and_replace(&NotKeyed::NonKey, decide);
        }
        keys.size.fetch_add(1, Relaxed);
        keys.known.entry(*key).or_default().measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

impl ShrinkableKeyedStateStore<u64> for Table {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.known.retain_recent(drop_below);
        self.0.size.store(self.0.known.len(), Relaxed);
    }

    fn shrink_to_fit(&self) {
        self.0.known.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.0.known.len()
    }

    fn is_empty(&self) -> bool {
        self.0.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn limiter(count: u32, per: Duration, keys: usize) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rate = RateSpec { count: NonZeroU32::new(count).unwrap(), per };
        (Limiter::with_clock(Some(rate), keys, clock.clone()), clock)
    }

    #[test]
    fn the_count_may_come_at_once_and_then_at_its_rate() {
        let (limiter, clock) = limiter(30, Duration::from_secs(60), 100);
        for _ in 0..30 {
            assert_eq!(limiter.check_key("a"), Ok(()));
        }
        assert_eq!(limiter.check_key("a"), Err(Duration::from_secs(2)));
        assert_eq!(limiter.check_key("b"), Ok(()), "another key has its own count");
        clock.advance(Duration::from_secs(2));
        assert_eq!(limiter.check_key("a"), Ok(()));
        assert!(limiter.check_key("a").is_err());
    }

    #[test]
    fn a_64_of_ipv6_is_one_client_and_a_mapped_ipv4_address_is_that_address() {
        let (limiter, _) = limiter(1, Duration::from_secs(1), 100);
        let check = |address: &str| limiter.check_address(address.parse().unwrap());
        assert!(check("2001:db8::1").is_ok());
        assert!(check("2001:db8::ffff:2").is_err());
        assert!(check("2001:db8:0:1::1").is_ok());
        assert!(check("203.0.113.9").is_ok());
        assert!(check("::ffff:203.0.113.9").is_err());
        assert!(check("::ffff:203.0.113.8").is_ok());
    }

    #[test]
    fn a_flood_of_keys_takes_no_more_memory_and_nothing_from_known_keys() {
        let (limiter, clock) = limiter(5, Duration::from_secs(1), 100);
        assert!(limiter.check_key("known").is_ok());
        let mut refused = 0;
        for n in 0..20_000 {
            refused += usize::from(limiter.check_key(&format!("flood {n}")).is_err());
        }
        assert!(limiter.known() <= 100);
        assert!(refused > 10_000, "the flood shares buckets: {refused} refused");
        assert!(limiter.check_key("known").is_ok());
        clock.advance(Duration::from_secs(3));
        limiter.sweep();
        assert_eq!(limiter.known(), 0, "idle keys are forgotten");
        assert!(limiter.check_key("new").is_ok());
        assert_eq!(limiter.known(), 1);
    }

    #[test]
    fn off_limits_nothing_and_absurd_rates_do_not_panic() {
        let off = Limiter::new(None);
        assert!((0..1000).all(|_| off.check_key("a").is_ok()));
        let (limiter, _) = limiter(u32::MAX, Duration::from_nanos(1), 1);
        assert!(limiter.check_key("a").is_ok());
    }

    #[test]
    fn the_wait_is_told_in_whole_seconds_rounded_up() {
        let response = jiesu_connector::Response::from(too_many(Duration::from_millis(1001)));
        assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers["retry-after"], "2");
    }
}
