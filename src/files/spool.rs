//! What citizens upload, until it belongs to a ticket: written while it arrives, durable before its form is accepted, and
//! removed when nothing came of it.
//!
//! A file lies below `uploads/` under its SHA-256. The ticket that names it takes it from there ([`Files::adopt`]). What
//! lies there for a day belongs to no ticket; it may belong to a message in quarantine, which only the store knows.

use super::{Files, hex};
use crate::store::{Store, StoreError, sqlite::make_directory};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fs, io,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::{fs::File, io::AsyncWriteExt, sync::Mutex};
use tokio_util::sync::CancellationToken;

/// Below the directory of attachments.
pub(super) const FOLDER: &str = "uploads";
/// Begins the name of a file that is still arriving.
const PART: &str = ".part-";
/// How long something waits for its form. Longer than a page's reference to it works.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// The times of files are not exact.
const COARSE: Duration = Duration::from_secs(1);
/// A file that is still arriving after so long is not: who brought it has gone, or the node that took it.
const PART_LIFE: Duration = Duration::from_secs(6 * 3600);
/// Who comes with the same bytes so shortly before their time is over does not rely on what lies there: another node may
/// be about to remove it.
const NEAR_THE_END: Duration = Duration::from_secs(3600);
/// Between looks for what nothing came of.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Bytes that wait at most: who uploads and never sends a form must not fill the disk.
const MOST: u64 = 8 << 30;
/// Bytes from one address (a /64 of IPv6) in an hour, at most.
const OF_ONE: u64 = 1 << 30;
const HOUR: Duration = Duration::from_secs(3600);
/// Addresses that are counted, at most.
const ADDRESSES: usize = 10_000;

/// Why something uploaded is not kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Too much waits already.
    #[error("too much waits for its form")]
    Full,
    /// The disk is full or fails.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// What is uploaded, until it belongs to a ticket.
#[derive(Clone)]
pub struct Spool {
    files: Files,
    /// Bytes that wait, about.
    waiting: Arc<AtomicU64>,
    /// Bytes that came from an address, and since when.
    came: Arc<StdMutex<HashMap<IpAddr, (u64, Instant)>>>,
    /// Between looking at a file's age and removing it, nobody may come and rely on it.
    turn: Arc<Mutex<()>>,
    /// When this began: what began to arrive since is ours, and still arrives.
    begun: SystemTime,
}

impl Spool {
    /// Below the directory of `files`.
    pub fn new(files: Files) -> Self {
        Self {
            files,
            waiting: Arc::default(),
            came: Arc::default(),
            turn: Arc::default(),
            begun: SystemTime::now() - COARSE,
        }
    }

    /// Begins a file that comes from `address`.
    ///
    /// # Errors
    /// There is no room for it.
    pub async fn begin(&self, address: IpAddr) -> Result<Incomplete, SpoolError> {
        let address = line_of(address);
        if self.waiting.load(Relaxed) >= MOST || self.count(address, 0) >= OF_ONE {
            return Err(SpoolError::Full);
        }
        let folder = self.folder();
        tokio::task::spawn_blocking(move || make_directory(&folder)).await.map_err(io::Error::other)??;
        let path = self.folder().join(format!("{PART}{}", ulid::Ulid::generate()));
        let file = File::create(&path).await?;
        Ok(Incomplete { spool: self.clone(), path, file, digest: Sha256::new(), bytes: 0, address, done: false })
    }

