//! Readers: a few connections, each used by one question at a time.

use super::{Shared, fail::Fail, link::Link};
use crate::store::{Result, StoreError};
use futures_util::future::BoxFuture;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, time::timeout};

const LINKS: usize = 4;
/// For leases: so that no number of slow questions makes one run out.
const OWN_LINKS: usize = 4;
/// For an answer.
const ANSWER: Duration = Duration::from_secs(15);
/// While a database that was away is not asked again.
const AWAY: Duration = Duration::from_millis(500);

/// The connections of those who read, and of what is written by itself.
pub(super) struct Readers {
    shared: Arc<Shared>,
    idle: Mutex<Vec<Link>>,
    turns: Semaphore,
    away: Mutex<Option<(Instant, Fail)>>,
    /// What fails is told by whoever asks.
    quiet: bool,
}

impl Readers {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, idle: Mutex::default(), turns: Semaphore::new(LINKS), away: Mutex::default(), quiet: false }
    }

    /// For leases, and for what is said again and again.
    pub(super) fn aside(shared: Arc<Shared>) -> Self {
        Self { turns: Semaphore::new(OWN_LINKS), quiet: true, ..Self::new(shared) }
    }

    /// Asks one question.
    pub(super) async fn read<T>(
        &self,
        work: impl for<'a> FnOnce(&'a Link) -> BoxFuture<'a, std::result::Result<T, Fail>> + Send,
    ) -> Result<T> {
        let closed = |_| StoreError::Unavailable("the store is closed".into());
        let _turn = self.turns.acquire().await.map_err(closed)?;
        let link = self.link().await?;
        let answer = timeout(ANSWER, work(&link)).await.unwrap_or_else(|_| Err(Fail::silent()));
        match answer {
            Ok(value) => {
                if !self.turns.is_closed() {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(link);
                }
                Ok(value)
            }
            // A connection that failed is not used again.
            Err(fail) => {
                if !self.quiet {
                    tracing::warn!(error = fail.text(), "reading the store failed");
                }
                Err(fail.into())
            }
        }
    }

    /// Asks several questions about one moment.
    pub(super) async fn look<T: Send>(
        &self,
        work: impl for<'a> FnOnce(&'a Link) -> BoxFuture<'a, std::result::Result<T, Fail>> + Send + 'static,
    ) -> Result<T> {
        self.read(move |link| {
            Box::pin(async move {
                link.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
                let value = work(link).await?;
                link.batch("COMMIT").await?;
                Ok(value)
            })
        })
        .await
    }

    /// No more reads; connections are closed as they come back.
    pub(super) fn close(&self) {
        self.turns.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn link(&self) -> std::result::Result<Link, Fail> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(link) if link.is_closed() => {}
                Some(link) => return Ok(link),
                None => break,
            }
        }
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, fail)) = away
            && since.elapsed() < AWAY
        {
            return Err(fail);
        }
        // Where the store was opened: the bytes of whoever asks are carried there.
        let shared = self.shared.clone();
        let opened = self.shared.runtime.spawn(async move { Link::open(&shared.address).await }).await;
        let opened = opened.unwrap_or_else(|ended| Err(Fail::Lost(ended.to_string())));
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) =
            opened.as_ref().err().map(|fail| (Instant::now(), fail.clone()));
        opened
    }
}
