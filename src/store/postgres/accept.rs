//! Acceptance: the messages of all callers of a batch, in a few statements.

use super::{
    contacts,
    conversation::Talks,
    count::Counts,
    fail::Fail,
    keys::{Found, Keys},
    link::Text,
    pieces, receipts,
    tx::Tx,
};
use crate::{
    number::Number,
    store::{
        Accepted, Counter, MessageId, NewMessage, Signal,
        waiting::{self, pieces::Place},
    },
};
use jiesu_connector::OnOtherContent;
use jiff::Timestamp;
use std::collections::HashMap;

/// Bytes of bodies sent at once.
const SEND_BYTES: usize = 8 << 20;

/// Where an answer belongs: which caller's, which of theirs.
type Slot = (usize, usize);

/// A message with its place in the line.
pub(super) struct Placed<'a> {
    pub(super) message: &'a NewMessage,
    pub(super) id: MessageId,
    pub(super) number: Number,
    pub(super) due: i64,
    /// It is the first of its number.
    pub(super) first: bool,
}

/// A message that has no number yet.
struct Coming<'a> {
    message: &'a NewMessage,
    id: MessageId,
    slot: Slot,
    reused_key: bool,
}

/// Accepts the messages of each caller, all or none of them.
pub(super) async fn accept(tx: &Tx<'_>, groups: &[&[NewMessage]]) -> Result<Vec<Vec<Accepted>>, Fail> {
    let mut accepting = Accepting {
        tx,
        keys: Keys::load(tx, groups.iter().copied().flatten()).await?,
        coming: Vec::new(),
        known: Vec::new(),
        answers: groups.iter().map(|group| vec![None; group.len()]).collect(),
    };
    for (place, group) in groups.iter().enumerate() {
        if accepting.is_refused(group) {
            accepting.answers[place] = vec![Some(Accepted::OtherContent)];
            continue;
        }
        for (index, message) in group.iter().enumerate() {
            accepting.take(message, (place, index)).await?;
        }
    }
    accepting.place().await?;
    accepting.keys.store(tx).await?;
    accepting.again().await?;
    let whole = |answers: Vec<Option<Accepted>>| answers.into_iter().collect::<Option<Vec<_>>>();
    let answers: Option<Vec<_>> = accepting.answers.into_iter().map(whole).collect();
    answers.ok_or_else(|| Fail::Statement("a message has no answer".into()))
}

struct Accepting<'a, 't> {
    tx: &'a Tx<'t>,
    keys: Keys,
    /// Those that are still to be written: neither pieces nor of contacts, so that they ask nothing of each other but what
    /// a conversation tells.
    coming: Vec<Coming<'a>>,
    /// Those that were there already, and what they repeat.
    known: Vec<(Slot, &'a NewMessage, MessageId)>,
    answers: Vec<Vec<Option<Accepted>>>,
}

impl<'a> Accepting<'a, '_> {
    fn is_refused(&self, group: &[NewMessage]) -> bool {
        let keys = group.iter().flat_map(|message| message.incoming.keys.iter().map(move |key| (message, key)));
        let mut strict = keys.filter(|(_, key)| key.on_other_content == OnOtherContent::Refuse);
        strict.any(|(message, key)| matches!(self.keys.find(message, key), Found::OtherContent))
    }

    async fn take(&mut self, message: &'a NewMessage, slot: Slot) -> Result<(), Fail> {
        let mut reused_key = false;
        for key in &message.incoming.keys {
            match self.keys.find(message, key) {
                Found::Same(first) => {
                    self.again_as(first, message, slot);
                    return Ok(());
                }
                Found::OtherContent => reused_key = true,
                Found::Nothing => {}
            }
        }
        if message.piece.is_none() && message.contact.is_none() {
            let id = self.tx.next_message();
            self.keys.add(message, id);
            self.coming.push(Coming { message, id, slot, reused_key });
            return Ok(());
        }
        // It asks for what was written before it.
        self.place().await?;
        self.alone(message, slot, reused_key).await
    }

    /// Gives those that come their numbers, and writes them.
    async fn place(&mut self) -> Result<(), Fail> {
        let coming = std::mem::take(&mut self.coming);
        if coming.is_empty() {
            return Ok(());
        }
        let mut talks = Talks::load(self.tx, coming.iter().map(|one| one.message)).await?;
        let mut placed = Vec::with_capacity(coming.len());
        for Coming { message, id, slot, reused_key } in coming {
            let (number, due, first) = match talks.join(message) {
                Some((number, due)) => (number, due, false),
                None => {
                    let number = self.tx.next_number(message.day, id).await?;
                    (number, talks.open(message, number), true)
                }
            };
            self.answer(slot, Accepted::New { number, reused_key });
            placed.push(Placed { message, id, number, due, first });
        }
        write(self.tx, &placed).await?;
        talks.store(self.tx).await
    }

