//! Opening the file: one process, a version we know, and no damage.

use super::{salvage, schema};
use rusqlite::{Connection, OpenFlags, ffi};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// Up to this size the file is checked whole before it is used, which takes well under a second.
const CHECK_AT_START: u64 = 512 << 20;

/// Why the store could not be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{path} is in use by process {holder}: one gateway a store file; stop it, or give this one another file")]
    InUse {
        /// The file.
        path: PathBuf,
        /// Its process id, as far as known.
        holder: String,
    },
    /// It was written by a newer program.
    #[error("{path} has version {found}, and this program knows versions up to {known}: run the newer jiesu again")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// It is something else.
    #[error("{0} is a SQLite file, but no store of Jiesu's: give another path")]
    Foreign(PathBuf),
    /// The disk or SQLite failed.
    #[error("{path}: {error}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The right to the file, for as long as this lives.
pub(super) struct Lock {
    _file: File,
}

/// `jiesu.db` and `-wal` as `jiesu.db-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether no process has the store at `path` open.
pub fn lock_is_free(path: &Path) -> bool {
    match File::open(beside(path, ".lock")) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_ok(),
        Err(_) => true,
    }
}

fn lock(path: &Path) -> Result<Lock, OpenError> {
    let name = beside(path, ".lock");
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(name)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        let _ = file.take(20).read_to_string(&mut holder);
        return Err(OpenError::InUse { path: path.to_owned(), holder: holder.trim().to_owned() });
    }
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    write!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}

/// Opens the file, or makes it.
pub(super) fn open(path: &Path) -> Result<(Lock, Connection), OpenError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(directory)?;
    let lock = lock(path)?;
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    salvage::finish(path)?;
    let fresh = fs::metadata(path).map_or(true, |metadata| metadata.len() == 0);
    if fresh {
        salvage::keep_lone_log(path)?;
    } else {
        inspect(path)?;
    }
    // SQLite gives its log the mode of its file.
    File::options().append(true).create(true).mode(0o600).open(path)?;
    let mut connection = match connect_checked(path, fresh) {
        Err(OpenError::Sqlite { error, .. }) if !fresh && is_damage(path, &error) => {
            salvage::salvage(path, &error.to_string())?;
            connect_checked(path, fresh)?
        }
        connected => connected?,
    };
    schema::migrate(&mut connection).map_err(failed)?;
    // Leases of this file are of processes that are gone: the lock says so.
    connection.execute("DELETE FROM lease", []).map_err(failed)?;
    if fresh {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
        File::open(path)?.sync_all()?;
        File::open(directory)?.sync_all()?;
    }
    Ok((lock, connection))
}

/// A handle to a file of a version we know, and without damage as far as that is quickly seen.
fn connect_checked(path: &Path, fresh: bool) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    let connection = connect(path).map_err(failed)?;
    let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    if found > schema::version() {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: schema::version() });
    }
    if !fresh && fs::metadata(path)?.len() <= CHECK_AT_START {
        check(&connection).map_err(failed)?;
    }
    Ok(connection)
}

/// Whether the file itself is at fault, not the disk or the rights.
fn is_damage(path: &Path, error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => true,
        Some(rusqlite::ErrorCode::NotADatabase) => salvage::looks_like_ours(path),
        _ => false,
    }
}

/// A handle in the place of one that failed: everything that the log still holds goes into the file first, so that
/// what is written from now on does not follow pages that may never have reached the disk.
pub(super) fn reopen(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(connection) } else { Err(failure(ffi::SQLITE_BUSY, "readers are in the way")) }
}

/// A handle for reading only.
pub(super) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.pragma_update(None, "cache_size", -1024)?;
    Ok(connection)
}

/// A handle for the checkpoint.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "page_size", schema::PAGE_SIZE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Every commit is on the disk before it is acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The keeper checkpoints, so that the writer does not stop for it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Looks at the header of the file, if there is one, without touching anything.
///
/// # Errors
/// [`OpenError::Newer`] and [`OpenError::Foreign`], or the file cannot be read.
pub fn inspect(path: &Path) -> Result<(), OpenError> {
    let mut header = [0; 100];
    let read = match File::open(path) {
        Ok(mut file) => file.read(&mut header)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if read < header.len() || !header.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    let word = |at: usize| i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (version, application) = (word(60), word(68));
    if application != schema::APPLICATION_ID && application != 0 {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if version > schema::version() {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: schema::version() });
    }
    Ok(())
}

fn check(connection: &Connection) -> rusqlite::Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(failure(ffi::SQLITE_CORRUPT, &found)) }
}

/// Makes a directory whose name survives a power cut.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(parent)?;
    // Citizens' words are nobody else's on this machine.
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

/// A failure that SQLite did not report itself.
pub(super) fn failure(code: i32, what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(what.to_owned()))
}
