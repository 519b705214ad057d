//! Conversations: further messages of the same sender get the first one's number, until the window closes.

use super::{inbox, pieces};
use crate::{
    number::Number,
    store::{Message, NewMessage, Pace},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// A conversation of so many messages is whole; what follows is another, so that no ticket grows without end.
const MOST: i64 = 200;

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where the sender's conversation stands. In its row, `last_at` lies in the future until the first word is said, so that it
/// closes no sooner than it must; `messages` is negative once an urgent word has ended its waiting.
struct Talk {
    number: i64,
    opened_at: i64,
    last_at: i64,
    messages: i64,
    /// None of its messages is a ticket's yet.
    waits: bool,
}

fn find(connection: &Connection, channel: &str, sender: &str) -> rusqlite::Result<Option<Talk>> {
    let sql = "SELECT number, opened_at, last_at, messages,
                 EXISTS (SELECT 1 FROM pending WHERE pending.number = conversation.number AND due > 0)
               FROM conversation WHERE channel = ?1 AND sender = ?2";
    let read = |row: &rusqlite::Row<'_>| {
        let (number, opened_at, last_at) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Talk { number, opened_at, last_at, messages: row.get(3)?, waits: row.get(4)? })
    };
    connection.prepare_cached(sql)?.query_row(params![channel, sender], read).optional()
}

/// The number of the sender's open conversation, and when it closes now that `message` has joined it.
pub(super) fn join(connection: &Connection, message: &NewMessage) -> rusqlite::Result<Option<(Number, i64)>> {
    let (Some(window), Some(sender)) = (message.window, &message.incoming.sender) else { return Ok(None) };
    let now = message.received_at.as_millisecond();
    let Some(talk) = find(connection, &message.channel, sender)? else { return Ok(None) };
    let urgent = talk.messages < 0;
    let closes = talk.opened_at.saturating_add(milliseconds(window.max));
    let idle = milliseconds(window.idle);
    // One that is a ticket already is over, whatever the clock says; only to an urgent one more is added.
    let over = !talk.waits && !urgent;
    if over || talk.messages.abs() >= MOST || now >= closes || now >= talk.last_at.saturating_add(idle) {
        return Ok(None);
    }
    let last_at = match message.pace {
        Pace::End => now.saturating_sub(idle),
        Pace::Wordless => talk.last_at.max(now),
        Pace::Usual | Pace::Urgent => now,
    };
    let urgent = urgent || message.pace == Pace::Urgent;
    let messages = if urgent { -talk.messages.abs() - 1 } else { talk.messages + 1 };
    connection
        .prepare_cached("UPDATE conversation SET last_at = ?3, messages = ?4 WHERE channel = ?1 AND sender = ?2")?
        .execute(params![&*message.channel, sender, last_at, messages])?;
    let number = Number::from_key(talk.number);
    if !talk.waits {
        return Ok(Some((number, pieces::LATE)));
    }
    let mut due = if urgent { pieces::FIRST } else { last_at.saturating_add(idle).min(closes) };
    if pieces::missing(connection, talk.number)? {
        due = due.max(connection.prepare_cached(pieces::DUE)?.query_row([talk.number], |row| row.get(0))?);
    }
    let due = due.max(pieces::FIRST);
    connection.prepare_cached(pieces::SET_DUE)?.execute(params![talk.number, due])?;
    Ok(Some((number, due)))
}

/// Opens a conversation under `number`, if `message` may; tells when it closes, 0 for one that has no window.
pub(super) fn open(connection: &Connection, message: &NewMessage, number: Number) -> rusqlite::Result<i64> {
    let (Some(window), Some(sender)) = (message.window, &message.incoming.sender) else { return Ok(0) };
    let now = message.received_at.as_millisecond();
    let (idle, max) = (milliseconds(window.idle), milliseconds(window.max));
    let (last_at, messages, due) = match message.pace {
        Pace::Urgent => (now, -1, pieces::FIRST),
        Pace::Wordless => (now.saturating_add(max.saturating_sub(idle).max(0)), 1, now.saturating_add(max)),
        Pace::Usual | Pace::End => (now, 1, now.saturating_add(idle.min(max))),
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO conversation VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![&*message.channel, sender, number.to_key(), now, last_at, messages])?;
    Ok(due.max(pieces::FIRST))
}

