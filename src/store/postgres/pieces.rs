//! Messages in several pieces (long short messages): each piece is stored by itself, under one number, and its message
//! waits in the line until it is whole or its time is over.

use super::{conversation, fail::Fail, tx::Tx};
use crate::{
    number::Number,
    store::{
        MessageId, NewMessage,
        waiting::{
            LATE,
            pieces::{FORGET, Place, REMEMBERED, WHOLE, due, is_stale, name},
        },
    },
};

/// The conversation of a number closes at another time.
pub(super) const SET_DUE: &str = "UPDATE pending SET due = $2 WHERE number = $1 AND due > 0";

/// Looks for the other pieces of the message that `message` is one of. The same place with other bytes begins another
/// message; so does a piece after a long silence.
pub(super) async fn place(tx: &Tx<'_>, message: &NewMessage) -> Result<Place, Fail> {
    let Some(piece) = &message.piece else { return Ok(Place::First) };
    let (whole, now) = (name(message, piece), message.received_at.as_millisecond());
    let whole = &whole[..];
    forget(tx, now).await?;
    let sql = "SELECT number, last_at, complete FROM piece WHERE whole = $1 LIMIT 1";
    let Some(row) = tx.row(sql, &[&whole]).await? else { return Ok(Place::First) };
    let (number, last_at, complete): (i64, i64, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let sql = "SELECT message, content = $3 FROM piece WHERE whole = $1 AND place = $2";
    let taken = tx.row(sql, &[&whole, &i64::from(piece.place), &&message.incoming.digest[..]]).await?;
    let taken = taken.map(|row| Ok::<(i64, bool), Fail>((row.try_get(0)?, row.try_get(1)?))).transpose()?;
    let stale = is_stale(now, last_at, complete);
    match taken {
        Some((first, true)) if !stale => return Ok(Place::Known(MessageId(first))),
        None if !stale => {}
        _ => {
            tx.execute("DELETE FROM piece WHERE whole = $1", &[&whole]).await?;
            if !complete {
                // What there is of the earlier message goes on, with its gaps.
                settle(tx, message, Number::from_key(number)).await?;
            }
            return Ok(Place::First);
        }
    }
    let closes: Option<i64> = tx.one("SELECT max(due) FROM pending WHERE number = $1 AND due > 0", &[&number]).await?;
    // Without others in the line its message has its ticket, and this one is an addition.
    Ok(Place::With(Number::from_key(number), closes.unwrap_or(LATE)))
}

/// Remembers a piece that was just stored under `number`, and says when its message goes on now.
pub(super) async fn add(tx: &Tx<'_>, message: &NewMessage, id: MessageId, number: Number) -> Result<(), Fail> {
    let Some(piece) = &message.piece else { return Ok(()) };
    let (whole, now) = (name(message, piece), message.received_at.as_millisecond());
    let (whole, content) = (&whole[..], &message.incoming.digest[..]);
    let sql = "INSERT INTO piece SELECT $1, $2, $3, $4, $5,
                 coalesce((SELECT opened_at FROM piece WHERE whole = $1 LIMIT 1), $6), $6, false
               ON CONFLICT (whole, place) DO UPDATE SET message = excluded.message, number = excluded.number,
                 content = excluded.content, last_at = excluded.last_at, complete = false";
    tx.execute(sql, &[&whole, &i64::from(piece.place), &id.0, &number.to_key(), &content, &now]).await?;
    let sql = "UPDATE piece SET last_at = $2, complete = (SELECT count(*) FROM piece WHERE whole = $1) >= $3
               WHERE whole = $1";
    tx.execute(sql, &[&whole, &now, &i64::from(piece.of)]).await?;
    settle(tx, message, number).await
}

/// When the conversation of `number` closes now.
async fn settle(tx: &Tx<'_>, message: &NewMessage, number: Number) -> Result<(), Fail> {
    let key = number.to_key();
    let sql = "SELECT min(opened_at) FROM piece WHERE number = $1 AND NOT complete";
    let first: Option<i64> = tx.one(sql, &[&key]).await?;
    let open = conversation::opened(tx, message, number).await?;
    tx.execute(SET_DUE, &[&key, &due(message, first, open)]).await.map(drop)
}

async fn forget(tx: &Tx<'_>, now: i64) -> Result<(), Fail> {
    let sql = "DELETE FROM piece WHERE whole IN
                 (SELECT whole FROM piece WHERE complete = $3 AND last_at < $1 ORDER BY complete, last_at LIMIT $2)";
    tx.execute(sql, &[&(now - 2 * REMEMBERED), &FORGET, &false]).await?;
    tx.execute(sql, &[&(now - WHOLE), &FORGET, &true]).await.map(drop)
}