    /// A piece, or a message of a contact.
    async fn alone(&mut self, message: &'a NewMessage, slot: Slot, reused_key: bool) -> Result<(), Fail> {
        let tx = self.tx;
        let place = pieces::place(tx, message).await?;
        if let Place::Known(first) = place {
            self.again_as(first, message, slot);
            return Ok(());
        }
        let id = tx.next_message();
        self.keys.add(message, id);
        let mut talks = Talks::load(tx, std::iter::once(message)).await?;
        let of_contact = match &place {
            Place::First if message.contact.is_some() => contacts::place(tx, message).await?,
            _ => None,
        };
        let (number, due, first) = match (place, of_contact) {
            (Place::With(number, due), _) | (_, Some((number, due))) => (number, due, false),
            _ if message.contact.is_some() => (tx.next_number(message.day, id).await?, waiting::contacts::OPEN, true),
            _ => match talks.join(message) {
                Some((number, due)) => (number, due, false),
                None => {
                    let number = tx.next_number(message.day, id).await?;
                    // A piece waits for the others, also where each message is a matter of its own.
                    let waits = i64::from(message.piece.is_some());
                    (number, talks.open(message, number).max(waits), true)
                }
            },
        };
        write(tx, &[Placed { message, id, number, due, first }]).await?;
        talks.store(tx).await?;
        pieces::add(tx, message, id, number).await?;
        contacts::add(tx, message, id, number).await?;
        self.answer(slot, Accepted::New { number, reused_key });
        Ok(())
    }

    /// It is there already; the names that are new with it stand for the first one from now on.
    fn again_as(&mut self, first: MessageId, message: &'a NewMessage, slot: Slot) {
        self.keys.add(message, first);
        self.known.push((slot, message, first));
    }

    /// The first receipts again.
    async fn again(&mut self) -> Result<(), Fail> {
        if self.known.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = self.known.iter().map(|(.., first)| first.0).collect();
        let sql = "SELECT message.id, message.number, message.received_at, ticket.code_hash FROM message
                   LEFT JOIN ticket ON ticket.number = message.number WHERE message.id = ANY($1)";
        let mut receipts = HashMap::new();
        for row in self.tx.rows(sql, &[&ids]).await? {
            let receipt = Accepted::Redelivery {
                number: Number::from_key(row.try_get(1)?),
                received_at: Timestamp::from_millisecond(row.try_get(2)?).unwrap_or(Timestamp::UNIX_EPOCH),
                code_hash: row.try_get(3)?,
            };
            receipts.insert(MessageId(row.try_get(0)?), receipt);
        }
        let mut counts = Counts::default();
        for (slot, message, first) in std::mem::take(&mut self.known) {
            let Some(receipt) = receipts.get(&first) else {
                return Err(Fail::Statement(format!(
                    "a delivery key names the message {}, which is not there",
                    first.0
                )));
            };
            self.answer(slot, receipt.clone());
            counts.add(message.day, &message.channel, &message.hotline, Counter::Redelivery, 1);
        }
        counts.store(self.tx).await
    }

    fn answer(&mut self, (place, index): Slot, accepted: Accepted) {
        if let Some(answer) = self.answers.get_mut(place).and_then(|answers| answers.get_mut(index)) {
            *answer = Some(accepted);
        }
    }
}

/// Writes messages, their places in the line, and the receipts that go out at once.
async fn write(tx: &Tx<'_>, placed: &[Placed<'_>]) -> Result<(), Fail> {
    tx.tell(Signal::Arrived);
    let mut rest = placed;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |one: &&Placed<'_>| {
            let before = bytes;
            bytes += one.message.incoming.raw.body.len();
            before < SEND_BYTES
        };
        let count = rest.iter().take_while(fits).count();
        let (some, others) = rest.split_at(count);
        send(tx, some).await?;
        rest = others;
    }
    receipts::at_once(tx, placed).await
}

async fn send(tx: &Tx<'_>, placed: &[Placed<'_>]) -> Result<(), Fail> {
    let ids: Vec<i64> = placed.iter().map(|one| one.id.0).collect();
    let numbers: Vec<i64> = placed.iter().map(|one| one.number.to_key()).collect();
    let dues: Vec<i64> = placed.iter().map(|one| one.due).collect();
    let channels: Vec<Text<&str>> = placed.iter().map(|one| Text(&*one.message.channel)).collect();
    let hotlines: Vec<Text<&str>> = placed.iter().map(|one| Text(&*one.message.hotline)).collect();
    let received: Vec<i64> = placed.iter().map(|one| one.message.received_at.as_millisecond()).collect();
    let senders: Vec<Option<Text<&str>>> =
        placed.iter().map(|one| one.message.incoming.sender.as_deref().map(Text)).collect();
    let raw = || placed.iter().map(|one| &one.message.incoming.raw);
    let media_types: Vec<Text<&str>> = raw().map(|raw| Text(&*raw.media_type)).collect();
    let metas: Vec<String> = raw().map(|raw| serde_json::to_string(&raw.meta).unwrap_or_default()).collect();
    let bodies: Vec<&[u8]> = raw().map(|raw| &raw.body[..]).collect();
    let messages = "INSERT INTO message (id, number, channel, hotline, received_at, sender, media_type, meta, body)
                    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                                         $7::text[], $8::text[], $9::bytea[])";
    let pending = "INSERT INTO pending SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])";
    let (messages, pending) = (tx.prepare(messages).await?, tx.prepare(pending).await?);
    let values: super::link::Values<'_> =
        &[&ids, &numbers, &channels, &hotlines, &received, &senders, &media_types, &metas, &bodies];
    let place: super::link::Values<'_> = &[&ids, &numbers, &dues];
    // Both in one journey.
    let (stored, waits) = tokio::join!(tx.client().execute(&messages, values), tx.client().execute(&pending, place));
    stored?;
    waits?;
    Ok(())
}
