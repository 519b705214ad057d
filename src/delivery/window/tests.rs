use super::*;
use bytes::Bytes;
use std::time::Duration;

fn event(sequence: i64, ticket: u32) -> StoredEvent {
    StoredEvent {
        sequence: Sequence(sequence),
        id: format!("ev_{sequence}"),
        kind: "ticket.created".into(),
        number: number(ticket),
        body: Bytes::from_static(b"{}"),
    }
}

fn number(ticket: u32) -> Number {
    Number { day: 20_261_122, sequence: ticket }
}

fn window(events: &[(i64, u32)]) -> Window {
    let mut window = Window::new(8);
    events.iter().for_each(|(sequence, ticket)| window.admit(event(*sequence, *ticket), false));
    window
}

fn send(window: &mut Window) -> Vec<i64> {
    std::iter::from_fn(|| window.take_next()).map(|(key, _)| key.sequence.0).collect()
}

/// What the worker does: loads what is wanted.
fn load(window: &mut Window, log: &[(i64, u32)]) {
    while let Some((after, limit)) = window.next_load() {
        let page = log.iter().filter(|(sequence, _)| *sequence > after.0).take(limit);
        assert_eq!(window.loaded(after, page.map(|(sequence, ticket)| event(*sequence, *ticket)).collect()), None);
    }
}

#[test]
fn only_the_first_event_of_each_ticket_may_go() {
    let mut window = window(&[(1, 1), (2, 1), (3, 2), (4, 1)]);
    assert_eq!(send(&mut window), [1, 3]);
    assert!(window.landed(&event(1, 1)).is_some());
    assert!(window.finish(number(1)));
    assert_eq!(send(&mut window), [2]);
    assert!(window.landed(&event(2, 1)).is_some());
    assert!(window.finish(number(1)));
    assert_eq!(send(&mut window), [4]);
}

#[test]
fn a_failed_event_holds_its_ticket_and_nobody_else_and_no_bodies() {
    let log = [(1, 1), (2, 1), (3, 2), (4, 1), (5, 3)];
    let mut window = window(&log[..3]);
    assert_eq!(send(&mut window), [1, 3]);
    window.landed(&event(1, 1));
    let at = Instant::now() + Duration::from_secs(1);
    window.wait(number(1), at);
    assert_eq!((window.loaded, window.held), (1, 3), "only what is under way has a body");
    window.admit(event(4, 1), false);
    window.admit(event(5, 3), false);
    assert_eq!((window.loaded, window.held), (2, 5));
    assert_eq!(send(&mut window), [5]);
    assert_eq!(window.next_wake(), Some(at));
    window.wake_waiting(at - Duration::from_millis(1));
    assert_eq!(window.next_load(), None);
    window.wake_waiting(at);
    load(&mut window, &log);
    for sequence in [1, 2, 4] {
        assert_eq!(send(&mut window), [sequence]);
        window.landed(&event(sequence, 1));
        window.finish(number(1));
        load(&mut window, &log);
    }
    for (sequence, ticket) in [(3, 2), (5, 3)] {
        window.landed(&event(sequence, ticket));
        window.finish(number(ticket));
    }
    assert_eq!((window.loaded, window.bytes, window.held), (0, 0, 0));
    assert!(window.lanes.is_empty());
}

#[test]
fn while_the_destination_is_down_a_different_ticket_asks_each_time() {
    let log = [(1, 1), (2, 2), (3, 3)];
    let mut window = window(&log);
    let mut probes = Vec::new();
    for _ in 0..7 {
        window.wake_suspended();
        load(&mut window, &log);
        let (key, event) = window.take_next().unwrap();
        probes.push(key.sequence.0);
        window.landed(&event);
        window.suspend(event.number);
    }
    assert_eq!(probes, [1, 2, 3, 1, 2, 3, 1]);
    window.resume();
    load(&mut window, &log);
    assert_eq!(send(&mut window), [1, 2, 3], "up again: all, the oldest first");
}

#[test]
fn a_replay_goes_before_later_events_of_its_ticket_that_have_not_gone_yet() {
    let mut window = window(&[(5, 1), (7, 1)]);
    window.admit(event(3, 1), true);
    assert_eq!(send(&mut window), [5], "what is first in line stays first");
    window.landed(&event(5, 1));
    window.finish(number(1));
    assert_eq!(window.take_next().map(|(key, _)| (key.sequence.0, key.replay)), Some((3, true)));
}

#[test]
fn thousands_of_failed_events_take_no_room_from_others() {
    let mut window = Window::new(8);
    let mut now = Instant::now();
    for sequence in 1..=5000 {
        assert!(window.room() > 0);
        window.admit(event(sequence, sequence as u32), false);
        let (_, event) = window.take_next().unwrap();
        window.landed(&event);
        window.wait(event.number, now + Duration::from_secs(sequence as u64));
    }
    assert_eq!(window.loaded, 0);
    now += Duration::from_secs(5000);
    window.wake_waiting(now);
    let (after, limit) = window.next_load().unwrap();
    assert_eq!((after, limit), (Sequence(0), 64), "near ones are loaded together");
    (5001..)
        .take_while(|sequence| {
            window.held < HELD && {
                window.admit(event(*sequence, *sequence as u32), false);
                true
            }
        })
        .count();
    assert_eq!(window.room(), 0, "but there is an end to it");
}

#[test]
fn large_bodies_close_the_window_early() {
    let mut window = Window::new(8);
    let large = StoredEvent { body: Bytes::from(vec![0; BYTES]), ..event(1, 1) };
    window.admit(large, false);
    assert_eq!(window.room(), 0);
    let (_, event) = window.take_next().unwrap();
    assert_eq!(window.room(), 0, "still in memory");
    window.landed(&event);
    window.finish(event.number);
    assert_eq!(window.room(), 8);
}

#[test]
fn after_a_rewind_nothing_older_counts_but_the_replays() {
    let log = [(1, 1), (2, 1), (3, 2), (4, 3), (6, 4)];
    let mut window = window(&log);
    window.admit(event(5, 3), true);
    assert_eq!(window.take_next().map(|(key, _)| key.sequence.0), Some(1));
    window.clear();
    assert_eq!((window.loaded, window.held), (1, 2), "1 is under way, the replay of 5 stays");
    window.admit(event(1, 1), false);
    load(&mut window, &[(5, 3)]);
    assert_eq!(send(&mut window), [5], "1 is under way still");
    assert!(window.landed(&event(1, 1)).is_none());
    assert!(!window.finish(number(1)));
    assert_eq!(send(&mut window), [1]);
    assert!(window.landed(&event(1, 1)).is_some());
    assert!(window.finish(number(1)));
    window.landed(&event(5, 3));
    assert!(window.finish(number(3)));
    assert_eq!((window.loaded, window.bytes, window.held), (0, 0, 0));
}

#[test]
fn an_event_that_has_gone_from_the_log_is_said_and_does_not_block() {
    let mut window = window(&[(1, 1), (2, 2)]);
    for _ in 0..2 {
        let (_, event) = window.take_next().unwrap();
        window.landed(&event);
        window.suspend(event.number);
    }
    window.resume();
    let (after, _) = window.next_load().unwrap();
    let missing = window.loaded(after, vec![event(2, 2)]);
    assert_eq!(missing.map(|(key, number)| (key.sequence.0, number)), Some((1, number(1))));
    window.finish(number(1));
    assert_eq!(send(&mut window), [2]);
}
