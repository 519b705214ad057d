//! What operators see and do: the picture of the line, the audit trail, and channels they have stopped.

use crate::{
    number::Number,
    store::{AuditEntry, Glance},
};
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// Goes back from the newest message, so that it costs what came in lately and not what was ever stored.
pub(super) fn glance(connection: &Connection, since: Timestamp, limit: usize) -> rusqlite::Result<Glance> {
    let mut glance = Glance::default();
    let mut newest = connection.prepare_cached("SELECT received_at FROM message ORDER BY id DESC LIMIT ?1")?;
    for at in newest.query_map([limit as i64], |row| super::inbox::time(row, "received_at"))? {
        let at = at?;
        if at < since {
            break;
        }
        glance.arrivals.push(at);
    }
    let sql = "SELECT destination, count(*) FROM dead_letter WHERE state = 'dead' GROUP BY destination";
    let mut dead = connection.prepare_cached(sql)?;
    for row in dead.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))? {
        let (destination, count) = row?;
        glance.dead.insert(destination, count);
    }
    let quarantined: i64 = connection.query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))?;
    glance.quarantined = quarantined as u64;
    Ok(glance)
}

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
