//! Step 5, repeats (重复诉求): the same citizen again, or the same incident from others?
//!
//! [`jiesu_linking`] decides; here is where its index lives: in this process, or in Redis. Both keep the same bytes, so both
//! give the same decisions.

mod rebuild;
mod redis;

pub use rebuild::{Known, counts_to, fill, rebuild, root_of};

use crate::{
    config::{Judgement, Loaded},
    shared,
};
use jiesu_connector::SharedError;
use jiesu_linking::{Appeal, Decision, Linker, MemoryHome, Placed, Record, Vocabulary};
use jiff::Timestamp;
use std::{
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

/// After the index did not answer, it is left alone for so long: appeals pass on unchecked instead of each waiting in turn.
const REST_MS: i64 = 2_000;

/// Made when it is first used.
type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

/// The repeat index, and what decides by it.
pub struct Repeats {
    /// Made for the first appeal: it takes some megabytes, which a gateway that has none need not have.
    linker: Lazy<Mutex<Linker>>,
    window: Duration,
    home: Home,
    /// Until then the index is not asked again, milliseconds since 1970.
    away_until: AtomicI64,
    /// The index has lost what it held.
    lost: AtomicBool,
    /// The index is being filled from the store: what it finds says little until then.
    filling: AtomicBool,
    /// It was empty after it had been filled, and nothing has come since.
    hollow: AtomicBool,
}

enum Home {
    /// Nothing is compared.
    Off,
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

/// What an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// What was put into it before somebody who filled it was cut off.
    Part,
    /// What there is.
    Whole,
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

/// Sees to it that a rebuild that fails, panics or is broken off is come back to.
struct Rebuilding<'a> {
    index: &'a Repeats,
    done: bool,
}

impl Rebuilding<'_> {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Rebuilding<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.index.rebuild();
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Repeats {
    /// The index as configured. The check has told of a URL that is none.
    pub fn configured(loaded: &Loaded) -> Self {
        let Some(window) = loaded.config.repeats.window.get() else {
            return Self::new(&loaded.judgement, Duration::ZERO, Home::Off);
        };
        let redis = loaded.secrets.repeats_url.as_ref().and_then(|url| shared::Redis::new(url).ok());
        match redis {
            Some(redis) => Self::in_redis(&loaded.judgement, window, Arc::new(redis), shared::INDEX),
            None => Self::in_memory(&loaded.judgement, window),
        }
    }

    /// An index in this process.
    pub fn in_memory(judgement: &Judgement, window: Duration) -> Self {
        Self::new(judgement, window, Home::Memory(Box::default()))
    }

    /// An index in Redis, under `prefix`.
    pub fn in_redis(judgement: &Judgement, window: Duration, redis: Arc<shared::Redis>, prefix: &str) -> Self {
        // What was read by another gazetteer says other names: it is another index, filled from the store when it is empty.
        let mark = Some(judgement.places.fingerprint()).filter(|mark| *mark != 0);
        let prefix = format!("{{{prefix}}}{}", mark.map_or(String::new(), |mark| format!("{mark:08x}")));
        Self::new(judgement, window, Home::Redis(redis::RedisHome::new(redis, prefix, window)))
    }

    /// Entries in Redis live for `life` instead of the window.
    pub fn with_life(mut self, life: Duration) -> Self {
        if let Home::Redis(home) = &mut self.home {
            home.set_life(life);
        }
        self
    }

    fn new(judgement: &Judgement, window: Duration, home: Home) -> Self {
        let linker = linker(judgement, window);
        let (away_until, lost, filling, hollow) = Default::default();
        Self { linker, window, home, away_until, lost, filling, hollow }
    }

    /// Whether nothing is to be compared.
    pub fn is_off(&self) -> bool {
        matches!(self.home, Home::Off)
    }

    /// How far back it looks.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// As [`Self::check`], but an index that did not answer a moment ago is not asked.
    ///
    /// # Errors
    /// [`Away`]
    pub async fn check_if_there(&self, appeal: &Appeal<'_>) -> Result<Checked, Away> {
        let now = Timestamp::now().as_millisecond();
        if now < self.away_until.load(Ordering::Relaxed) {
            return Err(Away("it did not answer a moment ago".into()));
        }
        if self.is_filling() {
            return Err(Away("it is being filled from the store".into()));
        }
        let checked = self.check(appeal).await;
        match &checked {
            Ok(_) => self.hollow.store(false, Ordering::Relaxed),
            Err(_) => {
                metrics::counter!("jiesu_unchecked_total").increment(1);
                self.away_until.store(Timestamp::now().as_millisecond() + REST_MS, Ordering::Relaxed);
            }
        }
        checked
    }

    /// Puts a ticket into the index that belongs there, and asks nothing.
    ///
    /// # Errors
    /// [`Away`]
    pub async fn put(&self, appeal: &Appeal<'_>, ticket: i64, root: i64) -> Result<(), Away> {
        if self.is_off() {
            return Ok(());
        }
        let digest = held(&self.linker).digest(appeal);
        let mut record = Record::of(&digest);
        (record.ticket, record.root) = (ticket, root);
        let (keys, record) = (Linker::keys(&digest), record.to_bytes());
        held(&self.linker).spare = Some(digest);
        match &self.home {
            Home::Off => {}
            Home::Memory(home) => drop(held(home).gather(&keys, appeal.at, &record)),
            Home::Redis(home) => drop(home.gather(&keys, &record).await?),
        }
        Ok(())
    }

    /// Whether the index holds nothing.
    ///
    /// # Errors
    /// [`Away`]
    pub async fn is_empty(&self) -> Result<bool, Away> {
        match &self.home {
            Home::Off => Ok(true),
            Home::Memory(home) => Ok(held(home).is_empty()),
            Home::Redis(home) => home.is_empty().await,
        }
    }

    /// What the index holds.
    ///
    /// # Errors
    /// [`Away`]
    pub async fn content(&self) -> Result<Content, Away> {
        if self.is_empty().await? {
            return Ok(Content::Nothing);
        }
        match &self.home {
            Home::Redis(home) if home.is_being_filled().await? => Ok(Content::Part),
            _ => Ok(Content::Whole),
        }
    }

    /// Whether it is in this process alone, and no other node sees it.
    pub fn is_own(&self) -> bool {
        matches!(self.home, Home::Memory(_))
    }

    /// Notes where the index is that somebody fills it, or has done so: who does may be killed.
    async fn mark_filling(&self, filling: bool) -> Result<(), Away> {
        match &self.home {
            Home::Memory(_) | Home::Off => Ok(()),
            Home::Redis(home) => home.mark_filling(filling).await,
        }
    }

    /// Whether the index has lost what it held, or an operator wants it built anew.
    pub fn must_rebuild(&self) -> bool {
        let lost = matches!(&self.home, Home::Redis(home) if home.lost());
        let now = Timestamp::now().as_millisecond();
        (lost || self.lost.load(Ordering::Relaxed)) && now >= self.away_until.load(Ordering::Relaxed)
    }

    /// It is being filled from the store, or is not any more.
    pub fn set_filling(&self, filling: bool) {
        self.filling.store(filling, Ordering::Relaxed);
    }

    /// Whether it is being filled from the store.
    pub fn is_filling(&self) -> bool {
        self.filling.load(Ordering::Relaxed)
    }

    /// It has been filled; notes whether it is empty all the same, because the store has nothing for it.
    pub async fn filled(&self) {
        self.hollow.store(self.is_empty().await == Ok(true), Ordering::Relaxed);
        self.set_filling(false);
    }

    /// Whether it has lost what it held: it is empty, and would not be.
    ///
    /// # Errors
    /// [`Away`]
    pub async fn is_lost(&self) -> Result<bool, Away> {
        Ok(self.is_empty().await? && !self.hollow.load(Ordering::Relaxed))
    }

    /// To be built anew when the line next has time.
    pub fn rebuild(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// It is being built anew: what is asked for from here on is asked for once more. Unless [`Rebuilding::done`], it is
    /// still to be built.
    fn rebuilding(&self) -> Rebuilding<'_> {
        self.lost.store(false, Ordering::Relaxed);
        Rebuilding { index: self, done: false }
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
            Home::Off => return Err(Away("it is off: repeats.window".into())),
            Home::Memory(home) => {
                let mut home = held(home);
                home.forget(appeal.at.saturating_sub(window));
                let gathered = home.gather(&keys, appeal.at, &record);
                let ids = Linker::candidates(&digest, &gathered);
                (gathered.id, Linker::nearest(&digest, window, home.records(&ids)))
            }
            Home::Redis(home) => {
                let gathered = home.gather(&keys, &record).await?;
                let records = home.records(&Linker::candidates(&digest, &gathered)).await?;
                let records = records.iter().flatten().map(Vec::as_slice);
                (gathered.id, Linker::nearest(&digest, window, records))
            }
        };
        let decision = {
            let mut linker = held(&self.linker);
            let candidates = linker.compare(&digest, records);
            let decision = linker.decide(&digest, &candidates);
            linker.spare = Some(digest);
            decision
        };
        if let Some(placed) = Linker::placed(id, appeal.number, &decision) {
            self.place(placed);
        }
        Ok(Checked { id, decision })
    }

    /// Notes where an appeal belongs: after an operator has linked it, or undone a link.
    pub fn place(&self, placed: Placed) {
        match &self.home {
            Home::Off => {}
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
            Home::Off => Ok(()),
            Home::Memory(home) => {
                *held(home) = MemoryHome::default();
                Ok(())
            }
            Home::Redis(home) => home.clear().await,
        }
    }
}

fn linker(judgement: &Judgement, window: Duration) -> Lazy<Mutex<Linker>> {
    let (model, words, places) = (judgement.repeat_model(), judgement.repeat_words.clone(), judgement.places.clone());
    let window = i64::try_from(window.as_secs()).unwrap_or(i64::MAX);
    LazyLock::new(Box::new(move || {
        Mutex::new(Linker { model: model(), vocabulary: Vocabulary::from_bytes(&words), window, places, spare: None })
    }))
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
