//! The store in PostgreSQL: for several nodes, all alike.
//!
//! What is said of the SQLite home holds here too: one writer a node commits whatever is waiting together, and readers see
//! the last commit. Of the nodes' writers one writes at a time (`tx`), so that each rule is as simple as with one.

mod accept;
mod address;
mod bulk;
mod change;
mod citizens;
mod contacts;
mod conversation;
mod count;
mod desk;
mod fail;
mod inbox;
mod issue;
mod keys;
mod link;
mod links;
mod listen;
mod log;
mod nodes;
mod outbox;
mod pieces;
mod pool;
mod receipts;
mod records;
mod reports;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod tickets;
mod tx;
mod writer;

pub use address::{Address, BadAddress};
pub use records::parity_at_rest;

use super::{
    DeadLetter, DeadQuery, EventLog, LatestProgress, Progress, Requeue, Result, Sequence, Signal, StoreError,
    StoredEvent,
};
use async_trait::async_trait;
use fail::Fail;
use futures_util::{FutureExt, future::BoxFuture};
use link::Link;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use tokio::{runtime::Handle, sync::broadcast};
use tx::Tx;

/// Signals that a slow receiver may be behind.
const SIGNALS: usize = 64;

/// Why the store could not be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no way to it.
    #[error("{0}; is it running, and may this role log in?")]
    Unreachable(String),
    /// It cannot hold a store.
    #[error("{address}: {what}")]
    Unfit {
        /// The database.
        address: String,
        /// Why not.
        what: String,
    },
    /// It was written by a newer program.
    #[error("{address} has version {found}, and this program knows versions up to {known}: run the newer jiesu again")]
    Newer {
        /// The database.
        address: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The tables could not be made.
    #[error(
        "{address}: the tables cannot be made: {what}; the role must own the database, or a schema of its own in it"
    )]
    Migration {
        /// The database.
        address: String,
        /// What the server said.
        what: String,
    },
    /// The system gives no threads.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the store's parts share.
struct Shared {
    address: Address,
    runtime: Handle,
    trouble: Mutex<Option<String>>,
    troubled: AtomicBool,
    signals: broadcast::Sender<Signal>,
    /// Something was written since the tables were counted.
    written: AtomicBool,
    /// The server's process behind the writer.
    writer: AtomicI32,
    /// The size of the database.
    bytes: AtomicU64,
}

