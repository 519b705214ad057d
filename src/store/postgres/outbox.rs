//! What goes back to citizens, and what is still to be fetched from channels.

use super::{
    fail::Fail,
    inbox::time,
    link::{Link, Text},
    tx::Tx,
};
use crate::{
    number::Number,
    store::{DueMedia, DueReply, NewMedia, NewReply, Reach, Signal},
};
use jiff::Timestamp;
use tokio_postgres::Row;

/// The channel and the recipient of a reply.
pub(super) fn whom(reply: &NewReply) -> (Text<&str>, Text<&str>) {
    (Text(&reply.channel), Text(&reply.recipient))
}

pub(super) async fn add_replies(tx: &Tx<'_>, replies: &[(Number, &NewReply)]) -> Result<(), Fail> {
    if replies.is_empty() {
        return Ok(());
    }
    tx.tell(Signal::ReplyDue);
    let numbers: Vec<i64> = replies.iter().map(|(number, _)| number.to_key()).collect();
    let names: Vec<Text<&str>> = replies.iter().map(|(_, reply)| Text(&*reply.name)).collect();
    let (channels, recipients): (Vec<_>, Vec<_>) = replies.iter().map(|(_, reply)| whom(reply)).unzip();
    let words: Vec<Text<&str>> = replies.iter().map(|(_, reply)| Text(&*reply.words)).collect();
    let give_up: Vec<i64> = replies.iter().map(|(_, reply)| reply.give_up.as_millisecond()).collect();
    let sql = "INSERT INTO reply (number, name, channel, recipient, words, state, attempts, next_at, give_up)
               SELECT number, name, channel, recipient, words, 'pending', 0, 0, give_up
               FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) WITH ORDINALITY
                 AS given (number, name, channel, recipient, words, give_up, place) ORDER BY place";
    tx.execute(sql, &[&numbers, &names, &channels, &recipients, &words, &give_up]).await.map(drop)
}

/// What [`reply`] reads, in its order.
pub(super) const COLUMNS: &str = "id, number, name, channel, recipient, words, give_up, attempts";

pub(super) fn reply(row: &Row) -> Result<DueReply, Fail> {
    Ok(DueReply {
        id: row.try_get(0)?,
        number: Number::from_key(row.try_get(1)?),
        reply: NewReply {
            name: row.try_get(2)?,
            channel: row.try_get(3)?,
            recipient: row.try_get(4)?,
            words: row.try_get(5)?,
            give_up: time(row.try_get(6)?),
        },
        attempts: row.try_get::<_, i64>(7)? as u32,
    })
}

pub(super) async fn due_replies(link: &Link, now: Timestamp, limit: usize) -> Result<Vec<DueReply>, Fail> {
    let sql = format!(
        "SELECT {COLUMNS} FROM reply WHERE state = 'pending' AND next_at <= $1 AND id =
           (SELECT min(open.id) FROM reply AS open WHERE open.number = reply.number
                                                     AND open.state IN ('pending', 'sending'))
         ORDER BY next_at, id LIMIT $2"
    );
    link.rows(&sql, &[&now.as_millisecond(), &(limit as i64)]).await?.iter().map(reply).collect()
}

pub(super) async fn postpone_reply(tx: &Tx<'_>, id: i64, next_at: Timestamp) -> Result<(), Fail> {
    let sql = "UPDATE reply SET state = 'pending', attempts = attempts + 1, next_at = $2 WHERE id = $1";
    tx.execute(sql, &[&id, &next_at.as_millisecond()]).await.map(drop)
}

pub(super) async fn sending_reply(tx: &Tx<'_>, id: i64) -> Result<bool, Fail> {
    let sql = "UPDATE reply SET state = 'sending' WHERE id = $1 AND state = 'pending'";
    Ok(tx.execute(sql, &[&id]).await? == 1)
}

pub(super) async fn interrupted_replies(link: &Link) -> Result<Vec<DueReply>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM reply WHERE state = 'sending' ORDER BY id");
    link.rows(&sql, &[]).await?.iter().map(reply).collect()
}

