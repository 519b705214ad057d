//! The end of the log in memory says what the file says.

use super::{Place, accept, document, event, message, ticket};
use crate::{
    number::Number,
    store::{
        EventLog, NewEvent, Sequence, Store, StoreError, StoredEvent, TicketChange,
        sqlite::{SqliteStore, Turn, handle::Handle, log, open, tail::REST},
    },
};
use rusqlite::Connection;
use std::{sync::atomic::Ordering::Relaxed, time::Duration};
use tokio::time::{Instant, sleep};

const NUMBER: Number = Number { day: super::DAY, sequence: 1 };
/// Every event that there is.
const ALL: Sequence = Sequence(i64::MAX);

/// Not random enough for anything but this.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Events of these lengths, about.
fn events(lengths: &[usize]) -> Vec<NewEvent> {
    lengths.iter().map(|length| event(NUMBER, &"x".repeat(*length))).collect()
}

async fn write(
    store: &SqliteStore,
    work: impl FnMut(&Handle) -> rusqlite::Result<()> + Send + 'static,
) -> Result<(), StoreError> {
    store.writer().unwrap().run(Turn::Next, work).await
}

async fn append(store: &SqliteStore, lengths: &[usize]) {
    let mut new = events(lengths);
    write(store, move |handle| log::append(handle, &mut new)).await.unwrap();
}

fn told(events: Vec<StoredEvent>) -> Vec<(i64, String, String, Number, bytes::Bytes)> {
    events.into_iter().map(|event| (event.sequence.0, event.id, event.kind, event.number, event.body)).collect()
}

