//! The keeper: copies the log into the file beside the writer, watches the room on the disk, and wakes a writer in
//! trouble.

use super::{Sqlite, open, schema, writer::Writer};
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
/// Room kept for what is in the line already, when the disk fills up: this, or a twentieth of a small disk.
const RESERVE: u64 = 64 << 20;

pub(super) fn start(shared: Arc<Sqlite>, writer: Weak<Writer>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("store-keeper".into()).spawn(move || {
        let mut keeper =
            Keeper { shared, connection: None, copied_at: Instant::now(), copied_frames: 0, busy: false, log_bytes: 0 };
        while !keeper.shared.stopping.load(Ordering::Relaxed) {
            keeper.look(&writer);
            thread::sleep(LOOK_EVERY);
        }
    })
}

struct Keeper {
    shared: Arc<Sqlite>,
    connection: Option<Connection>,
    copied_at: Instant,
    copied_frames: i64,
    busy: bool,
    log_bytes: u64,
}

impl Keeper {
    fn look(&mut self, writer: &Weak<Writer>) {
        self.watch_space();
        if self.shared.troubled.load(Ordering::Relaxed) {
            self.connection = None;
            if let Some(writer) = writer.upgrade() {
                // Writes nothing, but makes the writer open its handle again, or find that it can write.
                writer.probe();
            }
            return;
        }
        if let Some(writer) = writer.upgrade() {
            // Trouble shows where it matters, in what is accepted; the keys stay where they are.
            let _ = writer.fold_keys();
        }
        let log = fs::metadata(open::beside(&self.shared.path, "-wal")).map_or(0, |metadata| metadata.len());
        let due = self.busy || log >= self.log_bytes + GROWN || self.copied_at.elapsed() >= COPY_EVERY;
        if !due || !self.shared.written.swap(false, Ordering::Relaxed) {
            return;
        }
        self.log_bytes = log;
        match self.copy() {
            // Frames, not the length of the file: that stays when the log begins anew.
            Ok((frames, copied)) => {
                self.busy = copied - self.copied_frames >= COPY_AT;
                self.copied_frames = copied;
                if frames >= RESTART_AT {
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

    fn watch_space(&self) {
        let Some(directory) = self.shared.path.parent() else { return };
        let directory = if directory.as_os_str().is_empty() { std::path::Path::new(".") } else { directory };
        let Ok(space) = rustix::fs::statvfs(directory) else { return };
        let (free, total) = (space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize);
        let low = free < RESERVE.min(total / 20);
        if low != self.shared.low_space.swap(low, Ordering::Relaxed) {
            match low {
                true => tracing::error!(alarm = true, free, "DISK NEARLY FULL: new messages are refused"),
                false => tracing::warn!(free, "there is room on the disk again"),
            }
        }
    }
}
