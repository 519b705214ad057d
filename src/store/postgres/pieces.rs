//! Messages in several pieces (long short messages): each piece is stored by itself, under one number, and its message
//! waits in the line until it is whole or its time is over.

use super::{
    conversation::{self, milliseconds},
    fail::Fail,
    tx::Tx,
};
use crate::{
    number::Number,
    store::{MessageId, NewMessage},
};
use jiesu_connector::digest;

/// A piece that comes later than this after the latest other one is of another message: senders' names repeat.
const REMEMBERED: i64 = 24 * 3_600_000;
/// A piece that comes again within this after its message was whole is no other message's.
const WHOLE: i64 = 600_000;
/// Forgotten at a time, so that nobody waits long for it.
const FORGET: i64 = 16;
/// What [`super::inbox::COLUMNS`] takes for "it may have a ticket already".
pub(super) const LATE: i64 = -1;
/// `due` of what need not wait any more: before all others that have waited, however many they are.
pub(super) const FIRST: i64 = 1;

/// The conversation of a number closes at another time.
pub(super) const SET_DUE: &str = "UPDATE pending SET due = $2 WHERE number = $1 AND due > 0";

/// Where a piece belongs.
pub(super) enum Place {
    /// It is there already.
    Known(MessageId),
    /// With the others of its message: their number, and what is due.
    With(Number, i64),
    /// It is the first of its message.
    First,
}

fn name(message: &NewMessage, whole: &str, of: u16) -> [u8; 16] {
    digest([message.channel.as_bytes(), whole.as_bytes(), &of.to_be_bytes()])
}

/// Looks for the other pieces of the message that `message` is one of. The same place with other bytes begins another
/// message; so does a piece after a long silence.
pub(super) async fn place(tx: &Tx<'_>, message: &NewMessage) -> Result<Place, Fail> {
    let Some(piece) = &message.piece else { return Ok(Place::First) };
    let (whole, now) = (name(message, &piece.whole, piece.of), message.received_at.as_millisecond());
    let whole = &whole[..];
    forget(tx, now).await?;
    let sql = "SELECT number, last_at, complete FROM piece WHERE whole = $1 LIMIT 1";
    let Some(row) = tx.row(sql, &[&whole]).await? else { return Ok(Place::First) };
    let (number, last_at, complete): (i64, i64, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let sql = "SELECT message, content = $3 FROM piece WHERE whole = $1 AND place = $2";
    let taken = tx.row(sql, &[&whole, &i64::from(piece.place), &&message.incoming.digest[..]]).await?;
    let taken = taken.map(|row| Ok::<(i64, bool), Fail>((row.try_get(0)?, row.try_get(1)?))).transpose()?;
    let stale = now - last_at > if complete { WHOLE } else { REMEMBERED };
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
    let due: Option<i64> = tx.one("SELECT max(due) FROM pending WHERE number = $1 AND due > 0", &[&number]).await?;
    // Without others in the line its message has its ticket, and this one is an addition.
    Ok(Place::With(Number::from_key(number), due.unwrap_or(LATE)))
}

/// Remembers a piece that was just stored under `number`, and says when its message goes on now.
pub(super) async fn add(tx: &Tx<'_>, message: &NewMessage, id: MessageId, number: Number) -> Result<(), Fail> {
    let Some(piece) = &message.piece else { return Ok(()) };
    let (whole, now) = (name(message, &piece.whole, piece.of), message.received_at.as_millisecond());
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

/// When the conversation of `number` closes: with a piece missing as late as it may, otherwise as others do; a message
/// by itself goes on at once when it is whole.
async fn settle(tx: &Tx<'_>, message: &NewMessage, number: Number) -> Result<(), Fail> {
    let (key, now) = (number.to_key(), message.received_at.as_millisecond());
    let wait = message.piece.as_ref().map_or(0, |piece| milliseconds(piece.wait));
    let sql = "SELECT min(opened_at) FROM piece WHERE number = $1 AND NOT complete";
    let first: Option<i64> = tx.one(sql, &[&key]).await?;
    let missing = first.is_some();
    let open = conversation::opened(tx, message, number).await?;
    let due = match (message.window, open) {
        (Some(_), Some((_, true))) if !missing => FIRST,
        (Some(window), Some((opened_at, urgent))) => {
            let closes = opened_at.saturating_add(milliseconds(window.max));
            let idle = if urgent { 0 } else { milliseconds(window.idle) };
            now.saturating_add(if missing { idle.max(wait) } else { idle }).min(closes)
        }
        _ => match first {
            Some(first) => now.saturating_add(wait).min(first.saturating_add(REMEMBERED)),
            None => FIRST,
        },
    };
    tx.execute(SET_DUE, &[&key, &due.max(FIRST)]).await.map(drop)
}

async fn forget(tx: &Tx<'_>, now: i64) -> Result<(), Fail> {
    let sql = "DELETE FROM piece WHERE whole IN
                 (SELECT whole FROM piece WHERE complete = $3 AND last_at < $1 ORDER BY complete, last_at LIMIT $2)";
    tx.execute(sql, &[&(now - 2 * REMEMBERED), &FORGET, &false]).await?;
    tx.execute(sql, &[&(now - WHOLE), &FORGET, &true]).await.map(drop)
}
