//! Messages: accepted, waiting, in quarantine, counted.

use super::{
    contacts, conversation,
    handle::Handle,
    keys::{self, Found},
    pieces, receipts,
};
use crate::{
    number::Number,
    store::{
        Accepted, Backlog, Counter, Message, MessageId, NewMessage, Pass, Quarantined, Tally,
        waiting::{self, pieces::Place},
    },
};
use bytes::Bytes;
use jiesu_connector::{OnOtherContent, Raw};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// Bytes of messages read at once, so that a few giants do not fill the memory.
const READ_BYTES: usize = 16 << 20;

pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_millisecond(row.get(column)?).unwrap_or(Timestamp::UNIX_EPOCH))
}

pub(super) fn accept(handle: &Handle, messages: &[NewMessage]) -> rusqlite::Result<Vec<Accepted>> {
    // Refused before anything is written: the transaction is shared with others.
    for message in messages {
        for key in &message.incoming.keys {
            if key.on_other_content == OnOtherContent::Refuse
                && let Found::OtherContent = keys::find(handle, message, key)?
            {
                return Ok(vec![Accepted::OtherContent]);
            }
        }
    }
    messages.iter().map(|message| accept_one(handle, message)).collect()
}

fn accept_one(handle: &Handle, message: &NewMessage) -> rusqlite::Result<Accepted> {
    let mut reused_key = false;
    for key in &message.incoming.keys {
        match keys::find(handle, message, key)? {
            Found::Same(first) => return redelivery(handle, message, first),
            Found::OtherContent => reused_key = true,
            Found::Nothing => {}
        }
    }
    let raw = &message.incoming.raw;
    let names = keys::names(message);
    let meta = serde_json::to_string(&raw.meta).unwrap_or_default();
    let place = pieces::place(handle, message)?;
    if let Place::Known(first) = place {
        return redelivery(handle, message, first);
    }
    let id = handle.next_message()?;
    let mut first = false;
    let mut new_number = || {
        first = true;
        handle.next_number(message.day, id)
    };
    let (number, due) = match place {
        Place::With(number, due) => (number, due),
        Place::First | Place::Known(_) if message.contact.is_some() => match contacts::place(handle, message)? {
            Some(placed) => placed,
            None => (new_number()?, waiting::contacts::OPEN),
        },
        Place::First | Place::Known(_) => match conversation::join(handle, message)? {
            Some(joined) => joined,
            None => {
                let number = new_number()?;
                // A piece waits for the others, also where each message is a matter of its own.
                let waits = i64::from(message.piece.is_some());
                (number, conversation::open(handle, message, number)?.max(waits))
            }
        },
    };
    handle
        .prepare_cached(
            "INSERT INTO message (id, number, channel, hotline, received_at, sender, media_type, meta, keys, digest, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            id.0,
            number.to_key(),
            &*message.channel,
            &*message.hotline,
            message.received_at.as_millisecond(),
            message.incoming.sender,
            raw.media_type,
            meta,
            names,
            message.incoming.digest,
            &raw.body[..],
        ])?;
    handle.prepare_cached("INSERT INTO pending VALUES (?1, ?2, ?3)")?.execute(params![id.0, number.to_key(), due])?;
    handle.keys().add(&names, message.incoming.digest, id);
    pieces::add(handle, message, id, number)?;
    contacts::add(handle, message, id, number)?;
    if first {
        receipts::at_once(handle, number, message)?;
    }
    Ok(Accepted::New { number, reused_key })
}

/// The first receipt again.
fn redelivery(handle: &Handle, message: &NewMessage, first: MessageId) -> rusqlite::Result<Accepted> {
    keys::also(handle, message, first)?;
    let sql = "SELECT message.number, message.received_at, code_hash FROM message
               LEFT JOIN ticket ON ticket.number = message.number WHERE id = ?1";
    let accepted = handle.prepare_cached(sql)?.query_row([first.0], |row| {
        Ok(Accepted::Redelivery {
            number: Number::from_key(row.get(0)?),
            received_at: time(row, "received_at")?,
            code_hash: row.get(2)?,
        })
    })?;
    count(handle, message.day, &message.channel, &message.hotline, Counter::Redelivery, 1)?;
    Ok(accepted)
}

/// Where it is counted.
fn column(counter: Counter) -> &'static str {
    match counter {
        Counter::Ticketed => "ticketed",
        Counter::Supplement => "supplement",
        Counter::Repeat => "repeat",
        Counter::Redelivery => "redelivery",
        Counter::Refused => "refused",
        Counter::Noted => "noted",
    }
}

