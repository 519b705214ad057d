//! Messages in pieces, whatever their order and however often they come.

use super::{DAY, Homes, message};
use crate::{
    number::Number,
    store::{Accepted, Message, NewMessage, Pass, Store, Window},
};
use jiesu_connector::{Piece, digest};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

const WAIT: Duration = Duration::from_secs(600);
const WINDOW: Window = Window { idle: Duration::from_secs(60), max: Duration::from_secs(600) };

fn at(second: i64) -> Timestamp {
    super::now().saturating_add(jiff::SignedDuration::from_secs(second)).unwrap()
}

fn piece(place: u16, of: u16, words: &str, second: i64) -> NewMessage {
    let mut message = message(words.to_owned(), None);
    message.received_at = at(second);
    message.incoming.digest = digest([words.as_bytes(), &place.to_be_bytes()]);
    message.incoming.sender = Some("citizen".into());
    message.piece = Some(Piece { whole: "citizen/7".into(), place, of, wait: WAIT });
    message
}

fn windowed(mut message: NewMessage) -> NewMessage {
    message.window = Some(WINDOW);
    message
}

async fn accept(store: &Arc<dyn Store>, message: NewMessage) -> (Number, bool) {
    match store.accept(vec![message]).await.unwrap().remove(0) {
        Accepted::New { number, .. } => (number, true),
        Accepted::Redelivery { number, .. } => (number, false),
        other => panic!("{other:?}"),
    }
}

async fn due(store: &Arc<dyn Store>, second: i64) -> Vec<Message> {
    store.pending(Pass::default(), at(second), 100).await.unwrap()
}

async fn ticket(store: &Arc<dyn Store>, number: Number) {
    let messages = store.conversation(number).await.unwrap();
    let mut outcome = super::ticket(messages[0].id, number, "x");
    if let crate::store::Outcome::Ticket { messages: of, .. } = &mut outcome {
        *of = messages.iter().map(|message| message.id).collect();
    }
    assert_eq!(store.issue(vec![outcome]).await, Ok(0));
}

pub(super) async fn a_message_goes_on_when_its_last_piece_is_there_whatever_the_order(homes: &Homes) {
    let home = homes.place();
    let store = home.open().await;
    let (number, _) = accept(&store, piece(3, 3, "c", 0)).await;
    assert_eq!(accept(&store, piece(1, 3, "a", 1)).await, (number, true));
    assert_eq!(accept(&store, piece(1, 3, "a", 2)).await, (number, false), "it is there already");
    assert!(due(&store, 300).await.is_empty());
    assert_eq!(accept(&store, piece(2, 3, "b", 200)).await, (number, true));
    assert_eq!(due(&store, 200).await.len(), 3);
    // A piece again, although the message is whole: nothing new. Another one under the name: another message.
    assert_eq!(accept(&store, piece(1, 3, "a", 201)).await, (number, false));
    let (other, _) = accept(&store, piece(1, 3, "A", 202)).await;
    assert_ne!(other, number);
    assert_eq!(accept(&store, piece(2, 3, "b", 203)).await, (other, true));
    assert_eq!(accept(&store, piece(3, 3, "c", 204)).await, (other, true));
    assert_eq!(due(&store, 204).await.len(), 6);
    // So much later the same piece is the beginning of another message.
    assert!(![number, other].contains(&accept(&store, piece(1, 3, "A", 900)).await.0));
    store.close().await.unwrap();
}

pub(super) async fn the_same_place_with_other_bytes_begins_another_message_and_the_first_goes_on_with_its_gaps(
    homes: &Homes,
) {
    let home = homes.place();
    let store = home.open().await;
    let (first, _) = accept(&store, piece(1, 2, "a", 0)).await;
    let (second, _) = accept(&store, piece(1, 2, "A", 5)).await;
    assert_ne!(first, second);
    assert_eq!(due(&store, 5).await.iter().map(|message| message.number).collect::<Vec<_>>(), [first]);
    assert_eq!(accept(&store, piece(2, 2, "B", 6)).await, (second, true));
    assert_eq!(due(&store, 6).await.len(), 3);
    store.close().await.unwrap();
}

