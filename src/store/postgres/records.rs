//! Closed days, comparisons, and destinations that are stopped.

use super::{
    Address, PostgresStore,
    fail::Fail,
    inbox::{OPEN, READ_BYTES, message_of, raw, time},
    link::{Link, Text},
    schema,
    tx::Tx,
};
use crate::{
    number::Number,
    store::{ClosedDay, Message, MessageId, ParityRun, Records, Result, Signal, Waiting},
};
use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio_postgres::Row;

#[async_trait]
impl Records for PostgresStore {
    async fn pause_destination(&self, name: &str, paused: bool, at: Timestamp) -> Result<()> {
        let name = name.to_owned();
        let pause = async move |tx: &Tx<'_>| {
            tx.tell(Signal::Desk);
            if !paused {
                return tx.execute("DELETE FROM paused_destination WHERE name = $1", &[&Text(&name)]).await.map(drop);
            }
            let sql = "INSERT INTO paused_destination VALUES ($1, $2) ON CONFLICT DO NOTHING";
            tx.execute(sql, &[&Text(&name), &at.as_millisecond()]).await.map(drop)
        };
        self.write(pause).await
    }

    async fn paused_destinations(&self) -> Result<Vec<String>> {
        self.read(|link| paused_destinations(link).boxed()).await
    }

    async fn record_parity(&self, run: ParityRun) -> Result<()> {
        self.write(async move |tx: &Tx<'_>| record_parity(tx, &run).await).await
    }

    async fn parity(&self) -> Result<Vec<ParityRun>> {
        self.read(|link| parity(link).boxed()).await
    }

    async fn received_for(&self, line: &str, days: (u32, u32), after: MessageId, limit: usize) -> Result<Vec<Message>> {
        let line = line.to_owned();
        self.read(move |link| async move { received_for(link, &line, days, after, limit).await }.boxed()).await
    }

    async fn close_day(&self, day: ClosedDay) -> Result<bool> {
        self.write(async move |tx: &Tx<'_>| close_day(tx, &day).await).await
    }

    async fn closed_days(&self, day: u32, limit: usize) -> Result<Vec<ClosedDay>> {
        let sql = "SELECT day, previous, hash, record FROM closed_day WHERE day >= $1 ORDER BY day LIMIT $2";
        self.read(move |link| read_days(link, sql, i64::from(day), limit as i64).boxed()).await
    }

    async fn closed_before(&self, day: u32) -> Result<Option<ClosedDay>> {
        let sql = "SELECT day, previous, hash, record FROM closed_day WHERE day < $1 ORDER BY day DESC LIMIT $2";
        let days = self.read(move |link| read_days(link, sql, i64::from(day), 1).boxed()).await?;
        Ok(days.into_iter().next())
    }

    async fn waiting(&self, day: u32, until: Timestamp) -> Result<Vec<Waiting>> {
        self.read(move |link| waiting(link, day, until).boxed()).await
    }

    async fn last_closed(&self) -> Result<Option<ClosedDay>> {
        self.read(|link| last_closed(link).boxed()).await
    }

    async fn first_day(&self) -> Result<Option<u32>> {
        let sql =
            "SELECT min(day) FROM (SELECT min(day) AS day FROM counter UNION ALL SELECT min(day) FROM tally) AS days";
        let day = self.read(move |link| link.one::<Option<i64>>(sql, &[]).boxed()).await?;
        Ok(day.and_then(|day| u32::try_from(day).ok()))
    }
}

async fn paused_destinations(link: &Link) -> std::result::Result<Vec<String>, Fail> {
    let rows = link.rows("SELECT name FROM paused_destination ORDER BY name", &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn record_parity(tx: &Tx<'_>, run: &ParityRun) -> std::result::Result<(), Fail> {
    tx.tell(Signal::Desk);
    let counts = [run.matched, run.different, run.missing_here, run.missing_there].map(|count| count as i64);
    let [matched, different, here, there] = counts;
    let sql = "INSERT INTO parity (line, first, last, at, file, matched, different, missing_here, missing_there)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let (line, file) = (Text(&*run.line), Text(&*run.file));
    let (first, last, at) = (i64::from(run.first), i64::from(run.last), run.at.as_millisecond());
    tx.execute(sql, &[&line, &first, &last, &at, &file, &matched, &different, &here, &there]).await.map(drop)
}

async fn parity(link: &Link) -> std::result::Result<Vec<ParityRun>, Fail> {
    let sql = "SELECT line, first, last, at, file, matched, different, missing_here, missing_there FROM parity
               WHERE id IN (SELECT max(id) FROM parity GROUP BY line) ORDER BY line";
    let read = |row: &Row| {
        let number = |column: usize| row.try_get::<_, i64>(column);
        let count = |column: usize| number(column).map(|count| count.max(0) as u64);
        Ok(ParityRun {
            line: row.try_get(0)?,
            first: number(1)? as u32,
            last: number(2)? as u32,
            at: time(number(3)?),
            file: row.try_get(4)?,
            matched: count(5)?,
            different: count(6)?,
            missing_here: count(7)?,
            missing_there: count(8)?,
        })
    };
    link.rows(sql, &[]).await?.iter().map(read).collect()
}

async fn received_for(
    link: &Link,
    line: &str,
    (first, last): (u32, u32),
    after: MessageId,
    limit: usize,
) -> std::result::Result<Vec<Message>, Fail> {
    let sql = format!(
        "SELECT id, number, channel, hotline, received_at, sender, media_type, meta, body FROM (
           SELECT part.*, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM (
             SELECT * FROM message
             WHERE id > $4 AND id >= (SELECT min(first) FROM counter WHERE day >= $2)
               AND number / 10000000000 BETWEEN $2 AND $3 AND hotline = $1
             ORDER BY id LIMIT $5) AS part) AS part
         WHERE before < {READ_BYTES} ORDER BY id"
    );
    let read = |row: &Row| {
        Ok(Message {
            id: MessageId(row.try_get(0)?),
            number: Number::from_key(row.try_get(1)?),
            channel: row.try_get(2)?,
            hotline: row.try_get(3)?,
            received_at: time(row.try_get(4)?),
            sender: row.try_get(5)?,
            due: 0,
            conversation: false,
            ticketed: false,
            late: false,
            raw: raw(row, 6)?,
        })
    };
    let values: super::link::Values<'_> =
        &[&Text(line), &i64::from(first), &i64::from(last), &after.0, &(limit as i64)];
    link.rows(&sql, values).await?.iter().map(read).collect()
}

async fn close_day(tx: &Tx<'_>, day: &ClosedDay) -> std::result::Result<bool, Fail> {
    let follows = match last_closed(tx).await? {
        Some(last) => last.day < day.day && last.hash == day.previous,
        None => day.previous == [0; 32],
    };
    if follows {
        let sql = "INSERT INTO closed_day VALUES ($1, $2, $3, $4)";
        tx.execute(sql, &[&i64::from(day.day), &&day.previous[..], &&day.hash[..], &day.record]).await?;
    }
    Ok(follows)
}

async fn waiting(link: &Link, day: u32, until: Timestamp) -> std::result::Result<Vec<Waiting>, Fail> {
    let sql = format!(
        "SELECT m.channel, m.hotline, count(*) FROM {OPEN} {} WHERE open.number / 10000000000 = $1 AND m.received_at <= $2
         GROUP BY m.channel, m.hotline ORDER BY m.channel COLLATE \"C\", m.hotline COLLATE \"C\"",
        message_of("open")
    );
    let read = |row: &Row| {
        let count = row.try_get::<_, i64>(2)? as u64;
        Ok(Waiting { channel: row.try_get(0)?, hotline: row.try_get(1)?, count })
    };
    link.rows(&sql, &[&i64::from(day), &until.as_millisecond()]).await?.iter().map(read).collect()
}

fn closed(row: &Row) -> std::result::Result<ClosedDay, Fail> {
    let hash = |column: usize| {
        let bytes: &[u8] = row.try_get(column)?;
        bytes.try_into().map_err(|_| Fail::Statement("the hash of a closed day is not of 32 bytes".into()))
    };
    let day = row.try_get::<_, i64>(0)? as u32;
    Ok(ClosedDay { day, previous: hash(1)?, hash: hash(2)?, record: row.try_get(3)? })
}

async fn read_days(link: &Link, sql: &str, day: i64, limit: i64) -> std::result::Result<Vec<ClosedDay>, Fail> {
    link.rows(sql, &[&day, &limit]).await?.iter().map(closed).collect()
}

async fn last_closed(link: &Link) -> std::result::Result<Option<ClosedDay>, Fail> {
    let sql = "SELECT day, previous, hash, record FROM closed_day ORDER BY day DESC LIMIT 1";
    link.row(sql, &[]).await?.as_ref().map(closed).transpose()
}

/// The last comparison of each line, without opening the store. Writes nothing; where there is no store, there is none.
///
/// # Errors
/// The database cannot be read.
pub async fn parity_at_rest(address: &Address) -> std::result::Result<Vec<ParityRun>, String> {
    let read = async {
        let link = Link::open(address).await?;
        match schema::found(&link).await? {
            0 => Ok(Vec::new()),
            _ => parity(&link).await,
        }
    };
    read.await.map_err(|fail: Fail| fail.text().to_owned())
}
