//! Makes what was carried over a store again: what the tables promise each other holds, and no number comes twice.

use super::{
    carry::Carried,
    report::{NAMED, Report},
};
use crate::{
    event::{Events, kind},
    number::Number,
    store::sqlite::{keys, log},
};
use jiff::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Numbers and sequences skipped where the last one given may be unknown.
const MARGIN: i64 = 1000;
/// Numbers skipped on a day of which not even the counter is left.
const WIDE_MARGIN: i64 = 100_000;

/// Sets everything right in `new`.
pub(super) fn mend(new: &Connection, carried: &Carried, report: &mut Report) -> rusqlite::Result<()> {
    new.execute_batch("BEGIN")?;
    new.execute_batch("CREATE TEMP TABLE given AS SELECT number FROM message UNION SELECT number FROM ticket")?;
    torn(new, carried, report)?;
    line(new, carried, report)?;
    references(new, report)?;
    if !carried.whole("delivery_key") || !carried.whole("folded") {
        keys::refill(new)?;
    }
    events(new, carried, report)?;
    if !["message", "ticket", "pending", "quarantine", "tally"].iter().all(|table| carried.whole(table)) {
        tallies(new)?;
        report.notes.push("the tallies were counted anew from what is left".into());
    }
    counters(new, carried, report)?;
    new.execute_batch("DROP TABLE given; COMMIT")
}

/// What lacks its end and has no ticket waits in quarantine: a person can read the beginning.
fn torn(new: &Connection, carried: &Carried, report: &mut Report) -> rusqlite::Result<()> {
    for torn in &carried.torn {
        let sql = "SELECT length(body) FROM message WHERE id = ?1 AND number = ?2";
        let there: Option<i64> = new.query_row(sql, [torn.message, torn.number], |row| row.get(0)).optional()?;
        // Whole after all, in another place.
        if there.is_none_or(|there| there >= torn.of as i64) || report.torn.contains(&torn.number) {
            continue;
        }
        report.torn.push(torn.number);
        let reason = format!("damaged on the disk: the first {} of {} bytes are left", torn.read, torn.of);
        new.execute(
            "INSERT OR REPLACE INTO quarantine SELECT ?1, ?2, ?3, ?4
             WHERE NOT EXISTS (SELECT 1 FROM ticket WHERE number = ?2)",
            params![torn.message, torn.number, reason, Timestamp::now().as_millisecond()],
        )?;
        new.execute(
            "DELETE FROM pending WHERE message = ?1 AND message IN (SELECT message FROM quarantine)",
            [torn.message],
        )?;
    }
    Ok(())
}

/// Whatever may have no outcome goes back into the line: rather a ticket again than none.
fn line(new: &Connection, carried: &Carried, report: &mut Report) -> rusqlite::Result<()> {
    new.execute_batch(
        "DELETE FROM pending WHERE message NOT IN (SELECT id FROM message);
         DELETE FROM quarantine WHERE message NOT IN (SELECT id FROM message);
         DELETE FROM quarantine WHERE number IN (SELECT number FROM ticket);",
    )?;
    // The messages of one conversation share their number; those of two senders never do.
    let twice = new.execute(
        "INSERT OR IGNORE INTO quarantine
         SELECT message.id, message.number, 'its number is another message''s too', message.received_at
         FROM message JOIN (SELECT min(id) AS first, number FROM message GROUP BY number HAVING count(*) > 1) AS shared
              ON shared.number = message.number AND message.id <> first
              JOIN message AS other ON other.id = first
         WHERE message.channel <> other.channel OR message.sender IS NOT other.sender OR message.sender IS NULL",
        [],
    )?;
    if twice > 0 {
        report.notes.push(format!("{twice} messages had the number of another and are in quarantine"));
        new.execute("DELETE FROM pending WHERE message IN (SELECT message FROM quarantine)", [])?;
    }
    if ["ticket", "pending", "quarantine"].iter().all(|table| carried.whole(table)) {
        return Ok(());
    }
    let before: i64 = new.query_row("SELECT count(*) FROM pending", [], |row| row.get(0))?;
    new.execute(
        "INSERT OR IGNORE INTO pending
         SELECT id, number, number IN (SELECT number FROM message GROUP BY number HAVING count(*) > 1) FROM message
         WHERE number NOT IN (SELECT number FROM ticket) AND id NOT IN (SELECT message FROM quarantine)",
        [],
    )?;
    let after: i64 = new.query_row("SELECT count(*) FROM pending", [], |row| row.get(0))?;
    report.again = (after - before) as u64;
    Ok(())
}

