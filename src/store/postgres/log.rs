//! The event log, and how far each destination has come in it; leases.

use super::{
    fail::Fail,
    inbox::{READ_BYTES, time},
    link::{Link, Text},
    tx::{CHANNEL, LEFT, Tx},
};
use crate::{
    number::Number,
    store::{
        DeadLetter, DeadQuery, DeadState, LatestProgress, NewEvent, Progress, Requeue, Sequence, Signal, StoredEvent,
    },
};
use bytes::Bytes;
use std::time::Duration;
use tokio_postgres::Row;

/// Appends events, writing each one's sequence into its body.
pub(super) async fn append<'a>(tx: &Tx<'_>, events: impl Iterator<Item = &'a mut NewEvent>) -> Result<(), Fail> {
    let mut sequences = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    let mut kinds: Vec<&str> = Vec::new();
    let mut numbers = Vec::new();
    let mut bodies: Vec<&[u8]> = Vec::new();
    for event in events {
        let sequence = tx.next_event();
        event.set_sequence(Sequence(sequence));
        let event: &'a NewEvent = event;
        sequences.push(sequence);
        ids.push(&event.id);
        kinds.push(event.kind);
        numbers.push(event.number.to_key());
        bodies.push(&event.body);
    }
    if sequences.is_empty() {
        return Ok(());
    }
    tx.tell(Signal::Issued);
    let sql = "INSERT INTO event SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bytea[])";
    tx.execute(sql, &[&sequences, &ids, &kinds, &numbers, &bodies]).await.map(drop)
}

pub(super) async fn last(link: &Link) -> Result<Sequence, Fail> {
    link.one("SELECT coalesce(max(sequence), 0) FROM event", &[]).await.map(Sequence)
}

fn event(row: &Row) -> Result<StoredEvent, Fail> {
    Ok(StoredEvent {
        sequence: Sequence(row.try_get(0)?),
        id: row.try_get(1)?,
        kind: row.try_get(2)?,
        number: Number::from_key(row.try_get(3)?),
        body: Bytes::copy_from_slice(row.try_get(4)?),
    })
}

pub(super) async fn events(link: &Link, cursor: Sequence, limit: usize) -> Result<Vec<StoredEvent>, Fail> {
    let sql = format!(
        "SELECT sequence, id, kind, number, body FROM (
           SELECT part.*, sum(octet_length(body)) OVER (ORDER BY sequence) - octet_length(body) AS before
           FROM (SELECT * FROM event WHERE sequence > $1 ORDER BY sequence LIMIT $2) AS part) AS part
         WHERE before < {READ_BYTES} ORDER BY sequence"
    );
    link.rows(&sql, &[&cursor.0, &(limit as i64)]).await?.iter().map(event).collect()
}

/// Reads every event after `cursor`: short, as that is the end of the log that a destination still has before it.
pub(super) async fn events_of(link: &Link, number: Number, cursor: Sequence) -> Result<Vec<Sequence>, Fail> {
    let sql = "SELECT sequence FROM event WHERE sequence > $1 AND number = $2 ORDER BY sequence";
    let rows = link.rows(sql, &[&cursor.0, &number.to_key()]).await?;
    rows.iter().map(|row| Ok(Sequence(row.try_get(0)?))).collect()
}

pub(super) async fn progress(link: &Link, name: &str) -> Result<Progress, Fail> {
    let sql = "SELECT cursor, ahead FROM destination WHERE name = $1";
    let Some(row) = link.row(sql, &[&Text(name)]).await? else { return Ok(Progress::default()) };
    let ahead = serde_json::from_str(row.try_get(1)?).unwrap_or_default();
    Ok(Progress { cursor: Sequence(row.try_get(0)?), ahead })
}

const SAVE: &str = "INSERT INTO destination VALUES ($1, $2, $3)
                    ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, ahead = excluded.ahead";

pub(super) async fn save_progress(tx: &Tx<'_>, name: &str, progress: &Progress) -> Result<(), Fail> {
    let ahead = serde_json::to_string(&progress.ahead).unwrap_or_default();
    tx.execute(SAVE, &[&Text(name), &progress.cursor.0, &ahead]).await.map(drop)
}

/// The same, in a transaction by itself that nobody waits for, and that does not wait for the disk: whoever writes a
/// destination's progress is the only one, and what is lost with the power is only delivered twice.
pub(super) async fn save_latest(link: &Link, name: &str, latest: &LatestProgress) -> Result<(), Fail> {
    let save = link.prepare(SAVE).await?;
    let progress = latest();
    let ahead = serde_json::to_string(&progress.ahead).unwrap_or_default();
    let (name, client) = (Text(name), link.client());
    let values: super::link::Values<'_> = &[&name, &progress.cursor.0, &ahead];
    // All in one journey.
    let begin = client.batch_execute("BEGIN READ WRITE; SET LOCAL synchronous_commit = off");
    let (begun, saved, committed) =
        tokio::join!(biased; begin, client.execute(&save, values), client.batch_execute("COMMIT"));
    begun?;
    saved?;
    Ok(committed?)
}

pub(super) async fn bury(tx: &Tx<'_>, letter: &DeadLetter) -> Result<(), Fail> {
    let sql = "INSERT INTO dead_letter VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (destination, sequence) DO UPDATE SET reason = excluded.reason,
                 attempts = excluded.attempts, at = excluded.at, state = excluded.state";
    let (destination, reason, state) = (Text(&*letter.destination), Text(&*letter.reason), state_name(letter.state));
    let (attempts, at) = (i64::from(letter.attempts), letter.at.as_millisecond());
    tx.execute(sql, &[&destination, &letter.sequence.0, &reason, &attempts, &at, &state]).await.map(drop)
}

