//! Conversations: further messages of the same sender get the first one's number, until the window closes.

use super::inbox;
use crate::{
    number::Number,
    store::{Message, NewMessage},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// A conversation of so many messages is whole; what follows is another, so that no ticket grows without end.
const MOST: i64 = 200;

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The number of the sender's open conversation, and when it closes now that `message` has joined it.
pub(super) fn join(connection: &Connection, message: &NewMessage) -> rusqlite::Result<Option<(Number, i64)>> {
    let (Some(window), Some(sender)) = (message.window, &message.incoming.sender) else { return Ok(None) };
    let now = message.received_at.as_millisecond();
    // One that is a ticket already is over, whatever the clock says.
    let sql = "SELECT number, opened_at, last_at FROM conversation WHERE channel = ?1 AND sender = ?2 AND messages < ?3
               AND EXISTS (SELECT 1 FROM pending WHERE pending.number = conversation.number AND due > 0)";
    let found: Option<(i64, i64, i64)> = connection
        .prepare_cached(sql)?
        .query_row(params![&*message.channel, sender, MOST], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((number, opened_at, last_at)) = found else { return Ok(None) };
    let closes = opened_at.saturating_add(milliseconds(window.max));
    let idle = milliseconds(window.idle);
    if now >= closes || now >= last_at.saturating_add(idle) {
        return Ok(None);
    }
    let due = now.saturating_add(idle).min(closes);
    connection
        .prepare_cached(
            "UPDATE conversation SET last_at = ?3, messages = messages + 1 WHERE channel = ?1 AND sender = ?2",
        )?
        .execute(params![&*message.channel, sender, now])?;
    connection
        .prepare_cached("UPDATE pending SET due = ?2 WHERE number = ?1 AND due > 0")?
        .execute(params![number, due])?;
    Ok(Some((Number::from_key(number), due)))
}

/// Opens a conversation under `number`, if `message` may; tells when it closes, 0 for one that has no window.
pub(super) fn open(connection: &Connection, message: &NewMessage, number: Number) -> rusqlite::Result<i64> {
    let (Some(window), Some(sender)) = (message.window, &message.incoming.sender) else { return Ok(0) };
    let now = message.received_at.as_millisecond();
    connection
        .prepare_cached("INSERT OR REPLACE INTO conversation VALUES (?1, ?2, ?3, ?4, ?4, 1)")?
        .execute(params![&*message.channel, sender, number.to_key(), now])?;
    Ok(now.saturating_add(milliseconds(window.idle.min(window.max))))
}

/// All messages of a conversation that have no outcome yet.
pub(super) fn messages(connection: &Connection, number: Number) -> rusqlite::Result<Vec<Message>> {
    let sql = "SELECT message.*, due, EXISTS (SELECT 1 FROM ticket WHERE ticket.number = pending.number) AS ticketed
               FROM pending JOIN message ON message.id = pending.message
               WHERE pending.number = ?1 AND due > 0 ORDER BY pending.message";
    connection.prepare_cached(sql)?.query_map([number.to_key()], inbox::read)?.collect()
}

/// When the next one closes.
pub(super) fn next_due(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> =
        connection.prepare_cached("SELECT min(due) FROM pending WHERE due > 0")?.query_row([], |row| row.get(0))?;
    Ok(due.and_then(|due| Timestamp::from_millisecond(due).ok()))
}

/// The number of the sender's conversation, while it has no ticket.
pub(super) fn talking(connection: &Connection, channel: &str, sender: &str) -> rusqlite::Result<Option<Number>> {
    let sql = "SELECT number FROM conversation JOIN pending USING (number)
               WHERE channel = ?1 AND sender = ?2 AND due > 0 LIMIT 1";
    let number = connection.prepare_cached(sql)?.query_row(params![channel, sender], |row| row.get(0));
    Ok(number.optional()?.map(Number::from_key))
}
