//! Repeats, incidents, and tickets that have not been looked at yet.

use super::{count::Counts, fail::Fail, inbox::time, link::Link, tickets, tx::Tx};
use crate::{
    number::Number,
    store::{Counter, Member, MessageId, NoTicket, Signal, TicketChange, TicketRow},
};
use tokio_postgres::Row;

/// Remembers which incidents tickets join: number and root each.
pub(super) async fn join(tx: &Tx<'_>, joins: &[(Number, Number)]) -> Result<(), Fail> {
    if joins.is_empty() {
        return Ok(());
    }
    let (numbers, roots): (Vec<i64>, Vec<i64>) =
        joins.iter().map(|(number, root)| (number.to_key(), root.to_key())).unzip();
    // The first one is of the incident too.
    let sql = "INSERT INTO member SELECT given.root, ticket.number, ticket.appellant, ticket.received_at
               FROM (SELECT root, number FROM unnest($1::bigint[], $2::bigint[]) AS given (number, root)
                     UNION SELECT root, root FROM unnest($2::bigint[]) AS root) AS given
               JOIN ticket ON ticket.number = given.number ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&numbers, &roots]).await.map(drop)
}

/// Remembers that tickets are still to be looked at.
pub(super) async fn to_check(tx: &Tx<'_>, numbers: &[Number]) -> Result<(), Fail> {
    if numbers.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = numbers.iter().map(|number| number.to_key()).collect();
    let sql = "INSERT INTO unchecked SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&numbers]).await.map(drop)
}

pub(super) async fn set(tx: &Tx<'_>, number: Number, root: Option<Number>) -> Result<(), Fail> {
    tx.execute("DELETE FROM member WHERE number = $1", &[&number.to_key()]).await?;
    match root {
        Some(root) => join(tx, &[(number, root)]).await,
        None => Ok(()),
    }
}

pub(super) async fn members(link: &Link, root: Number, limit: usize) -> Result<Vec<Member>, Fail> {
    let sql = "SELECT number, citizen, at FROM member WHERE incident = $1 ORDER BY number DESC LIMIT $2";
    let read = |row: &Row| {
        Ok(Member { number: Number::from_key(row.try_get(0)?), citizen: row.try_get(1)?, at: time(row.try_get(2)?) })
    };
    link.rows(sql, &[&root.to_key(), &(limit as i64)]).await?.iter().map(read).collect()
}

pub(super) async fn unchecked(link: &Link, limit: usize) -> Result<Vec<TicketRow>, Fail> {
    let sql = format!(
        "SELECT {} FROM ticket WHERE number IN (SELECT number FROM unchecked ORDER BY number LIMIT $1) ORDER BY number",
        tickets::COLUMNS
    );
    link.rows(&sql, &[&(limit as i64)]).await?.iter().map(tickets::read).collect()
}

pub(super) async fn checked(tx: &Tx<'_>, number: Number) -> Result<(), Fail> {
    tx.execute("DELETE FROM unchecked WHERE number = $1", &[&number.to_key()]).await.map(drop)
}

pub(super) async fn tickets_from(link: &Link, number: Number, limit: usize) -> Result<Vec<TicketRow>, Fail> {
    let sql = format!("SELECT {} FROM ticket WHERE number > $1 ORDER BY number LIMIT $2", tickets::COLUMNS);
    link.rows(&sql, &[&number.to_key(), &(limit as i64)]).await?.iter().map(tickets::read).collect()
}

pub(super) async fn add_repeat(tx: &Tx<'_>, number: Number, ticket: Number, code_hash: &[u8]) -> Result<(), Fail> {
    let sql = "INSERT INTO repeat VALUES ($1, $2, $3)
               ON CONFLICT (number) DO UPDATE SET ticket = excluded.ticket, code_hash = excluded.code_hash";
    tx.execute(sql, &[&number.to_key(), &ticket.to_key(), &code_hash]).await.map(drop)
}

/// The ticket that the repeat of this number counts to (none if that was undone), and what is kept of its code.
pub(super) async fn repeat(link: &Link, number: Number) -> Result<Option<(Option<Number>, Vec<u8>)>, Fail> {
    let sql = "SELECT ticket, code_hash FROM repeat WHERE number = $1";
    let Some(row) = link.row(sql, &[&number.to_key()]).await? else { return Ok(None) };
    let ticket: i64 = row.try_get(0)?;
    Ok(Some(((ticket > 0).then(|| Number::from_key(ticket)), row.try_get(1)?)))
}

/// This number's matter counts to the ticket of another.
pub(super) async fn is_repeat(link: &Link, number: Number) -> Result<bool, Fail> {
    Ok(matches!(repeat(link, number).await?, Some((Some(_), _))))
}

/// What came under this number was added to a ticket, if to that of another number.
pub(super) async fn add_addition(tx: &Tx<'_>, number: Number, change: &TicketChange) -> Result<(), Fail> {
    let sql = "INSERT INTO addition (number, ticket, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    if let Some(event) = change.events.first().filter(|_| number != change.number) {
        tx.execute(sql, &[&number.to_key(), &change.number.to_key(), &event.kind]).await?;
    }
    Ok(())
}

/// The ticket that what came under this number was added to.
pub(super) async fn addition(link: &Link, number: Number) -> Result<Option<Number>, Fail> {
    let row = link.row("SELECT ticket FROM addition WHERE number = $1", &[&number.to_key()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(Number::from_key))
}

/// What is said of a message that made no ticket to who looks its number up.
pub(super) async fn add_noted(tx: &Tx<'_>, message: MessageId, shown: &NoTicket) -> Result<(), Fail> {
    let about = shown.about.map_or(0, Number::to_key);
    let sql = "INSERT INTO noted SELECT number, $2, received_at, $3 FROM message WHERE id = $1 ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&message.0, &about, &shown.what]).await.map(drop)
}

/// When what came under this number was received, what it was, and which ticket it was about.
pub(super) async fn noted(link: &Link, number: Number) -> Result<Option<(i64, String, Option<Number>)>, Fail> {
    let sql = "SELECT received_at, what, ticket FROM noted WHERE number = $1";
    let Some(row) = link.row(sql, &[&number.to_key()]).await? else { return Ok(None) };
    let about: i64 = row.try_get(2)?;
    Ok(Some((row.try_get(0)?, row.try_get(1)?, (about > 0).then(|| Number::from_key(about)))))
}

/// Its messages are in the line again; that it was undone stays known, so that it is not linked the same way once more.
pub(super) async fn undo_repeat(tx: &Tx<'_>, number: Number) -> Result<bool, Fail> {
    let (key, day) = (number.to_key(), i64::from(number.day));
    let sql = "UPDATE repeat SET ticket = 0 WHERE number = $1 AND ticket > 0";
    if tx.execute(sql, &[&key]).await? == 0 {
        return Ok(false);
    }
    tx.tell(Signal::Arrived);
    tx.tell(Signal::Desk);
    let sql = "SELECT id, channel, hotline FROM message
               WHERE id >= (SELECT first FROM counter WHERE day = $2) AND number = $1";
    let (mut ids, mut counts) = (Vec::<i64>::new(), Counts::default());
    for row in tx.rows(sql, &[&key, &day]).await? {
        ids.push(row.try_get(0)?);
        counts.add(number.day, row.try_get(1)?, row.try_get(2)?, Counter::Repeat, -1);
    }
    let sql = "INSERT INTO pending SELECT id, $1, -1 FROM unnest($2::bigint[]) AS id ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&key, &ids]).await?;
    counts.store(tx).await?;
    Ok(true)
}
