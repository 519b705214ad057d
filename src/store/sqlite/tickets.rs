//! Tickets, and the events that tell of them, in one transaction.

use super::{citizens, handle::Handle, inbox, links, log, outbox, receipts};
use crate::{
    number::Number,
    store::{
        Changed, Counter, Known, MessageId, NewTicket, Outcome, PublishedQuery, TicketChange, TicketQuery, TicketRow,
    },
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};
use std::collections::BTreeMap;

pub(super) fn issue(connection: &Handle, outcomes: &mut [Outcome]) -> rusqlite::Result<usize> {
    let mut left = 0;
    // Of each day, channel and hotline: tickets, and further messages of them.
    let mut counted: BTreeMap<(u32, String, String), (u64, u64)> = BTreeMap::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Ticket { messages, ticket, events, media } => {
                // First of all: with the messages taken, there would be no way back.
                let stale = match ticket.first() {
                    Some(first) => version(connection, first.number)? != Some(first.version),
                    None => false,
                };
                if stale || !take_all(connection, ticket.number, messages)? {
                    left += 1;
                    continue;
                }
                if !insert(connection, ticket)? {
                    // A message that came back out of quarantine made it first: these add to it, in the next round.
                    messages.iter().try_for_each(|message| put_back(connection, *message, ticket.number))?;
                    left += 1;
                    continue;
                }
                if let Some(first) = ticket.first_mut() {
                    self::change(connection, first)?;
                }
                log::append(connection, events)?;
                outbox::add_media(connection, ticket.number, &ticket.channel, media)?;
                if let Some(receipt) = &ticket.receipt {
                    receipts::add(connection, ticket.number, receipt)?;
                }
                let root = ticket.joins.as_ref().map(|joins| joins.root);
                links::note(connection, ticket.number, root, ticket.unchecked)?;
                if messages.len() == 1 {
                    let row = (ticket.number.day, ticket.channel.clone(), ticket.hotline.clone());
                    counted.entry(row).or_default().0 += 1;
                    continue;
                }
                // Each counts for the line that it came in on, which need not be the ticket's.
                for (place, message) in messages.iter().enumerate() {
                    let (number, channel, hotline) = origin(connection, *message)?;
                    let counts = counted.entry((number.day, channel, hotline)).or_default();
                    *if place == 0 { &mut counts.0 } else { &mut counts.1 } += 1;
                }
            }
            Outcome::Repeat { messages, number, code_hash, change } => {
                // The ticket first: with the messages taken, there would be no way back.
                if version(connection, change.number)? != Some(change.version)
                    || !take_all(connection, *number, messages)?
                {
                    left += 1;
                    continue;
                }
                self::change(connection, change)?;
                links::add_repeat(connection, *number, change.number, code_hash)?;
                for message in messages.iter() {
                    let (number, channel, hotline) = origin(connection, *message)?;
                    inbox::count(connection, number.day, &channel, &hotline, Counter::Repeat, 1)?;
                }
            }
            Outcome::Supplement { message, change } => {
                if is_pending(connection, *message)? && self::change(connection, change)? == Changed::Done {
                    take(connection, *message)?;
                    let (number, channel, hotline) = origin(connection, *message)?;
                    // With those of its repeat, so that they come back together.
                    if links::is_repeat(connection, number)? {
                        inbox::count(connection, number.day, &channel, &hotline, Counter::Repeat, 1)?;
                    } else {
                        counted.entry((number.day, channel, hotline)).or_default().1 += 1;
                        links::add_addition(connection, number, change)?;
                    }
                } else {
                    left += 1;
                }
            }
            Outcome::Learnt(learnt) => citizens::learn(connection, learnt)?,
            Outcome::Apart { message } => {
                connection
                    .prepare_cached("UPDATE pending SET due = -1 WHERE message = ?1")?
                    .execute(params![message.0])?;
            }
            Outcome::Noted { message, reach, shown } => {
                if take(connection, *message)? {
                    let (number, channel, hotline) = origin(connection, *message)?;
                    let repeat = links::is_repeat(connection, number)?;
                    let counter = if repeat { Counter::Repeat } else { Counter::Noted };
                    inbox::count(connection, number.day, &channel, &hotline, counter, 1)?;
                    if let Some(shown) = shown {
                        links::add_noted(connection, *message, shown)?;
                    }
                    if let Some((channel, sender, reachable)) = reach {
                        outbox::set_reach(connection, channel, sender, *reachable, Timestamp::now())?;
                    }
                }
            }
            Outcome::Quarantine { message, reason, at } => {
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO quarantine
                         SELECT message, number, ?2, ?3 FROM pending WHERE message = ?1",
                    )?
                    .execute(params![message.0, *reason, at.as_millisecond()])?;
                take(connection, *message)?;
            }
        }
    }
    counted.into_iter().try_for_each(|((day, channel, hotline), (tickets, supplements))| {
        if tickets > 0 {
            inbox::count(connection, day, &channel, &hotline, Counter::Ticketed, tickets)?;
        }
        if supplements > 0 {
            inbox::count(connection, day, &channel, &hotline, Counter::Supplement, supplements)?;
        }
        Ok::<(), rusqlite::Error>(())
    })?;
    Ok(left)
}

