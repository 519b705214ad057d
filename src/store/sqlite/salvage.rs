//! A damaged file: what is intact is taken over into a new one, and the damaged one is kept.
//!
//! Rows are read in the order of their keys; where a page is unreadable, reading goes on behind it. What the tables
//! no longer agree on is settled so that nothing intact is lost: a message without its ticket goes through the line
//! again, under its number. The receiver may get an event again, but never too few.

use super::{
    open::{OpenError, beside},
    schema,
};
use rusqlite::{Connection, params_from_iter, types::Value};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// So many keys after an unreadable row are tried one by one: more than a page has rows.
const ONE_BY_ONE: i64 = 4096;

/// What the tables must agree on, after rows were lost.
const SETTLE: &str = "
    DELETE FROM delivery_key WHERE message NOT IN (SELECT id FROM message);
    DELETE FROM quarantine WHERE message NOT IN (SELECT id FROM message);
    DELETE FROM pending WHERE message NOT IN (SELECT id FROM message);
    DELETE FROM ticket WHERE number IN (SELECT number FROM message)
        AND NOT EXISTS (SELECT 1 FROM event WHERE event.number = ticket.number);
    INSERT OR IGNORE INTO pending (message, number, due) SELECT id, number, 0 FROM message
        WHERE number NOT IN (SELECT number FROM ticket) AND id NOT IN (SELECT message FROM quarantine);
    INSERT INTO counter (day, last, first)
        SELECT number / 10000000000, max(number % 10000000000), min(id) FROM message WHERE true GROUP BY 1
        ON CONFLICT (day) DO UPDATE SET last = max(last, excluded.last), first = min(first, excluded.first);
    INSERT INTO counter (day, last, first)
        SELECT number / 10000000000, max(number % 10000000000), 1 FROM ticket WHERE true GROUP BY 1
        ON CONFLICT (day) DO UPDATE SET last = max(last, excluded.last);
    UPDATE destination SET ahead = '[]', cursor = (SELECT coalesce(max(sequence), 0) FROM event)
        WHERE cursor > (SELECT coalesce(max(sequence), 0) FROM event);
";

/// Puts a new file with everything readable in the place of the damaged one, which is kept beside it.
pub(super) fn salvage(path: &Path, found: &str) -> Result<(), OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    let kept = keep(path)?;
    tracing::error!(alarm = true, store = %path.display(), found, kept = %kept.display(),
        "STORE DAMAGED: what is intact is taken over into a new file, and the damaged one is kept");
    let target = beside(path, ".salvaging");
    remove(&target)?;
    let lost = take_over(path, &target).map_err(failed)?;
    File::open(&target)?.sync_all()?;
    fs::rename(&target, beside(path, ".salvaged"))?;
    finish(path)?;
    for Table { name, rows, unreadable } in lost {
        match unreadable {
            None => tracing::info!(table = name, rows, "the table is intact"),
            Some(error) => {
                tracing::error!(alarm = true, table = name, rows, error, "rows of a damaged table were lost")
            }
        }
    }
    Ok(())
}

