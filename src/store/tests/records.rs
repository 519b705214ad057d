use super::{DAY, Homes, accept, message, now, pending, ticket};
use crate::{
    days::{fault, hash},
    store::{ClosedDay, MessageId, Outcome, ParityRun},
};
use jiff::Timestamp;

fn closed(day: u32, previous: [u8; 32], record: &str) -> ClosedDay {
    ClosedDay { day, previous, hash: hash(&previous, record), record: record.into() }
}

pub(super) async fn days_are_closed_in_their_order_and_each_once(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    assert_eq!(store.first_day().await.unwrap(), None);
    let first = closed(20_261_120, [0; 32], "{}");
    assert!(!store.close_day(closed(20_261_120, [1; 32], "{}")).await.unwrap(), "it follows nothing");
    assert!(store.close_day(first.clone()).await.unwrap());
    assert!(!store.close_day(first.clone()).await.unwrap(), "it is closed already");
    assert!(!store.close_day(closed(20_261_122, [0; 32], "{}")).await.unwrap(), "it does not follow the first");
    let second = closed(20_261_122, first.hash, "{\"day\":2}");
    assert!(store.close_day(second.clone()).await.unwrap());
    assert!(!store.close_day(closed(20_261_121, second.hash, "{}")).await.unwrap(), "nothing is put in later");
    store.close().await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(store.closed_days(0, 10).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.last_closed().await.unwrap().as_ref(), Some(&second));
    assert_eq!(store.closed_before(second.day).await.unwrap().as_ref(), Some(&first));
    assert_eq!(fault(&second, Some(&first)), None);
}

pub(super) async fn the_last_comparison_of_each_line_is_known(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let run = |line: &str, matched: u64| ParityRun {
        line: line.into(),
        first: DAY,
        last: DAY,
        at: now(),
        file: "old.csv".into(),
        matched,
        different: 1,
        missing_here: 0,
        missing_there: 1,
    };
    for (line, matched) in [("12319", 8), ("12315", 98), ("12319", 18)] {
        store.record_parity(run(line, matched)).await.unwrap();
    }
    let last = [run("12315", 98), run("12319", 18)];
    assert_eq!(store.parity().await.unwrap(), last);
    assert!((last[1].parity() - 0.9).abs() < 1e-9 && (run("1", 0).parity() - 0.0).abs() < 1e-9);
    store.pause_destination("b", true, now()).await.unwrap();
    store.pause_destination("a", true, now()).await.unwrap();
    store.pause_destination("a", true, now()).await.unwrap();
    store.pause_destination("b", false, now()).await.unwrap();
    assert_eq!(store.paused_destinations().await.unwrap(), ["a"]);
    store.close().await.unwrap();
}

pub(super) async fn what_waits_is_told_by_line_and_messages_are_read_by_line_and_day(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let mut other = message("b", None);
    other.hotline = "12319".into();
    let mut tomorrow = message("c", None);
    (tomorrow.day, tomorrow.received_at) = (DAY + 1, now());
    let first = accept(&store, message("a", None)).await;
    accept(&store, other).await;
    accept(&store, tomorrow).await;
    let lines = |waiting: Vec<crate::store::Waiting>| {
        waiting.into_iter().map(|one| (one.hotline, one.count)).collect::<Vec<_>>()
    };
    let all = [("12319".to_owned(), 1), ("12345".to_owned(), 1)];
    assert_eq!(lines(store.waiting(DAY, Timestamp::MAX).await.unwrap()), all);
    assert!(store.waiting(DAY, Timestamp::UNIX_EPOCH).await.unwrap().is_empty(), "it has not waited so long");
    let messages = pending(&store).await;
    store.issue(vec![ticket(messages[0].id, first, "a")]).await.unwrap();
    let reason = Outcome::Quarantine { message: messages[1].id, reason: "x".into(), at: now() };
    store.issue(vec![reason]).await.unwrap();
    assert_eq!(
        lines(store.waiting(DAY, Timestamp::MAX).await.unwrap()),
        [("12319".to_owned(), 1)],
        "quarantine waits, too"
    );
    let read = async |line: &str, days| {
        let found = store.received_for(line, days, MessageId(0), 10).await.unwrap();
        found.into_iter().map(|message| message.raw.body).collect::<Vec<_>>()
    };
    assert_eq!(read("12345", (DAY, DAY)).await, ["a"]);
    assert_eq!(read("12345", (DAY - 1, DAY + 1)).await, ["a", "c"]);
    assert_eq!(read("12319", (DAY, DAY + 1)).await, ["b"]);
    assert!(read("12345", (DAY + 2, DAY + 9)).await.is_empty());
}