pub(super) async fn exhume(tx: &Tx<'_>, name: &str, sequence: Sequence) -> Result<(), Fail> {
    let sql = "UPDATE dead_letter SET state = 'delivered' WHERE destination = $1 AND sequence = $2";
    tx.execute(sql, &[&Text(name), &sequence.0]).await.map(drop)
}

fn state_name(state: DeadState) -> &'static str {
    match state {
        DeadState::Dead => "dead",
        DeadState::Queued => "queued",
        DeadState::Delivered => "delivered",
    }
}

pub(super) async fn dead_letters(link: &Link, query: &DeadQuery) -> Result<Vec<DeadLetter>, Fail> {
    let sql = "SELECT d.destination, d.sequence, e.id, e.kind, e.number, d.reason, d.attempts, d.at, d.state
               FROM dead_letter AS d
               JOIN LATERAL (SELECT * FROM event WHERE event.sequence = d.sequence OFFSET 0) AS e ON true
               WHERE ($1::text IS NULL OR d.destination = $1) AND ($2::text IS NULL OR d.state = $2)
                 AND ($3::bigint IS NULL OR e.number = $3)
               ORDER BY d.at DESC, d.sequence DESC LIMIT $4";
    let destination = query.destination.as_deref().map(Text);
    let (state, number) = (query.state.map(state_name), query.number.map(Number::to_key));
    let rows = link.rows(sql, &[&destination, &state, &number, &(query.limit as i64)]).await?;
    let read = |row: &Row| {
        Ok(DeadLetter {
            destination: row.try_get(0)?,
            sequence: Sequence(row.try_get(1)?),
            event: row.try_get(2)?,
            kind: row.try_get(3)?,
            number: Number::from_key(row.try_get(4)?),
            reason: row.try_get(5)?,
            attempts: row.try_get::<_, i64>(6)? as u32,
            at: time(row.try_get(7)?),
            state: match row.try_get(8)? {
                "queued" => DeadState::Queued,
                "delivered" => DeadState::Delivered,
                _ => DeadState::Dead,
            },
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn requeue(tx: &Tx<'_>, which: &Requeue) -> Result<usize, Fail> {
    let (destination, sequence) = match which {
        Requeue::One(destination, sequence) => (Some(Text(&**destination)), Some(sequence.0)),
        Requeue::Of(destination) => (Some(Text(&**destination)), None),
        Requeue::All => (None, None),
    };
    let sql = "UPDATE dead_letter SET state = 'queued' WHERE state <> 'delivered'
                 AND ($1::text IS NULL OR destination = $1) AND ($2::bigint IS NULL OR sequence = $2)";
    tx.tell(Signal::Desk);
    Ok(tx.execute(sql, &[&destination, &sequence]).await? as usize)
}

pub(super) async fn requeued(link: &Link, name: &str, limit: usize) -> Result<Vec<StoredEvent>, Fail> {
    let sql = "SELECT e.sequence, e.id, e.kind, e.number, e.body FROM dead_letter AS d
               JOIN LATERAL (SELECT * FROM event WHERE event.sequence = d.sequence OFFSET 0) AS e ON true
               WHERE d.destination = $1 AND d.state = 'queued' ORDER BY d.sequence LIMIT $2";
    link.rows(sql, &[&Text(name), &(limit as i64)]).await?.iter().map(event).collect()
}

/// The server's clock, in milliseconds since 1970: the nodes' own may differ.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

pub(super) async fn lease(link: &Link, resource: &str, holder: &str, ttl: Duration) -> Result<Option<u64>, Fail> {
    let sql = format!(
        "INSERT INTO lease VALUES ($1, $2, 1, {NOW} + $3)
         ON CONFLICT (resource) DO UPDATE SET
           fence = lease.fence + CASE WHEN lease.holder <> excluded.holder THEN 1 ELSE 0 END,
           holder = excluded.holder, until = excluded.until
         WHERE lease.holder = excluded.holder OR lease.until <= {NOW}
         RETURNING fence"
    );
    let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 2);
    let row = link.row(&sql, &[&Text(resource), &Text(holder), &ttl]).await?;
    Ok(row.map(|row| row.try_get::<_, i64>(0)).transpose()?.map(|fence| fence as u64))
}

/// The row stays, so that the fence goes on from where it is. Whoever waits for it is told.
pub(super) async fn release_lease(link: &Link, resource: &str, holder: &str) -> Result<(), Fail> {
    let sql = "WITH given AS (UPDATE lease SET until = 0 WHERE resource = $1 AND holder = $2 RETURNING 1)
               SELECT count(pg_notify($3, $4)) FROM given";
    link.row(sql, &[&Text(resource), &Text(holder), &CHANNEL, &LEFT]).await.map(drop)
}

/// Nobody takes the resource from whom this fence was given to before the transaction has ended; fails if somebody has.
pub(super) async fn hold(tx: &Tx<'_>, resource: &str, fence: i64) -> Result<(), Fail> {
    let sql = "SELECT 1 FROM lease WHERE resource = $1 AND fence = $2 FOR SHARE";
    match tx.row(sql, &[&Text(resource), &fence]).await? {
        Some(_) => Ok(()),
        None => Err(Fail::Refused(format!("another node has the {resource} now"))),
    }
}
