//! Acceptance into a file: one store, one writer, a log that stays bounded.

use super::*;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_in_the_file_and_the_file_alone_is_the_store() {
    let place = Place::new();
    let store = place.open();
    for index in 0..20 {
        accept(&store, message(format!("{index}"), None)).await;
    }
    // As another process would see it, without a close.
    let reader = rusqlite::Connection::open(place.path()).unwrap();
    let count: i64 = reader.query_row("SELECT count(DISTINCT body) FROM message", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 20);
    drop(reader);
    store.close().await.unwrap();
    drop(store);
    assert_eq!(
        place.names(),
        ["jiesu.db", "jiesu.db.lock", "jiesu.db.spare"],
        "the file alone is the store when nobody runs"
    );
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
async fn the_log_stays_bounded_under_a_load_that_never_pauses() {
    let place = Place::new();
    let store = place.open();
    let (mut written, mut most) = (0u64, 0);
    let body = vec![b'x'; 256 << 10];
    while written < 260 << 20 {
        let batch = (0..16).map(|_| message(body.clone(), None)).collect();
        // Two at a time: the next transaction follows at once.
        let (one, two) = tokio::join!(store.accept(batch), store.accept(vec![message(body.clone(), None)]));
        written += (one.unwrap().len() + two.unwrap().len()) as u64 * body.len() as u64;
        most = most.max(std::fs::metadata(place.wal()).map_or(0, |metadata| metadata.len()));
    }
    assert!(most < 200 << 20, "{most} bytes of log for {written} of messages");
    store.close().await.unwrap();
}
