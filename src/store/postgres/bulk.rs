//! New tickets, many in a few statements.

use super::{change::change, fail::Fail, link::Text, links, log, outbox, receipts, tickets::shown, tx::Tx};
use crate::{
    number::Number,
    store::{MessageId, NewEvent, NewMedia, NewTicket},
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A ticket to store.
pub(super) struct Fresh<'a> {
    pub(super) messages: &'a [MessageId],
    pub(super) ticket: &'a mut NewTicket,
    pub(super) events: &'a mut [NewEvent],
    pub(super) media: &'a [NewMedia],
}

/// Places in the line, as far as some tickets touch them.
pub(super) struct Line {
    /// By message: the number, and whether it is in a conversation.
    places: BTreeMap<MessageId, (i64, bool)>,
    /// Of each number, the messages of its conversation.
    conversations: BTreeMap<i64, BTreeSet<MessageId>>,
    taken: Vec<i64>,
    back: Vec<(MessageId, Number)>,
}

impl Line {
    pub(super) async fn load<'a>(
        tx: &Tx<'_>,
        matters: impl Iterator<Item = (Number, &'a [MessageId])>,
    ) -> Result<Self, Fail> {
        let (mut numbers, mut messages) = (Vec::<i64>::new(), Vec::<i64>::new());
        for (number, of) in matters {
            numbers.push(number.to_key());
            messages.extend(of.iter().map(|message| message.0));
        }
        let mut line =
            Self { places: BTreeMap::new(), conversations: BTreeMap::new(), taken: Vec::new(), back: Vec::new() };
        let sql = "SELECT message, number, due > 0 FROM pending WHERE number = ANY($1) AND due > 0
                   UNION SELECT message, number, due > 0 FROM pending WHERE message = ANY($2)";
        for row in tx.rows(sql, &[&numbers, &messages]).await? {
            let (message, number, talks) = (MessageId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?);
            line.places.insert(message, (number, talks));
            if talks {
                line.conversations.entry(number).or_default().insert(message);
            }
        }
        Ok(line)
    }

    /// Takes all messages of a matter; none, and says so, if one has its outcome already or another has joined their
    /// conversation meanwhile.
    pub(super) fn take(&mut self, number: Number, messages: &[MessageId]) -> bool {
        let conversation = self.conversations.get(&number.to_key());
        let fits = match messages {
            [message] => {
                let alone = conversation.is_none_or(|all| all.iter().all(|other| other == message));
                alone && self.places.contains_key(message)
            }
            _ => {
                conversation.is_some_and(|all| all.iter().eq(messages)) || messages.is_empty() && conversation.is_none()
            }
        };
        if fits {
            for message in messages {
                if let Some((number, _)) = self.places.remove(message)
                    && let Some(all) = self.conversations.get_mut(&number)
                {
                    all.remove(message);
                }
                self.taken.push(message.0);
            }
        }
        fits
    }

    /// They come back, late, and one by one.
    fn put_back(&mut self, number: Number, messages: &[MessageId]) {
        self.taken.retain(|taken| !messages.contains(&MessageId(*taken)));
        for message in messages {
            self.places.insert(*message, (number.to_key(), false));
            self.back.push((*message, number));
        }
    }

    pub(super) async fn store(&self, tx: &Tx<'_>) -> Result<(), Fail> {
        if !self.taken.is_empty() {
            tx.execute("DELETE FROM pending WHERE message = ANY($1)", &[&self.taken]).await?;
        }
        if !self.back.is_empty() {
            let (messages, numbers): (Vec<i64>, Vec<i64>) =
                self.back.iter().map(|(message, number)| (message.0, number.to_key())).unzip();
            let sql = "UPDATE pending SET number = given.number, due = -1
                       FROM unnest($1::bigint[], $2::bigint[]) AS given (message, number)
                       WHERE pending.message = given.message";
            tx.execute(sql, &[&messages, &numbers]).await?;
        }
        Ok(())
    }
}