/// Takes a salvaged file into use; also after a crash in the middle of that.
pub(super) fn finish(path: &Path) -> io::Result<()> {
    let salvaged = beside(path, ".salvaged");
    if !salvaged.exists() {
        return Ok(());
    }
    // The old log must not be applied to the new file.
    remove(&beside(path, "-wal"))?;
    remove(&beside(path, "-shm"))?;
    fs::rename(salvaged, path)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// A copy of the damaged file and its log, for those who can read more out of it.
fn keep(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let kept = beside(path, &format!(".damaged-{now}"));
    fs::copy(path, &kept)?;
    let log = beside(path, "-wal");
    if log.exists() {
        fs::copy(log, beside(&kept, "-wal"))?;
    }
    File::open(&kept)?.sync_all()?;
    Ok(kept)
}

/// A log whose file is gone or empty is damage, too: SQLite would remove it without a word.
pub(super) fn keep_lone_log(path: &Path) -> io::Result<()> {
    let log = beside(path, "-wal");
    if fs::metadata(&log).map_or(0, |metadata| metadata.len()) == 0 {
        return Ok(());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let kept = beside(path, &format!(".damaged-{now}-wal"));
    tracing::error!(alarm = true, store = %path.display(), kept = %kept.display(),
        "STORE DAMAGED: the file is missing or empty although its log is there; beginning anew, and the log is kept");
    fs::rename(log, kept)
}

struct Table {
    name: String,
    rows: u64,
    unreadable: Option<String>,
}

/// Whether a file whose first page is garbage looks like a store of ours all the same: its second page is a table's.
pub(super) fn looks_like_ours(path: &Path) -> bool {
    let mut kind = [0];
    let at = u64::from(schema::PAGE_SIZE);
    File::open(path).is_ok_and(|file| file.read_exact_at(&mut kind, at).is_ok() && [2, 5, 10, 13].contains(&kind[0]))
}

/// The first page says where the tables begin. They begin where they do in every file that we make, so that a new
/// file's first page can stand in for one that is garbage.
fn mend_first_page(damaged: &Path, new: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(damaged)?;
    let mut page = vec![0; schema::PAGE_SIZE as usize];
    file.read_exact_at(&mut page, 0)?;
    if page.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    File::open(new)?.read_exact_at(&mut page, 0)?;
    // Database file format, section 1.3: the size in pages.
    let pages = file.metadata()?.len().div_ceil(u64::from(schema::PAGE_SIZE));
    page[28..32].copy_from_slice(&u32::try_from(pages).unwrap_or(u32::MAX).to_be_bytes());
    file.write_all_at(&page, 0)
}

fn take_over(from: &Path, to: &Path) -> rusqlite::Result<Vec<Table>> {
    let made = File::options().append(true).create(true).mode(0o600).open(to);
    made.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut target = Connection::open(to)?;
    target.pragma_update(None, "page_size", schema::PAGE_SIZE)?;
    // Synced whole, before it is used.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    schema::migrate(&mut target)?;
    if let Err(error) = mend_first_page(from, to) {
        tracing::error!(%error, "the first page cannot be mended");
    }
    let source = Connection::open(from)?;
    // Lets a file be read that is shorter than its header says.
    source.pragma_update(None, "writable_schema", true)?;
    source.pragma_update(None, "cell_size_check", true)?;
    let tables: Vec<(String, bool)> = target
        .prepare("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let transaction = target.transaction()?;
    let mut taken = Vec::new();
    for (name, without_rowid) in tables {
        let copy = Copy { source: &source, target: &transaction, table: &name };
        let (rows, unreadable) = if without_rowid { copy.both_ends()? } else { copy.by_rowid()? };
        taken.push(Table { name, rows, unreadable: unreadable.map(|error| error.to_string()) });
    }
    transaction.execute_batch(SETTLE)?;
    transaction.commit()?;
    target.close().map_err(|(_, error)| error)?;
    Ok(taken)
}

/// One table on its way. What the source does not give is lost; what the target does not take is a fault.
struct Copy<'a> {
    source: &'a Connection,
    target: &'a Connection,
    table: &'a str,
}

type Taken = (u64, Option<rusqlite::Error>);

impl Copy<'_> {
    /// Copies what `query` gives, up to the end or to what cannot be read.
    fn rows(&self, query: &str, from: &[i64], mut last: impl FnMut(&[Value])) -> rusqlite::Result<Taken> {
        let mut count = 0;
        let mut statement = match self.source.prepare_cached(query) {
            Ok(statement) => statement,
            Err(error) => return Ok((0, Some(error))),
        };
        let width = statement.column_count();
        let places = vec!["?"; width].join(", ");
        let insert = format!("INSERT OR IGNORE INTO {} VALUES ({places})", self.table);
        let mut insert = self.target.prepare_cached(&insert)?;
        let mut rows = match statement.query(params_from_iter(from)) {
            Ok(rows) => rows,
            Err(error) => return Ok((0, Some(error))),
        };
        loop {
            let values: rusqlite::Result<Vec<Value>> = match rows.next() {
                Ok(None) => return Ok((count, None)),
                Ok(Some(row)) => (0..width).map(|column| row.get(column)).collect(),
                Err(error) => return Ok((count, Some(error))),
            };
            match values {
                Ok(values) => {
                    last(&values);
                    // A row that breaks the table's own rules is damage, too.
                    count += insert.execute(params_from_iter(&values)).unwrap_or(0) as u64;
                }
                Err(error) => return Ok((count, Some(error))),
            }
        }
    }

    /// A table whose first column is its integer key: behind unreadable rows it goes on with the next readable one.
    fn by_rowid(&self) -> rusqlite::Result<Taken> {
        let query = format!("SELECT * FROM {} WHERE rowid >= ?1 ORDER BY rowid", self.table);
        let (mut count, mut damage, mut from) = (0, None, 0);
        loop {
            let mut last = from - 1;
            let (rows, error) = self.rows(&query, &[from], |row| {
                if let Some(Value::Integer(key)) = row.first() {
                    last = *key;
                }
            })?;
            count += rows;
            let Some(error) = error else { return Ok((count, damage)) };
            damage.get_or_insert(error);
            match self.next_readable(&query, last) {
                Some(key) => from = key,
                None => return Ok((count, damage)),
            }
        }
    }

    /// The first key after `last` from which a row can be read.
    fn next_readable(&self, query: &str, last: i64) -> Option<i64> {
        let mut probe = self.source.prepare_cached(&format!("{query} LIMIT 1")).ok()?;
        let width = probe.column_count();
        // Some(true): a row; Some(false): the end; None: unreadable.
        let mut readable = |key: i64| -> Option<bool> {
            let mut rows = probe.query([key]).ok()?;
            let Some(row) = rows.next().ok()? else { return Some(false) };
            (0..width).try_for_each(|column| row.get::<_, Value>(column).map(drop)).ok()?;
            Some(true)
        };
        let mut bad = last;
        for step in 1..=ONE_BY_ONE {
            match readable(last.checked_add(step)?) {
                Some(row) => return row.then_some(last + step),
                None => bad = last + step,
            }
        }
        // A large hole: double the step until something is readable, then find where it begins.
        let mut step = ONE_BY_ONE;
        let mut good = loop {
            step = step.checked_mul(2)?;
            let key = last.checked_add(step)?;
            match readable(key) {
                Some(true) => break key,
                // The end may lie in between.
                Some(false) if step > 1 << 40 => return None,
                Some(false) => break key,
                None => bad = key,
            }
        };
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if readable(middle).is_some() { good = middle } else { bad = middle }
        }
        (readable(good) == Some(true)).then_some(good)
    }

    /// A table with another key: from the front up to the damage, and from the back down to it.
    fn both_ends(&self) -> rusqlite::Result<Taken> {
        let keys: Vec<String> = self
            .target
            .prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?
            .query_map([self.table], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let forwards = format!("SELECT * FROM {} ORDER BY {}", self.table, keys.join(", "));
        let (mut count, damage) = self.rows(&forwards, &[], |_| {})?;
        if damage.is_some() {
            let keys: Vec<String> = keys.iter().map(|key| format!("{key} DESC")).collect();
            let backwards = format!("SELECT * FROM {} ORDER BY {}", self.table, keys.join(", "));
            count += self.rows(&backwards, &[], |_| {})?.0;
        }
        Ok((count, damage))
    }
}