/// Takes back what was counted.
pub(super) fn uncount(
    connection: &Connection,
    day: u32,
    channel: &str,
    hotline: &str,
    counter: Counter,
    by: u64,
) -> rusqlite::Result<()> {
    let column = column(counter);
    let sql =
        format!("UPDATE tally SET {column} = max(0, {column} - ?4) WHERE day = ?1 AND channel = ?2 AND hotline = ?3");
    connection.prepare_cached(&sql)?.execute(params![day, channel, hotline, by as i64]).map(drop)
}

pub(super) fn count(
    connection: &Connection,
    day: u32,
    channel: &str,
    hotline: &str,
    counter: Counter,
    by: u64,
) -> rusqlite::Result<()> {
    let column = column(counter);
    let sql = format!(
        "INSERT INTO tally (day, channel, hotline, {column}) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (day, channel, hotline) DO UPDATE SET {column} = {column} + excluded.{column}"
    );
    connection.prepare_cached(&sql)?.execute(params![day, channel, hotline, by as i64]).map(drop)
}

pub(super) fn count_rejected(connection: &Connection, rejected: &[(u32, String, String, u64)]) -> rusqlite::Result<()> {
    rejected
        .iter()
        .try_for_each(|(day, channel, hotline, by)| count(connection, *day, channel, hotline, Counter::Refused, *by))
}

pub(super) fn pending(
    connection: &Connection,
    after: Pass,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    let mut messages = Vec::with_capacity(limit);
    let mut read_all = |sql: &str, params: &[i64]| -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut bytes = 0;
        while bytes < READ_BYTES
            && let Some(row) = rows.next()?
        {
            let message = read(row)?;
            bytes += message.raw.body.len();
            messages.push(message);
        }
        Ok(())
    };
    read_all(&ready(), &[after.ready.0, limit as i64])?;
    read_all(&ripe(), &[after.due, after.ripe.0, now.as_millisecond(), limit as i64])?;
    messages.sort_by_key(|message| message.id);
    Ok(messages)
}

/// What waits for nothing. The index leaves out what does.
pub(super) fn ready() -> String {
    format!(
        "SELECT {COLUMNS} FROM pending INDEXED BY pending_ready JOIN message ON message.id = pending.message
         WHERE pending.message > ?1 AND due <= 0 ORDER BY pending.message LIMIT ?2"
    )
}

/// What has waited, by the end of its time.
pub(super) fn ripe() -> String {
    format!(
        "SELECT {COLUMNS} FROM pending INDEXED BY pending_waiting JOIN message ON message.id = pending.message
         WHERE (due > 0) = 1 AND due >= ?1 AND due <= ?3 AND (due > ?1 OR pending.message > ?2)
         ORDER BY due, pending.message LIMIT ?4"
    )
}

/// What [`read`] reads, in its order. Only what came back into the line can have a ticket already.
pub(super) const COLUMNS: &str =
    "id, message.number, channel, hotline, received_at, sender, media_type, meta, body, due,
    due < 0 AND EXISTS (SELECT 1 FROM ticket WHERE ticket.number = message.number)";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Message> {
    let meta: BTreeMap<String, String> = serde_json::from_str(row.get_ref(7)?.as_str()?).unwrap_or_default();
    let body = Bytes::copy_from_slice(row.get_ref(8)?.as_blob()?);
    Ok(Message {
        id: MessageId(row.get(0)?),
        number: Number::from_key(row.get(1)?),
        channel: row.get(2)?,
        hotline: row.get(3)?,
        received_at: Timestamp::from_millisecond(row.get(4)?).unwrap_or(Timestamp::UNIX_EPOCH),
        sender: row.get(5)?,
        conversation: row.get::<_, i64>(9)? > 0,
        due: row.get(9)?,
        late: row.get::<_, i64>(9)? < 0,
        ticketed: row.get(10)?,
        raw: Raw { media_type: row.get(6)?, meta, body },
    })
}

/// How many messages wait, and the bytes of their bodies.
pub(super) fn waiting_bytes(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let sql = "SELECT count(*), coalesce(sum(length(body)), 0) FROM pending JOIN message ON id = pending.message";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
    connection.prepare_cached(sql)?.query_row([], row)
}

