//! Conversations: further messages of the same sender get the first one's number, until the window closes.
//!
//! Those of a batch are read together, go on in memory, and are written together.

use super::{
    fail::Fail,
    inbox,
    link::{Link, Text},
    tx::Tx,
};
use crate::{
    number::Number,
    store::{
        Message, NewMessage, Pace, Signal,
        waiting::{FIRST, talk::Talk},
    },
};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// It must not wait.
const URGENT: &str =
    "UPDATE conversation SET messages = -abs(messages) WHERE channel = $1 AND sender = $2 AND number = $3";

/// A sender's conversation.
struct Known {
    talk: Talk,
    /// When it closes; `None` if none of its messages waits any more.
    due: Option<i64>,
    /// It has a message that is not whole.
    missing: bool,
    changed: bool,
}

/// The conversations of the senders of some messages.
pub(super) struct Talks<'a> {
    known: HashMap<(&'a str, &'a str), Known>,
    /// Numbers that are due at another time now.
    dues: BTreeMap<i64, i64>,
}

fn who(message: &NewMessage) -> Option<(&str, &str)> {
    message.window?;
    Some((&message.channel, message.incoming.sender.as_deref()?))
}

impl<'a> Talks<'a> {
    pub(super) async fn load(link: &Link, messages: impl Iterator<Item = &'a NewMessage>) -> Result<Self, Fail> {
        // What the database would give back is compared with what was asked: without NULs both are the same.
        let mut asked: Vec<(&str, &str)> = messages.filter_map(who).collect();
        asked.sort_unstable();
        asked.dedup();
        let mut talks = Self { known: HashMap::new(), dues: BTreeMap::new() };
        if asked.is_empty() {
            return Ok(talks);
        }
        let (channels, senders): (Vec<Text<&str>>, Vec<Text<&str>>) =
            asked.iter().map(|(channel, sender)| (Text(*channel), Text(*sender))).unzip();
        let sql = "SELECT asked.place, c.number, c.opened_at, c.last_at, c.messages,
                     (SELECT max(due) FROM pending WHERE pending.number = c.number AND due > 0),
                     EXISTS (SELECT 1 FROM piece WHERE piece.number = c.number AND NOT complete)
                   FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (channel, sender, place)
                   JOIN conversation AS c ON c.channel = asked.channel AND c.sender = asked.sender";
        for row in link.rows(sql, &[&channels, &senders]).await? {
            let place: i64 = row.try_get(0)?;
            let Some(who) = asked.get((place - 1) as usize) else { continue };
            let talk = Talk {
                number: row.try_get(1)?,
                opened_at: row.try_get(2)?,
                last_at: row.try_get(3)?,
                messages: row.try_get(4)?,
            };
            let known = Known { talk, due: row.try_get(5)?, missing: row.try_get(6)?, changed: false };
            talks.known.insert(*who, known);
        }
        Ok(talks)
    }

    /// The number of the sender's open conversation, and when it closes now that `message` has joined it.
    pub(super) fn join(&mut self, message: &'a NewMessage) -> Option<(Number, i64)> {
        let known = self.known.get_mut(&who(message)?)?;
        let (talk, mut due) = known.talk.join(message, known.due.is_some())?;
        (known.talk, known.changed) = (talk, true);
        if let Some(before) = known.due {
            if known.missing {
                due = due.max(before);
            }
            known.due = Some(due);
            self.dues.insert(talk.number, due);
        }
        Some((Number::from_key(talk.number), due))
    }

    /// Opens a conversation under `number`, if `message` may; tells when it closes, 0 for one that has no window.
    pub(super) fn open(&mut self, message: &'a NewMessage, number: Number) -> i64 {
        let Some(who) = who(message) else { return 0 };
        let Some((talk, due)) = Talk::open(message, number.to_key()) else { return 0 };
        self.known.insert(who, Known { talk, due: Some(due), missing: false, changed: true });
        due
    }

