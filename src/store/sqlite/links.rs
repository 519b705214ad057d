//! Repeats, incidents, and tickets that have not been looked at yet.

use super::{inbox, tickets};
use crate::{
    number::Number,
    store::{Counter, Member, MessageId, NoTicket, TicketChange, TicketRow},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Remembers what a new ticket joins, and that it is still to be looked at.
pub(super) fn note(
    connection: &Connection,
    number: Number,
    joins: Option<Number>,
    unchecked: bool,
) -> rusqlite::Result<()> {
    if let Some(root) = joins {
        join(connection, number, root)?;
    }
    if unchecked {
        connection.prepare_cached("INSERT OR IGNORE INTO unchecked VALUES (?1)")?.execute([number.to_key()])?;
    }
    Ok(())
}

fn join(connection: &Connection, number: Number, root: Number) -> rusqlite::Result<()> {
    // The first one is of the incident too.
    let sql =
        "INSERT OR IGNORE INTO member SELECT ?1, number, appellant, received_at FROM ticket WHERE number IN (?1, ?2)";
    connection.prepare_cached(sql)?.execute([root.to_key(), number.to_key()]).map(drop)
}

pub(super) fn set(connection: &Connection, number: Number, root: Option<Number>) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM member WHERE number = ?1")?.execute([number.to_key()])?;
    root.map_or(Ok(()), |root| join(connection, number, root))
}

pub(super) fn members(connection: &Connection, root: Number, limit: usize) -> rusqlite::Result<Vec<Member>> {
    let sql = "SELECT number, citizen, at FROM member WHERE incident = ?1 ORDER BY number DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![root.to_key(), limit as i64], |row| {
        Ok(Member { number: Number::from_key(row.get(0)?), citizen: row.get(1)?, at: inbox::time(row, "at")? })
    })?;
    rows.collect()
}

pub(super) fn unchecked(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<TicketRow>> {
    let sql = format!(
        "SELECT {} FROM ticket WHERE number IN (SELECT number FROM unchecked ORDER BY number LIMIT ?1) ORDER BY number",
        tickets::COLUMNS
    );
    connection.prepare_cached(&sql)?.query_map([limit as i64], tickets::read)?.collect()
}

pub(super) fn checked(connection: &Connection, number: Number) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM unchecked WHERE number = ?1")?.execute([number.to_key()]).map(drop)
}

pub(super) fn tickets_from(connection: &Connection, number: Number, limit: usize) -> rusqlite::Result<Vec<TicketRow>> {
    let sql = format!("SELECT {} FROM ticket WHERE number > ?1 ORDER BY number LIMIT ?2", tickets::COLUMNS);
    connection.prepare_cached(&sql)?.query_map(params![number.to_key(), limit as i64], tickets::read)?.collect()
}

pub(super) fn add_repeat(
    connection: &Connection,
    number: Number,
    ticket: Number,
    code_hash: &[u8; 16],
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO repeat VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![number.to_key(), ticket.to_key(), code_hash]).map(drop)
}

/// The ticket that the repeat of this number counts to (none if that was undone), and what is kept of its code.
pub(super) fn repeat(connection: &Connection, number: Number) -> rusqlite::Result<Option<(Option<Number>, Vec<u8>)>> {
    let sql = "SELECT ticket, code_hash FROM repeat WHERE number = ?1";
    let found: Option<(i64, Vec<u8>)> = connection
        .prepare_cached(sql)?
        .query_row([number.to_key()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.map(|(ticket, hash)| ((ticket > 0).then(|| Number::from_key(ticket)), hash)))
}

/// This number's matter counts to the ticket of another.
pub(super) fn is_repeat(connection: &Connection, number: Number) -> rusqlite::Result<bool> {
    Ok(matches!(repeat(connection, number)?, Some((Some(_), _))))
}

/// What came under this number was added to a ticket, if to that of another number.
pub(super) fn add_addition(connection: &Connection, number: Number, change: &TicketChange) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO addition (number, ticket, kind) VALUES (?1, ?2, ?3)";
    if let Some(event) = change.events.first().filter(|_| number != change.number) {
        connection.prepare_cached(sql)?.execute(params![number.to_key(), change.number.to_key(), event.kind])?;
    }
    Ok(())
}

/// The ticket that what came under this number was added to.
pub(super) fn addition(connection: &Connection, number: Number) -> rusqlite::Result<Option<Number>> {
    let sql = "SELECT ticket FROM addition WHERE number = ?1";
    connection.prepare_cached(sql)?.query_row([number.to_key()], |row| Ok(Number::from_key(row.get(0)?))).optional()
}

/// What is said of a message that made no ticket to who looks its number up.
pub(super) fn add_noted(connection: &Connection, message: MessageId, shown: &NoTicket) -> rusqlite::Result<()> {
    let about = shown.about.map_or(0, Number::to_key);
    let sql = "INSERT OR IGNORE INTO noted SELECT number, ?2, received_at, ?3 FROM message WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![message.0, about, shown.what]).map(drop)
}

/// When what came under this number was received, what it was, and which ticket it was about.
pub(super) fn noted(
    connection: &Connection,
    number: Number,
) -> rusqlite::Result<Option<(Timestamp, String, Option<Number>)>> {
    let sql = "SELECT received_at, what, ticket FROM noted WHERE number = ?1";
    let row = |row: &Row<'_>| {
        let about: i64 = row.get("ticket")?;
        Ok((inbox::time(row, "received_at")?, row.get("what")?, (about > 0).then(|| Number::from_key(about))))
    };
    connection.prepare_cached(sql)?.query_row([number.to_key()], row).optional()
}

/// Its messages are in the line again; that it was undone stays known, so that it is not linked the same way once more.
pub(super) fn undo_repeat(connection: &Connection, number: Number) -> rusqlite::Result<bool> {
    let key = number.to_key();
    let sql = "UPDATE repeat SET ticket = 0 WHERE number = ?1 AND ticket > 0";
    if connection.prepare_cached(sql)?.execute([key])? == 0 {
        return Ok(false);
    }
    let sql = "SELECT id, channel, hotline FROM message
               WHERE id >= (SELECT first FROM counter WHERE day = ?2) AND number = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![key, number.day], |row| {
        Ok((MessageId(row.get(0)?), row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    for (message, channel, hotline) in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        connection
            .prepare_cached("INSERT OR IGNORE INTO pending VALUES (?1, ?2, -1)")?
            .execute(params![message.0, key])?;
        inbox::uncount(connection, number.day, &channel, &hotline, Counter::Repeat, 1)?;
    }
    Ok(true)
}