/// What speaks of something that is lost would be answered wrongly: a redelivery is a new message then.
fn references(new: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let keys = new.execute("DELETE FROM delivery_key WHERE message NOT IN (SELECT id FROM message)", [])?;
    let updates = new.execute("DELETE FROM core_update WHERE number NOT IN (SELECT number FROM ticket)", [])?;
    if keys + updates > 0 {
        report.notes.push(format!("{keys} delivery keys and {updates} updates of what is lost were forgotten"));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Source {
    source: String,
}

/// A ticket that no event tells of would never reach the core: its first event is written anew.
fn events(new: &Connection, carried: &Carried, report: &mut Report) -> rusqlite::Result<()> {
    // Cursors may be beyond what is left of the log; new events must be beyond the cursors.
    log::set_floor(new, carried.last_event + MARGIN)?;
    if carried.whole("event") {
        return Ok(());
    }
    let latest = "SELECT body FROM event ORDER BY sequence DESC LIMIT 1";
    let latest: Option<Vec<u8>> = new.query_row(latest, [], |row| row.get(0)).optional()?;
    let source = latest.and_then(|body| serde_json::from_slice::<Source>(&body).ok());
    let events = Events { source: source.map_or_else(|| "jiesu".into(), |source| source.source) };
    let mut tickets = new.prepare(
        "SELECT number, received_at, document FROM ticket
         WHERE number NOT IN (SELECT number FROM event WHERE kind = ?1) ORDER BY number",
    )?;
    let mut rows = tickets.query([kind::CREATED])?;
    let mut last = log::last(new)?.0;
    while let Some(row) = rows.next()? {
        let number = Number::from_key(row.get(0)?);
        let time = Timestamp::from_millisecond(row.get(1)?).unwrap_or_default().to_string();
        let Ok(document) = RawValue::from_string(row.get(2)?) else { continue };
        last += 1;
        log::write(new, &mut events.event(kind::CREATED, number, &time, document.get(), ()), last)?;
        report.rebuilt += 1;
    }
    Ok(())
}

/// Counted from what is there, so that the sums agree again.
fn tallies(new: &Connection) -> rusqlite::Result<()> {
    new.execute_batch(
        "UPDATE tally SET ticketed = 0, supplement = 0, repeat = 0, noted = 0;
         INSERT INTO tally (day, channel, hotline, ticketed, supplement, noted)
         SELECT number / 10000000000, channel, hotline, sum(state = 1), sum(state = 3), sum(state = 2) FROM
           (SELECT number, channel, hotline,
                   CASE WHEN id IN (SELECT message FROM pending UNION ALL SELECT message FROM quarantine) THEN 0
                        WHEN number NOT IN (SELECT number FROM ticket) THEN 2
                        WHEN id IN (SELECT min(id) FROM message GROUP BY number) THEN 1
                        ELSE 3 END AS state FROM message)
         WHERE true GROUP BY 1, 2, 3
         ON CONFLICT (day, channel, hotline) DO UPDATE SET
           ticketed = excluded.ticketed, supplement = excluded.supplement, noted = excluded.noted;",
    )
}

/// No number is given twice, and each day's messages are found.
fn counters(new: &Connection, carried: &Carried, report: &mut Report) -> rusqlite::Result<()> {
    let pairs = |sql: &str| -> rusqlite::Result<BTreeMap<i64, i64>> {
        new.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let counted = pairs("SELECT day, last FROM counter")?;
    let firsts = pairs("SELECT number / 10000000000, min(id) FROM message GROUP BY 1")?;
    let mut last = pairs(
        "SELECT number / 10000000000, max(number % 10000000000) FROM
           (SELECT number FROM given UNION ALL SELECT number FROM event UNION ALL SELECT number FROM core_update)
         GROUP BY 1",
    )?;
    for (day, counted) in &counted {
        let last = last.entry(*day).or_default();
        *last = (*last).max(*counted);
    }
    lost(new, &last, report)?;
    let counter = carried.whole("counter");
    for (day, last) in &mut last {
        // Even a counter that is whole may be an old one: the log that had the newest may be gone.
        *last += if counter || counted.contains_key(day) { MARGIN } else { WIDE_MARGIN };
    }
    if !counter {
        for today in around_now() {
            last.entry(today).or_insert(WIDE_MARGIN);
        }
    }
    let next: i64 = new.query_row("SELECT coalesce(max(id), 0) + 1 FROM message", [], |row| row.get(0))?;
    for (day, last) in last {
        let first = firsts.range(day..).map(|(_, first)| *first).min().unwrap_or(next);
        new.execute("INSERT OR REPLACE INTO counter VALUES (?1, ?2, ?3)", [day, last, first])?;
    }
    Ok(())
}

/// Leaves out the numbers and sequences that a log which is gone may have given.
pub(in super::super) fn skip(connection: &Connection) -> rusqlite::Result<()> {
    let next: i64 = connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM message", [], |row| row.get(0))?;
    for day in around_now() {
        let sql = "INSERT OR IGNORE INTO counter VALUES (?1, 0, ?2)";
        connection.execute(sql, [day, next])?;
    }
    connection.execute("UPDATE counter SET last = last + ?1", [MARGIN])?;
    log::set_floor(connection, log::last(connection)?.0 + MARGIN)
}

/// The days that it is now somewhere on Earth: the city's own zone is not known here.
fn around_now() -> impl Iterator<Item = i64> {
    [-12, 0, 14].into_iter().filter_map(|hours| {
        let date = Timestamp::now().checked_add(Span::new().hours(hours)).ok()?;
        let date = date.to_zoned(jiff::tz::TimeZone::UTC).date();
        Some(i64::from(crate::number::day_key(date)))
    })
}

/// Names the numbers that were given and of which nothing is left.
fn lost(new: &Connection, last: &BTreeMap<i64, i64>, report: &mut Report) -> rusqlite::Result<()> {
    for (day, last) in last {
        let first = day * 10_000_000_000;
        let mut expected = first + 1;
        let mut gap = |until: i64, report: &mut Report| {
            report.lost_count += (until - expected).max(0) as u64;
            report.lost.extend((expected..until).take(NAMED - report.lost.len().min(NAMED)));
            expected = until + 1;
        };
        let mut statement =
            new.prepare_cached("SELECT number FROM given WHERE number > ?1 AND number <= ?2 ORDER BY number")?;
        let mut rows = statement.query([first, first + last])?;
        while let Some(row) = rows.next()? {
            gap(row.get(0)?, report);
        }
        gap(first + last + 1, report);
    }
    Ok(())
}