pub(super) async fn replied(tx: &Tx<'_>, id: i64, state: &str, sent_as: Option<&str>) -> Result<(), Fail> {
    let sql = "UPDATE reply SET state = $2, sent_as = coalesce($3, sent_as) WHERE id = $1";
    tx.execute(sql, &[&id, &Text(state), &sent_as.map(Text)]).await.map(drop)
}

pub(super) async fn sent_reply(link: &Link, channel: &str, sent_as: &str) -> Result<Option<DueReply>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM reply WHERE channel = $1 AND sent_as = $2 ORDER BY id DESC LIMIT 1");
    link.row(&sql, &[&Text(channel), &Text(sent_as)]).await?.as_ref().map(reply).transpose()
}

pub(super) async fn reach(link: &Link, number: Number) -> Result<Reach, Fail> {
    let sql = "SELECT sender, EXISTS (SELECT 1 FROM unreachable WHERE unreachable.channel = ticket.channel
                                                                  AND unreachable.sender = ticket.sender)
               FROM ticket WHERE number = $1 AND sender IS NOT NULL";
    Ok(match link.row(sql, &[&number.to_key()]).await? {
        Some(row) if row.try_get(1)? => Reach::Left,
        Some(row) => Reach::Sender(row.try_get(0)?),
        None => Reach::Unknown,
    })
}

pub(super) async fn set_reach(
    tx: &Tx<'_>,
    channel: &str,
    sender: &str,
    reachable: bool,
    now: Timestamp,
) -> Result<(), Fail> {
    let (channel, sender) = (Text(channel), Text(sender));
    let sql = "DELETE FROM unreachable WHERE channel = $1 AND sender = $2";
    if reachable {
        return tx.execute(sql, &[&channel, &sender]).await.map(drop);
    }
    let sql = "INSERT INTO unreachable VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&channel, &sender, &now.as_millisecond()]).await.map(drop)
}

/// What channels still have, of tickets: number, channel, and media each.
pub(super) async fn add_media(tx: &Tx<'_>, media: &[(Number, &str, &NewMedia)]) -> Result<(), Fail> {
    if media.is_empty() {
        return Ok(());
    }
    tx.tell(Signal::MediaDue);
    let numbers: Vec<i64> = media.iter().map(|(number, ..)| number.to_key()).collect();
    let files: Vec<Text<&str>> = media.iter().map(|(.., media)| Text(&*media.file)).collect();
    let channels: Vec<Text<&str>> = media.iter().map(|(_, channel, _)| Text(*channel)).collect();
    let sources: Vec<Text<&str>> = media.iter().map(|(.., media)| Text(&*media.source)).collect();
    let sql = "INSERT INTO media SELECT number, file, channel, source, 'pending', 0, 0
               FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS given (number, file, channel, source)
               ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&numbers, &files, &channels, &sources]).await.map(drop)
}

pub(super) async fn due_media(link: &Link, now: Timestamp, limit: usize) -> Result<Vec<DueMedia>, Fail> {
    let sql = "SELECT number, file, channel, source, attempts FROM media WHERE state = 'pending' AND next_at <= $1
               ORDER BY next_at, number LIMIT $2";
    let read = |row: &Row| {
        Ok(DueMedia {
            number: Number::from_key(row.try_get(0)?),
            file: row.try_get(1)?,
            channel: row.try_get(2)?,
            source: row.try_get(3)?,
            attempts: row.try_get::<_, i64>(4)? as u32,
        })
    };
    link.rows(sql, &[&now.as_millisecond(), &(limit as i64)]).await?.iter().map(read).collect()
}

pub(super) async fn postpone_media(tx: &Tx<'_>, number: Number, file: &str, next_at: Timestamp) -> Result<(), Fail> {
    let sql = "UPDATE media SET attempts = attempts + 1, next_at = $3 WHERE number = $1 AND file = $2";
    tx.execute(sql, &[&number.to_key(), &Text(file), &next_at.as_millisecond()]).await.map(drop)
}

pub(super) async fn fetched(tx: &Tx<'_>, number: Number, file: &str, state: &str) -> Result<(), Fail> {
    let sql = "UPDATE media SET state = $3 WHERE number = $1 AND file = $2";
    tx.execute(sql, &[&number.to_key(), &Text(file), &Text(state)]).await.map(drop)
}
