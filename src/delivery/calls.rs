//! What a worker asks of the store. A store in trouble is asked again, with back-off; delivery goes on meanwhile.

use super::window::Key;
use crate::{
    number::Number,
    store::{DeadLetter, EventLog, LatestProgress, Progress, Result, Sequence, StoredEvent},
};
use futures_util::future::BoxFuture;
use std::{future::Future, sync::Arc, time::Duration};

/// Between attempts to reach a store in trouble: doubles from the first to the last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// What the store answered.
pub enum Called {
    /// The log was read on. `era` counts the rewinds: what was asked before one is of no use after.
    Read { era: u32, events: Vec<StoredEvent> },
    /// Events that were held as numbers.
    Loaded { era: u32, after: Sequence, events: Vec<StoredEvent> },
    /// Dead letters to send again.
    Replays { asked: usize, events: Vec<StoredEvent> },
    /// A dead letter was buried or exhumed.
    Filed { key: Key, number: Number },
    /// The progress was saved, or could not be, and why.
    Saved { save: u64, outcome: Result<()> },
}

/// A question to the store.
pub type Call = BoxFuture<'static, Called>;

/// Asks the store on behalf of one destination.
#[derive(Clone)]
pub struct Caller {
    /// The store.
    pub store: Arc<dyn EventLog>,
    /// The destination's name.
    pub name: Arc<str>,
}

impl Caller {
    /// How far the destination has come.
    pub async fn progress(&self) -> Progress {
        patiently(|| self.store.progress(&self.name)).await
    }

    pub fn read(&self, era: u32, from: Sequence, asked: usize) -> Call {
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            let events = patiently(|| store.events(from, asked)).await;
            Called::Read { era, events }
        })
    }

    pub fn load(&self, era: u32, after: Sequence, limit: usize) -> Call {
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            let events = patiently(|| store.events(after, limit)).await;
            Called::Loaded { era, after, events }
        })
    }

    pub fn replays(&self, asked: usize) -> Call {
        let caller = self.clone();
        Box::pin(async move {
            let events = patiently(|| caller.store.requeued(&caller.name, asked)).await;
            Called::Replays { asked, events }
        })
    }

    pub fn bury(&self, key: Key, letter: DeadLetter) -> Call {
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            let number = letter.number;
            patiently(|| store.bury(letter.clone())).await;
            Called::Filed { key, number }
        })
    }

    pub fn exhume(&self, key: Key, number: Number) -> Call {
        let caller = self.clone();
        Box::pin(async move {
            patiently(|| caller.store.exhume(&caller.name, key.sequence)).await;
            Called::Filed { key, number }
        })
    }

    /// Saves once; if `durable`, the disk has it before the answer. After a failure answers after `pause`.
    pub fn save(&self, save: u64, latest: LatestProgress, durable: bool, pause: Duration) -> Call {
        let caller = self.clone();
        Box::pin(async move {
            let outcome = match durable {
                true => caller.store.save_progress(&caller.name, latest()).await,
                false => caller.store.save_latest(&caller.name, latest).await,
            };
            if outcome.is_err() {
                tokio::time::sleep(pause).await;
            }
            Called::Saved { save, outcome }
        })
    }
}

/// How long to wait after so many failures.
pub fn pause(failures: u32) -> Duration {
    PAUSE.0.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(PAUSE.1)
}

/// Asks until there is an answer. The store itself says, once and loudly, what its trouble is.
pub(super) async fn patiently<T, F: Future<Output = Result<T>>>(mut ask: impl FnMut() -> F) -> T {
    let mut failures = 0;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(_) => {
                failures += 1;
                tokio::time::sleep(pause(failures)).await;
            }
        }
    }
}
