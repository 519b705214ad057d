//! Changes of a ticket, with the events that tell of them.

use super::{fail::Fail, link::Text, log, outbox, tickets::shown, tx::Tx};
use crate::{
    number::Number,
    store::{Changed, TicketChange},
};

/// The version that a ticket has now.
pub(super) async fn version(tx: &Tx<'_>, number: Number) -> Result<Option<i64>, Fail> {
    let row = tx.row("SELECT version FROM ticket WHERE number = $1", &[&number.to_key()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn change(tx: &Tx<'_>, change: &mut TicketChange) -> Result<Changed, Fail> {
    let number = change.number.to_key();
    if let Some((id, content)) = &change.update {
        let sql = "SELECT content FROM core_update WHERE number = $1 AND id = $2";
        if let Some(row) = tx.row(sql, &[&number, &Text(id)]).await? {
            let before: &[u8] = row.try_get(0)?;
            return Ok(if before == content { Changed::Before } else { Changed::BeforeWithOtherContent });
        }
    }
    let (published, category) = shown(&change.document);
    let sql = "UPDATE ticket SET version = version + 1, status = $3, document = $4, published = $5, category = $6,
                 sender = CASE WHEN $7::boolean THEN NULL ELSE sender END
               WHERE number = $1 AND version = $2 RETURNING channel";
    let (status, document, category) = (Text(&change.status), Text(&change.document), category.map(Text));
    let values: super::link::Values<'_> =
        &[&number, &change.version, &status, &document, &published, &category, &change.unlink];
    let Some(row) = tx.row(sql, values).await? else { return Ok(Changed::Stale) };
    let channel: String = row.try_get(0)?;
    if let Some((id, content)) = &change.update {
        tx.execute("INSERT INTO core_update VALUES ($1, $2, $3)", &[&number, &Text(id), &&content[..]]).await?;
    }
    log::append(tx, change.events.iter_mut()).await?;
    if let Some(reply) = &change.reply {
        outbox::add_replies(tx, &[(change.number, reply)]).await?;
    }
    if let Some((id, state, sent_as)) = &change.replied {
        outbox::replied(tx, *id, state, sent_as.as_deref()).await?;
    }
    if let Some((file, state)) = &change.fetched {
        outbox::fetched(tx, change.number, file, state).await?;
    }
    let media: Vec<_> = change.media.iter().map(|media| (change.number, &*channel, media)).collect();
    outbox::add_media(tx, &media).await?;
    Ok(Changed::Done)
}
