//! What carriers report of replies (状态报告): one reply may have gone out in several messages, each with a fate of its own.

use super::{
    fail::Fail,
    link::{Link, Text},
    outbox,
    tx::Tx,
};
use crate::store::Reported;
use jiff::Timestamp;

/// What became of a reply that was sent; with a time, it is under way until its fate is reported.
pub(super) async fn settle(
    tx: &Tx<'_>,
    reply: i64,
    state: &str,
    sent_as: Option<&str>,
    awaited: Option<Timestamp>,
) -> Result<(), Fail> {
    let (Some(until), Some(names)) = (awaited, sent_as) else {
        return outbox::replied(tx, reply, state, sent_as).await;
    };
    let sql = "INSERT INTO reply_message SELECT channel, $2, id, NULL FROM reply WHERE id = $1
               ON CONFLICT (channel, sent_as) DO UPDATE SET reply = excluded.reply, fate = NULL";
    for name in names.split_whitespace() {
        tx.execute(sql, &[&reply, &Text(name)]).await?;
    }
    let sql = "UPDATE reply SET state = 'sent', next_at = $2 WHERE id = $1";
    tx.execute(sql, &[&reply, &until.as_millisecond()]).await.map(drop)
}

/// Notes the fate of one message; gives back its reply with the fates of all its messages. The same report again changes
/// nothing.
pub(super) async fn report(tx: &Tx<'_>, channel: &str, sent_as: &str, fate: &str) -> Result<Option<Reported>, Fail> {
    let sql = "UPDATE reply_message SET fate = $3 WHERE channel = $1 AND sent_as = $2 RETURNING reply";
    match tx.row(sql, &[&Text(channel), &Text(sent_as), &Text(fate)]).await? {
        Some(row) => read(tx, row.try_get(0)?).await,
        None => Ok(None),
    }
}

/// Replies whose fate was awaited long enough.
pub(super) async fn unreported(link: &Link, now: Timestamp, limit: usize) -> Result<Vec<Reported>, Fail> {
    let sql = "SELECT id FROM reply WHERE state = 'sent' AND next_at <= $1 ORDER BY next_at LIMIT $2";
    let mut found = Vec::new();
    for row in link.rows(sql, &[&now.as_millisecond(), &(limit as i64)]).await? {
        found.extend(read(link, row.try_get(0)?).await?);
    }
    Ok(found)
}

async fn read(link: &Link, reply: i64) -> Result<Option<Reported>, Fail> {
    let sql = format!("SELECT {} FROM reply WHERE id = $1 AND state = 'sent'", outbox::COLUMNS);
    let Some(row) = link.row(&sql, &[&reply]).await? else { return Ok(None) };
    let fates = link.rows("SELECT fate FROM reply_message WHERE reply = $1 ORDER BY sent_as", &[&reply]).await?;
    let fates = fates.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, Fail>>()?;
    Ok(Some(Reported { due: outbox::reply(&row)?, fates }))
}
