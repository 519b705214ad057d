//! Conversations: further messages of the same sender get the first one's number, until the window closes.

use super::{inbox, pieces};
use crate::{
    number::Number,
    store::{
        Message, NewMessage, Pace,
        waiting::{FIRST, talk::Talk},
    },
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// It must not wait.
const URGENT: &str =
    "UPDATE conversation SET messages = -abs(messages) WHERE channel = ?1 AND sender = ?2 AND number = ?3";

/// Where the sender's conversation stands, and whether a message of it has no ticket yet.
fn find(connection: &Connection, channel: &str, sender: &str) -> rusqlite::Result<Option<(Talk, bool)>> {
    let sql = "SELECT number, opened_at, last_at, messages,
                 EXISTS (SELECT 1 FROM pending WHERE pending.number = conversation.number AND due > 0)
               FROM conversation WHERE channel = ?1 AND sender = ?2";
    let read = |row: &rusqlite::Row<'_>| {
        let (number, opened_at, last_at) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((Talk { number, opened_at, last_at, messages: row.get(3)? }, row.get(4)?))
    };
    connection.prepare_cached(sql)?.query_row(params![channel, sender], read).optional()
}

/// The number of the sender's open conversation, and when it closes now that `message` has joined it.
pub(super) fn join(connection: &Connection, message: &NewMessage) -> rusqlite::Result<Option<(Number, i64)>> {
    let (Some(_), Some(sender)) = (message.window, &message.incoming.sender) else { return Ok(None) };
    let Some((talk, waits)) = find(connection, &message.channel, sender)? else { return Ok(None) };
    let Some((talk, mut due)) = talk.join(message, waits) else { return Ok(None) };
    connection
        .prepare_cached("UPDATE conversation SET last_at = ?3, messages = ?4 WHERE channel = ?1 AND sender = ?2")?
        .execute(params![&*message.channel, sender, talk.last_at, talk.messages])?;
    if waits {
        if pieces::missing(connection, talk.number)? {
            due = due.max(connection.prepare_cached(pieces::DUE)?.query_row([talk.number], |row| row.get(0))?);
        }
        connection.prepare_cached(pieces::SET_DUE)?.execute(params![talk.number, due])?;
    }
    Ok(Some((Number::from_key(talk.number), due)))
}

/// Opens a conversation under `number`, if `message` may; tells when it closes, 0 for one that has no window.
pub(super) fn open(connection: &Connection, message: &NewMessage, number: Number) -> rusqlite::Result<i64> {
    let Some(sender) = &message.incoming.sender else { return Ok(0) };
    let Some((talk, due)) = Talk::open(message, number.to_key()) else { return Ok(0) };
    connection
        .prepare_cached("INSERT OR REPLACE INTO conversation VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![&*message.channel, sender, talk.number, talk.opened_at, talk.last_at, talk.messages])?;
    Ok(due)
}

/// The conversation of this number must not wait, but for what is missing of its messages.
pub(super) fn hasten(connection: &Connection, channel: &str, sender: &str, number: Number) -> rusqlite::Result<()> {
    let key = number.to_key();
    connection.prepare_cached(URGENT)?.execute(params![channel, sender, key])?;
    if !pieces::missing(connection, key)? {
        connection.prepare_cached(pieces::SET_DUE)?.execute([key, FIRST])?;
    }
    Ok(())
}

/// When the conversation of this number was opened, and whether it must not wait; `message` may be what tells so.
pub(super) fn opened(
    connection: &Connection,
    message: &NewMessage,
    number: Number,
) -> rusqlite::Result<Option<(i64, bool)>> {
    let Some(sender) = &message.incoming.sender else { return Ok(None) };
    let key = params![&*message.channel, sender, number.to_key()];
    if message.pace == Pace::Urgent {
        connection.prepare_cached(URGENT)?.execute(key)?;
    }
    let sql = "SELECT opened_at, messages < 0 FROM conversation WHERE channel = ?1 AND sender = ?2 AND number = ?3";
    connection.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// All messages of a conversation that have no outcome yet.
pub(super) fn messages(connection: &Connection, number: Number) -> rusqlite::Result<Vec<Message>> {
    let sql = format!(
        "SELECT {} FROM pending JOIN message ON message.id = pending.message
         WHERE pending.number = ?1 AND due > 0 ORDER BY pending.message",
        inbox::COLUMNS
    );
    connection.prepare_cached(&sql)?.query_map([number.to_key()], inbox::read)?.collect()
}

/// When the next one closes, after `now`.
pub(super) fn next_due(connection: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> = connection
        .prepare_cached("SELECT min(due) FROM pending INDEXED BY pending_waiting WHERE (due > 0) = 1 AND due > ?1")?
        .query_row([now.as_millisecond()], |row| row.get(0))?;
    Ok(due.and_then(|due| Timestamp::from_millisecond(due).ok()))
}

/// The number of the sender's conversation, while it has no ticket.
pub(super) fn talking(connection: &Connection, channel: &str, sender: &str) -> rusqlite::Result<Option<Number>> {
    let sql = "SELECT number FROM conversation JOIN pending USING (number)
               WHERE channel = ?1 AND sender = ?2 AND due > 0 LIMIT 1";
    let number = connection.prepare_cached(sql)?.query_row(params![channel, sender], |row| row.get(0));
    Ok(number.optional()?.map(Number::from_key))
}
