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

/// The suffix of the note beside the store.
const ADMIN: &str = ".admin";

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
        let _ = (&mut file).take(40).read_to_string(&mut said);
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

/// Notes where the holder's operators' listener is, for commands beside it: a port that the system chose is in no
/// configuration. The note is good for as long as the lock is held.
///
/// # Errors
/// The file cannot be written.
pub fn note_admin(path: &Path, at: SocketAddr) -> io::Result<()> {
    std::fs::write(beside(path, ADMIN), at.to_string())
}

/// What [`note_admin`] noted last.
pub fn noted_admin(path: &Path) -> Option<SocketAddr> {
    std::fs::read_to_string(beside(path, ADMIN)).ok()?.parse().ok()
}

/// Whether no process has the store at `path` open.
pub fn lock_is_free(path: &Path) -> bool {
    match File::open(beside(path, ".lock")) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_ok(),
        Err(_) => true,
    }
}