    /// Adds `bytes` to what came from `address` within the hour: all of it.
    fn count(&self, address: IpAddr, bytes: u64) -> u64 {
        let (mut came, now) = (self.came.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        if came.len() >= ADDRESSES && !came.contains_key(&address) {
            came.retain(|_, (_, since)| now.duration_since(*since) < HOUR);
            if came.len() >= ADDRESSES {
                came.clear();
            }
        }
        let (sum, since) = came.entry(address).or_insert((0, now));
        if now.duration_since(*since) >= HOUR {
            (*sum, *since) = (0, now);
        }
        *sum += bytes;
        *sum
    }

    fn folder(&self) -> PathBuf {
        self.files.directory().join(FOLDER)
    }

    /// Removes what nothing came of, now and then until `stop`; at once what was cut off by the end of the last process,
    /// unless it may be another node's.
    pub async fn run(self, store: Arc<dyn Store>, alone: bool, stop: CancellationToken) {
        if alone {
            self.remove_parts(self.begun);
        }
        loop {
            if let Err(error) = self.sweep(store.as_ref(), SystemTime::now()).await {
                tracing::warn!(%error, "looking for uploads that nothing came of waits");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
        }
    }

    /// Removes what had begun to arrive before this time and never did.
    fn remove_parts(&self, before: SystemTime) {
        for (path, _, _) in self.list(PART).into_iter().filter(|(_, since, _)| *since < before) {
            let _ = fs::remove_file(path);
        }
    }

    /// Path, age and size of what lies there, by the beginning of its name.
    fn list(&self, prefix: &str) -> Vec<(PathBuf, SystemTime, u64)> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let named = entries.filter(|entry| {
            let name = entry.file_name().into_string().unwrap_or_default();
            name.starts_with(prefix) && (!prefix.is_empty() || !name.starts_with('.'))
        });
        named
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((entry.path(), metadata.modified().ok()?, metadata.len()))
            })
            .collect()
    }

    /// Removes what has waited too long at `now`, unless a message in the store still needs it.
    async fn sweep(&self, store: &dyn Store, now: SystemTime) -> Result<(), StoreError> {
        self.remove_parts(SystemTime::now() - PART_LIFE);
        let mut waiting = 0;
        for (path, since, bytes) in self.list("") {
            let over = |since: SystemTime| now.duration_since(since).is_ok_and(|age| age > LIFE);
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if !over(since) {
                waiting += bytes;
                continue;
            }
            if store.is_awaited(&name).await? {
                if let Err(error) = self.files.adopt(&name) {
                    tracing::warn!(%error, "an upload cannot be put to the attachments");
                }
                continue;
            }
            let _turn = self.turn.lock().await;
            if fs::metadata(&path).and_then(|it| it.modified()).is_ok_and(over) {
                let _ = fs::remove_file(&path);
            }
        }
        self.waiting.store(waiting, Relaxed);
        Ok(())
    }
}

/// A file that is arriving; removed when dropped before its end.
pub struct Incomplete {
    spool: Spool,
    path: PathBuf,
    file: File,
    digest: Sha256,
    bytes: u64,
    address: IpAddr,
    done: bool,
}

/// An IPv4 address, or the /64 of an IPv6 address: what one line gets.
fn line_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

impl Incomplete {
    /// Adds a piece.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), SpoolError> {
        self.digest.update(piece);
        self.bytes += piece.len() as u64;
        Ok(self.file.write_all(piece).await?)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The end: durable on return. Gives the SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// The disk is full or fails; nothing is kept then.
    pub async fn keep(mut self) -> Result<String, SpoolError> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let sha256 = hex(&std::mem::take(&mut self.digest).finalize());
        let (kept, waiting) = (self.spool.files.path(&sha256), self.spool.files.uploaded(&sha256));
        if tokio::fs::try_exists(&kept).await.unwrap_or(false) {
            return Ok(sha256);
        }
        // A name that was there already stands for the same bytes, and begins its day anew.
        let _turn = self.spool.turn.clone().lock_owned().await;
        let from = self.path.clone();
        let moved = tokio::task::spawn_blocking(move || {
            let age = fs::metadata(&waiting).and_then(|there| there.modified()).ok();
            let age = age.and_then(|since| SystemTime::now().duration_since(since).ok()).unwrap_or_default();
            let place = if age + NEAR_THE_END > LIFE { &kept } else { &waiting };
            let folder = place.parent().unwrap_or(place);
            make_directory(folder)?;
            fs::rename(&from, place)?;
            fs::File::open(folder)?.sync_all()
        });
        moved.await.map_err(io::Error::other)??;
        self.spool.waiting.fetch_add(self.bytes, Relaxed);
        self.spool.count(self.address, self.bytes);
        self.done = true;
        Ok(sha256)
    }
}