    /// Writes what has changed; after the messages themselves.
    pub(super) async fn store(&self, tx: &Tx<'_>) -> Result<(), Fail> {
        let changed: Vec<_> = self.known.iter().filter(|(_, known)| known.changed).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let channels: Vec<Text<&str>> = changed.iter().map(|((channel, _), _)| Text(*channel)).collect();
        let senders: Vec<Text<&str>> = changed.iter().map(|((_, sender), _)| Text(*sender)).collect();
        let column = |of: fn(&Talk) -> i64| changed.iter().map(|(_, known)| of(&known.talk)).collect::<Vec<i64>>();
        let (numbers, opened) = (column(|talk| talk.number), column(|talk| talk.opened_at));
        let (last, messages) = (column(|talk| talk.last_at), column(|talk| talk.messages));
        let sql = "INSERT INTO conversation
                   SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                   ON CONFLICT (channel, sender) DO UPDATE SET number = excluded.number,
                     opened_at = excluded.opened_at, last_at = excluded.last_at, messages = excluded.messages";
        tx.execute(sql, &[&channels, &senders, &numbers, &opened, &last, &messages]).await?;
        if self.dues.is_empty() {
            return Ok(());
        }
        let (numbers, dues): (Vec<i64>, Vec<i64>) = self.dues.iter().unzip();
        let sql = "UPDATE pending SET due = given.due FROM unnest($1::bigint[], $2::bigint[]) AS given (number, due)
                   WHERE pending.number = given.number AND pending.due > 0";
        tx.execute(sql, &[&numbers, &dues]).await.map(drop)
    }
}

/// The conversation of this number must not wait, but for what is missing of its messages.
pub(super) async fn hasten(tx: &Tx<'_>, channel: &str, sender: &str, number: Number) -> Result<(), Fail> {
    tx.tell(Signal::Arrived);
    let key = number.to_key();
    tx.execute(URGENT, &[&Text(channel), &Text(sender), &key]).await?;
    let sql = "UPDATE pending SET due = $2 WHERE number = $1 AND due > 0
               AND NOT EXISTS (SELECT 1 FROM piece WHERE piece.number = $1 AND NOT complete)";
    tx.execute(sql, &[&key, &FIRST]).await.map(drop)
}

/// When the conversation of this number was opened, and whether it must not wait; `message` may be what tells so.
pub(super) async fn opened(tx: &Tx<'_>, message: &NewMessage, number: Number) -> Result<Option<(i64, bool)>, Fail> {
    let Some(sender) = &message.incoming.sender else { return Ok(None) };
    let (channel, sender, key) = (Text(&*message.channel), Text(sender), number.to_key());
    if message.pace == Pace::Urgent {
        tx.execute(URGENT, &[&channel, &sender, &key]).await?;
    }
    let sql = "SELECT opened_at, messages < 0 FROM conversation WHERE channel = $1 AND sender = $2 AND number = $3";
    let row = tx.row(sql, &[&channel, &sender, &key]).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// All messages of a conversation that have no outcome yet.
pub(super) async fn messages(link: &Link, number: Number) -> Result<Vec<Message>, Fail> {
    let sql = format!(
        "SELECT {} FROM pending AS p {} WHERE p.number = $1 AND p.due > 0 ORDER BY p.message",
        inbox::COLUMNS,
        inbox::message_of("p")
    );
    link.rows(&sql, &[&number.to_key()]).await?.iter().map(inbox::read).collect()
}

/// When the next one closes, after `now`.
pub(super) async fn next_due(link: &Link, now: Timestamp) -> Result<Option<Timestamp>, Fail> {
    let sql = "SELECT due FROM pending WHERE due >= 1 AND due > $1 ORDER BY due, message LIMIT 1";
    let due = link.row(sql, &[&now.as_millisecond()]).await?.map(|row| row.try_get(0)).transpose()?;
    Ok(due.and_then(|due| Timestamp::from_millisecond(due).ok()))
}

/// The number of the sender's conversation, while it has no ticket.
pub(super) async fn talking(link: &Link, channel: &str, sender: &str) -> Result<Option<Number>, Fail> {
    let sql = "SELECT c.number FROM conversation AS c WHERE c.channel = $1 AND c.sender = $2
               AND EXISTS (SELECT 1 FROM pending WHERE pending.number = c.number AND due > 0)";
    let row = link.row(sql, &[&Text(channel), &Text(sender)]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(Number::from_key))
}
