//! A rate limit that all nodes share, where they share a Redis.

use super::Redis;
use crate::{
    number::ReceiptKey,
    server::limits::{Limiter, RateSpec, client},
};
use jiff::Timestamp;
use redis::cmd;
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

/// A message at the door waits no longer for Redis than this.
const PATIENCE: Duration = Duration::from_millis(150);
/// After Redis did not answer, each node counts for itself for so long.
const REST_MS: i64 = 2_000;

/// GCRA on Redis's own clock, in microseconds: how long to wait, or 0. KEYS: the key's theoretical arrival time. ARGV: time
/// from one to the next, time that a burst may run ahead.
const CHECK: &str = r"
local time = redis.call('TIME')
local now, each, ahead = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + each
if next - now > ahead then return next - now - ahead end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1)
return 0";

/// A limit for each of many keys: counted in this process, and by all nodes together where they share a Redis. Whom this
/// process refuses already is not asked about; while Redis is away each node counts for itself.
pub struct SharedLimiter {
    local: Limiter,
    shared: Option<Shared>,
}

struct Shared {
    redis: Arc<Redis>,
    /// The nodes of one gateway have the same.
    key: ReceiptKey,
    /// Tells limits apart.
    name: &'static str,
    each: u64,
    ahead: u64,
    /// Until then Redis is not asked, milliseconds since 1970.
    away_until: AtomicI64,
}

impl SharedLimiter {
    /// A limit of `rate`; `None` limits nothing. In Redis nobody's name stands, only a code made of it with the gateway's key.
    pub fn new(rate: Option<RateSpec>, name: &'static str, redis: Option<(Arc<Redis>, ReceiptKey)>) -> Self {
        let shared = redis.zip(rate).map(|((redis, key), rate)| {
            let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
            let (each, ahead) = (micros(rate.per / rate.count.get()), micros(rate.per));
            Shared { redis, key, name, each, ahead, away_until: AtomicI64::new(0) }
        });
        Self { local: Limiter::new(rate), shared }
    }

    /// Counts one under a key.
    ///
    /// # Errors
    /// The time until the next would be let through.
    pub async fn check_key(&self, key: &str) -> Result<(), Duration> {
        self.local.check_key(key)?;
        match &self.shared {
            // Boxed: what asks Redis is large, and every request would have to make room for it.
            Some(shared) => Box::pin(shared.check(key)).await,
            None => Ok(()),
        }
    }

    /// Counts one request of a client ([`client`]).
    ///
    /// # Errors
    /// The time until the next would be let through.
    pub async fn check_address(&self, address: IpAddr) -> Result<(), Duration> {
        self.local.check_address(address)?;
        match &self.shared {
            Some(shared) => Box::pin(shared.check(&client(address).to_string())).await,
            None => Ok(()),
        }
    }

    /// The count of this process, for memory that is given back.
    pub fn local(&self) -> &Limiter {
        &self.local
    }
}

impl Shared {
    async fn check(&self, key: &str) -> Result<(), Duration> {
        let now = Timestamp::now().as_millisecond();
        if now < self.away_until.load(Relaxed) {
            return Ok(());
        }
        // Nothing that says who it is without the gateway's key: there are few enough phone numbers to try them all.
        let name = crate::files::hex(&self.key.mac("limit", &[key.as_bytes()])[..16]);
        let mut check = cmd("EVAL");
        check.arg(CHECK).arg(1).arg(format!("jiesu:limit:{}:{name}", self.name)).arg(self.each).arg(self.ahead);
        match tokio::time::timeout(PATIENCE, self.redis.command::<u64>(&check)).await {
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(wait)) => Err(Duration::from_micros(wait)),
            Ok(Err(_)) | Err(_) => {
                self.away_until.store(Timestamp::now().as_millisecond() + REST_MS, Relaxed);
                Ok(())
            }
        }
    }
}
