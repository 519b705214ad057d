//! Step 5, repeats (重复诉求): the same citizen again, or the same incident from others?
//!
//! [`jiesu_linking`] decides; here is where its index lives: in this process, or in Redis. Both keep the same bytes, so both
//! give the same decisions.

mod redis;

use crate::{config::Judgement, shared};
use jiesu_connector::SharedError;
use jiesu_linking::{Appeal, Decision, Digest, Linker, MemoryHome, Placed, Record, Vocabulary};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The repeat index, and what decides by it.
pub struct Repeats {
    linker: Mutex<Linker>,
    home: Home,
}

enum Home {
    Memory(Box<Mutex<MemoryHome>>),
    Redis(redis::RedisHome),
}

/// What came of looking.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The appeal's place in the index.
    pub id: u32,
    /// What was found.
    pub decision: Decision,
}

/// The index cannot be asked now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the repeat index cannot be asked: {0}")]
pub struct Away(pub String);

impl From<SharedError> for Away {
    fn from(error: SharedError) -> Self {
        Self(error.0)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Repeats {
    /// An index in this process.
    pub fn in_memory(judgement: &Judgement, window: Duration) -> Self {
        Self { linker: linker(judgement, window), home: Home::Memory(Box::default()) }
    }

    /// An index in Redis, under `prefix`.
    pub fn in_redis(judgement: &Judgement, window: Duration, redis: Arc<shared::Redis>, prefix: &str) -> Self {
        let home = redis::RedisHome::new(redis, prefix, window);
        Self { linker: linker(judgement, window), home: Home::Redis(home) }
    }

    /// Puts an appeal into the index, and decides what it belongs to.
    ///
    /// # Errors
    /// [`Away`]: nothing is known of it, and nothing was put anywhere for certain.
    pub async fn check(&self, appeal: &Appeal<'_>) -> Result<Checked, Away> {
        let (digest, window) = {
            let mut linker = held(&self.linker);
            (linker.digest(appeal), linker.window)
        };
        let (keys, record) = (Linker::keys(&digest), Record::of(&digest).to_bytes());
        let (id, records) = match &self.home {
            Home::Memory(home) => {
                let mut home = held(home);
                home.forget(appeal.at.saturating_sub(window));
                let gathered = home.gather(&keys, appeal.at, &record);
                (gathered.id, home.records(&Linker::candidates(&digest, &gathered)))
            }
            Home::Redis(home) => {
                let gathered = home.gather(&keys, &record).await?;
                let records = home.records(&Linker::candidates(&digest, &gathered)).await?;
                (gathered.id, records)
            }
        };
        let decision = self.decide(&digest, records);
        if let Some(placed) = Linker::placed(id, appeal.number, &decision) {
            self.place(placed);
        }
        Ok(Checked { id, decision })
    }

    fn decide(&self, digest: &Digest, records: Vec<Option<Record>>) -> Decision {
        let linker = held(&self.linker);
        let candidates = linker.compare(digest, records);
        linker.decide(digest, &candidates)
    }

    /// Notes where an appeal belongs: after an operator has linked it, or undone a link.
    pub fn place(&self, placed: Placed) {
        match &self.home {
            Home::Memory(home) => held(home).place(placed),
            Home::Redis(home) => home.place(placed),
        }
    }

    /// Removes everything that the index holds.
    ///
    /// # Errors
    /// [`Away`]
    pub async fn clear(&self) -> Result<(), Away> {
        match &self.home {
            Home::Memory(home) => {
                *held(home) = MemoryHome::default();
                Ok(())
            }
            Home::Redis(home) => home.clear().await,
        }
    }
}

fn linker(judgement: &Judgement, window: Duration) -> Mutex<Linker> {
    Mutex::new(Linker {
        model: judgement.repeat_model.clone(),
        vocabulary: Vocabulary::from_bytes(&judgement.repeat_words),
        window: i64::try_from(window.as_secs()).unwrap_or(i64::MAX),
    })
}

/// A citizen's key as the index has it; 0 for nobody.
pub fn citizen(key: &str) -> u64 {
    use sha2::{Digest, Sha256};
    if key.is_empty() {
        return 0;
    }
    let digest = Sha256::digest(key.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(first).max(1)
}
