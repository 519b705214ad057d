//! One process a store file; and whether the last one came to an orderly end.

use super::open::{OpenError, beside};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    net::SocketAddr,
    path::Path,
};

/// Behind the holder's process id, while its store is open.
const OPEN: &str = "open";

/// More than the lock file ever says.
const MOST: u64 = 100;

/// The right to the file, for as long as this lives.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock; says, too, whether the one who had it last was killed.
    pub(super) fn take(path: &Path) -> Result<(Self, bool), OpenError> {
        let name = beside(path, ".lock");
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(name)?;
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        let mut said = String::new();
        let _ = (&mut file).take(MOST).read_to_string(&mut said);
        let mut words = said.split_whitespace();
        let holder = words.next().unwrap_or_default();
        if !locked {
            return Err(OpenError::InUse { path: path.to_owned(), holder: holder.to_owned() });
        }
        let lock = Self { file };
        let killed = words.next() == Some(OPEN);
        lock.mark(false);
        Ok((lock, killed))
    }

    /// Notes that the store is open, or that its end was orderly. A full disk does not keep it from opening.
    pub(super) fn mark(&self, open: bool) {
        if let Err(error) = self.write(open) {
            tracing::warn!(%error, "the lock file of the store cannot be written");
        }
    }

    fn write(&self, open: bool) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        write!(file, "{}", std::process::id())?;
        if open {
            write!(file, " {OPEN}")?;
        }
        file.sync_all()
    }
}

/// Whether no process has the store at `path` open.
pub fn lock_is_free(path: &Path) -> bool {
    match File::open(beside(path, ".lock")) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_ok(),
        Err(_) => true,
    }
}

/// Notes for commands beside the process that holds the store at `path` where its admin listener answers.
///
/// # Errors
/// The lock file cannot be written.
pub fn announce(path: &Path, admin: SocketAddr) -> io::Result<()> {
    // In one write, so that nobody reads half an address; gone with the next `mark`, and with the next holder.
    File::options().append(true).open(beside(path, ".lock"))?.write_all(format!(" {admin}\n").as_bytes())
}

/// Where the admin listener of the process that holds the store at `path` answers, as it announced.
pub fn announced(path: &Path) -> Option<SocketAddr> {
    let mut said = String::new();
    File::open(beside(path, ".lock")).ok()?.take(MOST).read_to_string(&mut said).ok()?;
    said.split_whitespace().nth(2)?.parse().ok()
}
