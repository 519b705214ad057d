//! What operators do: the audit trail, and channels they have stopped.

use crate::{number::Number, store::AuditEntry};
use jiff::Timestamp;
use rusqlite::{Connection, params};

pub(super) fn audit(
    connection: &Connection,
    at: Timestamp,
    who: &str,
    action: &str,
    numbers: &[Number],
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT INTO audit (at, who, action, number) VALUES (?1, ?2, ?3, ?4)")?;
    numbers
        .iter()
        .try_for_each(|number| statement.execute(params![at.as_millisecond(), who, action, number.to_key()]).map(drop))
}

pub(super) fn audit_trail(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<AuditEntry>> {
    let mut statement = connection.prepare_cached("SELECT * FROM audit ORDER BY id DESC LIMIT ?1")?;
    let rows = statement.query_map([limit as i64], |row| {
        Ok(AuditEntry {
            at: super::inbox::time(row, "at")?,
            who: row.get("who")?,
            action: row.get("action")?,
            number: Number::from_key(row.get("number")?),
        })
    })?;
    rows.collect()
}

pub(super) fn pause(connection: &Connection, channel: &str, paused: bool) -> rusqlite::Result<()> {
    let sql = match paused {
        true => "INSERT OR IGNORE INTO paused_channel VALUES (?1)",
        false => "DELETE FROM paused_channel WHERE id = ?1",
    };
    connection.execute(sql, [channel]).map(drop)
}

pub(super) fn paused(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached("SELECT id FROM paused_channel")?.query_map([], |row| row.get(0))?.collect()
}