/// When the conversation of this number was opened, and whether it must not wait; `message` may be what tells so.
pub(super) fn opened(
    connection: &Connection,
    message: &NewMessage,
    number: Number,
) -> rusqlite::Result<Option<(i64, bool)>> {
    let Some(sender) = &message.incoming.sender else { return Ok(None) };
    let key = params![&*message.channel, sender, number.to_key()];
    if message.pace == Pace::Urgent {
        let sql =
            "UPDATE conversation SET messages = -abs(messages) WHERE channel = ?1 AND sender = ?2 AND number = ?3";
        connection.prepare_cached(sql)?.execute(key)?;
    }
    let sql = "SELECT opened_at, messages < 0 FROM conversation WHERE channel = ?1 AND sender = ?2 AND number = ?3";
    connection.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// All messages of a conversation that have no outcome yet.
pub(super) fn messages(connection: &Connection, number: Number) -> rusqlite::Result<Vec<Message>> {
    let sql = format!(
        "SELECT {} FROM pending JOIN message ON message.id = pending.message
         WHERE pending.number = ?1 AND due > 0 ORDER BY pending.message",
        inbox::COLUMNS
    );
    connection.prepare_cached(&sql)?.query_map([number.to_key()], inbox::read)?.collect()
}

/// When the next one closes, after `now`.
pub(super) fn next_due(connection: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> = connection
        .prepare_cached("SELECT min(due) FROM pending INDEXED BY pending_waiting WHERE (due > 0) = 1 AND due > ?1")?
        .query_row([now.as_millisecond()], |row| row.get(0))?;
    Ok(due.and_then(|due| Timestamp::from_millisecond(due).ok()))
}

/// The number of the sender's conversation, while it has no ticket.
pub(super) fn talking(connection: &Connection, channel: &str, sender: &str) -> rusqlite::Result<Option<Number>> {
    let sql = "SELECT number FROM conversation JOIN pending USING (number)
               WHERE channel = ?1 AND sender = ?2 AND due > 0 LIMIT 1";
    let number = connection.prepare_cached(sql)?.query_row(params![channel, sender], |row| row.get(0));
    Ok(number.optional()?.map(Number::from_key))
}

#[cfg(test)]
mod tests {
    use super::pieces;
    use crate::{
        number::Number,
        store::{Accepted, Message, NewMessage, NewTicket, Outcome, Pace, Pass, Store, Window, sqlite::SqliteStore},
    };
    use bytes::Bytes;
    use jiesu_connector::{Incoming, Raw, digest};
    use jiff::Timestamp;
    use std::{collections::BTreeMap, time::Duration};

    const WINDOW: Window = Window { idle: Duration::from_secs(60), max: Duration::from_secs(600) };

    fn said(second: i64) -> NewMessage {
        NewMessage {
            channel: "mp".into(),
            hotline: "12345".into(),
            received_at: Timestamp::from_second(1_763_800_000 + second).unwrap(),
            day: 20_261_122,
            window: Some(WINDOW),
            pace: Pace::Usual,
            incoming: Incoming {
                raw: Raw { media_type: "text/plain".into(), meta: BTreeMap::new(), body: Bytes::new() },
                keys: Vec::new(),
                digest: digest([]),
                sender: Some("citizen".into()),
                hotline: None,
                joins: true,
                receipt: false,
            },
            piece: None,
            contact: None,
        }
    }

    async fn accept(store: &SqliteStore, second: i64) -> Number {
        match store.accept(vec![said(second)]).await.unwrap().remove(0) {
            Accepted::New { number, .. } => number,
            other => panic!("{other:?}"),
        }
    }

    fn ticket(number: Number, messages: &[Message]) -> Outcome {
        let ticket = NewTicket {
            number,
            code_hash: [0; 16],
            channel: "mp".into(),
            hotline: "12345".into(),
            kind: "other",
            appellant: String::new(),
            sender: None,
            received_at: Timestamp::UNIX_EPOCH,
            receipt: None,
            document: "{}".into(),
            repeats: None,
            joins: None,
            unchecked: false,
        };
        let messages = messages.iter().map(|message| message.id).collect();
        Outcome::Ticket { messages, ticket: Box::new(ticket), events: Vec::new(), media: Vec::new() }
    }

    #[tokio::test]
    async fn a_conversation_closes_with_its_window_its_ticket_or_its_two_hundredth_message() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("jiesu.db")).unwrap();
        let first = accept(&store, 0).await;
        assert_eq!(accept(&store, 59).await, first);
        assert_eq!(accept(&store, 118).await, first, "the window moves with each message");
        let second = accept(&store, 118 + 60).await;
        assert_ne!(second, first, "idle is over");
        // Its ticket is made, and the clock says that the window is open still: it has jumped, or the write was late.
        let messages = store.conversation(second).await.unwrap();
        assert_eq!(store.issue(vec![ticket(second, &messages)]).await, Ok(0));
        let third = accept(&store, 179).await;
        assert_ne!(third, second, "nothing joins a ticket unseen");
        for second in 0..199 {
            assert_eq!(accept(&store, 180 + second / 10).await, third);
        }
        assert_ne!(accept(&store, 200).await, third, "no ticket grows without end");
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_ticket_is_not_made_of_a_conversation_that_has_grown_nor_twice() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("jiesu.db")).unwrap();
        let number = accept(&store, 0).await;
        let before = store.conversation(number).await.unwrap();
        accept(&store, 1).await;
        assert_eq!(store.issue(vec![ticket(number, &before)]).await, Ok(1), "it has grown");
        let all = store.conversation(number).await.unwrap();
        assert_eq!(all.len(), 2);
        // One of them in quarantine, the other the ticket; then it comes back.
        let odd = Outcome::Quarantine { message: all[1].id, reason: "odd".into(), at: Timestamp::UNIX_EPOCH };
        assert_eq!(store.issue(vec![odd, ticket(number, &all[..1])]).await, Ok(0));
        assert_eq!(store.release(None).await, Ok(1));
        let back = store.pending(Pass::default(), Timestamp::MAX, 10).await.unwrap();
        assert!(back[0].ticketed && !back[0].conversation, "{back:?}");
        // Whoever makes a second ticket of it all the same holds up nobody, and loses nothing.
        let other = accept(&store, 2).await;
        let others = store.conversation(other).await.unwrap();
        assert_eq!(store.issue(vec![ticket(number, &back), ticket(other, &others)]).await, Ok(1));
        assert!(store.ticket(other).await.unwrap().is_some());
        assert_eq!(store.pending(Pass::default(), Timestamp::MAX, 10).await.unwrap().len(), 1);
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn what_is_said_sets_the_pace() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("jiesu.db")).unwrap();
        let say = async |sender: &str, second: i64, pace: Pace| {
            let mut message = said(second);
            (message.incoming.sender, message.pace) = (Some(sender.into()), pace);
            match store.accept(vec![message]).await.unwrap().remove(0) {
                Accepted::New { number, .. } => number,
                other => panic!("{other:?}"),
            }
        };
        let due = async || store.next_due(Timestamp::UNIX_EPOCH).await.unwrap().unwrap().as_second() - 1_763_800_000;
        let issue = async |number: Number| {
            let messages = store.conversation(number).await.unwrap();
            assert_eq!(store.issue(vec![ticket(number, &messages)]).await, Ok(0));
        };
        // A photo waits for words as long as it may, and so does a second one; then the window is the usual one.
        let photo = say("a", 0, Pace::Wordless).await;
        assert_eq!(due().await, 600);
        assert_eq!(say("a", 300, Pace::Wordless).await, photo);
        assert_eq!(due().await, 600);
        assert_eq!(say("a", 400, Pace::Usual).await, photo);
        assert_eq!(due().await, 460);
        assert_eq!(say("a", 450, Pace::Wordless).await, photo);
        assert_eq!(due().await, 510);
        issue(photo).await;
        // An end closes it, and what follows is another.
        let told = say("b", 0, Pace::Usual).await;
        assert_eq!(say("b", 10, Pace::End).await, told);
        assert_eq!(due().await, 10);
        let next = say("b", 11, Pace::Usual).await;
        assert_ne!(next, told);
        issue(told).await;
        issue(next).await;
        // What is urgent goes before all that has waited; what follows is added, with its ticket and before.
        let urgent = say("c", 0, Pace::Urgent).await;
        let first = || async { store.next_due(Timestamp::UNIX_EPOCH).await.unwrap().unwrap().as_millisecond() };
        assert_eq!(first().await, pieces::FIRST);
        assert_eq!(say("c", 1, Pace::Usual).await, urgent);
        assert_eq!(first().await, pieces::FIRST);
        issue(urgent).await;
        assert_eq!(say("c", 30, Pace::Wordless).await, urgent);
        let late = store.pending(Pass::default(), Timestamp::MAX, 10).await.unwrap();
        assert!(late.len() == 1 && late[0].ticketed && !late[0].conversation, "{late:?}");
        assert_ne!(say("c", 91, Pace::Usual).await, urgent);
        store.close().await.unwrap();
    }
}
