//! The line's own way to read: one look from `pending` to the next write.

use super::{Place, accept, document, event, message, ticket};
use crate::store::{EventLog, Pass, Sequence, Store, TicketChange};
use jiff::Timestamp;

fn change(number: crate::number::Number, version: i64, text: &str) -> TicketChange {
    let told = event(number, text);
    TicketChange {
        number,
        version,
        status: "accepted".into(),
        document: document(number, text),
        events: vec![told],
        ..TicketChange::default()
    }
}

#[tokio::test]
async fn a_round_has_one_look_until_it_writes_and_nothing_is_held_at_the_end_of_the_line() {
    let place = Place::new();
    let store = place.open();
    let line = store.in_place();
    let first = accept(&store, message("a", None)).await;
    let waiting = line.pending(Pass::default(), Timestamp::now(), 8).await.unwrap();
    assert_eq!(waiting.len(), 1);
    store.issue(vec![ticket(waiting[0].id, first, "a")]).await.unwrap();
    assert!(line.ticket(first).await.unwrap().is_none(), "this round began before it");
    line.change_ticket(change(first, 1, "b")).await.unwrap();
    let row = line.ticket(first).await.unwrap().unwrap();
    assert!(row.version == 2 && row.document.contains("\"b\""), "what it has written itself is there: {row:?}");

    assert!(line.pending(Pass::default(), Timestamp::now(), 8).await.unwrap().is_empty());
    store.change_ticket(change(first, 2, "c")).await.unwrap();
    assert_eq!(line.ticket(first).await.unwrap().unwrap().version, 3, "no round is under way");
    assert_eq!(line.last_event().await.unwrap(), Sequence(3));

    store.close().await.unwrap();
    line.ticket(first).await.unwrap_err();
}