impl Drop for Incomplete {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::SqliteStore;

    const HOME: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    async fn upload(spool: &Spool, bytes: &[u8]) -> String {
        let mut file = spool.begin(HOME).await.expect("there is room");
        for piece in bytes.chunks(3) {
            file.write(piece).await.expect("it is written");
        }
        file.keep().await.expect("it is kept")
    }

    fn names(spool: &Spool) -> Vec<String> {
        let entries = fs::read_dir(spool.folder()).expect("the folder is there").flatten();
        entries.map(|entry| entry.file_name().into_string().expect("a name")).collect()
    }

    #[tokio::test]
    async fn what_nothing_came_of_goes_after_a_day_and_what_a_ticket_took_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files::new(directory.path().join("files"));
        let store = SqliteStore::open(&directory.path().join("store.db")).expect("a store");
        let spool = Spool::new(files.clone());
        let (taken, left) = (upload(&spool, b"taken").await, upload(&spool, b"left").await);
        assert_eq!(upload(&spool, b"left").await, left, "the same bytes lie there once");
        drop(spool.begin(HOME).await.expect("there is room"));
        assert_eq!(names(&spool).len(), 2, "what broke off is gone");
        assert!(files.adopt(&taken).expect("taken") && files.adopt(&taken).expect("taken again"));
        assert!(!files.adopt(&"0".repeat(64)).expect("looked for"));

        let day = Duration::from_secs(24 * 3600 + 60);
        spool.sweep(&store, SystemTime::now()).await.expect("swept");
        assert_eq!(names(&spool), [left]);
        spool.sweep(&store, SystemTime::now() + day).await.expect("swept");
        assert_eq!((names(&spool).len(), fs::read(files.path(&taken)).ok()), (0, Some(b"taken".to_vec())));
        assert_eq!(upload(&spool, b"taken").await, taken);
        assert_eq!(names(&spool).len(), 0, "what is kept for good does not wait");
    }

    #[tokio::test]
    async fn what_comes_again_shortly_before_its_time_is_over_is_kept_whoever_removes_the_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files::new(directory.path().join("files"));
        let store = SqliteStore::open(&directory.path().join("store.db")).expect("a store");
        let (here, there) = (Spool::new(files.clone()), Spool::new(files.clone()));
        let name = upload(&here, b"photo").await;
        let nearly = SystemTime::now() - (LIFE - Duration::from_secs(60));
        let left = fs::File::options().write(true).open(files.uploaded(&name)).expect("it is there");
        left.set_modified(nearly).expect("its age is set");
        assert_eq!(upload(&there, b"photo").await, name);
        here.sweep(&store, SystemTime::now() + Duration::from_secs(120)).await.expect("swept");
        assert!(files.adopt(&name).expect("taken"), "the form that came with it finds it");
    }

    #[tokio::test]
    async fn one_address_cannot_fill_the_disk_and_another_does_not_notice() {
        let directory = tempfile::tempdir().expect("a directory");
        let spool = Spool::new(Files::new(directory.path().join("files")));
        let neighbour = |text: &str| text.parse::<IpAddr>().expect("an address");
        spool.count(line_of(neighbour("2001:db8::1")), OF_ONE);
        assert!(matches!(spool.begin(neighbour("2001:db8::2")).await, Err(SpoolError::Full)));
        assert!(spool.begin(neighbour("2001:db8:0:1::1")).await.is_ok());
    }

    #[tokio::test]
    async fn what_was_cut_off_by_the_end_of_the_process_is_removed_at_the_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let spool = Spool::new(Files::new(directory.path().join("files")));
        std::mem::forget(spool.begin(HOME).await.expect("there is room"));
        assert_eq!(names(&spool).len(), 1);
        spool.remove_parts(spool.begun);
        assert_eq!(spool.list(PART).len(), 1, "it arrives just now");
        spool.remove_parts(SystemTime::now() + Duration::from_secs(1));
        assert_eq!(names(&spool).len(), 0);
    }
}
