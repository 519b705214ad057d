//! What becomes of messages: tickets, and the events that tell of them, in one transaction.

use super::{
    bulk::{self, Fresh},
    change::{change, version},
    citizens,
    count::Counts,
    fail::Fail,
    link::Text,
    links, outbox,
    tx::Tx,
};
use crate::{
    number::Number,
    store::{Changed, Counter, Learnt, MessageId, Outcome},
};
use jiff::Timestamp;
use std::collections::HashMap;

/// Where messages came in: their numbers, channels and hotlines.
type Origins = HashMap<MessageId, (Number, String, String)>;

/// Stores outcomes; says how many did not fit any more.
pub(super) async fn issue(tx: &Tx<'_>, outcomes: &mut [Outcome]) -> Result<usize, Fail> {
    let mut issuing = Issuing { tx, left: 0, counts: Counts::default(), origins: origins(tx, outcomes).await? };
    let (mut fresh, mut learnt): (Vec<Fresh<'_>>, Vec<&Learnt>) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        // Those that change no other ticket go together.
        let plain = matches!(outcome, Outcome::Ticket { ticket, .. } if ticket.first().is_none());
        if plain {
            if let Outcome::Ticket { messages, ticket, events, media } = outcome {
                fresh.push(Fresh { messages, ticket, events, media });
            }
        } else if let Outcome::Learnt(some) = outcome {
            learnt.extend(some.iter());
        } else {
            issuing.fresh(&mut fresh).await?;
            issuing.one(outcome).await?;
        }
    }
    issuing.fresh(&mut fresh).await?;
    citizens::learn(tx, &learnt).await?;
    issuing.counts.store(tx).await?;
    Ok(issuing.left)
}

struct Issuing<'a, 't> {
    tx: &'a Tx<'t>,
    left: usize,
    counts: Counts,
    origins: Origins,
}

impl Issuing<'_, '_> {
    /// Tickets that change no other one.
    async fn fresh(&mut self, fresh: &mut Vec<Fresh<'_>>) -> Result<(), Fail> {
        let given = fresh.len();
        if given == 0 {
            return Ok(());
        }
        let stored = bulk::store(self.tx, std::mem::take(fresh)).await?;
        self.left += given - stored.len();
        for one in stored {
            self.ticketed(one.ticket.number, &one.ticket.channel, &one.ticket.hotline, one.messages)?;
        }
        Ok(())
    }

    fn ticketed(&mut self, number: Number, channel: &str, hotline: &str, messages: &[MessageId]) -> Result<(), Fail> {
        if messages.len() == 1 {
            self.counts.add(number.day, channel, hotline, Counter::Ticketed, 1);
            return Ok(());
        }
        // Each counts for the line that it came in on, which need not be the ticket's.
        for (place, message) in messages.iter().enumerate() {
            self.count(*message, if place == 0 { Counter::Ticketed } else { Counter::Supplement })?;
        }
        Ok(())
    }

    fn count(&mut self, message: MessageId, counter: Counter) -> Result<(), Fail> {
        let (number, channel, hotline) = origin(&self.origins, message)?;
        self.counts.add(number.day, channel, hotline, counter, 1);
        Ok(())
    }

