//! What a connector may use of the world outside: HTTP and a little shared memory, both owned by the gateway.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Sends HTTP requests. The gateway owns connections, TLS, the address filter, and the caps on size and time.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends one request. Redirects are not followed. Any status is an answer, not an error.
    ///
    /// # Errors
    /// [`SendError`] tells whether the far side may have acted on it.
    async fn send(&self, request: OutRequest) -> Result<OutResponse, SendError>;
}

/// One request to a channel.
#[derive(Clone)]
pub struct OutRequest {
    /// The method.
    pub method: Method,
    /// The whole address. Its query may hold a token: never log it.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// For the whole exchange, connecting included.
    pub timeout: Duration,
    /// The answer's body, in bytes, counted while it streams; a longer one is [`SendError::TooLarge`].
    pub max_answer: u64,
    /// Who named the address.
    pub origin: Origin,
}

/// Who named an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configuration: any address is right.
    Configured,
    /// A message or a far side's answer: private and local addresses are refused (`[server] allow_fetch` excepts).
    Foreign,
}

/// Scheme, host and path: the query may hold a token, the body is the citizen's.
impl fmt::Debug for OutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.url.split('?').next().unwrap_or_default();
        write!(f, "OutRequest({} {address}, {} bytes)", self.method, self.body.len())
    }
}

/// An answer, its body within the cap.
#[derive(Clone)]
pub struct OutResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl fmt::Debug for OutResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutResponse({}, {} bytes)", self.status, self.body.len())
    }
}

/// No answer. The words never hold the address's query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing left this machine: no connection, no name. Safe to send again.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It left, and no whole answer came: the far side may have acted on it.
    #[error("no answer: {0}")]
    Unknown(String),
    /// The address filter refused the address.
    #[error("refused address: {0}")]
    Forbidden(String),
    /// The answer is longer than [`OutRequest::max_answer`].
    #[error("the answer is longer than {0} bytes")]
    TooLarge(u64),
}

/// A little memory that all nodes of one gateway share: tokens, quotas. Losing it costs a log-in, no appeal.
#[async_trait]
pub trait Shared: Send + Sync {
    /// What `key` holds.
    ///
    /// # Errors
    /// The memory cannot be reached.
    async fn get(&self, key: &str) -> Result<Option<String>, SharedError>;

    /// Sets `key` to `new` for `ttl`, if it now holds `old` (`None`: nothing); tells whether it did. One atomic step.
    ///
    /// # Errors
    /// The memory cannot be reached; nothing is known about `key`.
    async fn compare_and_swap(
        &self,
        key: &str,
        old: Option<&str>,
        new: &str,
        ttl: Duration,
    ) -> Result<bool, SharedError>;
}

/// The shared memory cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SharedError(
    /// Why.
    pub String,
);

/// What [`LocalMemory`] holds at most.
const MOST: usize = 131_072;

/// The memory of one process: right for a gateway of one node, and for tests. Beyond 131,072 values it forgets those
/// that would end soonest.
#[derive(Default)]
pub struct LocalMemory(Mutex<Held>);

#[derive(Default)]
struct Held {
    values: HashMap<String, (String, Instant)>,
    /// Values whose time is over are looked for again when there are so many.
    sweep_at: usize,
}

impl Held {
    /// Makes room for one more: at most half of the values are ever looked at in vain.
    fn sweep(&mut self, now: Instant) {
        if self.values.len() < self.sweep_at.max(64) {
            return;
        }
        self.values.retain(|_, (_, until)| *until > now);
        if self.values.len() >= MOST {
            let mut ends: Vec<Instant> = self.values.values().map(|(_, until)| *until).collect();
            let (_, median, _) = ends.select_nth_unstable(MOST / 2);
            let median = *median;
            self.values.retain(|_, (_, until)| *until > median);
        }
        self.sweep_at = (self.values.len() * 2).min(MOST);
    }
}

#[async_trait]
impl Shared for LocalMemory {
    async fn get(&self, key: &str) -> Result<Option<String>, SharedError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(held.values.get(key).filter(|(_, until)| *until > Instant::now()).map(|(value, _)| value.clone()))
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        old: Option<&str>,
        new: &str,
        ttl: Duration,
    ) -> Result<bool, SharedError> {
        let now = Instant::now();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = held.values.get(key).filter(|(_, until)| *until > now);
        if there.map(|(value, _)| value.as_str()) != old {
            return Ok(false);
        }
        held.sweep(now);
        held.values.insert(key.to_owned(), (new.to_owned(), now + ttl));
        Ok(true)
    }
}

/// No network: what a connector gets where nothing may leave, as in `jiesu try`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

#[async_trait]
impl HttpClient for Offline {
    async fn send(&self, _: OutRequest) -> Result<OutResponse, SendError> {
        Err(SendError::NotSent("this command uses no network".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_holder_of_the_old_value_swaps_it() {
        let memory = LocalMemory::default();
        let minute = Duration::from_secs(60);
        assert_eq!(memory.compare_and_swap("k", None, "a", minute).await, Ok(true));
        assert_eq!(memory.compare_and_swap("k", None, "b", minute).await, Ok(false));
        assert_eq!(memory.compare_and_swap("k", Some("a"), "b", Duration::ZERO).await, Ok(true));
        assert_eq!(memory.get("k").await, Ok(None), "a value whose time is over is no value");
        assert_eq!(memory.compare_and_swap("k", None, "c", minute).await, Ok(true));
    }

    #[tokio::test]
    async fn the_memory_of_one_process_is_bounded_and_keeps_what_lasts_longest() {
        let memory = LocalMemory::default();
        let hour = Duration::from_secs(3_600);
        assert_eq!(memory.compare_and_swap("token", None, "t", 2 * hour).await, Ok(true));
        for citizen in 0..MOST + 10 {
            let key = format!("citizen/{citizen}");
            assert_eq!(memory.compare_and_swap(&key, None, "1", hour).await, Ok(true));
        }
        assert!(memory.0.lock().unwrap().values.len() <= MOST);
        assert_eq!(memory.get("token").await, Ok(Some("t".into())));
        assert_eq!(memory.get(&format!("citizen/{}", MOST + 9)).await, Ok(Some("1".into())));
    }

    #[test]
    fn debug_shows_neither_token_nor_body() {
        let request = OutRequest {
            method: Method::POST,
            url: "https://api.example/send?access_token=SECRET".into(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"words"),
            timeout: Duration::from_secs(1),
            max_answer: 1,
            origin: Origin::Configured,
        };
        assert_eq!(format!("{request:?}"), "OutRequest(POST https://api.example/send, 5 bytes)");
    }
}
