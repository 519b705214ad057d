//! What operators see and do: the picture of the line, the audit trail, and channels they have stopped.

use super::{
    fail::Fail,
    inbox::time,
    link::{Link, Text},
    tx::Tx,
};
use crate::{
    number::Number,
    store::{AuditEntry, Glance, Signal},
};
use jiff::Timestamp;
use tokio_postgres::Row;

/// Goes back from the newest message, so that it costs what came in lately and not what was ever stored.
pub(super) async fn glance(link: &Link, since: Timestamp, limit: usize) -> Result<Glance, Fail> {
    let mut glance = Glance::default();
    let newest = "SELECT received_at FROM message ORDER BY id DESC LIMIT $1";
    for row in link.rows(newest, &[&(limit as i64)]).await? {
        let at = time(row.try_get(0)?);
        if at < since {
            break;
        }
        glance.arrivals.push(at);
    }
    let dead = "SELECT destination, count(*) FROM dead_letter WHERE state = 'dead' GROUP BY destination";
    for row in link.rows(dead, &[]).await? {
        glance.dead.insert(row.try_get(0)?, row.try_get::<_, i64>(1)? as u64);
    }
    glance.quarantined = link.one::<i64>("SELECT count(*) FROM quarantine", &[]).await? as u64;
    Ok(glance)
}

pub(super) async fn audit(tx: &Tx<'_>, at: Timestamp, who: &str, action: &str, numbers: &[Number]) -> Result<(), Fail> {
    let numbers: Vec<i64> = numbers.iter().map(|number| number.to_key()).collect();
    let sql =
        "INSERT INTO audit (at, who, action, number) SELECT $1, $2, $3, number FROM unnest($4::bigint[]) AS number";
    tx.execute(sql, &[&at.as_millisecond(), &Text(who), &Text(action), &numbers]).await.map(drop)
}

pub(super) async fn audit_trail(link: &Link, limit: usize) -> Result<Vec<AuditEntry>, Fail> {
    let sql = "SELECT at, who, action, number FROM audit ORDER BY id DESC LIMIT $1";
    let read = |row: &Row| {
        Ok(AuditEntry {
            at: time(row.try_get(0)?),
            who: row.try_get(1)?,
            action: row.try_get(2)?,
            number: Number::from_key(row.try_get(3)?),
        })
    };
    link.rows(sql, &[&(limit as i64)]).await?.iter().map(read).collect()
}

pub(super) async fn pause(tx: &Tx<'_>, channel: &str, paused: bool) -> Result<(), Fail> {
    tx.tell(Signal::Desk);
    let sql = match paused {
        true => "INSERT INTO paused_channel VALUES ($1) ON CONFLICT DO NOTHING",
        false => "DELETE FROM paused_channel WHERE id = $1",
    };
    tx.execute(sql, &[&Text(channel)]).await.map(drop)
}

pub(super) async fn paused(link: &Link) -> Result<Vec<String>, Fail> {
    let rows = link.rows("SELECT id FROM paused_channel ORDER BY id", &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
