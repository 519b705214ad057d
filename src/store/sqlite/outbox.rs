//! What goes back to citizens, and what is still to be fetched from channels.

use crate::{
    number::Number,
    store::{DueMedia, DueReply, NewMedia, NewReply, Reach},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) fn add_reply(connection: &Connection, number: Number, reply: &NewReply) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO reply (number, name, channel, recipient, words, state, attempts, next_at, give_up)
             VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, 0, ?6)",
        )?
        .execute(params![
            number.to_key(),
            reply.name,
            reply.channel,
            reply.recipient,
            reply.words,
            reply.give_up.as_millisecond()
        ])
        .map(drop)
}

pub(super) fn reply(row: &Row<'_>) -> rusqlite::Result<DueReply> {
    Ok(DueReply {
        id: row.get("id")?,
        number: Number::from_key(row.get("number")?),
        reply: NewReply {
            name: row.get("name")?,
            channel: row.get("channel")?,
            recipient: row.get("recipient")?,
            words: row.get("words")?,
            give_up: super::inbox::time(row, "give_up")?,
        },
        attempts: row.get("attempts")?,
    })
}

pub(super) fn due_replies(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<DueReply>> {
    let sql = "SELECT * FROM reply WHERE state = 'pending' AND next_at <= ?1 AND NOT EXISTS
                 (SELECT 1 FROM reply AS earlier WHERE earlier.number = reply.number AND earlier.id < reply.id
                                                   AND earlier.state IN ('pending', 'sending'))
               ORDER BY next_at, id LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(params![now.as_millisecond(), limit as i64], reply)?.collect()
}

pub(super) fn postpone_reply(connection: &Connection, id: i64, next_at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE reply SET state = 'pending', attempts = attempts + 1, next_at = ?2 WHERE id = ?1")?
        .execute(params![id, next_at.as_millisecond()])
        .map(drop)
}

pub(super) fn sending_reply(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let sql = "UPDATE reply SET state = 'sending' WHERE id = ?1 AND state = 'pending'";
    Ok(connection.prepare_cached(sql)?.execute([id])? == 1)
}

pub(super) fn interrupted_replies(connection: &Connection) -> rusqlite::Result<Vec<DueReply>> {
    // As the index has it.
    let sql = "SELECT * FROM reply WHERE state IN ('pending', 'sending') AND state = 'sending' ORDER BY id";
    connection.prepare_cached(sql)?.query_map([], reply)?.collect()
}

pub(super) fn replied(connection: &Connection, id: i64, state: &str, sent_as: Option<&str>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE reply SET state = ?2, sent_as = coalesce(?3, sent_as) WHERE id = ?1")?
        .execute(params![id, state, sent_as])
        .map(drop)
}

pub(super) fn sent_reply(connection: &Connection, channel: &str, sent_as: &str) -> rusqlite::Result<Option<DueReply>> {
    let sql = "SELECT * FROM reply WHERE channel = ?1 AND sent_as = ?2 ORDER BY id DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row(params![channel, sent_as], reply).optional()
}

pub(super) fn reach(connection: &Connection, number: Number) -> rusqlite::Result<Reach> {
    let sql = "SELECT sender, EXISTS (SELECT 1 FROM unreachable WHERE unreachable.channel = ticket.channel
                                                                  AND unreachable.sender = ticket.sender)
               FROM ticket WHERE number = ?1 AND sender IS NOT NULL";
    let found = connection.prepare_cached(sql)?.query_row([number.to_key()], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(match found.optional()? {
        Some((_, true)) => Reach::Left,
        Some((sender, false)) => Reach::Sender(sender),
        None => Reach::Unknown,
    })
}

pub(super) fn set_reach(
    connection: &Connection,
    channel: &str,
    sender: &str,
    reachable: bool,
    now: Timestamp,
) -> rusqlite::Result<()> {
    match reachable {
        true => connection
            .prepare_cached("DELETE FROM unreachable WHERE channel = ?1 AND sender = ?2")?
            .execute(params![channel, sender]),
        false => connection.prepare_cached("INSERT OR IGNORE INTO unreachable VALUES (?1, ?2, ?3)")?.execute(params![
            channel,
            sender,
            now.as_millisecond()
        ]),
    }
    .map(drop)
}

pub(super) fn add_media(
    connection: &Connection,
    number: Number,
    channel: &str,
    media: &[NewMedia],
) -> rusqlite::Result<()> {
    media.iter().try_for_each(|media| {
        connection
            .prepare_cached("INSERT OR IGNORE INTO media VALUES (?1, ?2, ?3, ?4, 'pending', 0, 0)")?
            .execute(params![number.to_key(), media.file, channel, media.source])
            .map(drop)
    })
}

pub(super) fn due_media(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<DueMedia>> {
    let sql = "SELECT * FROM media WHERE state = 'pending' AND next_at <= ?1 ORDER BY next_at, number LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![now.as_millisecond(), limit as i64], |row| {
        Ok(DueMedia {
            number: Number::from_key(row.get("number")?),
            file: row.get("file")?,
            channel: row.get("channel")?,
            source: row.get("source")?,
            attempts: row.get("attempts")?,
        })
    })?;
    rows.collect()
}

pub(super) fn postpone_media(
    connection: &Connection,
    number: Number,
    file: &str,
    next_at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE media SET attempts = attempts + 1, next_at = ?3 WHERE number = ?1 AND file = ?2")?
        .execute(params![number.to_key(), file, next_at.as_millisecond()])
        .map(drop)
}

pub(super) fn fetched(connection: &Connection, number: Number, file: &str, state: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE media SET state = ?3 WHERE number = ?1 AND file = ?2")?
        .execute(params![number.to_key(), file, state])
        .map(drop)
}
