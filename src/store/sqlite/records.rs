//! Closed days, comparisons, and destinations that are stopped.

use super::{SqliteStore, inbox, open::failure};
use crate::{
    number::Number,
    store::{ClosedDay, Message, MessageId, ParityRun, Records, Result, Waiting},
};
use async_trait::async_trait;
use bytes::Bytes;
use jiesu_connector::Raw;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use std::path::Path;

/// Bytes of messages read at once.
const READ_BYTES: usize = 16 << 20;

#[async_trait]
impl Records for SqliteStore {
    async fn pause_destination(&self, name: &str, paused: bool, at: Timestamp) -> Result<()> {
        let name = name.to_owned();
        self.write(move |connection| {
            match paused {
                true => connection.execute(
                    "INSERT OR IGNORE INTO paused_destination VALUES (?1, ?2)",
                    params![name, at.as_millisecond()],
                ),
                false => connection.execute("DELETE FROM paused_destination WHERE name = ?1", [&name]),
            }
            .map(drop)
        })
        .await
    }

    async fn paused_destinations(&self) -> Result<Vec<String>> {
        let sql = "SELECT name FROM paused_destination ORDER BY name";
        self.read(|connection| connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()).await
    }

    async fn record_parity(&self, run: ParityRun) -> Result<()> {
        self.write(move |connection| {
            let counts = [run.matched, run.different, run.missing_here, run.missing_there].map(|count| count as i64);
            let [matched, different, here, there] = counts;
            let sql =
                "INSERT INTO parity (line, first, last, at, file, matched, different, missing_here, missing_there)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let at = run.at.as_millisecond();
            let values = params![run.line, run.first, run.last, at, run.file, matched, different, here, there];
            connection.execute(sql, values).map(drop)
        })
        .await
    }

    async fn parity(&self) -> Result<Vec<ParityRun>> {
        self.read(last_runs).await
    }

    async fn received_for(&self, line: &str, days: (u32, u32), after: MessageId, limit: usize) -> Result<Vec<Message>> {
        let line = line.to_owned();
        self.read(move |connection| received_for(connection, &line, days, after, limit)).await
    }

    async fn close_day(&self, day: ClosedDay) -> Result<bool> {
        self.write(move |connection| {
            let last = last_closed(connection)?;
            let follows = match &last {
                Some(last) => last.day < day.day && last.hash == day.previous,
                None => day.previous == [0; 32],
            };
            if follows {
                let values = params![day.day, day.previous, day.hash, day.record];
                connection.execute("INSERT INTO closed_day VALUES (?1, ?2, ?3, ?4)", values)?;
            }
            Ok(follows)
        })
        .await
    }

    async fn closed_days(&self, day: u32, limit: usize) -> Result<Vec<ClosedDay>> {
        let sql = "SELECT day, previous, hash, record FROM closed_day WHERE day >= ?1 ORDER BY day LIMIT ?2";
        let read = move |connection: &Connection| {
            connection.prepare_cached(sql)?.query_map(params![day, limit as i64], closed)?.collect()
        };
        self.read(read).await
    }

    async fn closed_before(&self, day: u32) -> Result<Option<ClosedDay>> {
        let sql = "SELECT day, previous, hash, record FROM closed_day WHERE day < ?1 ORDER BY day DESC LIMIT 1";
        self.read(move |connection| connection.prepare_cached(sql)?.query_row([day], closed).optional()).await
    }