fn version(connection: &Connection, number: Number) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT version FROM ticket WHERE number = ?1";
    connection.prepare_cached(sql)?.query_row([number.to_key()], |row| row.get(0)).optional()
}

/// False if there is a ticket of this number.
fn insert(connection: &Connection, ticket: &NewTicket) -> rusqlite::Result<bool> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO ticket VALUES (?1, 1, ?2, ?3, ?4, ?5, 'accepted', ?6, ?7, ?8, ?9)
             ON CONFLICT (number) DO NOTHING",
        )?
        .execute(params![
            ticket.number.to_key(),
            ticket.code_hash,
            ticket.channel,
            ticket.hotline,
            ticket.kind,
            ticket.appellant,
            ticket.sender,
            ticket.received_at.as_millisecond(),
            ticket.document,
        ])?;
    Ok(inserted == 1)
}

fn put_back(connection: &Connection, message: MessageId, number: Number) -> rusqlite::Result<()> {
    let sql = "INSERT INTO pending VALUES (?1, ?2, -1)";
    connection.prepare_cached(sql)?.execute(params![message.0, number.to_key()]).map(drop)
}

/// Takes all messages of a ticket out of the line; takes none, and says so, if one has its outcome already or another
/// has joined their conversation meanwhile.
fn take_all(connection: &Connection, number: Number, messages: &[MessageId]) -> rusqlite::Result<bool> {
    if let [message] = messages {
        let sql = "DELETE FROM pending WHERE message = ?1 AND NOT EXISTS
                     (SELECT 1 FROM pending WHERE number = ?2 AND due > 0 AND message <> ?1)";
        return Ok(connection.prepare_cached(sql)?.execute([message.0, number.to_key()])? == 1);
    }
    let sql = "SELECT message FROM pending WHERE number = ?1 AND due > 0 ORDER BY message";
    let mut statement = connection.prepare_cached(sql)?;
    let there: Vec<MessageId> =
        statement.query_map([number.to_key()], |row| row.get(0).map(MessageId))?.collect::<rusqlite::Result<_>>()?;
    if there != messages {
        return Ok(false);
    }
    for message in messages {
        take(connection, *message)?;
    }
    Ok(true)
}

fn is_pending(connection: &Connection, message: MessageId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM pending WHERE message = ?1)")?
        .query_row([message.0], |row| row.get(0))
}

/// Takes a message out of the line; false if it has its outcome already.
fn take(connection: &Connection, message: MessageId) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached("DELETE FROM pending WHERE message = ?1")?.execute([message.0])? == 1)
}

