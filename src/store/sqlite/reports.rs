//! What carriers report of replies (状态报告): one reply may have gone out in several messages, each with a fate of its own.

use super::outbox;
use crate::store::Reported;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// What became of a reply that was sent; with a time, it is under way until its fate is reported.
pub(super) fn settle(
    connection: &Connection,
    reply: i64,
    state: &str,
    sent_as: Option<&str>,
    awaited: Option<Timestamp>,
) -> rusqlite::Result<()> {
    match (awaited, sent_as) {
        (Some(until), Some(names)) => await_reports(connection, reply, names, until),
        _ => outbox::replied(connection, reply, state, sent_as),
    }
}

/// A reply is under way under these names, and its fate is awaited until then.
fn await_reports(connection: &Connection, reply: i64, sent_as: &str, until: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO reply_message SELECT channel, ?2, id, NULL FROM reply WHERE id = ?1";
    for name in sent_as.split_whitespace() {
        connection.prepare_cached(sql)?.execute(params![reply, name])?;
    }
    connection
        .prepare_cached("UPDATE reply SET state = 'sent', next_at = ?2 WHERE id = ?1")?
        .execute(params![reply, until.as_millisecond()])
        .map(drop)
}

/// Notes the fate of one message; gives back its reply with the fates of all its messages. The same report again changes
/// nothing.
pub(super) fn report(
    connection: &Connection,
    channel: &str,
    sent_as: &str,
    fate: &str,
) -> rusqlite::Result<Option<Reported>> {
    let sql = "UPDATE reply_message SET fate = ?3 WHERE channel = ?1 AND sent_as = ?2 RETURNING reply";
    let reply: Option<i64> =
        connection.prepare_cached(sql)?.query_row(params![channel, sent_as, fate], |row| row.get(0)).optional()?;
    reply.map_or(Ok(None), |reply| read(connection, reply))
}

/// Replies whose fate was awaited long enough.
pub(super) fn unreported(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<Reported>> {
    let sql = "SELECT id FROM reply WHERE state = 'sent' AND next_at <= ?1 ORDER BY next_at LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let due = statement.query_map(params![now.as_millisecond(), limit as i64], |row| row.get(0))?;
    let due = due.collect::<rusqlite::Result<Vec<i64>>>()?;
    due.into_iter().filter_map(|reply| read(connection, reply).transpose()).collect()
}

fn read(connection: &Connection, reply: i64) -> rusqlite::Result<Option<Reported>> {
    let sql = "SELECT * FROM reply WHERE id = ?1 AND state = 'sent'";
    let Some(due) = connection.prepare_cached(sql)?.query_row([reply], outbox::reply).optional()? else {
        return Ok(None);
    };
    let mut fates = connection.prepare_cached("SELECT fate FROM reply_message WHERE reply = ?1 ORDER BY sent_as")?;
    let fates = fates.query_map([reply], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(Reported { due, fates }))
}
