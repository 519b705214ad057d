//! The event log, and how far each destination has come in it.

use super::handle::Handle;
use crate::{
    number::Number,
    store::{DeadLetter, DeadQuery, DeadState, NewEvent, Progress, Requeue, Sequence, StoredEvent},
};
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

/// Bytes of events read at once.
const READ_BYTES: usize = 16 << 20;

/// Appends events, writing each one's sequence into its body.
pub(super) fn append(handle: &Handle, events: &mut [NewEvent]) -> rusqlite::Result<()> {
    events.iter_mut().try_for_each(|event| {
        let sequence = handle.next_event()?;
        write(handle, event, sequence)?;
        handle.appended(StoredEvent {
            sequence: Sequence(sequence),
            id: event.id.clone(),
            kind: event.kind.to_owned(),
            number: event.number,
            body: event.body.clone(),
        });
        Ok(())
    })
}

/// Writes an event to its place in the log.
pub(super) fn write(connection: &Connection, event: &mut NewEvent, sequence: i64) -> rusqlite::Result<()> {
    event.set_sequence(Sequence(sequence));
    connection
        .prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![sequence, event.id, event.kind, event.number.to_key(), &event.body[..]])
        .map(drop)
}

/// The destination whose cursor is not one: no event is numbered up to it. Configured ones have a name.
const FLOOR: &str = "";

pub(super) fn last(connection: &Connection) -> rusqlite::Result<Sequence> {
    let sql = "SELECT max(coalesce((SELECT max(sequence) FROM event), 0),
                          coalesce((SELECT cursor FROM destination WHERE name = ?1), 0))";
    connection.prepare_cached(sql)?.query_row([FLOOR], |row| row.get(0)).map(Sequence)
}

/// Leaves out the sequences up to `floor`: somebody's cursor may be there already, though the events are lost.
pub(super) fn set_floor(connection: &Connection, floor: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO destination VALUES (?1, ?2, '[]')
               ON CONFLICT (name) DO UPDATE SET cursor = max(cursor, excluded.cursor)";
    connection.execute(sql, params![FLOOR, floor]).map(drop)
}

fn event(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        sequence: Sequence(row.get(0)?),
        id: row.get(1)?,
        kind: row.get(2)?,
        number: Number::from_key(row.get(3)?),
        body: Bytes::copy_from_slice(row.get_ref(4)?.as_blob()?),
    })
}

/// The first `limit` events after `cursor`, or as many of them as one read may have; none after `last`.
pub(super) fn events(
    connection: &Connection,
    cursor: Sequence,
    last: Sequence,
    limit: usize,
) -> rusqlite::Result<Vec<StoredEvent>> {
    let sql = "SELECT sequence, id, kind, number, body FROM event
               WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![cursor.0, last.0, limit as i64])?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let event = event(row)?;
        bytes += event.body.len();
        events.push(event);
        if bytes >= READ_BYTES {
            break;
        }
    }
    Ok(events)
}

/// Reads every event after `cursor`: short, as that is the end of the log that a destination still has before it.
pub(super) fn events_of(connection: &Connection, number: Number, cursor: Sequence) -> rusqlite::Result<Vec<Sequence>> {
    let sql = "SELECT sequence FROM event WHERE sequence > ?1 AND number = ?2 ORDER BY sequence";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([cursor.0, number.to_key()], |row| row.get(0).map(Sequence))?;
    rows.collect()
}

pub(super) fn progress(connection: &Connection, name: &str) -> rusqlite::Result<Progress> {
    let sql = "SELECT cursor, ahead FROM destination WHERE name = ?1";
    let found = connection.prepare_cached(sql)?.query_row([name], |row| {
        let ahead = serde_json::from_str(row.get_ref(1)?.as_str()?).unwrap_or_default();
        Ok(Progress { cursor: Sequence(row.get(0)?), ahead })
    });
    Ok(found.optional()?.unwrap_or_default())
}

pub(super) fn save_progress(connection: &Connection, name: &str, progress: &Progress) -> rusqlite::Result<()> {
    let ahead = serde_json::to_string(&progress.ahead).unwrap_or_default();
    connection
        .prepare_cached("INSERT OR REPLACE INTO destination VALUES (?1, ?2, ?3)")?
        .execute(params![name, progress.cursor.0, ahead])
        .map(drop)
}

