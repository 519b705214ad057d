//! Receipts that go out as messages of their own, and messages found again by their names.

use super::{handle::Handle, keys, outbox};
use crate::{
    number::Number,
    reply,
    store::{NewMessage, NewReply},
};
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

/// Puts the receipt of a message that has just got a number of its own into the outbox, if its sender is to have one at
/// once: in the transaction of the message, so that what is acknowledged is also said.
pub(super) fn at_once(connection: &Connection, number: Number, message: &NewMessage) -> rusqlite::Result<()> {
    let Some(recipient) = message.incoming.sender.clone().filter(|_| message.incoming.receipt) else { return Ok(()) };
    let receipt = NewReply {
        name: reply::RECEIPT.to_owned(),
        channel: message.channel.to_string(),
        recipient,
        words: String::new(),
        give_up: message.received_at.saturating_add(reply::RECEIPT_LIFE).unwrap_or(Timestamp::MAX),
    };
    outbox::add_reply(connection, number, &receipt)
}

/// The number of the first message that came under this delivery key.
pub(super) fn named(handle: &Handle, channel: &str, scope: &str, value: &str) -> rusqlite::Result<Option<Number>> {
    let Some(first) = keys::first(handle, channel, scope, value)? else { return Ok(None) };
    let sql = "SELECT number FROM message WHERE id = ?1";
    let number = handle.prepare_cached(sql)?.query_row([first.0], |row| row.get(0)).optional()?;
    Ok(number.map(Number::from_key))
}
