//! Conversations, with their windows.

use super::Homes;
use crate::{
    number::Number,
    store::{Accepted, Message, NewMessage, NewTicket, Outcome, Pace, Pass, Store, Window},
};
use bytes::Bytes;
use jiesu_connector::{Incoming, Raw, digest};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// What is due before all others that have waited.
const FIRST: i64 = 1;

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

async fn accept(store: &Arc<dyn Store>, second: i64) -> Number {
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

pub(super) async fn a_conversation_closes_with_its_window_its_ticket_or_its_two_hundredth_message(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
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

pub(super) async fn a_ticket_is_not_made_of_a_conversation_that_has_grown_nor_twice(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
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

pub(super) async fn what_is_said_sets_the_pace(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
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
    assert_eq!(first().await, FIRST);
    assert_eq!(say("c", 1, Pace::Usual).await, urgent);
    assert_eq!(first().await, FIRST);
    issue(urgent).await;
    assert_eq!(say("c", 30, Pace::Wordless).await, urgent);
    let late = store.pending(Pass::default(), Timestamp::MAX, 10).await.unwrap();
    assert!(late.len() == 1 && late[0].ticketed && !late[0].conversation, "{late:?}");
    assert_ne!(say("c", 91, Pace::Usual).await, urgent);
    store.close().await.unwrap();
}
