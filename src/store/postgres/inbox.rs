//! Messages: waiting, in quarantine, counted.

use super::{
    count::Counts,
    fail::Fail,
    link::{Link, Text},
    tx::Tx,
};
use crate::{
    number::Number,
    store::{Backlog, Counter, Message, MessageId, Pass, Quarantined, Signal, Tally, waiting},
};
use bytes::Bytes;
use jiesu_connector::Raw;
use jiff::Timestamp;
use std::collections::BTreeMap;
use tokio_postgres::Row;

/// Bytes of messages or events read at once, so that a few giants do not fill the memory.
pub(super) const READ_BYTES: usize = 16 << 20;

/// What [`read`] reads, in its order, of a message `m` and its place in the line `p`. Only what came back into the line can
/// have a ticket already.
pub(super) const COLUMNS: &str = "m.id, m.number, m.channel, m.hotline, m.received_at, m.sender, m.media_type, m.meta,
    m.body, p.due, p.due < 0 AND EXISTS (SELECT 1 FROM ticket WHERE ticket.number = m.number)";

/// The message `m` that a row of a small table names: whatever the server believes of the sizes of tables, it goes from the
/// row to its message, and not through all messages looking for their rows.
pub(super) fn message_of(row: &str) -> String {
    format!("JOIN LATERAL (SELECT * FROM message WHERE message.id = {row}.message OFFSET 0) AS m ON true")
}

pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn read(row: &Row) -> Result<Message, Fail> {
    let due: i64 = row.try_get(9)?;
    Ok(Message {
        id: MessageId(row.try_get(0)?),
        number: Number::from_key(row.try_get(1)?),
        channel: row.try_get(2)?,
        hotline: row.try_get(3)?,
        received_at: time(row.try_get(4)?),
        sender: row.try_get(5)?,
        conversation: due > 0,
        due,
        late: due < 0,
        ticketed: row.try_get(10)?,
        raw: raw(row, 6)?,
    })
}

/// From three columns on: media type, meta, body.
pub(super) fn raw(row: &Row, column: usize) -> Result<Raw, Fail> {
    let meta = serde_json::from_str(row.try_get(column + 1)?).unwrap_or_default();
    let body = Bytes::copy_from_slice(row.try_get(column + 2)?);
    Ok(Raw { media_type: row.try_get(column)?, meta, body })
}

/// Messages of the line, as far as their bodies fill the memory.
async fn line(link: &Link, places: &str, order: &str, values: super::link::Values<'_>) -> Result<Vec<Message>, Fail> {
    // The length of a body is known without reading it.
    let sql = format!(
        "SELECT {COLUMNS} FROM (
           SELECT p.*, sum(octet_length(m.body)) OVER (ORDER BY {order}) - octet_length(m.body) AS before
           FROM ({places}) AS p {message}) AS p {message} WHERE p.before < {READ_BYTES}",
        message = message_of("p")
    );
    link.rows(&sql, values).await?.iter().map(read).collect()
}

pub(super) async fn pending(link: &Link, after: Pass, now: Timestamp, limit: usize) -> Result<Vec<Message>, Fail> {
    let limit = limit as i64;
    // What waits for nothing.
    let ready = "SELECT message, due FROM pending WHERE message > $1 AND due <= 0 ORDER BY message LIMIT $2";
    let mut messages = line(link, ready, "p.message", &[&after.ready.0, &limit]).await?;
    // What has waited, by the end of its time.
    let ripe = "SELECT message, due FROM pending WHERE due >= 1 AND (due, message) > ($1, $2) AND due <= $3
                ORDER BY due, message LIMIT $4";
    let values: super::link::Values<'_> = &[&after.due, &after.ripe.0, &now.as_millisecond(), &limit];
    messages.extend(line(link, ripe, "p.due, p.message", values).await?);
    messages.sort_by_key(|message| message.id);
    Ok(messages)
}

pub(super) async fn backlog(link: &Link) -> Result<Backlog, Fail> {
    let messages: i64 = link.one("SELECT count(*) FROM pending", &[]).await?;
    let sql = "SELECT received_at FROM message WHERE id =
                 (SELECT message FROM pending WHERE due <= 0 ORDER BY message LIMIT 1)";
    let mut since: Vec<i64> = link.row(sql, &[]).await?.map(|row| row.try_get(0)).transpose()?.into_iter().collect();
    // A conversation that is still open waits for its citizen, not for us.
    let sql = format!(
        "SELECT greatest(p.due, m.received_at) FROM
           (SELECT message, due FROM pending WHERE due >= 1 AND due > $1 AND due <= $2 ORDER BY due, message LIMIT 1) AS p
         {}",
        message_of("p")
    );
    for (after, until) in [(0, waiting::FIRST), (waiting::FIRST, Timestamp::now().as_millisecond())] {
        since.extend(link.row(&sql, &[&after, &until]).await?.map(|row| row.try_get::<_, i64>(0)).transpose()?);
    }
    Ok(Backlog { messages: messages as u64, oldest: since.into_iter().min().map(time) })
}