/// Asks both, for as many as `limits` after each of the cursors.
async fn compare(store: &SqliteStore, cursors: impl IntoIterator<Item = i64>, limits: &[usize]) {
    for cursor in cursors.into_iter().map(Sequence) {
        for &limit in limits {
            let filed = store.read(move |connection| log::events(connection, cursor, ALL, limit)).await.unwrap();
            let (answered, filed) = (told(store.events(cursor, limit).await.unwrap()), told(filed));
            assert!(answered == filed, "{limit} after {cursor}: {} and {}", answered.len(), filed.len());
        }
    }
    let filed = store.read(log::last).await.unwrap();
    assert_eq!(store.last_event().await.unwrap(), filed);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_written_refused_or_restarted_the_answer_is_that_of_the_file() {
    let place = Place::new();
    let mut dice = Dice(20_261_122);
    let mut store = place.open();
    for round in 0..120 {
        match dice.below(12) {
            0 => {
                store.close().await.unwrap();
                drop(store);
                if dice.below(2) == 0 {
                    // As after a salvage: somebody may have been told of events that are lost.
                    let connection = Connection::open(place.path()).unwrap();
                    let last = log::last(&connection).unwrap().0;
                    log::set_floor(&connection, last + 1 + dice.below(50) as i64).unwrap();
                }
                store = place.open();
            }
            1 => {
                let mut new = events(&[10, 10]);
                let refused = write(&store, move |handle| {
                    log::append(handle, &mut new)?;
                    Err(open::failure(rusqlite::ffi::SQLITE_CONSTRAINT, "refused"))
                });
                refused.await.unwrap_err();
            }
            2 => store.home.shared.tail.let_go(Duration::ZERO),
            3 => {
                // One event fills it, or does not fit at all.
                append(&store, &[400_000 + dice.below(900_000) as usize, 10]).await;
            }
            4 => append(&store, &vec![10; 1 + dice.below(1_500) as usize]).await,
            _ => append(&store, &vec![dice.below(5_000) as usize; 1 + dice.below(9) as usize]).await,
        }
        let last = store.last_event().await.unwrap().0;
        let near = [last - 2, last - 1, last, last + 1, last + 1_000];
        let far = [-5, 0, last - dice.below(1_200) as i64, last - dice.below(60) as i64];
        compare(&store, near.into_iter().chain(far), &[0, 1, 64]).await;
        if round % 20 == 0 {
            compare(&store, 0.max(last - 300)..last, &[1]).await;
            compare(&store, [0, last / 2, last - 900], &[100_000, usize::MAX]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_wrote_before_it_failed_is_told_once_and_only_what_was_kept() {
    let place = Place::new();
    let store = place.open();
    // They share a transaction while the writer is busy; one of them takes nobody with it.
    let (busy, go) = std::sync::mpsc::sync_channel::<()>(0);
    let blocking = tokio::spawn({
        let store = store.clone();
        let wait = move |_: &Handle| {
            let _ = go.recv();
            Ok(())
        };
        async move { write(&store, wait).await }
    });
    let jobs: Vec<_> = (0..30)
        .map(|job| {
            let (store, mut new) = (store.clone(), events(&[job]));
            tokio::spawn(async move {
                write(&store, move |handle| {
                    log::append(handle, &mut new)?;
                    let bad = job % 10 == 7;
                    if bad { Err(open::failure(rusqlite::ffi::SQLITE_CONSTRAINT, "refused")) } else { Ok(()) }
                })
                .await
            })
        })
        .collect();
    drop(busy);
    blocking.await.unwrap().unwrap();
    for (job, outcome) in jobs.into_iter().enumerate() {
        assert_eq!(outcome.await.unwrap().is_err(), job % 10 == 7, "{job}");
    }
    assert_eq!(store.last_event().await.unwrap(), Sequence(27));
    compare(&store, 0..28, &[1, 99]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_handle_failed_the_log_goes_on_where_the_file_ends() {
    let place = Place::new();
    let store = place.open();
    append(&store, &[10, 20, 30]).await;
    // As if a checkpoint had failed: the writer gives its handle up after the next transaction.
    store.home.shared.suspect.store(true, Relaxed);
    for _ in 0..2 {
        let again = || {
            let mut new = events(&[40]);
            write(&store, move |handle| log::append(handle, &mut new))
        };
        while again().await.is_err() {
            compare(&store, 0..7, &[1, 9]).await;
        }
    }
    assert!(!store.home.shared.suspect.load(Relaxed));
    compare(&store, 0..7, &[1, 9]).await;
    assert_eq!(store.last_event().await.unwrap(), Sequence(5));
    store.close().await.unwrap();
    store.events(Sequence(5), 1).await.unwrap_err();
    store.last_event().await.unwrap_err();
}

#[tokio::test]
async fn what_somebody_else_wrote_into_the_file_is_found_when_it_is_asked_how_far_the_log_goes() {
    let place = Place::new();
    let store = place.open();
    append(&store, &[10, 20]).await;
    let other = Connection::open(place.path()).unwrap();
    let insert = || {
        let sql = "INSERT INTO event SELECT sequence + 1, 'ev_OTHER', kind, number, body FROM event ORDER BY sequence DESC LIMIT 1";
        assert_eq!(other.execute(sql, []), Ok(1));
    };
    insert();
    assert_eq!(store.last_event().await.unwrap(), Sequence(3));
    assert_eq!(store.events(Sequence(2), 9).await.unwrap()[0].id, "ev_OTHER");
    compare(&store, 0..5, &[1, 9]).await;
    append(&store, &[30]).await;
    compare(&store, 0..6, &[1, 9]).await;
    insert();
    // Before anybody has asked.
    append(&store, &[30]).await;
    compare(&store, 0..8, &[1, 9]).await;
    assert_eq!(store.last_event().await.unwrap(), Sequence(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_log_while_it_is_written_misses_nothing_and_sees_nothing_twice() {
    const EVENTS: i64 = 6_000;
    let place = Place::new();
    let store = place.open();
    let followers: Vec<_> = (0..3)
        .map(|follower| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut cursor = Sequence(0);
                while cursor.0 < EVENTS {
                    let last = store.last_event().await.unwrap();
                    let events = store.events(cursor, 7 + follower * 100).await.unwrap();
                    assert!(!events.is_empty() || last <= cursor, "nothing after {cursor}, though there is {last}");
                    for event in events {
                        assert_eq!(event.sequence.0, cursor.0 + 1);
                        cursor = event.sequence;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut dice = Dice(7);
    let mut written = 0;
    while written < EVENTS {
        let some = (1 + dice.below(40) as i64).min(EVENTS - written);
        append(&store, &vec![dice.below(3_000) as usize; some as usize]).await;
        written += some;
        assert_eq!(store.last_event().await.unwrap().0, written, "who wrote it sees it");
    }
    for follower in followers {
        follower.await.unwrap();
    }
}

#[tokio::test]
async fn an_event_is_delivered_in_the_bytes_that_were_written_without_a_copy_and_let_go_when_the_log_rests() {
    let place = Place::new();
    let store = place.open();
    let number = accept(&store, message("a", None)).await;
    let waiting = store.pending(Default::default(), super::now(), 8).await.unwrap();
    store.issue(vec![ticket(waiting[0].id, number, "a")]).await.unwrap();
    let change = TicketChange {
        number,
        version: 1,
        status: "accepted".into(),
        document: document(number, "b"),
        events: events(&[100]),
        ..TicketChange::default()
    };
    let body = change.events[0].body.as_ptr();
    store.change_ticket(change).await.unwrap();
    let found = store.events(Sequence(1), 9).await.unwrap().remove(0);
    assert_eq!(found.body.as_ptr(), body);
    assert!(found.body.windows(16).any(|digits| digits == b"0000000000000002"));
    let deadline = Instant::now() + REST + Duration::from_secs(20);
    while store.events(Sequence(1), 9).await.unwrap()[0].body.as_ptr() == body {
        assert!(Instant::now() < deadline, "the keeper looks now and then");
        sleep(Duration::from_millis(20)).await;
    }
    compare(&store, 0..4, &[1, 9]).await;
}
