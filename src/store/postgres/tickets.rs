//! Tickets, read.

use super::{
    fail::Fail,
    inbox::time,
    link::{Link, Text},
    links,
};
use crate::{
    number::Number,
    store::{Known, PublishedQuery, TicketQuery, TicketRow},
};
use jiff::Timestamp;
use serde::Deserialize;
use tokio_postgres::{Row, types::ToSql};

pub(super) const COLUMNS: &str = "number, version, code_hash, channel, sender, status, document";

pub(super) fn read(row: &Row) -> Result<TicketRow, Fail> {
    Ok(TicketRow {
        number: Number::from_key(row.try_get(0)?),
        version: row.try_get(1)?,
        code_hash: row.try_get(2)?,
        channel: row.try_get(3)?,
        sender: row.try_get(4)?,
        status: row.try_get(5)?,
        document: row.try_get(6)?,
    })
}

/// What of a document has a column of its own: whether its citizen agreed to publish it, and the category of one that
/// may be. In a ticket's JSON these letters can only be the field itself: in a text its quotes would be escaped.
pub(super) fn shown(document: &str) -> (bool, Option<String>) {
    #[derive(Deserialize)]
    struct Document {
        category: Option<Category>,
    }
    #[derive(Deserialize)]
    struct Category {
        code: Option<String>,
    }
    let published = document.contains("\"publish\":true");
    let document = published.then(|| serde_json::from_str::<Document>(document).ok()).flatten();
    (published, document.and_then(|document| document.category?.code))
}

pub(super) async fn ticket(link: &Link, number: Number) -> Result<Option<TicketRow>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM ticket WHERE number = $1");
    link.row(&sql, &[&number.to_key()]).await?.as_ref().map(read).transpose()
}

pub(super) async fn of_sender(link: &Link, channel: &str, sender: &str, limit: usize) -> Result<Vec<TicketRow>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM ticket WHERE channel = $1 AND sender = $2 ORDER BY number DESC LIMIT $3");
    link.rows(&sql, &[&Text(channel), &Text(sender), &(limit as i64)]).await?.iter().map(read).collect()
}

pub(super) async fn known(link: &Link, number: Number) -> Result<Known, Fail> {
    if let Some(ticket) = ticket(link, number).await? {
        return Ok(Known::Ticket(Box::new(ticket)));
    }
    // A repeat is looked up by its own number and code, and shows the ticket that it counts to.
    if let Some((Some(counted_to), code_hash)) = links::repeat(link, number).await?
        && let Some(ticket) = ticket(link, counted_to).await?
    {
        return Ok(Known::Ticket(Box::new(TicketRow { code_hash, ..ticket })));
    }
    if let Some(added_to) = links::addition(link, number).await?
        && let Some(ticket) = ticket(link, added_to).await?
    {
        return Ok(Known::Ticket(Box::new(TicketRow { code_hash: Vec::new(), ..ticket })));
    }
    let sql = "SELECT received_at FROM message WHERE id IN
                 (SELECT message FROM pending WHERE number = $1
                  UNION ALL SELECT message FROM quarantine WHERE number = $1) ORDER BY id LIMIT 1";
    let received_at = link.row(sql, &[&number.to_key()]).await?.map(|row| row.try_get(0)).transpose()?;
    if let Some(at) = received_at {
        return Ok(Known::InTheLine { received_at: time(at) });
    }
    let Some((received_at, what, about)) = links::noted(link, number).await? else { return Ok(Known::Nothing) };
    let about = match about {
        Some(about) => ticket(link, about).await?.map(Box::new),
        None => None,
    };
    Ok(Known::Noted { received_at: time(received_at), what, about })
}

/// By the index `ticket_published`, or by the numbers that are asked for.
pub(super) async fn published(link: &Link, query: &PublishedQuery) -> Result<Vec<TicketRow>, Fail> {
    let numbers: Option<Vec<i64>> =
        query.numbers.as_ref().map(|numbers| numbers.iter().map(|number| number.to_key()).collect());
    let categories: Option<Vec<Text<&str>>> =
        query.categories.as_ref().map(|codes| codes.iter().map(|code| Text(&**code)).collect());
    let chosen = if numbers.is_some() { "number = ANY($3::bigint[])" } else { "$3::bigint[] IS NULL" };
    let sql = format!(
        "SELECT {COLUMNS} FROM ticket WHERE published AND received_at BETWEEN $1 AND $2 AND {chosen}
           AND ($4::text[] IS NULL OR category = ANY($4))
           AND ($5::boolean IS NULL OR (status = 'closed') = $5)
         ORDER BY received_at DESC LIMIT $6 OFFSET $7"
    );
    let milliseconds = |at: Option<Timestamp>, open: i64| at.map_or(open, Timestamp::as_millisecond);
    let (since, until) = (milliseconds(query.since, i64::MIN), milliseconds(query.until, i64::MAX));
    let (limit, offset) = (query.limit as i64, query.offset as i64);
    let values: super::link::Values<'_> = &[&since, &until, &numbers, &categories, &query.closed, &limit, &offset];
    link.rows(&sql, values).await?.iter().map(read).collect()
}

pub(super) async fn search(link: &Link, query: &TicketQuery) -> Result<Vec<TicketRow>, Fail> {
    let mut conditions = vec!["true".to_owned()];
    let mut values: Vec<Box<dyn ToSql + Sync + Send>> = Vec::new();
    let mut add = |condition: &str, value: Option<Box<dyn ToSql + Sync + Send>>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(condition.replace('?', &format!("${}", values.len())));
        }
    };
    let text = |text: &Option<String>| Some(Box::new(Text(text.clone()?)) as Box<dyn ToSql + Sync + Send>);
    let number = |number: Option<i64>| Some(Box::new(number?) as Box<dyn ToSql + Sync + Send>);
    let first = |day: u32| Number { day, sequence: 0 }.to_key();
    add("number < ?", number(query.before.map(Number::to_key)));
    add("number >= ?", number(query.day.map(first)));
    add("number < ?", number(query.day.map(|day| first(day + 1))));
    add("channel = ?", text(&query.channel));
    add("hotline = ?", text(&query.hotline));
    add("status = ?", text(&query.status));
    add("kind = ?", text(&query.kind));
    add("appellant = ?", text(&query.appellant));
    add("strpos(document, ?) > 0", text(&query.words));
    add("true ORDER BY number DESC LIMIT ?", number(Some(query.limit as i64)));
    let sql = format!("SELECT {COLUMNS} FROM ticket WHERE {}", conditions.join(" AND "));
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    link.rows(&sql, &values).await?.iter().map(read).collect()
}
