//! Messages in several pieces (long short messages): each piece is stored by itself, under one number, and its message
//! waits in the line until it is whole or its time is over.

use super::{conversation, handle::Handle};
use crate::{
    number::Number,
    store::{MessageId, NewMessage},
};
use jiesu_connector::digest;
use rusqlite::{Connection, OptionalExtension, params};

/// A piece that comes later than this after the latest other one is of another message: senders' names repeat.
const REMEMBERED: i64 = 24 * 3_600_000;
/// A piece that comes again within this after its message was whole is no other message's.
const WHOLE: i64 = 600_000;
/// Forgotten at a time, so that nobody waits long for it.
const FORGET: i64 = 16;
/// What [`super::inbox::COLUMNS`] takes for "it may have a ticket already".
pub(super) const LATE: i64 = -1;

/// `due` of what need not wait any more: before all others that have waited, however many they are.
pub(super) const FIRST: i64 = 1;

/// Whether a number has a message that is not whole. The index is named, because the planner takes the one by age, in
/// which all messages that are not whole would be read.
pub(super) const MISSING: &str =
    "SELECT EXISTS (SELECT 1 FROM piece INDEXED BY piece_number WHERE number = ?1 AND complete = 0)";
/// When the first piece of such a message came.
pub(super) const OPENED: &str =
    "SELECT min(opened_at) FROM piece INDEXED BY piece_number WHERE number = ?1 AND complete = 0";
/// When the conversation of a number closes.
pub(super) const DUE: &str =
    "SELECT max(due) FROM pending INDEXED BY pending_conversation WHERE number = ?1 AND due > 0";
/// It closes at another time.
pub(super) const SET_DUE: &str =
    "UPDATE pending INDEXED BY pending_conversation SET due = ?2 WHERE number = ?1 AND due > 0";

/// Where a piece belongs.
pub(super) enum Place {
    /// It is there already.
    Known(MessageId),
    /// With the others of its message: their number, and what is due.
    With(Number, i64),
    /// It is the first of its message.
    First,
}

fn name(message: &NewMessage, whole: &str, of: u16) -> [u8; 16] {
    digest([message.channel.as_bytes(), whole.as_bytes(), &of.to_be_bytes()])
}

/// Looks for the other pieces of the message that `message` is one of. The same place with other bytes begins another
/// message; so does a piece after a long silence.
pub(super) fn place(connection: &Connection, message: &NewMessage) -> rusqlite::Result<Place> {
    let Some(piece) = &message.piece else { return Ok(Place::First) };
    let (whole, now) = (name(message, &piece.whole, piece.of), message.received_at.as_millisecond());
    forget(connection, now)?;
    let sql = "SELECT number, last_at, complete FROM piece WHERE whole = ?1 LIMIT 1";
    let others: Option<(i64, i64, bool)> = connection
        .prepare_cached(sql)?
        .query_row([whole], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((number, last_at, complete)) = others else { return Ok(Place::First) };
    let sql = "SELECT message, content = ?3 FROM piece WHERE whole = ?1 AND place = ?2";
    let taken: Option<(i64, bool)> = connection
        .prepare_cached(sql)?
        .query_row(params![whole, piece.place, message.incoming.digest], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let stale = now - last_at > if complete { WHOLE } else { REMEMBERED };
    match taken {
        Some((first, true)) if !stale => return Ok(Place::Known(MessageId(first))),
        None if !stale => {}
        _ => {
            connection.prepare_cached("DELETE FROM piece WHERE whole = ?1")?.execute([whole])?;
            if !complete {
                // What there is of the earlier message goes on, with its gaps.
                settle(connection, message, Number::from_key(number))?;
            }
            return Ok(Place::First);
        }
    }
    let due: Option<i64> = connection.prepare_cached(DUE)?.query_row([number], |row| row.get(0))?;
    // Without others in the line its message has its ticket, and this one is an addition.
    Ok(Place::With(Number::from_key(number), due.unwrap_or(LATE)))
}

/// Remembers a piece that was just stored under `number`, and says when its message goes on now.
pub(super) fn add(handle: &Handle, message: &NewMessage, id: MessageId, number: Number) -> rusqlite::Result<()> {
    let Some(piece) = &message.piece else { return Ok(()) };
    let (whole, now) = (name(message, &piece.whole, piece.of), message.received_at.as_millisecond());
    handle
        .prepare_cached(
            "INSERT OR REPLACE INTO piece
             SELECT ?1, ?2, ?3, ?4, ?5, coalesce((SELECT opened_at FROM piece WHERE whole = ?1 LIMIT 1), ?6), ?6, 0",
        )?
        .execute(params![whole, piece.place, id.0, number.to_key(), message.incoming.digest, now])?;
    let sql = "UPDATE piece SET last_at = ?2, complete = (SELECT count(*) FROM piece WHERE whole = ?1) >= ?3
               WHERE whole = ?1";
    handle.prepare_cached(sql)?.execute(params![whole, now, piece.of])?;
    settle(handle, message, number)
}

/// Whether the conversation of this number still waits for pieces.
pub(super) fn missing(connection: &Connection, number: i64) -> rusqlite::Result<bool> {
    connection.prepare_cached(MISSING)?.query_row([number], |row| row.get(0))
}

/// When the conversation of `number` closes: with a piece missing as late as it may, otherwise as others do; a message
/// by itself goes on at once when it is whole.
fn settle(connection: &Connection, message: &NewMessage, number: Number) -> rusqlite::Result<()> {
    let milliseconds = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let (key, now) = (number.to_key(), message.received_at.as_millisecond());
    let wait = message.piece.as_ref().map_or(0, |piece| milliseconds(piece.wait));
    let missing = missing(connection, key)?;
    let open = conversation::opened(connection, message, number)?;
    let due = match (message.window, open) {
        (Some(_), Some((_, true))) if !missing => FIRST,
        (Some(window), Some((opened_at, urgent))) => {
            let closes = opened_at.saturating_add(milliseconds(window.max));
            let idle = if urgent { 0 } else { milliseconds(window.idle) };
            now.saturating_add(if missing { idle.max(wait) } else { idle }).min(closes)
        }
        _ if missing => {
            let first: Option<i64> = connection.prepare_cached(OPENED)?.query_row([key], |row| row.get(0))?;
            now.saturating_add(wait).min(first.unwrap_or(now).saturating_add(REMEMBERED))
        }
        _ => FIRST,
    };
    connection.prepare_cached(SET_DUE)?.execute(params![key, due.max(FIRST)]).map(drop)
}

fn forget(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM piece WHERE whole IN
                 (SELECT whole FROM piece WHERE complete = ?3 AND last_at < ?1 LIMIT ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute([now - 2 * REMEMBERED, FORGET, 0])?;
    statement.execute([now - WHOLE, FORGET, 1]).map(drop)
}
