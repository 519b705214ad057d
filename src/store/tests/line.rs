//! From the line to the destinations.

use super::*;
use crate::store::{Changed, DeadLetter, DeadQuery, DeadState, Progress, Requeue, Tally, TicketChange};
use std::time::Duration;

pub(super) async fn an_outcome_counts_once_however_often_it_is_stored(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let mut numbers = Vec::new();
    for index in 0..4 {
        let key = format!("{index}");
        numbers.push(accept(&store, message(key.clone(), Some((&key, OnOtherContent::NewAppeal)))).await);
    }
    let quarantine = Outcome::Quarantine { message: MessageId(2), reason: "no JSON".into(), at: now() };
    let outcomes = [
        ticket(MessageId(1), numbers[0], "one"),
        quarantine,
        Outcome::Noted { message: MessageId(3), reach: None, shown: None },
    ];
    for _ in 0..3 {
        store.issue(outcomes.to_vec()).await.unwrap();
    }
    assert_eq!(pending(&store).await.iter().map(|message| message.id.0).collect::<Vec<_>>(), [4]);
    let told = events(&store).await;
    assert_eq!(told.len(), 1);
    assert!(String::from_utf8_lossy(&told[0].body).contains(r#""sequence":"0000000000000001""#));
    let quarantined = store.quarantined(9).await.unwrap();
    assert_eq!((quarantined.len(), quarantined[0].number, &*quarantined[0].reason), (1, numbers[1], "no JSON"));

    store.accept(vec![message("0", Some(("0", OnOtherContent::NewAppeal)))]).await.unwrap();
    store.count_rejected(vec![(DAY, "app".into(), "12345".into(), 5)]).await.unwrap();
    let expected = Tally {
        channel: "app".into(),
        hotline: "12345".into(),
        received: 10,
        ticketed: 1,
        redelivery: 1,
        rejected: 6,
        pending: 2,
        ..Tally::default()
    };
    assert!(expected.balanced());
    assert_eq!(store.tallies(DAY).await.unwrap(), [expected]);

    assert_eq!(store.release(Some(MessageId(2))).await.unwrap(), 1);
    assert_eq!(store.release(None).await.unwrap(), 0);
    assert_eq!(pending(&store).await.iter().map(|message| message.id.0).collect::<Vec<_>>(), [2, 4]);
    store.issue(vec![ticket(MessageId(2), numbers[1], "two")]).await.unwrap();
    assert_eq!(events(&store).await.len(), 2);
    assert!(store.tallies(DAY).await.unwrap()[0].balanced());
    store.close().await.unwrap();
}

pub(super) async fn giants_are_read_a_few_at_a_time_and_none_is_left_out(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    for index in 0..7 {
        accept(&store, message(vec![index; 6 << 20], None)).await;
    }
    let first = store.pending(Pass::default(), jiff::Timestamp::now(), 512).await.unwrap();
    assert_eq!(first.len(), 3, "16 MiB and the one that exceeds them");
    let all = pending(&store).await;
    assert!(all.iter().map(|message| message.raw.body[0]).eq(0..7));
    store.close().await.unwrap();
}

pub(super) async fn a_change_is_made_on_the_version_that_was_read_and_an_update_once(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let number = accept(&store, message("x", None)).await;
    store.issue(vec![ticket(MessageId(1), number, "")]).await.unwrap();
    let change = |version, id: &str, content| TicketChange {
        number,
        version,
        status: "replied".into(),
        document: document(number, "replied"),
        events: vec![event(number, "replied")],
        update: Some((id.into(), [content; 16])),
        ..TicketChange::default()
    };
    assert_eq!(store.change_ticket(change(2, "u1", 1)).await.unwrap(), Changed::Stale);
    assert_eq!(store.change_ticket(change(1, "u1", 1)).await.unwrap(), Changed::Done);
    assert_eq!(store.change_ticket(change(2, "u1", 1)).await.unwrap(), Changed::Before);
    assert_eq!(store.change_ticket(change(2, "u1", 2)).await.unwrap(), Changed::BeforeWithOtherContent);
    let row = store.ticket(number).await.unwrap().unwrap();
    assert_eq!((row.version, &*row.status), (2, "replied"));
    assert_eq!(events(&store).await.len(), 2, "only what was done is told");
    store.close().await.unwrap();
}

pub(super) async fn one_holder_has_a_lease_until_it_gives_it_back(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let lease = async |resource, holder| {
        store.lease(resource, holder, Timestamp::now(), Duration::from_secs(30)).await.unwrap()
    };
    assert_eq!(lease("issue", "a").await, Some(1));
    assert_eq!(lease("issue", "b").await, None);
    assert_eq!(lease("issue", "a").await, Some(1), "renewed");
    assert_eq!(lease("other", "b").await, Some(1));
    store.release_lease("issue", "b").await.unwrap();
    assert_eq!(lease("issue", "b").await, None, "only who has it gives it back");
    store.release_lease("issue", "a").await.unwrap();
    assert_eq!(lease("issue", "b").await, Some(2), "each new one has a higher fence");
    assert_eq!(lease("issue", "a").await, None);
    assert_eq!(store.lease("issue", "b", Timestamp::now(), Duration::ZERO).await, Ok(Some(2)));
    assert_eq!(lease("issue", "a").await, Some(3), "its time is over");
    store.close().await.unwrap();
}

pub(super) async fn progress_and_dead_letters_are_each_destinations_own(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    for index in 1..=3 {
        let number = accept(&store, message(format!("{index}"), None)).await;
        store.issue(vec![ticket(MessageId(index), number, "")]).await.unwrap();
    }
    let progress = Progress { cursor: Sequence(1), ahead: vec![(3, 3)] };
    store.save_progress("core", progress.clone()).await.unwrap();
    assert_eq!(store.progress("core").await.unwrap(), progress);
    assert_eq!(store.progress("city").await.unwrap(), Progress::default());

    let number = Number { day: DAY, sequence: 2 };
    let letter = |destination: &str, state| DeadLetter {
        destination: destination.into(),
        sequence: Sequence(2),
        event: format!("ev_{number}"),
        kind: "ticket.created".into(),
        number,
        reason: "422".into(),
        attempts: 3,
        at: now(),
        state,
    };
    for destination in ["core", "city"] {
        store.bury(letter(destination, DeadState::Dead)).await.unwrap();
        store.bury(letter(destination, DeadState::Dead)).await.unwrap();
    }
    let of =
        |destination: &str| DeadQuery { destination: Some(destination.into()), state: None, number: None, limit: 9 };
    assert_eq!(store.dead_letters(DeadQuery { limit: 9, ..DeadQuery::default() }).await.unwrap().len(), 2);
    assert_eq!(store.requeue(Requeue::One("core".into(), Sequence(2))).await.unwrap(), 1);
    assert_eq!(store.requeued("core", 9).await.unwrap()[0].sequence, Sequence(2));
    assert!(store.requeued("city", 9).await.unwrap().is_empty());
    store.exhume("core", Sequence(2)).await.unwrap();
    assert_eq!(store.dead_letters(of("core")).await.unwrap(), [letter("core", DeadState::Delivered)]);
    assert_eq!(store.requeue(Requeue::All).await.unwrap(), 1, "what was delivered is not sent again");
    assert_eq!(store.dead_letters(of("city")).await.unwrap(), [letter("city", DeadState::Queued)]);
    store.close().await.unwrap();
}
