//! Receipts that go out as messages of their own, and messages found again by their names.

use super::outbox;
use crate::{number::Number, store::NewReply};
use jiesu_connector::digest;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// Puts a receipt into the outbox, unless its recipient was sent one that is not past its time yet. In the transaction of
/// its ticket, so that the brake holds whatever happens.
pub(super) fn add(connection: &Connection, number: Number, receipt: &NewReply) -> rusqlite::Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM reply
               WHERE channel = ?1 AND recipient = ?2 AND give_up > ?3 AND name = 'receipt')";
    let had: bool = connection
        .prepare_cached(sql)?
        .query_row(params![receipt.channel, receipt.recipient, Timestamp::now().as_millisecond()], |row| row.get(0))?;
    if had { Ok(()) } else { outbox::add_reply(connection, number, receipt) }
}

/// The number of the first message that came under this delivery key. For the writer's handle, which has the recent keys.
pub(super) fn named(
    connection: &Connection,
    channel: &str,
    scope: &str,
    value: &str,
) -> rusqlite::Result<Option<Number>> {
    let name = digest([channel.as_bytes(), scope.as_bytes(), value.as_bytes()]);
    let sql = "SELECT message.number FROM message WHERE id =
                 (SELECT min(message) FROM (SELECT message FROM temp.recent_key WHERE name = ?1
                                            UNION ALL SELECT message FROM delivery_key WHERE name = ?1))";
    let found = connection.prepare_cached(sql)?.query_row([&name[..]], |row| row.get(0)).optional()?;
    Ok(found.map(Number::from_key))
}