    async fn waiting(&self, day: u32, until: Timestamp) -> Result<Vec<Waiting>> {
        let sql = "SELECT channel, hotline, count(*) AS n FROM
                     (SELECT message, number FROM pending UNION ALL SELECT message, number FROM quarantine) AS open
                   JOIN message ON id = open.message
                   WHERE open.number / 10000000000 = ?1 AND received_at <= ?2
                   GROUP BY channel, hotline ORDER BY channel, hotline";
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![day, until.as_millisecond()], |row| {
                let count: i64 = row.get(2)?;
                Ok(Waiting { channel: row.get(0)?, hotline: row.get(1)?, count: count as u64 })
            })?;
            rows.collect()
        };
        self.read(read).await
    }

    async fn last_closed(&self) -> Result<Option<ClosedDay>> {
        self.read(last_closed).await
    }

    async fn first_day(&self) -> Result<Option<u32>> {
        let sql = "SELECT min(day) FROM (SELECT min(day) AS day FROM counter UNION ALL SELECT min(day) FROM tally)";
        self.read(|connection| connection.query_row(sql, [], |row| row.get(0))).await
    }
}

fn closed(row: &Row<'_>) -> rusqlite::Result<ClosedDay> {
    Ok(ClosedDay { day: row.get(0)?, previous: row.get(1)?, hash: row.get(2)?, record: row.get(3)? })
}

fn last_closed(connection: &Connection) -> rusqlite::Result<Option<ClosedDay>> {
    let sql = "SELECT day, previous, hash, record FROM closed_day ORDER BY day DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row([], closed).optional()
}

fn last_runs(connection: &Connection) -> rusqlite::Result<Vec<ParityRun>> {
    let sql = "SELECT * FROM parity WHERE id IN (SELECT max(id) FROM parity GROUP BY line) ORDER BY line";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let count = |column: &str| row.get::<_, i64>(column).map(|count| count.max(0) as u64);
        Ok(ParityRun {
            line: row.get("line")?,
            first: row.get("first")?,
            last: row.get("last")?,
            at: inbox::time(row, "at")?,
            file: row.get("file")?,
            matched: count("matched")?,
            different: count("different")?,
            missing_here: count("missing_here")?,
            missing_there: count("missing_there")?,
        })
    })?;
    rows.collect()
}

/// The last comparison of each line, from a store that no process has open. Touches nothing; a store that is not there,
/// or is older, has none.
///
/// # Errors
/// The file cannot be read.
pub fn parity_at_rest(path: &Path) -> std::result::Result<Vec<ParityRun>, String> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let read = || {
        // Nobody writes, so nothing is locked and no log is made beside the file.
        let path = path.to_str().ok_or_else(|| failure(rusqlite::ffi::SQLITE_CANTOPEN, "its path is no UTF-8"))?;
        let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?;
        match connection.table_exists(None, "parity")? {
            true => last_runs(&connection),
            false => Ok(Vec::new()),
        }
    };
    read().map_err(|error: rusqlite::Error| error.to_string())
}

fn received_for(
    connection: &Connection,
    line: &str,
    (first, last): (u32, u32),
    after: MessageId,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    let sql = "SELECT id, number, channel, hotline, received_at, sender, media_type, meta, body FROM message
               WHERE id > ?4 AND id >= (SELECT min(first) FROM counter WHERE day >= ?2)
                 AND number / 10000000000 BETWEEN ?2 AND ?3 AND hotline = ?1
               ORDER BY id LIMIT ?5";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![line, first, last, after.0, limit as i64])?;
    let (mut messages, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let body = Bytes::copy_from_slice(row.get_ref(8)?.as_blob()?);
        bytes += body.len();
        let meta = serde_json::from_str(row.get_ref(7)?.as_str()?).unwrap_or_default();
        messages.push(Message {
            id: MessageId(row.get(0)?),
            number: Number::from_key(row.get(1)?),
            channel: row.get(2)?,
            hotline: row.get(3)?,
            received_at: Timestamp::from_millisecond(row.get(4)?).unwrap_or(Timestamp::UNIX_EPOCH),
            sender: row.get(5)?,
            due: 0,
            conversation: false,
            ticketed: false,
            late: false,
            raw: Raw { media_type: row.get(6)?, meta, body },
        });
        if bytes >= READ_BYTES {
            break;
        }
    }
    Ok(messages)
}