fn origin(connection: &Connection, message: MessageId) -> rusqlite::Result<(Number, String, String)> {
    let sql = "SELECT number, channel, hotline FROM message WHERE id = ?1";
    connection
        .prepare_cached(sql)?
        .query_row([message.0], |row| Ok((Number::from_key(row.get(0)?), row.get(1)?, row.get(2)?)))
}

pub(super) const COLUMNS: &str = "number, version, code_hash, channel, sender, status, document";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<TicketRow> {
    Ok(TicketRow {
        number: Number::from_key(row.get(0)?),
        version: row.get(1)?,
        code_hash: row.get(2)?,
        channel: row.get(3)?,
        sender: row.get(4)?,
        status: row.get(5)?,
        document: row.get(6)?,
    })
}

pub(super) fn ticket(connection: &Connection, number: Number) -> rusqlite::Result<Option<TicketRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM ticket WHERE number = ?1"))?
        .query_row([number.to_key()], read)
        .optional()
}

pub(super) fn of_sender(
    connection: &Connection,
    channel: &str,
    sender: &str,
    limit: usize,
) -> rusqlite::Result<Vec<TicketRow>> {
    let sql = format!("SELECT {COLUMNS} FROM ticket WHERE channel = ?1 AND sender = ?2 ORDER BY number DESC LIMIT ?3");
    connection.prepare_cached(&sql)?.query_map(params![channel, sender, limit as i64], read)?.collect()
}

pub(super) fn known(connection: &Connection, number: Number) -> rusqlite::Result<Known> {
    if let Some(ticket) = ticket(connection, number)? {
        return Ok(Known::Ticket(Box::new(ticket)));
    }
    // A repeat is looked up by its own number and code, and shows the ticket that it counts to.
    if let Some((Some(counted_to), code_hash)) = links::repeat(connection, number)?
        && let Some(ticket) = ticket(connection, counted_to)?
    {
        return Ok(Known::Ticket(Box::new(TicketRow { code_hash, ..ticket })));
    }
    if let Some(added_to) = links::addition(connection, number)?
        && let Some(ticket) = ticket(connection, added_to)?
    {
        return Ok(Known::Ticket(Box::new(TicketRow { code_hash: Vec::new(), ..ticket })));
    }
    let sql = "SELECT received_at FROM message WHERE id IN
                 (SELECT message FROM pending WHERE number = ?1
                  UNION ALL SELECT message FROM quarantine WHERE number = ?1)";
    let received_at = connection
        .prepare_cached(sql)?
        .query_row([number.to_key()], |row| inbox::time(row, "received_at"))
        .optional()?;
    if let Some(received_at) = received_at {
        return Ok(Known::InTheLine { received_at });
    }
    let Some((received_at, what, about)) = links::noted(connection, number)? else { return Ok(Known::Nothing) };
    let about = about.map(|about| ticket(connection, about)).transpose()?.flatten().map(Box::new);
    Ok(Known::Noted { received_at, what, about })
}

/// By the index `ticket_published`, whose condition stands here word by word.
pub(super) fn published(connection: &Connection, query: &PublishedQuery) -> rusqlite::Result<Vec<TicketRow>> {
    let list = |values: Option<Value>| values.unwrap_or(Value::Null);
    let json = |texts: Vec<serde_json::Value>| Value::from(serde_json::Value::from(texts).to_string());
    let numbers = query.numbers.as_ref().map(|numbers| json(numbers.iter().map(|it| it.to_key().into()).collect()));
    let categories = query.categories.as_ref().map(|codes| json(codes.iter().map(|it| it.as_str().into()).collect()));
    let chosen = if numbers.is_some() { "number IN (SELECT value FROM json_each(?3))" } else { "?3 IS NULL" };
    let sql = format!(
        "SELECT {COLUMNS} FROM ticket WHERE instr(document, '\"publish\":true') > 0
           AND received_at BETWEEN ?1 AND ?2
           AND {chosen}
           AND (?4 IS NULL OR json_extract(document, '$.category.code') IN (SELECT value FROM json_each(?4)))
           AND (?5 IS NULL OR (status = 'closed') = ?5)
         ORDER BY received_at DESC LIMIT ?6 OFFSET ?7"
    );
    let milliseconds = |at: Option<Timestamp>, open: i64| at.map_or(open, Timestamp::as_millisecond);
    connection
        .prepare_cached(&sql)?
        .query_map(
            params![
                milliseconds(query.since, i64::MIN),
                milliseconds(query.until, i64::MAX),
                list(numbers),
                list(categories),
                query.closed,
                query.limit as i64,
                query.offset as i64,
            ],
            read,
        )?
        .collect()
}

