//! Contacts that the channel itself delimits (calls): every message of one has its number, and waits in the line until the
//! contact is complete or its time is over; what comes later is late.

use super::{handle::Handle, inbox, pieces};
use crate::{
    number::Number,
    store::{
        Message, MessageId, NewMessage,
        waiting::contacts::{FORGET, REMEMBERED, due, joins, name},
    },
};
use rusqlite::{Connection, OptionalExtension, params};

/// The number of the contact that `message` is of, and what is due, if it has one.
pub(super) fn place(connection: &Connection, message: &NewMessage) -> rusqlite::Result<Option<(Number, i64)>> {
    let Some(contact) = &message.contact else { return Ok(None) };
    let now = message.received_at.as_millisecond();
    forget(connection, now)?;
    let sql = "SELECT number, EXISTS (SELECT 1 FROM pending WHERE pending.number = contact.number AND due > 0)
               FROM contact WHERE name = ?1 AND last_at > ?2";
    let found: Option<(i64, bool)> = connection
        .prepare_cached(sql)?
        .query_row(params![name(message, contact), now - REMEMBERED], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.map(|(number, open)| (Number::from_key(number), joins(open))))
}

/// Remembers a message that was just stored under `number`, and says when its contact goes on now.
pub(super) fn add(handle: &Handle, message: &NewMessage, id: MessageId, number: Number) -> rusqlite::Result<()> {
    let Some(contact) = &message.contact else { return Ok(()) };
    let (key, now) = (number.to_key(), message.received_at.as_millisecond());
    let sql = "INSERT INTO contact VALUES (?1, ?2, ?3, ?4, ?5, ?5)
               ON CONFLICT (name) DO UPDATE SET
                   brings = iif(number = excluded.number, brings, 0) | excluded.brings,
                   expects = iif(number = excluded.number, expects, 0) | excluded.expects,
                   opened_at = iif(number = excluded.number, opened_at, excluded.opened_at),
                   number = excluded.number, last_at = max(last_at, excluded.last_at)
               RETURNING brings, expects, opened_at, last_at";
    let (brings, expects, opened_at, last_at): (u32, u32, i64, i64) = handle
        .prepare_cached(sql)?
        .query_row(params![name(message, contact), key, contact.brings, contact.expects, now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    handle.prepare_cached("INSERT OR IGNORE INTO contact_message VALUES (?1, ?2)")?.execute(params![key, id.0])?;
    let due = due(message, contact, (brings, expects), (opened_at, last_at));
    handle.prepare_cached(pieces::SET_DUE)?.execute(params![key, due]).map(drop)
}

/// All messages of the contact of this number.
pub(super) fn messages(connection: &Connection, number: Number) -> rusqlite::Result<Vec<Message>> {
    // What has its outcome is not in the line any more: as if it had come late.
    let columns = inbox::COLUMNS.replace("due", "coalesce(due, -1)");
    let sql = format!(
        "SELECT {columns} FROM contact_message JOIN message ON message.id = contact_message.message
         LEFT JOIN pending ON pending.message = message.id
         WHERE contact_message.number = ?1 ORDER BY contact_message.message"
    );
    connection.prepare_cached(&sql)?.query_map([number.to_key()], inbox::read)?.collect()
}

fn forget(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let sql = "SELECT name, number FROM contact WHERE last_at < ?1
               AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.number = contact.number AND due > 0) LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let old: Vec<([u8; 16], i64)> = statement
        .query_map([now - REMEMBERED, FORGET], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (name, number) in old {
        connection.prepare_cached("DELETE FROM contact WHERE name = ?1")?.execute([name])?;
        connection.prepare_cached("DELETE FROM contact_message WHERE number = ?1")?.execute([number])?;
    }
    Ok(())
}