pub(super) async fn what_is_missing_is_waited_for_and_then_comes_as_an_addition(homes: &Homes) {
    let home = homes.place();
    let store = home.open().await;
    let (number, _) = accept(&store, piece(1, 3, "a", 0)).await;
    accept(&store, piece(3, 3, "c", 400)).await;
    assert!(due(&store, 999).await.is_empty(), "ten minutes after the latest");
    assert_eq!(due(&store, 1_000).await.len(), 2);
    ticket(&store, number).await;
    assert_eq!(accept(&store, piece(2, 3, "b", 2_000)).await, (number, true));
    let late = due(&store, 2_000).await;
    assert!(matches!(&late[..], [message] if message.ticketed && !message.conversation), "{late:?}");
    // After a day the same name means another message.
    let (other, _) = accept(&store, piece(1, 3, "x", 2_001)).await;
    assert_ne!(other, number);
    assert_ne!(accept(&store, piece(2, 3, "y", 2_002 + 25 * 3_600)).await.0, other);
    store.close().await.unwrap();
}

pub(super) async fn in_a_conversation_pieces_keep_it_open_and_others_join_it(homes: &Homes) {
    let home = homes.place();
    let store = home.open().await;
    let plain = |second| windowed(NewMessage { piece: None, ..piece(1, 2, &format!("p{second}"), second) });
    let (number, _) = accept(&store, plain(0)).await;
    assert_eq!(accept(&store, windowed(piece(1, 2, "a", 10))).await, (number, true));
    assert_eq!(accept(&store, plain(20)).await, (number, true));
    assert!(due(&store, 590).await.is_empty(), "the other piece is waited for, not longer than the window's end");
    assert_eq!(due(&store, 600).await.len(), 3);
    assert_eq!(accept(&store, windowed(piece(2, 2, "b", 50))).await, (number, true));
    assert_eq!(due(&store, 110).await.len(), 4, "whole: the window counts as ever");
    assert!(due(&store, 109).await.is_empty());
    assert_eq!(store.tallies(DAY).await.unwrap()[0].pending, 4);
    store.close().await.unwrap();
}

pub(super) async fn what_is_urgent_only_when_joined_goes_when_nothing_is_missing(homes: &Homes) {
    let home = homes.place();
    let store = home.open().await;
    let (number, _) = accept(&store, windowed(piece(1, 3, "a", 0))).await;
    accept(&store, windowed(piece(2, 3, "b", 1))).await;
    store.hasten("app", "citizen", number).await.unwrap();
    assert!(due(&store, 100).await.is_empty(), "a piece is missing");
    accept(&store, windowed(piece(3, 3, "c", 2))).await;
    assert_eq!(due(&store, 2).await.len(), 3);
    ticket(&store, number).await;
    // Another's, which is whole already.
    let (number, _) = accept(&store, windowed(piece(1, 2, "d", 200))).await;
    accept(&store, windowed(piece(2, 2, "e", 200))).await;
    assert!(due(&store, 201).await.is_empty());
    store.hasten("app", "citizen", number).await.unwrap();
    assert_eq!(due(&store, 201).await.len(), 2);
    store.close().await.unwrap();
}

pub(super) async fn what_is_whole_goes_before_those_whose_time_is_over_however_many_they_are(homes: &Homes) {
    let home = homes.place();
    let store = home.open().await;
    let of = |citizen: &str, mut message: NewMessage| {
        message.piece.as_mut().unwrap().whole = citizen.to_owned();
        message
    };
    for citizen in 0..20 {
        accept(&store, of(&citizen.to_string(), piece(1, 2, "o", 0))).await;
    }
    let (number, _) = accept(&store, of("whole", piece(1, 2, "a", 700))).await;
    accept(&store, of("whole", piece(2, 2, "b", 701))).await;
    let next = store.pending(Pass::default(), at(702), 2).await.unwrap();
    assert!(next.len() == 2 && next.iter().all(|message| message.number == number), "{next:?}");
    assert_eq!(due(&store, 702).await.len(), 22);
    // It is no older for that.
    let oldest = store.backlog().await.unwrap().oldest;
    assert!(oldest.is_some_and(|oldest| oldest >= at(0)), "{oldest:?}");
    store.close().await.unwrap();
}
