//! Opening the file: one process, a version we know, and no damage.

use super::{handle::Handle, lock::Lock, names::Names, salvage, schema, space::Disk, spare, tail::Tail};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, ffi};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Up to this size the file is checked whole before it is used, which takes well under a second.
const CHECK_AT_START: u64 = 512 << 20;
/// Waits for a lock that another handle of this process has.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Beside the file, while it is known to need that check.
const SUSPECT: &str = ".suspect";

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
    /// There is no room on its disk.
    #[error(
        "{path}: there is no room on its disk ({free} bytes are free), and opening the store takes some: make room (a few \
         MiB will do) and start again; nothing is lost"
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes left to us.
        free: u64,
    },
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

impl OpenError {
    /// What kept SQLite from opening the file.
    fn of(path: &Path, error: rusqlite::Error) -> Self {
        let free = Disk::of(path).map(|disk| disk.free);
        // Where not even a name has room, SQLite only says that it cannot open a file.
        let nameless = error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && free == Some(0);
        if nameless || is_full(&error) {
            return Self::Full { path: path.to_owned(), free: free.unwrap_or_default() };
        }
        Self::Sqlite { path: path.to_owned(), error }
    }
}

/// Whether there was no room for it.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    // The shared index of the log is a file, too.
    let index = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
    index || error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// `jiesu.db` and `-wal` as `jiesu.db-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens the file, or makes it; a damaged one is replaced by what can be read of it.
pub(super) fn open(path: &Path) -> Result<(Lock, Handle), OpenError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(directory)?;
    let (lock, killed) = Lock::take(path)?;
    // Whoever was killed left a log behind, if only an empty one.
    let log_is_gone = killed && path.exists() && !beside(path, "-wal").exists();
    let connection = match open_locked(path, directory) {
        Err(OpenError::Full { .. }) if spare::give_up(path) => {
            tracing::error!(
                alarm = true,
                path = %path.display(),
                "THE DISK IS FULL: the store is opened in the room that it keeps for that; make room"
            );
            open_locked(path, directory)
        }
        outcome => outcome,
    }?;
    if log_is_gone {
        tracing::error!(
            alarm = true,
            path = %path.display(),
            "THE LOG OF THE STORE IS GONE: what was acknowledged shortly before the end of the last run is lost, unless \
             the -wal file is put back while the gateway is stopped"
        );
        salvage::skip(&connection).map_err(|error| OpenError::of(path, error))?;
    }
    let handle = Handle::new(connection, Arc::default(), Arc::default()).map_err(|error| OpenError::of(path, error))?;
    lock.mark(true);
    spare::keep(path);
    Ok((lock, handle))
}

fn open_locked(path: &Path, directory: &Path) -> Result<Connection, OpenError> {
    // What a salvage before us could not finish.
    if !salvage::finish(path)?.is_empty() {
        tracing::warn!("the salvage of the store that was interrupted is finished");
    }
    let found = look(path)?;
    if let Found::Damaged(damage) = &found {
        salvage::salvage(path, damage)?;
    }
    let connection = match ready(path, CHECK_AT_START) {
        Err(error) if is_damage(&error) => {
            salvage::salvage(path, &error.to_string())?;
            ready(path, CHECK_AT_START)
        }
        outcome => outcome,
    };
    let failed = |error| OpenError::of(path, error);
    let connection = connection.map_err(failed)?;
    if !matches!(found, Found::Store) {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
        File::open(path)?.sync_all()?;
        File::open(directory)?.sync_all()?;
    }
    Ok(connection)
}

/// A handle of a store that is whole and of our version.
fn ready(path: &Path, check_up_to: u64) -> rusqlite::Result<Connection> {
    let marked = beside(path, SUSPECT);
    let mut connection = connect(path)?;
    let fresh = fs::metadata(path).map_or(true, |metadata| metadata.len() <= u64::from(schema::PAGE_SIZE));
    let small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= check_up_to);
    if !fresh && (small || marked.exists()) {
        check(&connection)?;
    }
    schema::migrate(&mut connection)?;
    salvage::check_tables(&connection)?;
    // Leases of this file are of processes that are gone: the lock says so.
    connection.execute("DELETE FROM lease", [])?;
    let _ = fs::remove_file(marked);
    Ok(connection)
}