/// Stores tickets with all that comes with them; gives back those that fitted. Of one that changes another ticket, the
/// caller has seen that that has not changed meanwhile.
pub(super) async fn store<'a>(tx: &Tx<'_>, fresh: Vec<Fresh<'a>>) -> Result<Vec<Fresh<'a>>, Fail> {
    let mut line = Line::load(tx, fresh.iter().map(|one| (one.ticket.number, one.messages))).await?;
    let numbers: Vec<i64> = fresh.iter().map(|one| one.ticket.number.to_key()).collect();
    let mut there: HashSet<Number> = HashSet::new();
    for row in tx.rows("SELECT number FROM ticket WHERE number = ANY($1)", &[&numbers]).await? {
        there.insert(Number::from_key(row.try_get(0)?));
    }
    let mut fitting = Vec::with_capacity(fresh.len());
    for one in fresh {
        let number = one.ticket.number;
        if !line.take(number, one.messages) {
            continue;
        }
        match there.insert(number) {
            true => fitting.push(one),
            // A message that came back out of quarantine made it first: these add to it, in the next round.
            false => line.put_back(number, one.messages),
        }
    }
    line.store(tx).await?;
    if fitting.is_empty() {
        return Ok(fitting);
    }
    insert(tx, &fitting).await?;
    // What an incident begins with, or a repeat counts to, is told before the ticket itself.
    for one in &mut fitting {
        if let Some(first) = one.ticket.first_mut() {
            change(tx, first).await?;
        }
    }
    log::append(tx, fitting.iter_mut().flat_map(|one| one.events.iter_mut())).await?;
    let mut media = Vec::new();
    for one in &fitting {
        media.extend(one.media.iter().map(|media| (one.ticket.number, &*one.ticket.channel, media)));
    }
    outbox::add_media(tx, &media).await?;
    let tickets = || fitting.iter().map(|one| &*one.ticket);
    let receipts: Vec<_> = tickets().filter_map(|ticket| Some((ticket.number, ticket.receipt.as_ref()?))).collect();
    receipts::add(tx, &receipts).await?;
    let joins: Vec<_> = tickets().filter_map(|ticket| Some((ticket.number, ticket.joins.as_ref()?.root))).collect();
    links::join(tx, &joins).await?;
    let unchecked: Vec<Number> = tickets().filter(|ticket| ticket.unchecked).map(|ticket| ticket.number).collect();
    links::to_check(tx, &unchecked).await?;
    Ok(fitting)
}

async fn insert(tx: &Tx<'_>, fresh: &[Fresh<'_>]) -> Result<(), Fail> {
    let tickets = || fresh.iter().map(|one| &*one.ticket);
    let numbers: Vec<i64> = tickets().map(|ticket| ticket.number.to_key()).collect();
    let hashes: Vec<&[u8]> = tickets().map(|ticket| &ticket.code_hash[..]).collect();
    let channels: Vec<Text<&str>> = tickets().map(|ticket| Text(&*ticket.channel)).collect();
    let hotlines: Vec<Text<&str>> = tickets().map(|ticket| Text(&*ticket.hotline)).collect();
    let kinds: Vec<&str> = tickets().map(|ticket| ticket.kind).collect();
    let appellants: Vec<Text<&str>> = tickets().map(|ticket| Text(&*ticket.appellant)).collect();
    let senders: Vec<Option<Text<&str>>> = tickets().map(|ticket| ticket.sender.as_deref().map(Text)).collect();
    let received: Vec<i64> = tickets().map(|ticket| ticket.received_at.as_millisecond()).collect();
    let (published, categories): (Vec<bool>, Vec<Option<String>>) =
        tickets().map(|ticket| shown(&ticket.document)).unzip();
    let documents: Vec<Text<&str>> = tickets().map(|ticket| Text(&*ticket.document)).collect();
    let sql = "INSERT INTO ticket (number, version, code_hash, channel, hotline, kind, status, appellant, sender,
                                   received_at, published, category, document)
               SELECT number, 1, code_hash, channel, hotline, kind, 'accepted', appellant, sender,
                      received_at, published, category, document
               FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                           $8::bigint[], $9::boolean[], $10::text[], $11::text[])
                 AS given (number, code_hash, channel, hotline, kind, appellant, sender,
                           received_at, published, category, document)";
    let values: super::link::Values<'_> = &[
        &numbers,
        &hashes,
        &channels,
        &hotlines,
        &kinds,
        &appellants,
        &senders,
        &received,
        &published,
        &categories,
        &documents,
    ];
    tx.execute(sql, values).await.map(drop)
}
