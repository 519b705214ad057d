//! The shared memory in Redis: one connection for all callers, made when it is first needed and again when it broke.

use super::place::{Line, Place};
use async_trait::async_trait;
use jiesu_connector::{Secret, Shared, SharedError};
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, cmd};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, time::timeout};

/// For one call, connecting included.
const PATIENCE: Duration = Duration::from_secs(1);
/// After a connection failed, so long no other is tried: calls fail at once instead of each waiting in turn.
const REST: Duration = Duration::from_millis(250);
/// Ours, in a Redis that others may use too.
const PREFIX: &str = "jiesu:";
/// The longest time that Redis is asked to keep anything.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// `held` is false where there is nothing.
const COMPARE_AND_SWAP: &str = "\
local held = redis.call('GET', KEYS[1])
if ARGV[1] == 'absent' then
  if held then return 0 end
elseif held ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1";

/// The URL is none of Redis. Says nothing of the URL: it may carry a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no URL of Redis; write for example redis://127.0.0.1:6379/0, rediss://:PASSWORD@HOST:6380 for TLS, \
         redis-sentinel://A:26379,B:26379/NAME, or redis-cluster://A:6379,B:6379"
)]
pub struct BadUrl;

/// Redis (5 or later, or what speaks like it) as the shared memory of several nodes.
///
/// An outage is told once when it begins and once when it ends, not by each call.
pub struct Redis {
    place: Place,
    state: Mutex<State>,
    /// One connection is made at a time.
    connecting: Semaphore,
}

#[derive(Default)]
struct State {
    connection: Option<Line>,
    /// When the last attempt to connect failed, and why.
    failed: Option<(Instant, String)>,
    away: bool,
}

/// What it does when a command is carried out twice.
#[derive(Clone, Copy)]
enum Harm {
    None,
    /// The second answer would differ from the first.
    Some,
}

/// Why a call failed.
enum Trouble {
    /// The call never left.
    NotSent(String),
    /// Redis said no, or nothing.
    Failed(RedisError),
}

impl Redis {
    /// The Redis at `redis://`, `rediss://`, `redis-sentinel://` or `redis-cluster://`. Opens nothing.
    ///
    /// # Errors
    /// [`BadUrl`]
    pub fn new(url: &Secret) -> Result<Self, BadUrl> {
        // TLS takes the process's provider; an error only says that there is one: the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let place = Place::of(url.expose(), PATIENCE).ok_or(BadUrl)?;
        Ok(Self { place, state: Mutex::default(), connecting: Semaphore::new(1) })
    }

    /// Whether Redis lets us in and answers; for `jiesu check --connect`, which tells of it itself.
    ///
    /// # Errors
    /// Why it does not, in words.
    pub async fn ping(&self) -> Result<(), SharedError> {
        self.attempt::<String>(&cmd("PING"), Harm::None).await.map(drop).map_err(SharedError)
    }