pub(super) fn backlog(connection: &Connection) -> rusqlite::Result<Backlog> {
    let messages: i64 = connection.query_row("SELECT count(*) FROM pending", [], |row| row.get(0))?;
    let sql = "SELECT received_at AS since FROM pending INDEXED BY pending_ready JOIN message ON id = message
               WHERE due <= 0 ORDER BY pending.message LIMIT 1";
    let ready = connection.query_row(sql, [], |row| time(row, "since")).optional()?;
    // A conversation that is still open waits for its citizen, not for us.
    let sql = "SELECT max(due, received_at) AS since FROM pending INDEXED BY pending_waiting
               JOIN message ON id = pending.message
               WHERE (due > 0) = 1 AND due > ?1 AND due <= ?2 ORDER BY due, pending.message LIMIT 1";
    let since = |after: i64, until: i64| {
        connection.prepare_cached(sql)?.query_row([after, until], |row| time(row, "since")).optional()
    };
    let (first, ripe) = (since(0, waiting::FIRST)?, since(waiting::FIRST, Timestamp::now().as_millisecond())?);
    Ok(Backlog { messages: messages as u64, oldest: ready.into_iter().chain(first).chain(ripe).min() })
}

pub(super) fn quarantined(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Quarantined>> {
    let sql = "SELECT quarantine.*, channel FROM quarantine JOIN message ON id = quarantine.message
               ORDER BY quarantine.message DESC LIMIT ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([limit as i64], |row| {
        Ok(Quarantined {
            message: MessageId(row.get("message")?),
            number: Number::from_key(row.get("number")?),
            channel: row.get("channel")?,
            reason: row.get("reason")?,
            at: time(row, "at")?,
        })
    })?;
    rows.collect()
}

/// Few messages have no outcome yet, so all of them are looked at.
pub(super) fn is_awaited(connection: &Connection, sha256: &str) -> rusqlite::Result<bool> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM (SELECT message FROM pending UNION ALL SELECT message FROM quarantine) AS open
                              JOIN message ON id = open.message WHERE instr(meta, ?1) > 0)";
    connection.prepare_cached(sql)?.query_row([sha256], |row| row.get(0))
}

pub(super) fn release(connection: &Connection, message: Option<MessageId>) -> rusqlite::Result<usize> {
    let which = message.map(|message| message.0);
    connection.execute(
        "INSERT OR IGNORE INTO pending SELECT message, number, -1 FROM quarantine WHERE ?1 IS NULL OR message = ?1",
        [which],
    )?;
    connection.execute("DELETE FROM quarantine WHERE ?1 IS NULL OR message = ?1", [which])
}

/// Received is counted from the messages, pending from those without an outcome; the rest was counted with the
/// outcome, in its own transaction. That the sums agree is therefore a finding, not a definition.
pub(super) fn tallies(connection: &Connection, day: u32) -> rusqlite::Result<Vec<Tally>> {
    let mut rows: BTreeMap<(String, String), Tally> = BTreeMap::new();
    let mut add = |sql: &str, set: fn(&mut Tally, &Row<'_>) -> rusqlite::Result<()>| -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut found = statement.query([day])?;
        while let Some(row) = found.next()? {
            let (channel, hotline): (String, String) = (row.get("channel")?, row.get("hotline")?);
            let tally = rows.entry((channel.clone(), hotline.clone())).or_default();
            (tally.channel, tally.hotline) = (channel, hotline);
            set(tally, row)?;
        }
        Ok(())
    };
    add(
        // The next day's first message may have been written just before this day's last.
        "SELECT channel, hotline, count(*) AS n FROM message
         WHERE id >= (SELECT first FROM counter WHERE day = ?1)
           AND id < coalesce((SELECT first FROM counter WHERE day > ?1 ORDER BY day LIMIT 1 OFFSET 1), 1 << 62)
           AND number / 10000000000 = ?1
         GROUP BY channel, hotline",
        |tally, row| {
            tally.received += row.get::<_, i64>("n")? as u64;
            Ok(())
        },
    )?;
    add(
        "SELECT channel, hotline, count(*) AS n FROM
           (SELECT message, number FROM pending UNION ALL SELECT message, number FROM quarantine) AS open
         JOIN message ON id = open.message WHERE open.number / 10000000000 = ?1 GROUP BY channel, hotline",
        |tally, row| {
            tally.pending = row.get::<_, i64>("n")? as u64;
            Ok(())
        },
    )?;
    add("SELECT * FROM tally WHERE day = ?1", |tally, row| {
        let get = |column: &str| row.get::<_, i64>(column).map(|count| count as u64);
        (tally.ticketed, tally.supplement, tally.repeat) = (get("ticketed")?, get("supplement")?, get("repeat")?);
        (tally.redelivery, tally.rejected) = (get("redelivery")?, get("refused")? + get("noted")?);
        // These two leave no message of their own behind.
        tally.received += tally.redelivery + get("refused")?;
        Ok(())
    })?;
    Ok(rows.into_values().collect())
}
