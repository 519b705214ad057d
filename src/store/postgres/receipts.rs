//! Receipts that go out as messages of their own.

use super::{accept::Placed, fail::Fail, outbox, tx::Tx};
use crate::{number::Number, reply, store::NewReply};
use jiff::Timestamp;
use std::collections::HashSet;

/// Puts receipts into the outbox, but for recipients who were sent one that is not past its time yet. In the transaction of
/// their tickets, so that the brake holds whatever happens.
pub(super) async fn add(tx: &Tx<'_>, receipts: &[(Number, &NewReply)]) -> Result<(), Fail> {
    if receipts.is_empty() {
        return Ok(());
    }
    let now = Timestamp::now().as_millisecond();
    let (channels, recipients): (Vec<_>, Vec<_>) = receipts.iter().map(|(_, it)| outbox::whom(it)).unzip();
    let sql = "SELECT asked.place - 1 FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (channel, recipient, place)
               WHERE (SELECT max(give_up) FROM reply WHERE reply.channel = asked.channel
                      AND reply.recipient = asked.recipient AND name = 'receipt') > $3";
    let mut had = HashSet::new();
    for row in tx.rows(sql, &[&channels, &recipients, &now]).await? {
        had.insert(row.try_get::<_, i64>(0)? as usize);
    }
    let mut sent = HashSet::new();
    let mut left = Vec::new();
    for (place, (number, receipt)) in receipts.iter().enumerate() {
        if had.contains(&place) || !sent.insert((&receipt.channel, &receipt.recipient)) {
            continue;
        }
        // One whose time is over already stops nobody.
        if receipt.give_up.as_millisecond() <= now {
            sent.remove(&(&receipt.channel, &receipt.recipient));
        }
        left.push((*number, *receipt));
    }
    outbox::add_replies(tx, &left).await
}

/// Puts the receipts of messages that have just got a number of their own into the outbox, where their senders are to have
/// one at once: in the transaction of the messages, so that what is acknowledged is also said.
pub(super) async fn at_once(tx: &Tx<'_>, placed: &[Placed<'_>]) -> Result<(), Fail> {
    let receipt = |one: &Placed<'_>| {
        let recipient = one.message.incoming.sender.clone().filter(|_| one.first && one.message.incoming.receipt)?;
        let receipt = NewReply {
            name: reply::RECEIPT.to_owned(),
            channel: one.message.channel.to_string(),
            recipient,
            words: String::new(),
            give_up: one.message.received_at.saturating_add(reply::RECEIPT_LIFE).unwrap_or(Timestamp::MAX),
        };
        Some((one.number, receipt))
    };
    let receipts: Vec<_> = placed.iter().filter_map(receipt).collect();
    let receipts: Vec<_> = receipts.iter().map(|(number, receipt)| (*number, receipt)).collect();
    outbox::add_replies(tx, &receipts).await
}