pub(super) fn search(connection: &Connection, query: &TicketQuery) -> rusqlite::Result<Vec<TicketRow>> {
    let mut conditions = vec!["1".to_owned()];
    let mut values: Vec<Value> = Vec::new();
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(condition.replace('?', &format!("?{}", values.len())));
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let first = |day: u32| Number { day, sequence: 0 }.to_key();
    add("number < ?", query.before.map(|number| number.to_key().into()));
    add("number >= ?", query.day.map(|day| first(day).into()));
    add("number < ?", query.day.map(|day| first(day + 1).into()));
    add("channel = ?", text(&query.channel));
    add("hotline = ?", text(&query.hotline));
    add("status = ?", text(&query.status));
    add("kind = ?", text(&query.kind));
    add("appellant = ?", text(&query.appellant));
    add("instr(document, ?) > 0", query.words.clone().map(Value::from));
    let conditions = conditions.join(" AND ");
    let sql = format!("SELECT {COLUMNS} FROM ticket WHERE {conditions} ORDER BY number DESC LIMIT {}", query.limit);
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), read)?;
    rows.collect()
}

pub(super) fn change(connection: &Handle, change: &mut TicketChange) -> rusqlite::Result<Changed> {
    let number = change.number.to_key();
    if let Some((id, content)) = &change.update {
        let sql = "SELECT content FROM core_update WHERE number = ?1 AND id = ?2";
        let before: Option<Vec<u8>> =
            connection.prepare_cached(sql)?.query_row(params![number, id], |row| row.get(0)).optional()?;
        match before {
            Some(before) if before == content => return Ok(Changed::Before),
            Some(_) => return Ok(Changed::BeforeWithOtherContent),
            None => {}
        }
    }
    let sql = "UPDATE ticket SET version = version + 1, status = ?3, document = ?4 WHERE number = ?1 AND version = ?2";
    let changed =
        connection.prepare_cached(sql)?.execute(params![number, change.version, change.status, change.document])?;
    if changed == 0 {
        return Ok(Changed::Stale);
    }
    if let Some((id, content)) = &change.update {
        connection
            .prepare_cached("INSERT INTO core_update VALUES (?1, ?2, ?3)")?
            .execute(params![number, id, content])?;
    }
    if change.unlink {
        connection.prepare_cached("UPDATE ticket SET sender = NULL WHERE number = ?1")?.execute([number])?;
    }
    log::append(connection, &mut change.events)?;
    if let Some(reply) = &change.reply {
        outbox::add_reply(connection, change.number, reply)?;
    }
    if let Some((id, state, sent_as)) = &change.replied {
        outbox::replied(connection, *id, state, sent_as.as_deref())?;
    }
    if let Some((file, state)) = &change.fetched {
        outbox::fetched(connection, change.number, file, state)?;
    }
    if !change.media.is_empty() {
        let sql = "SELECT channel FROM ticket WHERE number = ?1";
        let channel: String = connection.prepare_cached(sql)?.query_row([number], |row| row.get(0))?;
        outbox::add_media(connection, change.number, &channel, &change.media)?;
    }
    Ok(Changed::Done)
}
