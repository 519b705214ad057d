//! Messages in several pieces (long short messages): each piece is stored by itself, under one number, and its message
//! waits in the line until it is whole or its time is over.

use super::{conversation, handle::Handle};
use crate::{
    number::Number,
    store::{
        MessageId, NewMessage,
        waiting::{
            LATE,
            pieces::{FORGET, Place, REMEMBERED, WHOLE, due, is_stale, name},
        },
    },
};
use rusqlite::{Connection, OptionalExtension, params};

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

/// Looks for the other pieces of the message that `message` is one of. The same place with other bytes begins another
/// message; so does a piece after a long silence.
pub(super) fn place(connection: &Connection, message: &NewMessage) -> rusqlite::Result<Place> {
    let Some(piece) = &message.piece else { return Ok(Place::First) };
    let (whole, now) = (name(message, piece), message.received_at.as_millisecond());
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
    let stale = is_stale(now, last_at, complete);
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
    let closes: Option<i64> = connection.prepare_cached(DUE)?.query_row([number], |row| row.get(0))?;
    // Without others in the line its message has its ticket, and this one is an addition.
    Ok(Place::With(Number::from_key(number), closes.unwrap_or(LATE)))
}

/// Remembers a piece that was just stored under `number`, and says when its message goes on now.
pub(super) fn add(handle: &Handle, message: &NewMessage, id: MessageId, number: Number) -> rusqlite::Result<()> {
    let Some(piece) = &message.piece else { return Ok(()) };
    let (whole, now) = (name(message, piece), message.received_at.as_millisecond());
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

/// When the conversation of `number` closes now.
fn settle(connection: &Connection, message: &NewMessage, number: Number) -> rusqlite::Result<()> {
    let key = number.to_key();
    let open = conversation::opened(connection, message, number)?;
    let first = match missing(connection, key)? {
        false => None,
        // Only without a conversation it is of interest when the first one came.
        true if message.window.is_some() && open.is_some() => Some(0),
        true => connection.prepare_cached(OPENED)?.query_row([key], |row| row.get(0))?,
    };
    connection.prepare_cached(SET_DUE)?.execute(params![key, due(message, first, open)]).map(drop)
}

fn forget(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM piece WHERE whole IN
                 (SELECT whole FROM piece WHERE complete = ?3 AND last_at < ?1 LIMIT ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute([now - 2 * REMEMBERED, FORGET, 0])?;
    statement.execute([now - WHOLE, FORGET, 1]).map(drop)
}
