//! Contacts: every message of one has its number, whatever the order, and they wait together.

use super::{Homes, message};
use crate::{
    number::Number,
    store::{Accepted, NewMessage, Outcome, Pass, Store, Window},
};
use jiesu_connector::{Contact, OnOtherContent, Patience};
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};

const BEGUN: u32 = 1;
const ENDED: u32 = 2;

fn at(second: i64) -> Timestamp {
    super::now().saturating_add(SignedDuration::from_secs(second)).unwrap()
}

fn event(call: &str, brings: u32, second: i64) -> NewMessage {
    let seconds = Duration::from_secs;
    let patience = Patience { waits: [seconds(30), seconds(600)].into(), settle: seconds(3) };
    let name = format!("{call}/{brings}");
    let mut message = message(name.clone(), Some((&name, OnOtherContent::NewAppeal)));
    message.received_at = at(second);
    message.contact = Some(Contact { name: call.into(), brings, expects: BEGUN | ENDED, patience });
    message
}

async fn accept(store: &Arc<dyn Store>, message: NewMessage) -> (Number, bool) {
    match store.accept(vec![message]).await.unwrap().remove(0) {
        Accepted::New { number, .. } => (number, true),
        Accepted::Redelivery { number, .. } => (number, false),
        other => panic!("{other:?}"),
    }
}

/// How many of its messages are due.
async fn due(store: &Arc<dyn Store>, second: i64) -> usize {
    store.pending(Pass::default(), at(second), 100).await.unwrap().len()
}

/// Gives the contact its outcome, and says whether it took it.
async fn issue(store: &Arc<dyn Store>, number: Number) -> bool {
    let messages = store.conversation(number).await.unwrap();
    let mut outcome = super::ticket(messages[0].id, number, "x");
    if let Outcome::Ticket { messages: of, .. } = &mut outcome {
        *of = messages.iter().map(|message| message.id).collect();
    }
    store.issue(vec![outcome]).await == Ok(0)
}

pub(super) async fn a_contact_is_due_when_nothing_is_lacking_whatever_the_order(homes: &Homes) {
    for order in [[BEGUN, ENDED], [ENDED, BEGUN]] {
        let home = homes.place();
        let store = home.open().await;
        let (number, _) = accept(&store, event("c", order[0], 0)).await;
        assert_eq!(due(&store, 29).await, 0, "it lacks the other");
        assert_eq!(accept(&store, event("c", order[1], 10)).await, (number, true));
        assert_eq!(accept(&store, event("c", order[0], 12)).await, (number, false), "a redelivery moves nothing");
        assert_ne!(accept(&store, event("another", BEGUN, 12)).await.0, number);
        assert_eq!(due(&store, 12).await, 0, "what is just overtaken is waited for");
        assert_eq!(due(&store, 13).await, 2);
    }
}

pub(super) async fn a_contact_that_lacks_something_waits_for_it_also_across_a_restart_and_no_longer_than_its_window(
    homes: &Homes,
) {
    let home = homes.place();
    let store = home.open().await;
    accept(&store, event("c", BEGUN, 0)).await;
    store.close().await.unwrap();
    drop(store);
    let store = home.open().await;
    assert_eq!((due(&store, 599).await, due(&store, 600).await), (0, 1), "its end never came");
    let window = Some(Window { idle: Duration::from_secs(60), max: Duration::from_secs(90) });
    let soon = NewMessage { window, ..event("soon", BEGUN, 0) };
    let (number, _) = accept(&store, soon).await;
    assert_eq!((due(&store, 59).await, due(&store, 60).await), (0, 1));
    let more = NewMessage { window, ..event("soon", 0, 50) };
    assert_eq!(accept(&store, more).await, (number, true));
    assert_eq!((due(&store, 89).await, due(&store, 90).await), (0, 2), "and not for ever");
}

pub(super) async fn what_comes_after_the_outcome_is_late_and_all_of_it_can_be_looked_at_again(homes: &Homes) {
    let home = homes.place();
    let store = home.open().await;
    let (number, _) = accept(&store, event("c", BEGUN, 0)).await;
    let (_, _) = accept(&store, event("c", ENDED, 1)).await;
    assert!(issue(&store, number).await);
    assert_eq!(accept(&store, event("c", 4, 80 * 86_400)).await, (number, true), "the same call, weeks later");
    let late = store.pending(Pass::default(), at(80 * 86_400), 10).await.unwrap();
    assert!(matches!(&late[..], [one] if one.late && one.ticketed && !one.conversation), "{late:?}");
    let all = store.contact(number).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|message| message.number == number && message.late));
    // Three months after its last word, the name is another call's.
    assert_ne!(accept(&store, event("c", 8, 171 * 86_400)).await.0, number);
}

pub(super) async fn a_ticket_is_not_made_of_a_contact_that_has_grown_and_what_stands_apart_waits_for_it(homes: &Homes) {
    let home = homes.place();
    let store = home.open().await;
    let (number, _) = accept(&store, event("c", BEGUN, 0)).await;
    let before = store.conversation(number).await.unwrap();
    accept(&store, event("c", ENDED, 1)).await;
    assert_eq!(store.issue(vec![super::ticket(before[0].id, number, "x")]).await, Ok(1), "it has grown");
    accept(&store, event("c", 4, 2)).await;
    let rating = store.conversation(number).await.unwrap()[2].id;
    assert_eq!(store.issue(vec![Outcome::Apart { message: rating }]).await, Ok(0));
    assert_eq!(store.conversation(number).await.unwrap().len(), 2);
    assert!(issue(&store, number).await);
    let late = store.pending(Pass::default(), at(10), 10).await.unwrap();
    assert!(matches!(&late[..], [one] if one.id == rating && one.ticketed), "{late:?}");
}
