//! Acceptance: durable, numbered without gap or double, redeliveries known.

use super::*;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_get_the_numbers_from_one_on_and_they_are_on_the_disk() {
    let place = Place::new();
    let store = place.open();
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
    // As another process would see it, without a close.
    let reader = rusqlite::Connection::open(place.path()).unwrap();
    let count: i64 = reader.query_row("SELECT count(DISTINCT body) FROM message", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1280);
    assert_eq!(store.backlog().await.unwrap().messages, 1280);
    drop(reader);
    store.close().await.unwrap();
    drop(store);
    assert_eq!(place.names(), ["jiesu.db", "jiesu.db.lock"], "the file alone is the store when nobody runs");
    let store = place.open();
    assert_eq!(accept(&store, message("next", None)).await.sequence, 1281);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_gets_the_first_receipt_and_other_content_is_a_new_appeal() {
    let place = Place::new();
    let store = place.open();
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

#[tokio::test(flavor = "multi_thread")]
async fn each_day_counts_from_one() {
    let place = Place::new();
    let store = place.open();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_takes_nobody_with_it() {
    let place = Place::new();
    let store = place.open();
    let taken = accept(&store, message("first", None)).await;
    store.issue(vec![ticket(MessageId(1), taken, "")]).await.unwrap();
    let second = accept(&store, message("second", None)).await;
    assert_eq!(second.sequence, 2);
    let mut tasks = Vec::new();
    for index in 0..64 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            if index % 8 == 3 {
                // A number that is taken, and work that panics.
                let again = "INSERT INTO ticket SELECT * FROM ticket";
                let clash = store.write(move |connection| connection.execute(again, [])).await;
                assert!(matches!(clash, Err(crate::store::StoreError::Failed(_))), "{clash:?}");
                let panicked = store.write(|_| -> rusqlite::Result<()> { panic!("a mistake of ours") }).await;
                assert!(panicked.is_err());
                return None;
            }
            Some(accept(&store, message(format!("{index}"), None)).await.sequence)
        }));
    }
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    assert!(numbers.into_iter().eq(3..=58));
    assert_eq!(pending(&store).await.len(), 57, "and the message of the failed ticket is still in the line");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_queue_at_the_close_is_written() {
    let place = Place::new();
    let store = place.open();
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(vec![message(format!("{index}"), None)]).await.is_ok() })
        })
        .collect();
    store.close().await.unwrap();
    let mut acknowledged = 0;
    for task in tasks {
        acknowledged += i64::from(task.await.unwrap());
    }
    assert!(store.accept(vec![message("late", None)]).await.is_err());
    drop(store);
    let reader = rusqlite::Connection::open(place.path()).unwrap();
    let stored: i64 = reader.query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_bounded_under_a_load_that_never_pauses() {
    let place = Place::new();
    let store = place.open();
    let (mut written, mut most) = (0u64, 0);
    let body = vec![b'x'; 256 << 10];
    while written < 400 << 20 {
        let batch = (0..16).map(|_| message(body.clone(), None)).collect();
        // Two at a time: the next transaction follows at once.
        let (one, two) = tokio::join!(store.accept(batch), store.accept(vec![message(body.clone(), None)]));
        written += (one.unwrap().len() + two.unwrap().len()) as u64 * body.len() as u64;
        most = most.max(std::fs::metadata(place.wal()).map_or(0, |metadata| metadata.len()));
    }
    assert!(most < 200 << 20, "{most} bytes of log for {written} of messages");
    store.close().await.unwrap();
}
