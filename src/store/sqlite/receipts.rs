//! Receipts that go out as messages of their own, and messages found again by their names.

use super::{handle::Handle, keys, outbox};
use crate::{number::Number, store::NewReply};
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

/// The number of the first message that came under this delivery key.
pub(super) fn named(handle: &Handle, channel: &str, scope: &str, value: &str) -> rusqlite::Result<Option<Number>> {
    let Some(first) = keys::first(handle, channel, scope, value)? else { return Ok(None) };
    let sql = "SELECT number FROM message WHERE id = ?1";
    let number = handle.prepare_cached(sql)?.query_row([first.0], |row| row.get(0)).optional()?;
    Ok(number.map(Number::from_key))
}