/// Whether the file is at fault, and not the disk, its room or its owner.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(error, _) => {
            matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                || error.extended_code == ffi::SQLITE_IOERR_SHORT_READ
        }
        _ => false,
    }
}

/// Notes that SQLite found damage while the store was in use: the next start looks at all of the file, however large.
pub(super) fn mark_suspect(path: &Path) {
    let _ = File::create(beside(path, SUSPECT)).and_then(|file| file.sync_all());
}

/// A handle in the place of one that failed: everything that the log still holds goes into the file first, so that
/// what is written from now on does not follow pages that may never have reached the disk.
pub(super) fn reopen(path: &Path, names: Arc<Names>, tail: Arc<Tail>) -> rusqlite::Result<Handle> {
    Handle::new(emptied(path)?, names, tail)
}

/// A handle, and nothing left in the log.
fn emptied(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(connection) } else { Err(failure(ffi::SQLITE_BUSY, "readers are in the way")) }
}

/// All of the log into the file, so that the file alone is the store when nobody runs.
pub(super) fn settle(path: &Path) -> rusqlite::Result<()> {
    let connection = emptied(path)?;
    // The last handle to close then removes the log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.close().map_err(|(_, error)| error)
}

/// A handle for reading only.
pub(super) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.pragma_update(None, "cache_size", -1024)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Statements are prepared once. Without the stability guarantee (QPSG) one with a `LIMIT ?` is prepared again whenever
/// another value is bound to it.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// A handle for writing and for the checkpoint.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // SQLite gives its log the mode of its file. If this fails, SQLite says why.
    let _ = File::options().append(true).create(true).mode(0o600).open(path);
    let connection = Connection::open(path)?;
    // When the log goes into the file is said explicitly, never by the way: a damaged store must not be changed by
    // closing it, and a handle that failed must not write again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "page_size", schema::PAGE_SIZE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Every commit is on the disk before it is acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The keeper checkpoints, so that the writer does not stop for it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Looks at the file, if there is one, without touching anything.
///
/// # Errors
/// [`OpenError::Newer`] and [`OpenError::Foreign`], or the file cannot be read.
pub fn inspect(path: &Path) -> Result<(), OpenError> {
    look(path).map(drop)
}

/// What lies at the path.
enum Found {
    Nothing,
    Store,
    Damaged(String),
}

/// Reads the file and its log without SQLite, which would convert or change what it opens.
fn look(path: &Path) -> Result<Found, OpenError> {
    let files = salvage::Files::open(path)?;
    if files.empty() {
        return Ok(Found::Nothing);
    }
    let header = files.first_page();
    if !files.starts() {
        return Ok(Found::Damaged("the file is gone or empty, but its log is there".into()));
    }
    if header.len() < 112 || !header.starts_with(b"SQLite format 3\0") {
        return Ok(Found::Damaged("it does not begin as a SQLite file does".into()));
    }
    let word = |at: usize| i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (version, application) = (word(60), word(68));
    // A SQLite file with nothing in it yet: no table in the schema, which begins behind the header.
    let blank = header[100] == 0x0D && header[103..105] == [0, 0];
    if application != schema::APPLICATION_ID && !(application == 0 && version == 0 && blank) {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if version > schema::version() {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: schema::version() });
    }
    // Page size, and the fractions that the format fixes.
    if application != 0 && (header[16..18] != [0x10, 0] || header[21..24] != [64, 32, 32]) {
        return Ok(Found::Damaged("its header is damaged".into()));
    }
    if files.log_is_cut() {
        return Ok(Found::Damaged("the log is cut short: the file goes on beyond its last transaction".into()));
    }
    if files.log_is_damaged() {
        return Ok(Found::Damaged("the log is damaged in the middle".into()));
    }
    if files.torn_tail() > 0 {
        tracing::info!(
            bytes = files.torn_tail(),
            "the log of the store ends in an incomplete transaction, as after a power cut; it was never acknowledged"
        );
    }
    Ok(Found::Store)
}

/// Everything that SQLite finds wrong, up to a screenful.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA quick_check(20)")?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    if found == ["ok"] { Ok(()) } else { Err(failure(ffi::SQLITE_CORRUPT, &found.join("; "))) }
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
