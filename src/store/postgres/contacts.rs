//! Contacts that the channel itself delimits (calls): every message of one has its number, and waits in the line until the
//! contact is complete or its time is over; what comes later is late.

use super::{fail::Fail, inbox, link::Link, pieces, tx::Tx};
use crate::{
    number::Number,
    store::{
        Message, MessageId, NewMessage,
        waiting::contacts::{FORGET, REMEMBERED, due, joins, name},
    },
};

/// The number of the contact that `message` is of, and what is due, if it has one.
pub(super) async fn place(tx: &Tx<'_>, message: &NewMessage) -> Result<Option<(Number, i64)>, Fail> {
    let Some(contact) = &message.contact else { return Ok(None) };
    let now = message.received_at.as_millisecond();
    forget(tx, now).await?;
    let sql = "SELECT number, EXISTS (SELECT 1 FROM pending WHERE pending.number = contact.number AND due > 0)
               FROM contact WHERE name = $1 AND last_at > $2";
    let row = tx.row(sql, &[&&name(message, contact)[..], &(now - REMEMBERED)]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((Number::from_key(row.try_get(0)?), joins(row.try_get(1)?))))
}

/// Remembers a message that was just stored under `number`, and says when its contact goes on now.
pub(super) async fn add(tx: &Tx<'_>, message: &NewMessage, id: MessageId, number: Number) -> Result<(), Fail> {
    let Some(contact) = &message.contact else { return Ok(()) };
    let (key, now) = (number.to_key(), message.received_at.as_millisecond());
    let sql = "INSERT INTO contact VALUES ($1, $2, $3, $4, $5, $5)
               ON CONFLICT (name) DO UPDATE SET
                   brings = (CASE WHEN contact.number = excluded.number THEN contact.brings ELSE 0 END) | excluded.brings,
                   expects = (CASE WHEN contact.number = excluded.number THEN contact.expects ELSE 0 END) | excluded.expects,
                   opened_at = CASE WHEN contact.number = excluded.number THEN contact.opened_at ELSE excluded.opened_at END,
                   number = excluded.number, last_at = greatest(contact.last_at, excluded.last_at)
               RETURNING brings, expects, opened_at, last_at";
    let (brings, expects) = (i64::from(contact.brings), i64::from(contact.expects));
    let row = tx.row(sql, &[&&name(message, contact)[..], &key, &brings, &expects, &now]).await?;
    let Some(row) = row else { return Ok(()) };
    let (brings, expects): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (opened_at, last_at): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
    let sql = "INSERT INTO contact_message VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&key, &id.0]).await?;
    let due = due(message, contact, (brings as u32, expects as u32), (opened_at, last_at));
    tx.execute(pieces::SET_DUE, &[&key, &due]).await.map(drop)
}

/// All messages of the contact of this number.
pub(super) async fn messages(link: &Link, number: Number) -> Result<Vec<Message>, Fail> {
    // What has its outcome is not in the line any more: as if it had come late.
    let columns = inbox::COLUMNS.replace("p.due", "coalesce(p.due, -1)");
    let sql = format!(
        "SELECT {columns} FROM contact_message AS c {}
         LEFT JOIN pending AS p ON p.message = c.message WHERE c.number = $1 ORDER BY c.message",
        inbox::message_of("c")
    );
    link.rows(&sql, &[&number.to_key()]).await?.iter().map(inbox::read).collect()
}

async fn forget(tx: &Tx<'_>, now: i64) -> Result<(), Fail> {
    let sql = "SELECT name, number FROM contact WHERE last_at < $1
               AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.number = contact.number AND due > 0)
               ORDER BY last_at LIMIT $2";
    for row in tx.rows(sql, &[&(now - REMEMBERED), &FORGET]).await? {
        let (name, number): (&[u8], i64) = (row.try_get(0)?, row.try_get(1)?);
        tx.execute("DELETE FROM contact WHERE name = $1", &[&name]).await?;
        tx.execute("DELETE FROM contact_message WHERE number = $1", &[&number]).await?;
    }
    Ok(())
}
