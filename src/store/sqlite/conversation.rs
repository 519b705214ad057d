//! Conversations: further messages of the same sender get the first one's number, until the window closes.

use super::{inbox, pieces};
use crate::{
    number::Number,
    store::{Message, NewMessage, Pace},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// A conversation of so many messages is whole; what follows is another, so that no ticket grows without end.
const MOST: i64 = 200;

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where the sender's conversation stands. In its row, `last_at` lies in the future until the first word is said, so that it
/// closes no sooner than it must; `messages` is negative once an urgent word has ended its waiting.
struct Talk {
    number: i64,
    opened_at: i64,
    last_at: i64,
    messages: i64,
    /// None of its messages is a ticket's yet.
    waits: bool,
}

fn find(connection: &Connection, channel: &str, sender: &str) -> rusqlite::Result<Option<Talk>> {
    let sql = "SELECT number, opened_at, last_at, messages,
                 EXISTS (SELECT 1 FROM pending WHERE pending.number = conversation.number AND due > 0)
               FROM conversation WHERE channel = ?1 AND sender = ?2";
    let read = |row: &rusqlite::Row<'_>| {
        let (number, opened_at, last_at) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Talk { number, opened_at, last_at, messages: row.get(3)?, waits: row.get(4)? })
    };
    connection.prepare_cached(sql)?.query_row(params![channel, sender], read).optional()
}

/// The number of the sender's open conversation, and when it closes now that `message` has joined it.
pub(super) fn join(connection: &Connection, message: &NewMessage) -> rusqlite::Result<Option<(Number, i64)>> {
    let (Some(window), Some(sender)) = (message.window, &message.incoming.sender) else { return Ok(None) };
    let now = message.received_at.as_millisecond();
    let Some(talk) = find(connection, &message.channel, sender)? else { return Ok(None) };
    let urgent = talk.messages < 0;
    let closes = talk.opened_at.saturating_add(milliseconds(window.max));
    let idle = milliseconds(window.idle);
    // One that is a ticket already is over, whatever the clock says; only to an urgent one more is added.
    let over = !talk.waits && !urgent;
    if over || talk.messages.abs() >= MOST || now >= closes || now >= talk.last_at.saturating_add(idle) {
        return Ok(None);
    }
    let last_at = match message.pace {
        Pace::End => now.saturating_sub(idle),
        Pace::Wordless => talk.last_at.max(now),
        Pace::Usual | Pace::Urgent => now,
    };
    let urgent = urgent || message.pace == Pace::Urgent;
    let messages = if urgent { -talk.messages.abs() - 1 } else { talk.messages + 1 };
    connection
        .prepare_cached("UPDATE conversation SET last_at = ?3, messages = ?4 WHERE channel = ?1 AND sender = ?2")?
        .execute(params![&*message.channel, sender, last_at, messages])?;
    let number = Number::from_key(talk.number);
    if !talk.waits {
        return Ok(Some((number, pieces::LATE)));
    }
    let mut due = if urgent { pieces::FIRST } else { last_at.saturating_add(idle).min(closes) };
    if pieces::missing(connection, talk.number)? {
        due = due.max(connection.prepare_cached(pieces::DUE)?.query_row([talk.number], |row| row.get(0))?);
    }
    let due = due.max(pieces::FIRST);
    connection.prepare_cached(pieces::SET_DUE)?.execute(params![talk.number, due])?;
    Ok(Some((number, due)))
}

/// Opens a conversation under `number`, if `message` may; tells when it closes, 0 for one that has no window.
pub(super) fn open(connection: &Connection, message: &NewMessage, number: Number) -> rusqlite::Result<i64> {
    let (Some(window), Some(sender)) = (message.window, &message.incoming.sender) else { return Ok(0) };
    let now = message.received_at.as_millisecond();
    let (idle, max) = (milliseconds(window.idle), milliseconds(window.max));
    let (last_at, messages, due) = match message.pace {
        Pace::Urgent => (now, -1, pieces::FIRST),
        Pace::Wordless => (now.saturating_add(max.saturating_sub(idle).max(0)), 1, now.saturating_add(max)),
        Pace::Usual | Pace::End => (now, 1, now.saturating_add(idle.min(max))),
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO conversation VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![&*message.channel, sender, number.to_key(), now, last_at, messages])?;
    Ok(due.max(pieces::FIRST))
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
        let sql =
            "UPDATE conversation SET messages = -abs(messages) WHERE channel = ?1 AND sender = ?2 AND number = ?3";
        connection.prepare_cached(sql)?.execute(key)?;
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
