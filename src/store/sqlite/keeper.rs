//! The keeper: copies the log into the file beside the writer, watches the room on the disk, and wakes a writer in
//! trouble.

use super::{
    inbox, open, schema,
    shared::Shared,
    space::{self, Disk},
    spare,
    tail::REST,
    writer::Writer,
};
use rusqlite::Connection;
use std::{
    fs,
    sync::{Arc, Weak, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The log is copied when a second has passed; at once, if its file grew by so many bytes, or if the last round had
/// as much to copy.
const COPY_EVERY: Duration = Duration::from_secs(1);
const GROWN: u64 = 8 << 20;
const COPY_AT: i64 = GROWN as i64 / schema::PAGE_SIZE as i64;
/// The log is begun anew when it has this many frames.
const RESTART_AT: i64 = (48 << 20) / schema::PAGE_SIZE as i64;
/// What waits is counted so seldom that it takes one tenth of the time.
const COUNT_SHARE: u32 = 10;

pub(super) fn start(shared: Arc<Shared>, writer: Weak<Writer>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("store-keeper".into()).spawn(move || {
        let now = Instant::now();
        let mut keeper = Keeper {
            shared,
            connection: None,
            copied_at: now,
            copied_frames: 0,
            busy: false,
            log_bytes: 0,
            tight: None,
            uncopied: 0,
            waiting: 0,
            count_at: now,
        };
        while !keeper.shared.stopping.load(Ordering::Relaxed) {
            keeper.look(&writer);
            thread::sleep(LOOK_EVERY);
        }
    })
}

struct Keeper {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    copied_at: Instant,
    copied_frames: i64,
    busy: bool,
    log_bytes: u64,
    /// The reserve, where there is little more than that: the log is then copied at each look, and kept short.
    tight: Option<u64>,
    /// Bytes of the log that the last round left.
    uncopied: u64,
    /// What the messages that wait will take.
    waiting: u64,
    count_at: Instant,
}

impl Keeper {
    fn look(&mut self, writer: &Weak<Writer>) {
        self.shared.tail.let_go(REST);
        let log = fs::metadata(open::beside(&self.shared.path, "-wal")).map_or(0, |metadata| metadata.len());
        if self.shared.troubled.load(Ordering::Relaxed) {
            self.connection = None;
            self.watch_space(log);
            if let Some(writer) = writer.upgrade() {
                // Writes nothing, but makes the writer open its handle again, or find that it can write.
                writer.probe();
            }
            return;
        }
        if let Some(writer) = writer.upgrade() {
            // Trouble shows where it matters, in what is accepted; the keys stay where they are.
            let _ = writer.fold_keys();
            let _ = writer.fold_names(&self.shared.names);
        }
        // A store in trouble says so elsewhere; until it is known what the index holds, it is asked.
        if let Some(connection) = &self.connection {
            let _ = self.shared.names.look_through(connection);
        }
        self.copy_if_due(log, writer);
        self.watch_space(log);
    }

    fn copy_if_due(&mut self, log: u64, writer: &Weak<Writer>) {
        let due = self.tight.is_some()
            || self.busy
            || log >= self.log_bytes + GROWN
            || self.copied_at.elapsed() >= COPY_EVERY;
        if !due || !self.shared.written.swap(false, Ordering::Relaxed) {
            return;
        }
        self.log_bytes = log;
        match self.copy() {
            // Frames, not the length of the file: that stays when the log begins anew.
            Ok((frames, copied)) => {
                self.busy = copied - self.copied_frames >= COPY_AT;
                self.copied_frames = copied;
                self.uncopied = (frames - copied).max(0) as u64 * u64::from(schema::PAGE_SIZE);
                let short = self.tight.map_or(RESTART_AT, |reserve| reserve as i64 / 4 / i64::from(schema::PAGE_SIZE));
                if frames >= RESTART_AT.min(short) {
                    // Under a load that never pauses, the log would never be at an end by itself.
                    self.shared.restart_log.store(true, Ordering::Relaxed);
                    self.copied_frames = 0;
                }
                if copied < frames || frames < 0 {
                    // A reader or another round was in the way: there is more to do.
                    self.shared.written.store(true, Ordering::Relaxed);
                }
            }
            // The log keeps it; there will be room again.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => self.connection = None,
            Err(error) => {
                tracing::error!(alarm = true, %error, "copying the log into the store file failed");
                self.connection = None;
                self.shared.suspect.store(true, Ordering::Relaxed);
                if let Some(writer) = writer.upgrade() {
                    writer.probe();
                }
            }
        }
        self.copied_at = Instant::now();
    }

    fn copy(&mut self) -> rusqlite::Result<(i64, i64)> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::connect(&self.shared.path)?,
        };
        let copied =
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        self.connection = Some(connection);
        Ok(copied)
    }

    /// Lets as many new messages in as what waits, the log and the reserve leave room for.
    fn watch_space(&mut self, log: u64) {
        let Some(disk) = Disk::of(&self.shared.path) else { return };
        self.count_waiting(disk);
        let uncopied = if self.tight.is_some() { self.uncopied } else { log };
        let room = disk.room(uncopied, self.waiting);
        let reserve = disk.reserve();
        self.tight = (disk.room(log, self.waiting) < reserve as i64).then_some(reserve);
        let was_low = self.shared.low_space.load(Ordering::Relaxed);
        // The door does not open for a handful at a time.
        let low = room <= 0 || (was_low && room < reserve as i64 / 2);
        self.shared.room.store(if low { 0 } else { room }, Ordering::Relaxed);
        if low != was_low {
            self.shared.low_space.store(low, Ordering::Relaxed);
            let free = disk.free;
            match low {
                true => tracing::error!(alarm = true, free, "DISK NEARLY FULL: new messages are refused"),
                false => {
                    tracing::warn!(free, "there is room on the disk again");
                    spare::keep(&self.shared.path);
                }
            }
        }
    }

    fn count_waiting(&mut self, disk: Disk) {
        if disk.free >= space::AMPLE {
            self.waiting = 0;
            return;
        }
        let from = Instant::now();
        if from < self.count_at {
            return;
        }
        // What fails here is told by the next copy of the log.
        if let Some((messages, bytes)) = self.connection.as_ref().and_then(|open| inbox::waiting_bytes(open).ok()) {
            self.waiting = space::cost(messages, bytes);
        }
        self.count_at = Instant::now() + from.elapsed() * COUNT_SHARE;
    }
}