    /// Asks for something that may not be asked twice; for the repeat index.
    ///
    /// # Errors
    /// Why Redis does not answer, in words.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, SharedError> {
        self.ask(command, Harm::Some).await
    }

    /// Asks for something that does no harm, and tells nobody of an outage.
    pub(super) async fn quietly<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, SharedError> {
        self.attempt(command, Harm::None).await.map_err(SharedError)
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd, twice: Harm) -> Result<T, SharedError> {
        let outcome = self.attempt(command, twice).await;
        self.note(outcome.as_ref().err());
        outcome.map_err(|why| SharedError(format!("Redis: {why}")))
    }

    async fn attempt<T: FromRedisValue>(&self, command: &Cmd, twice: Harm) -> Result<T, String> {
        match timeout(PATIENCE, self.try_ask(command, twice)).await {
            Ok(outcome) => outcome.map_err(|trouble| match trouble {
                Trouble::NotSent(why) => why,
                Trouble::Failed(error) => words(&error),
            }),
            Err(_) => {
                let why = format!("no answer within {} s", PATIENCE.as_secs());
                // The next caller need not wait in vain as well.
                self.state().failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    async fn try_ask<T: FromRedisValue>(&self, command: &Cmd, twice: Harm) -> Result<T, Trouble> {
        let outcome = self.connection().await?.query(command).await;
        match (outcome, twice) {
            // Redis may have been started anew since the last call: the connection is dead, and nobody knew.
            (Err(error), Harm::None) if error.is_io_error() && !error.is_timeout() => {
                self.state().connection = None;
                self.connection().await?.query(command).await.map_err(Trouble::Failed)
            }
            (outcome, _) => outcome.map_err(Trouble::Failed),
        }
    }

    /// The connection, made if there is none.
    async fn connection(&self) -> Result<Line, Trouble> {
        let held = |state: &State| match (&state.connection, &state.failed) {
            (Some(connection), _) => Some(Ok(connection.clone())),
            (None, Some((at, why))) if at.elapsed() < REST => Some(Err(Trouble::NotSent(why.clone()))),
            _ => None,
        };
        if let Some(held) = held(&self.state()) {
            return held;
        }
        let _alone = self.connecting.acquire().await;
        if let Some(held) = held(&self.state()) {
            return held;
        }
        let made = self.place.connect(PATIENCE).await;
        let mut state = self.state();
        match made {
            Ok(connection) => {
                (state.connection, state.failed) = (Some(connection.clone()), None);
                Ok(connection)
            }
            Err(error) => {
                let why = format!("{}: {}", self.place.shown(), words(&error));
                state.failed = Some((Instant::now(), why.clone()));
                Err(Trouble::NotSent(why))
            }
        }
    }

    /// Notes how a call ended. After a failure the connection is not used again: the next one may lead to a Redis that
    /// is well, or is the primary.
    fn note(&self, failure: Option<&String>) {
        let changed = {
            let mut state = self.state();
            if failure.is_some() {
                state.connection = None;
            }
            std::mem::replace(&mut state.away, failure.is_some()) != failure.is_some()
        };
        match failure {
            Some(why) if changed => tracing::warn!(
                "the shared memory in Redis cannot be used: {why}; until it can, each node keeps tokens and quotas for itself"
            ),
            None if changed => tracing::info!("the shared memory in Redis is back"),
            _ => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Shared for Redis {
    async fn get(&self, key: &str) -> Result<Option<String>, SharedError> {
        let mut get = cmd("GET");
        get.arg(format!("{PREFIX}{key}"));
        self.ask(&get, Harm::None).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        old: Option<&str>,
        new: &str,
        ttl: Duration,
    ) -> Result<bool, SharedError> {
        // Nothing lives for zero milliseconds in Redis.
        let ttl = ttl.clamp(Duration::from_millis(1), LONGEST).as_millis() as u64;
        let mut swap = cmd("EVAL");
        swap.arg(COMPARE_AND_SWAP).arg(1).arg(format!("{PREFIX}{key}"));
        swap.arg(if old.is_some() { "held" } else { "absent" }).arg(old.unwrap_or_default()).arg(new).arg(ttl);
        self.ask(&swap, Harm::Some).await
    }
}

/// What is wrong, in words. Never what Redis held or was asked: that may be a token.
fn words(error: &RedisError) -> String {
    match error.kind() {
        // What the system or TLS says.
        ErrorKind::Io => error.to_string(),
        ErrorKind::AuthenticationFailed => "it refuses the user or the password in the URL".into(),
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "its ACL does not let us: grant GET, SET, EVAL and PING on the keys jiesu:*".into()
        }
        ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            "it is a read-only replica; name the primary, or sentinels that know it".into()
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "it is still reading its data".into(),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
            "it is a node of a cluster; write redis-cluster://HOST:PORT,HOST:PORT".into()
        }
        _ => match error.code() {
            Some("NOAUTH") => "it wants a password; write it into the URL, as redis://:PASSWORD@HOST:PORT".into(),
            Some("OOM") => "its memory is full".into(),
            Some(code) => format!("it answers {code}"),
            None => error.category().to_owned(),
        },
    }
}