impl Shared {
    fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    /// Says whether there was trouble already.
    fn set_trouble(&self, trouble: &str) -> bool {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble.to_owned());
        self.troubled.swap(true, Ordering::Relaxed)
    }

    /// A transaction went through: whatever the trouble was, it is over.
    fn note_written(&self) {
        self.written.store(true, Ordering::Relaxed);
        if self.troubled.swap(false, Ordering::Relaxed) {
            tracing::warn!("the store can write again");
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn note_writer(&self, link: &Link) {
        self.writer.store(link.process, Ordering::Relaxed);
    }
}

/// The store in PostgreSQL.
pub struct PostgresStore {
    home: Arc<Home>,
    /// The resource without which nothing is issued, and its fence.
    fence: Option<(String, i64)>,
}

/// What all ways to one database share.
struct Home {
    shared: Arc<Shared>,
    writer: Mutex<Option<Arc<writer::Writer>>>,
    readers: pool::Readers,
    /// For what is written by itself: leases, which must not run out because much is read, and progress.
    aside: pool::Readers,
    thread: Mutex<Option<JoinHandle<()>>>,
    ear: tokio::task::JoinHandle<()>,
}

impl Drop for Home {
    fn drop(&mut self) {
        self.ear.abort();
    }
}

impl PostgresStore {
    /// Connects, and makes the tables or brings them up to date.
    ///
    /// # Errors
    /// [`OpenError`]: there is no way to the database, it is newer than this program, or it cannot hold a store.
    pub async fn open(address: Address) -> std::result::Result<Self, OpenError> {
        let link = Link::open(&address).await.map_err(|fail| OpenError::Unreachable(fail.text().to_owned()))?;
        schema::migrate(&link, &address).await?;
        let (signals, _) = broadcast::channel(SIGNALS);
        let shared = Arc::new(Shared {
            address,
            runtime: Handle::current(),
            trouble: Mutex::default(),
            troubled: AtomicBool::new(false),
            signals,
            written: AtomicBool::new(false),
            writer: AtomicI32::new(link.process),
            bytes: AtomicU64::new(0),
        });
        let (writer, thread) = writer::Writer::start(shared.clone(), link)?;
        let writer = Arc::new(writer);
        let ear = tokio::spawn(listen::run(shared.clone(), Arc::downgrade(&writer)));
        let home = Home {
            readers: pool::Readers::new(shared.clone()),
            aside: pool::Readers::aside(shared.clone()),
            shared,
            writer: Mutex::new(Some(writer)),
            thread: Mutex::new(Some(thread)),
            ear,
        };
        Ok(Self { home: Arc::new(home), fence: None })
    }

    async fn read<T: Send>(
        &self,
        work: impl for<'a> FnOnce(&'a Link) -> BoxFuture<'a, std::result::Result<T, Fail>> + Send,
    ) -> Result<T> {
        self.home.readers.read(work).await
    }

    /// Reads in several statements that see the same.
    async fn look<T: Send>(
        &self,
        work: impl for<'a> FnOnce(&'a Link) -> BoxFuture<'a, std::result::Result<T, Fail>> + Send + 'static,
    ) -> Result<T> {
        self.home.readers.look(work).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFnMut(&Tx<'_>) -> std::result::Result<T, Fail> + Send + 'static,
    {
        self.writer()?.run(work).await
    }

    fn writer(&self) -> Result<Arc<writer::Writer>> {
        let writer = self.home.writer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writer.ok_or_else(|| StoreError::Unavailable("the store is closed".into()))
    }
}

/// Looks at the database, and at the version of a store there, and writes nothing.
///
/// # Errors
/// As [`PostgresStore::open`].
pub async fn inspect(address: &Address) -> std::result::Result<(), OpenError> {
    let link = Link::open(address).await.map_err(|fail| OpenError::Unreachable(fail.text().to_owned()))?;
    schema::check(&link, address).await
}

#[async_trait]
impl EventLog for PostgresStore {
    async fn events(&self, cursor: Sequence, limit: usize) -> Result<Vec<StoredEvent>> {
        self.read(move |link| log::events(link, cursor, limit).boxed()).await
    }

    async fn last_event(&self) -> Result<Sequence> {
        self.read(|link| log::last(link).boxed()).await
    }

    async fn progress(&self, destination: &str) -> Result<Progress> {
        let name = destination.to_owned();
        self.read(move |link| async move { log::progress(link, &name).await }.boxed()).await
    }

    async fn save_progress(&self, destination: &str, progress: Progress) -> Result<()> {
        let name = destination.to_owned();
        self.write(async move |tx: &Tx<'_>| log::save_progress(tx, &name, &progress).await).await
    }

    async fn save_latest(&self, destination: &str, latest: LatestProgress) -> Result<()> {
        let name = destination.to_owned();
        let aside = &self.home.aside;
        aside.read(move |link| async move { log::save_latest(link, &name, &latest).await }.boxed()).await
    }

    async fn bury(&self, letter: DeadLetter) -> Result<()> {
        self.write(async move |tx: &Tx<'_>| log::bury(tx, &letter).await).await
    }

    async fn exhume(&self, destination: &str, sequence: Sequence) -> Result<()> {
        let name = destination.to_owned();
        self.write(async move |tx: &Tx<'_>| log::exhume(tx, &name, sequence).await).await
    }

    async fn dead_letters(&self, query: DeadQuery) -> Result<Vec<DeadLetter>> {
        self.read(move |link| async move { log::dead_letters(link, &query).await }.boxed()).await
    }

    async fn requeue(&self, which: Requeue) -> Result<usize> {
        self.write(async move |tx: &Tx<'_>| log::requeue(tx, &which).await).await
    }

    async fn requeued(&self, destination: &str, limit: usize) -> Result<Vec<StoredEvent>> {
        let name = destination.to_owned();
        self.read(move |link| async move { log::requeued(link, &name, limit).await }.boxed()).await
    }
}