pub(super) async fn quarantined(link: &Link, limit: usize) -> Result<Vec<Quarantined>, Fail> {
    let sql = format!(
        "SELECT q.message, q.number, m.channel, q.reason, q.at FROM quarantine AS q {}
         ORDER BY q.message DESC LIMIT $1",
        message_of("q")
    );
    let read = |row: &Row| {
        Ok(Quarantined {
            message: MessageId(row.try_get(0)?),
            number: Number::from_key(row.try_get(1)?),
            channel: row.try_get(2)?,
            reason: row.try_get(3)?,
            at: time(row.try_get(4)?),
        })
    };
    link.rows(&sql, &[&(limit as i64)]).await?.iter().map(read).collect()
}

/// What has no outcome yet: the message, and its number.
pub(super) const OPEN: &str =
    "(SELECT message, number FROM pending UNION ALL SELECT message, number FROM quarantine) AS open";

/// Few messages have no outcome yet, so all of them are looked at.
pub(super) async fn is_awaited(link: &Link, sha256: &str) -> Result<bool, Fail> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {OPEN} {} WHERE strpos(m.meta, $1) > 0)", message_of("open"));
    link.one(&sql, &[&Text(sha256)]).await
}

pub(super) async fn release(tx: &Tx<'_>, message: Option<MessageId>) -> Result<usize, Fail> {
    let which = message.map(|message| message.0);
    let sql = "INSERT INTO pending SELECT message, number, -1 FROM quarantine WHERE $1::bigint IS NULL OR message = $1
               ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&which]).await?;
    let sql = "DELETE FROM quarantine WHERE $1::bigint IS NULL OR message = $1";
    let released = tx.execute(sql, &[&which]).await? as usize;
    if released > 0 {
        tx.tell(Signal::Arrived);
    }
    Ok(released)
}

pub(super) async fn count_rejected(tx: &Tx<'_>, rejected: &[(u32, String, String, u64)]) -> Result<(), Fail> {
    let mut counts = Counts::default();
    for (day, channel, hotline, by) in rejected {
        counts.add(*day, channel, hotline, Counter::Refused, *by as i64);
    }
    counts.store(tx).await
}

/// Received is counted from the messages, pending from those without an outcome; the rest was counted with the
/// outcome, in its own transaction. That the sums agree is therefore a finding, not a definition.
pub(super) async fn tallies(link: &Link, day: u32) -> Result<Vec<Tally>, Fail> {
    let day = i64::from(day);
    let mut rows: BTreeMap<(String, String), Tally> = BTreeMap::new();
    // The next day's first message may have been written just before this day's last.
    let received = "SELECT channel, hotline, count(*) FROM message
         WHERE id >= (SELECT first FROM counter WHERE day = $1)
           AND id < coalesce((SELECT first FROM counter WHERE day > $1 ORDER BY day LIMIT 1 OFFSET 1), 9223372036854775807)
           AND number / 10000000000 = $1
         GROUP BY channel, hotline";
    let pending = format!(
        "SELECT m.channel, m.hotline, count(*) FROM {OPEN} {}
         WHERE open.number / 10000000000 = $1 GROUP BY m.channel, m.hotline",
        message_of("open")
    );
    let counted =
        "SELECT channel, hotline, ticketed, supplement, repeat, redelivery, refused, noted FROM tally WHERE day = $1";
    for (which, sql) in [received, &pending, counted].into_iter().enumerate() {
        for row in link.rows(sql, &[&day]).await? {
            let (channel, hotline): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let tally = rows.entry((channel.clone(), hotline.clone())).or_default();
            (tally.channel, tally.hotline) = (channel, hotline);
            let get = |column: usize| row.try_get::<_, i64>(column).map(|count| count as u64);
            match which {
                0 => tally.received += get(2)?,
                1 => tally.pending = get(2)?,
                _ => {
                    (tally.ticketed, tally.supplement, tally.repeat) = (get(2)?, get(3)?, get(4)?);
                    (tally.redelivery, tally.rejected) = (get(5)?, get(6)? + get(7)?);
                    // These two leave no message of their own behind.
                    tally.received += tally.redelivery + get(6)?;
                }
            }
        }
    }
    Ok(rows.into_values().collect())
}
