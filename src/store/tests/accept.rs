//! Acceptance: durable, numbered without gap or double, redeliveries known.

use super::*;
use std::collections::BTreeSet;

pub(super) async fn many_at_once_get_the_numbers_from_one_on_and_they_are_there_after_a_restart(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for round in 0..20 {
                    numbers.push(accept(&store, message(format!("{task} {round}"), None)).await.sequence);
                }
                assert!(numbers.is_sorted());
                numbers
            })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    assert!(numbers.into_iter().eq(1..=1280));
    assert_eq!(store.backlog().await.unwrap().messages, 1280);
    store.close().await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(accept(&store, message("next", None)).await.sequence, 1281);
    store.close().await.unwrap();
}

pub(super) async fn a_redelivery_gets_the_first_receipt_and_other_content_is_a_new_appeal(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let (new, refuse) = (Some(("a", OnOtherContent::NewAppeal)), Some(("b", OnOtherContent::Refuse)));
    let first = accept(&store, message("one", new)).await;
    let redelivery = |code_hash| Accepted::Redelivery { number: first, received_at: now(), code_hash };
    assert_eq!(store.accept(vec![message("one", new)]).await.unwrap(), [redelivery(None)]);
    store.issue(vec![ticket(MessageId(1), first, "")]).await.unwrap();
    assert_eq!(store.accept(vec![message("one", new)]).await.unwrap(), [redelivery(Some(vec![7; 16]))]);
    // Twice in one call, too.
    let both = store.accept(vec![message("two", refuse), message("two", refuse)]).await.unwrap();
    assert!(matches!(both[..], [Accepted::New { reused_key: false, .. }, Accepted::Redelivery { .. }]), "{both:?}");
    let other = store.accept(vec![message("three", new)]).await.unwrap();
    assert!(matches!(other[..], [Accepted::New { reused_key: true, .. }]), "{other:?}");
    // Refused as a whole: its companion is not stored either.
    let refused = store.accept(vec![message("four", None), message("other", refuse)]).await.unwrap();
    assert_eq!(refused, [Accepted::OtherContent]);
    assert_eq!(store.backlog().await.unwrap().messages, 2);
    store.close().await.unwrap();
}

pub(super) async fn a_name_that_is_new_with_a_redelivery_stands_for_the_first_message(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let named = |body: &'static str, names: &[(&str, OnOtherContent)]| {
        let mut whole = message(body, None);
        whole.incoming.keys = names.iter().flat_map(|name| message(body, Some(*name)).incoming.keys).collect();
        whole
    };
    let (id, key) = (("id", OnOtherContent::NewAppeal), ("key", OnOtherContent::Refuse));
    let first = accept(&store, named("one", &[id])).await;
    let again = [Accepted::Redelivery { number: first, received_at: now(), code_hash: None }];
    assert_eq!(store.accept(vec![named("one", &[key, id])]).await.unwrap(), again);
    for _ in 0..2 {
        assert_eq!(store.accept(vec![named("two", &[key])]).await.unwrap(), [Accepted::OtherContent]);
        assert_eq!(store.accept(vec![named("one", &[key])]).await.unwrap(), again);
    }
    assert_eq!(store.backlog().await.unwrap().messages, 1);
    store.close().await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(store.accept(vec![named("two", &[key])]).await.unwrap(), [Accepted::OtherContent], "after a restart");
    store.close().await.unwrap();
}

pub(super) async fn each_day_counts_from_one(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let on = |day| NewMessage { day, ..message("x", None) };
    let mut numbers = Vec::new();
    // Around midnight two days come mixed.
    for day in [DAY, DAY, DAY + 1, DAY, DAY + 1] {
        numbers.push(accept(&store, on(day)).await);
    }
    let sequences: Vec<_> = numbers.iter().map(|number| (number.day, number.sequence)).collect();
    assert_eq!(sequences, [(DAY, 1), (DAY, 2), (DAY + 1, 1), (DAY, 3), (DAY + 1, 2)]);
    for (day, received) in [(DAY, 3), (DAY + 1, 2)] {
        let tallies = store.tallies(day).await.unwrap();
        assert_eq!((tallies.len(), tallies[0].received, tallies[0].pending), (1, received, received));
    }
    store.close().await.unwrap();
}

pub(super) async fn what_is_in_the_queue_at_the_close_is_written(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(vec![message(format!("{index}"), None)]).await.is_ok() })
        })
        .collect();
    store.close().await.unwrap();
    let mut acknowledged = 0u64;
    for task in tasks {
        acknowledged += u64::from(task.await.unwrap());
    }
    assert!(store.accept(vec![message("late", None)]).await.is_err());
    drop(store);
    let stored = place.open().await.backlog().await.unwrap().messages;
    assert_eq!(stored, acknowledged);
}