    async fn one(&mut self, outcome: &mut Outcome) -> Result<(), Fail> {
        let tx = self.tx;
        match outcome {
            Outcome::Ticket { messages, ticket, events, media } => {
                // First of all: with the messages taken, there would be no way back.
                let first = ticket.first_mut().map(|first| (first.number, first.version));
                if let Some((number, expected)) = first
                    && version(tx, number).await? != Some(expected)
                {
                    self.left += 1;
                    return Ok(());
                }
                let stored = bulk::store(tx, vec![Fresh { messages, ticket, events, media }]).await?;
                let Some(one) = stored.into_iter().next() else {
                    self.left += 1;
                    return Ok(());
                };
                self.ticketed(one.ticket.number, &one.ticket.channel, &one.ticket.hotline, one.messages)?;
            }
            Outcome::Repeat { messages, number, code_hash, change: changed } => {
                // The ticket first: with the messages taken, there would be no way back.
                if version(tx, changed.number).await? != Some(changed.version)
                    || !take_all(tx, *number, messages).await?
                {
                    self.left += 1;
                    return Ok(());
                }
                change(tx, changed).await?;
                links::add_repeat(tx, *number, changed.number, code_hash).await?;
                for message in messages.iter() {
                    self.count(*message, Counter::Repeat)?;
                }
            }
            Outcome::Supplement { message, change: changed } => {
                let sql = "SELECT EXISTS (SELECT 1 FROM pending WHERE message = $1)";
                if !tx.one::<bool>(sql, &[&message.0]).await? || change(tx, changed).await? != Changed::Done {
                    self.left += 1;
                    return Ok(());
                }
                take(tx, *message).await?;
                let number = origin(&self.origins, *message)?.0;
                // With those of its repeat, so that they come back together.
                let repeat = links::is_repeat(tx, number).await?;
                if !repeat {
                    links::add_addition(tx, number, changed).await?;
                }
                self.count(*message, if repeat { Counter::Repeat } else { Counter::Supplement })?;
            }
            Outcome::Apart { message } => {
                tx.execute("UPDATE pending SET due = -1 WHERE message = $1", &[&message.0]).await?;
            }
            Outcome::Noted { message, reach, shown } => {
                if !take(tx, *message).await? {
                    return Ok(());
                }
                let number = origin(&self.origins, *message)?.0;
                let repeat = links::is_repeat(tx, number).await?;
                self.count(*message, if repeat { Counter::Repeat } else { Counter::Noted })?;
                if let Some(shown) = shown {
                    links::add_noted(tx, *message, shown).await?;
                }
                if let Some((channel, sender, reachable)) = reach {
                    outbox::set_reach(tx, channel, sender, *reachable, Timestamp::now()).await?;
                }
            }
            Outcome::Quarantine { message, reason, at } => {
                let sql = "INSERT INTO quarantine SELECT message, number, $2, $3 FROM pending WHERE message = $1
                           ON CONFLICT (message) DO UPDATE SET number = excluded.number,
                             reason = excluded.reason, at = excluded.at";
                tx.execute(sql, &[&message.0, &Text(reason), &at.as_millisecond()]).await?;
                take(tx, *message).await?;
            }
            Outcome::Learnt(learnt) => citizens::learn(tx, &learnt.iter().collect::<Vec<_>>()).await?,
        }
        Ok(())
    }
}

fn origin(origins: &Origins, message: MessageId) -> Result<&(Number, String, String), Fail> {
    origins.get(&message).ok_or_else(|| Fail::Statement(format!("there is no message {}", message.0)))
}

/// Of all messages that are counted where they came in: not of those that are a ticket by themselves.
async fn origins(tx: &Tx<'_>, outcomes: &[Outcome]) -> Result<Origins, Fail> {
    let mut ids: Vec<i64> = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Ticket { messages, .. } if messages.len() == 1 => {}
            Outcome::Ticket { messages, .. } | Outcome::Repeat { messages, .. } => {
                ids.extend(messages.iter().map(|message| message.0));
            }
            Outcome::Supplement { message, .. } | Outcome::Noted { message, .. } => ids.push(message.0),
            Outcome::Learnt(_) | Outcome::Apart { .. } | Outcome::Quarantine { .. } => {}
        }
    }
    let mut origins = Origins::new();
    if !ids.is_empty() {
        let sql = "SELECT id, number, channel, hotline FROM message WHERE id = ANY($1)";
        for row in tx.rows(sql, &[&ids]).await? {
            let number = Number::from_key(row.try_get(1)?);
            origins.insert(MessageId(row.try_get(0)?), (number, row.try_get(2)?, row.try_get(3)?));
        }
    }
    Ok(origins)
}

/// Takes all messages of a matter out of the line; takes none, and says so, if one has its outcome already or another
/// has joined their conversation meanwhile.
async fn take_all(tx: &Tx<'_>, number: Number, messages: &[MessageId]) -> Result<bool, Fail> {
    let mut line = bulk::Line::load(tx, [(number, messages)].into_iter()).await?;
    if !line.take(number, messages) {
        return Ok(false);
    }
    line.store(tx).await?;
    Ok(true)
}

/// Takes a message out of the line; false if it has its outcome already.
async fn take(tx: &Tx<'_>, message: MessageId) -> Result<bool, Fail> {
    Ok(tx.execute("DELETE FROM pending WHERE message = $1", &[&message.0]).await? == 1)
}
