use super::{
    fake::{Fake, PROBE, Say, destination, run},
    sequence_of, soon, until,
};
use crate::{
    delivery::{Contact, Destination, Filter, RetryPolicy, outcome::FaultClass},
    store::{DeadState, EventLog, Progress, Requeue, Sequence},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const BROKEN: Say = Say::Fail(FaultClass::Broken);

#[tokio::test]
async fn events_of_one_ticket_go_in_order_and_no_more_at_once_than_allowed() {
    let store = Fake::new();
    store.append((0..600).map(|event| event % 30));
    let run = run(&store, destination(), |id, attempt| match (sequence_of(id).0 % 7, attempt) {
        (0, 0) => BROKEN,
        (1, 0) => Say::Refuse,
        (2, _) => Say::Slow(Duration::from_millis(3)),
        _ => Say::Yes,
    });
    run.delivered(600).await;
    let log = run.log();
    assert!((2..=8).contains(&log.most_under_way), "{}", log.most_under_way);
    let mut last: HashMap<i64, i64> = HashMap::new();
    for id in &log.delivered {
        let sequence = sequence_of(id).0;
        let before = last.insert((sequence - 1) % 30, sequence).unwrap_or_default();
        assert!(before < sequence, "{sequence} after {before}");
    }
    assert_eq!(log.delivered.len(), 600, "each once");
    drop(log);
    until("saved", || store.memory().progress["core"] == Progress { cursor: Sequence(600), ahead: vec![] }).await;
    run.stop().await;
}

#[tokio::test]
async fn an_event_that_comes_while_the_log_is_read_is_delivered_though_the_answer_was_of_before() {
    let store = Fake::new();
    store.hold();
    let run = run(&store, destination(), |_, _| Say::Yes);
    until("the log is read", || store.reads() == 1).await;
    store.append([1]);
    // The worker is told while it waits for the answer.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    store.answer();
    run.delivered(1).await;
    run.stop().await;
}

#[tokio::test]
async fn a_refused_message_is_tried_three_times_and_buried_with_the_reason_and_others_go_on() {
    let store = Fake::new();
    store.append(1..=1000);
    let bad = |id: &str| sequence_of(id).0 % 400 == 1;
    let run = run(&store, destination(), move |id, _| if bad(id) { Say::Refuse } else { Say::Yes });
    run.delivered(997).await;
    until("buried", || store.memory().dead.len() == 3).await;
    for letter in &store.memory().dead {
        assert_eq!((letter.attempts, letter.state, letter.reason.as_str()), (3, DeadState::Dead, "answered 422: why"));
        assert_eq!(run.log().attempts_of(&letter.event), 3);
        assert_eq!((letter.destination.as_str(), letter.kind.as_str()), ("core", "ticket.created"));
    }
    until("done", || store.memory().progress["core"].cursor == Sequence(1000)).await;
    assert!(run.handle.status().up);
    run.stop().await;
}

#[tokio::test]
async fn while_down_probes_are_one_at_a_time_and_spaced_and_then_everything_is_delivered() {
    let store = Fake::new();
    store.append(1..=500);
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let run = run(&store, destination(), move |_, _| if is_down.load(Relaxed) { BROKEN } else { Say::Yes });
    until("20 probes", || run.log().attempts.len() >= 28).await;
    {
        let log = run.log();
        let at = |attempt: usize| log.attempts[attempt].2;
        assert!(at(7) - at(0) < PROBE, "8 were under way when the first failed");
        (8..28).for_each(|probe| assert!(at(probe) - at(probe - 1) >= PROBE, "probe {probe}"));
        let probed: HashSet<&String> = log.attempts.iter().map(|(id, ..)| id).collect();
        assert_eq!(probed.len(), log.attempts.len(), "a different ticket each time");
    }
    let status = run.handle.status();
    assert!(!status.up && status.behind == 500, "{status:?}");
    assert_eq!(status.last_error.as_deref(), Some("connection broken"));
    down.store(false, Relaxed);
    run.delivered(500).await;
    assert!(store.memory().dead.is_empty());
    until("up", || run.handle.status().up && run.handle.status().behind == 0).await;
    run.stop().await;
}

#[tokio::test]
async fn a_poison_message_is_not_a_poison_destination() {
    for class in [FaultClass::Timeout, FaultClass::Status(http::StatusCode::INTERNAL_SERVER_ERROR)] {
        let store = Fake::new();
        store.append((1..=100).chain([1, 2, 3]));
        let poison = |id: &str| id == "ev_1" || id == "ev_50";
        let run = run(&store, destination(), move |id, _| if poison(id) { Say::Fail(class) } else { Say::Yes });
        run.delivered(100).await;
        assert_eq!(run.log().attempts_of("ev_101"), 0, "a later event of the poisoned ticket waits");
        let since = run.log().attempts_of("ev_1");
        for ticket in 200..210 {
            store.append([ticket]);
            run.delivered(ticket as usize - 99).await;
        }
        until("tried on", || run.log().attempts_of("ev_1") > since + 1).await;
        assert!(store.memory().dead.is_empty());
        until("ranges", || {
            store.memory().progress["core"]
                == Progress { cursor: Sequence(0), ahead: vec![(2, 49), (51, 100), (102, 113)] }
        })
        .await;
        run.stop().await;
    }
}

#[tokio::test]
async fn what_fails_longer_than_give_up_is_buried_and_not_before() {
    let store = Fake::new();
    store.append([1, 2]);
    let retry = RetryPolicy { give_up: Duration::from_millis(300), ..destination().retry };
    let started = Instant::now();
    let run = run(&store, Destination { retry, ..destination() }, |_, _| BROKEN);
    until("buried", || store.memory().dead.len() == 2).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
    let reason = store.memory().dead[0].reason.clone();
    assert!(reason.ends_with("last: connection broken"), "{reason}");
    run.stop().await;
}

#[tokio::test]
async fn a_restart_resumes_and_sends_nothing_again_that_was_saved() {
    let store = Fake::new();
    store.append(1..=100);
    let first = run(&store, destination(), |id, _| if id == "ev_10" { Say::Hang } else { Say::Yes });
    first.delivered(99).await;
    until("saved", || store.memory().progress["core"].ahead == [(11, 100)]).await;
    first.kill().await;
    store.append(101..=110);
    let second = run(&store, destination(), |_, _| Say::Yes);
    second.delivered(11).await;
    until("saved", || store.memory().progress["core"].cursor == Sequence(110)).await;
    assert_eq!(second.log().attempts.len(), 11);
    second.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way_and_saves_it() {
    let store = Fake::new();
    store.append(1..=100);
    let slow = |_: &str, _| Say::Slow(Duration::from_millis(100));
    let stopped = run(&store, destination(), slow);
    until("under way", || stopped.log().under_way == 8).await;
    let log = {
        let handle = stopped.handle.clone();
        stopped.stop().await;
        assert!(handle.requeued().await.is_err());
        store.memory().progress["core"].clone()
    };
    assert_eq!(log.cursor, Sequence(8));
}

#[tokio::test]
async fn a_destination_that_hangs_for_ever_does_not_hold_up_the_stop() {
    let store = Fake::new();
    store.append([1]);
    let hanging = run(&store, destination(), |_, _| Say::Hang);
    until("under way", || hanging.log().under_way == 1).await;
    let started = Instant::now();
    hanging.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_store_that_cannot_write_does_not_stop_the_delivery() {
    let store = Fake::new();
    store.memory().full = true;
    store.append(1..=300);
    let run = run(&store, destination(), |id, _| if id == "ev_7" { Say::Refuse } else { Say::Yes });
    run.delivered(299).await;
    assert!(store.memory().progress.is_empty() && store.memory().dead.is_empty());
    store.memory().full = false;
    until("saved", || store.memory().progress.get("core").is_some_and(|saved| saved.cursor == Sequence(300))).await;
    assert_eq!(store.memory().dead.len(), 1);
    assert_eq!(run.log().attempts.len(), 302, "nothing was sent again");
    run.stop().await;
}

#[tokio::test]
async fn a_rewind_sends_again_from_there_with_the_same_bytes() {
    let store = Fake::new();
    store.append((0..300).map(|event| event % 10));
    let run = run(&store, destination(), |_, _| Say::Yes);
    run.delivered(300).await;
    assert_eq!(soon(run.handle.rewind(Sequence(290))).await, Ok(Sequence(290)));
    run.delivered(310).await;
    assert_eq!(soon(run.handle.rewind(Sequence(5000))).await.map(|cursor| cursor <= Sequence(300)), Ok(true));
    store.append([1]);
    run.delivered(311).await;
    let log = run.log();
    let mut bodies = HashMap::new();
    for (id, body, _) in &log.attempts {
        assert_eq!(bodies.entry(id).or_insert(body), &body);
    }
    assert_eq!(log.attempts_of("ev_290"), 1);
    assert_eq!(log.attempts_of("ev_291"), 2);
    drop(log);
    run.stop().await;
}

#[tokio::test]
async fn a_rewind_under_way_keeps_the_order_of_each_ticket() {
    let store = Fake::new();
    store.append((0..400).map(|event| event % 5));
    let run = run(&store, destination(), |_, _| Say::Slow(Duration::from_millis(1)));
    run.delivered(200).await;
    let cursor = soon(run.handle.rewind(Sequence(50))).await.unwrap();
    assert_eq!(cursor, Sequence(50));
    until("done", || run.handle.status().cursor == Sequence(400)).await;
    let log = run.log();
    for ticket in 0..5 {
        let of_ticket: Vec<i64> =
            log.delivered.iter().map(|id| sequence_of(id).0).filter(|sequence| (sequence - 1) % 5 == ticket).collect();
        let steps = of_ticket.windows(2).filter(|pair| pair[0] >= pair[1]).count();
        assert_eq!(steps, 1, "back once, then on: {of_ticket:?}");
        assert_eq!(of_ticket.last(), Some(&(396 + ticket)));
    }
    drop(log);
    run.stop().await;
}

#[tokio::test]
async fn dead_letters_are_sent_again_when_asked_and_at_start_whatever_the_cursor() {
    let store = Fake::new();
    store.append(1..=200);
    let good = Arc::new(AtomicBool::new(false));
    let script = |good: &Arc<AtomicBool>| {
        let good = Arc::clone(good);
        move |id: &str, _| if sequence_of(id).0 > 100 || good.load(Relaxed) { Say::Yes } else { Say::Refuse }
    };
    let first = run(&store, destination(), script(&good));
    until("buried", || store.memory().dead.len() == 100).await;
    // A replay that fails again is buried again.
    store.requeue(Requeue::All).await.unwrap();
    first.handle.requeued().await.unwrap();
    until("buried again", || first.log().attempts_of("ev_100") == 6).await;
    until("dead again", || store.memory().dead.iter().all(|letter| letter.state == DeadState::Dead)).await;
    first.stop().await;

    store.requeue(Requeue::All).await.unwrap();
    good.store(true, Relaxed);
    let second = run(&store, destination(), script(&good));
    until("exhumed", || store.memory().dead.iter().all(|letter| letter.state == DeadState::Delivered)).await;
    assert_eq!(second.log().delivered.len(), 100, "each once, and nothing else");
    assert_eq!(store.memory().progress["core"].cursor, Sequence(200));
    second.stop().await;
}

#[tokio::test]
async fn unwanted_events_are_skipped_at_once_and_contact_is_masked_the_same_each_time() {
    let store = Fake::new();
    store.append(1..=50);
    let filter = Filter { hotlines: vec!["12319".parse().unwrap()], ..Filter::default() };
    let none = run(&store, Destination { filter, name: "none".into(), ..destination() }, |_, _| Say::Yes);
    until("skipped", || store.memory().progress.get("none").is_some_and(|saved| saved.cursor == Sequence(50))).await;
    assert!(none.log().attempts.is_empty());
    none.stop().await;

    let masked = Destination { contact: Contact::Masked, ..destination() };
    let masked = run(&store, masked, |_, attempt| if attempt == 0 { BROKEN } else { Say::Yes });
    masked.delivered(50).await;
    for (id, body, _) in &masked.log().attempts {
        let expected = super::body(sequence_of(id).0).replace("13800138000", "138****8000");
        assert_eq!(*body, expected);
    }
    masked.stop().await;
}