pub(super) fn bury(connection: &Connection, letter: &DeadLetter) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO dead_letter VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            letter.destination,
            letter.sequence.0,
            letter.reason,
            letter.attempts,
            letter.at.as_millisecond(),
            state_name(letter.state),
        ])
        .map(drop)
}

pub(super) fn exhume(connection: &Connection, name: &str, sequence: Sequence) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE dead_letter SET state = 'delivered' WHERE destination = ?1 AND sequence = ?2")?
        .execute(params![name, sequence.0])
        .map(drop)
}

fn state_name(state: DeadState) -> &'static str {
    match state {
        DeadState::Dead => "dead",
        DeadState::Queued => "queued",
        DeadState::Delivered => "delivered",
    }
}

pub(super) fn dead_letters(connection: &Connection, query: &DeadQuery) -> rusqlite::Result<Vec<DeadLetter>> {
    let sql = "SELECT dead_letter.*, event.id, event.kind, event.number FROM dead_letter JOIN event USING (sequence)
               WHERE (?1 IS NULL OR destination = ?1) AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR number = ?3)
               ORDER BY at DESC, sequence DESC LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let number = query.number.map(|number| number.to_key());
    let wanted = params![query.destination, query.state.map(state_name), number, query.limit as i64];
    let rows = statement.query_map(wanted, |row| {
        Ok(DeadLetter {
            destination: row.get("destination")?,
            sequence: Sequence(row.get("sequence")?),
            event: row.get("id")?,
            kind: row.get("kind")?,
            number: Number::from_key(row.get("number")?),
            reason: row.get("reason")?,
            attempts: row.get("attempts")?,
            at: super::inbox::time(row, "at")?,
            state: match row.get_ref("state")?.as_str()? {
                "queued" => DeadState::Queued,
                "delivered" => DeadState::Delivered,
                _ => DeadState::Dead,
            },
        })
    })?;
    rows.collect()
}

pub(super) fn requeue(connection: &Connection, which: &Requeue) -> rusqlite::Result<usize> {
    let (destination, sequence) = match which {
        Requeue::One(destination, sequence) => (Some(destination), Some(sequence.0)),
        Requeue::Of(destination) => (Some(destination), None),
        Requeue::All => (None, None),
    };
    connection.execute(
        "UPDATE dead_letter SET state = 'queued'
         WHERE state <> 'delivered' AND (?1 IS NULL OR destination = ?1) AND (?2 IS NULL OR sequence = ?2)",
        params![destination, sequence],
    )
}

pub(super) fn requeued(connection: &Connection, name: &str, limit: usize) -> rusqlite::Result<Vec<StoredEvent>> {
    let sql = "SELECT event.* FROM dead_letter JOIN event USING (sequence)
               WHERE destination = ?1 AND state = 'queued' ORDER BY sequence LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![name, limit as i64], event)?;
    rows.collect()
}

pub(super) fn lease(
    connection: &Connection,
    resource: &str,
    holder: &str,
    now: Timestamp,
    ttl: Duration,
) -> rusqlite::Result<Option<u64>> {
    let now = now.as_millisecond();
    let until = now.saturating_add(ttl.as_millis() as i64);
    let sql = "INSERT INTO lease VALUES (?1, ?2, 1, ?4)
               ON CONFLICT (resource) DO UPDATE SET
                 fence = fence + (holder <> excluded.holder), holder = excluded.holder, until = excluded.until
               WHERE holder = excluded.holder OR until <= ?3
               RETURNING fence";
    connection
        .prepare_cached(sql)?
        .query_row(params![resource, holder, now, until], |row| row.get::<_, i64>(0))
        .optional()
        .map(|fence| fence.map(|fence| fence as u64))
}

/// The row stays, so that the fence goes on from where it is.
pub(super) fn release_lease(connection: &Connection, resource: &str, holder: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE lease SET until = 0 WHERE resource = ?1 AND holder = ?2";
    connection.prepare_cached(sql)?.execute([resource, holder]).map(drop)
}
