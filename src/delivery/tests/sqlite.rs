//! With the store that production has.

use super::{
    body,
    fake::destination,
    sequence_of,
    sockets::{Receiver, status},
    soon, until,
};
use crate::{
    delivery::{Destination, Post, start},
    store::{
        Accepted, EventLog, NewEvent, NewMessage, NewTicket, Outcome, Pace, Progress, Sequence, Store,
        sqlite::SqliteStore,
    },
};
use jiesu_connector::{Incoming, Raw, digest};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Arc,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Stores `tickets` tickets with `events` events each.
async fn fill(store: &SqliteStore, tickets: usize, events: usize) {
    let message = |place: usize| NewMessage {
        channel: "api".into(),
        hotline: "12345".into(),
        received_at: Timestamp::UNIX_EPOCH,
        day: 20_261_122,
        window: None,
        pace: Pace::Usual,
        piece: None,
        contact: None,
        incoming: Incoming {
            raw: Raw { media_type: "text/plain".into(), meta: BTreeMap::new(), body: "x".into() },
            keys: Vec::new(),
            digest: digest([place.to_be_bytes().as_slice()]),
            sender: None,
            hotline: None,
            joins: true,
            receipt: false,
        },
    };
    let accepted = store.accept((0..tickets).map(message).collect()).await.unwrap();
    assert!(accepted.iter().all(|accepted| matches!(accepted, Accepted::New { .. })));
    let messages = store.pending(Default::default(), Timestamp::now(), tickets).await.unwrap();
    let mut sequence = 0;
    let outcomes = messages.iter().map(|message| {
        let event = |_| {
            sequence += 1;
            let body = format!(r#"{{"sequence":"0000000000000000",{}"#, &body(sequence)[1..]);
            NewEvent {
                id: format!("ev_{sequence}"),
                kind: "ticket.created",
                number: message.number,
                body: body.into(),
                sequence_at: 13,
            }
        };
        let events = (0..events).map(event).collect();
        let ticket = NewTicket {
            number: message.number,
            code_hash: [0; 16],
            channel: "api".into(),
            hotline: "12345".into(),
            kind: "complaint",
            appellant: "ap_1".into(),
            sender: None,
            received_at: message.received_at,
            receipt: None,
            document: "{}".into(),
            repeats: None,
            joins: None,
            unchecked: false,
        };
        Outcome::Ticket { messages: vec![message.id], ticket: Box::new(ticket), events, media: Vec::new() }
    });
    store.issue(outcomes.collect()).await.unwrap();
}

fn open(path: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(path).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_moment_it_dies_everything_arrives_in_order_and_hardly_anything_twice() {
    const EVENTS: usize = 4000;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jiesu.db");
    let store = SqliteStore::open(&path).unwrap();
    fill(&store, EVENTS / 4, 4).await;
    let store: Arc<dyn EventLog> = Arc::new(store);
    let receiver = Receiver::start(|_, _| status(200, "")).await;
    let destination = Destination { concurrency: 32, url: receiver.url(), ..destination() };
    let (_wake, wake) = watch::channel(Sequence(EVENTS as i64));
    for life in 1.. {
        let worker =
            start(Arc::clone(&store), destination.clone(), Post::alone(), wake.clone(), CancellationToken::new())
                .unwrap();
        let enough = (life * 500).min(EVENTS);
        until("some more", || receiver.seen.lock().unwrap().len() >= enough).await;
        if enough == EVENTS {
            until("all", || worker.handle.status().behind == 0).await;
            break;
        }
        worker.join.abort();
        let _ = worker.join.await;
        // What was in line at the store when it died is written.
        store.exhume("nobody", Sequence(0)).await.unwrap();
    }
    let seen = receiver.seen();
    let mut bodies = HashMap::new();
    let mut first_times = Vec::new();
    for seen in &seen {
        let id = seen.header("webhook-id").unwrap().to_owned();
        if *bodies.entry(id.clone()).or_insert_with(|| {
            first_times.push(sequence_of(&id).0);
            seen.body.clone()
        }) != seen.body
        {
            panic!("{id} has two bodies");
        }
    }
    assert_eq!(bodies.len(), EVENTS);
    let mut of_ticket: HashMap<i64, i64> = HashMap::new();
    for sequence in first_times {
        let before = of_ticket.insert((sequence - 1) / 4, sequence).unwrap_or_default();
        assert!(before < sequence);
    }
    // At most as many as may be under way were not in line to be saved: only they and what was under way go again.
    let again = seen.len() - EVENTS;
    assert!(again <= 7 * 2 * 32, "{again} of {EVENTS} twice");
}

#[tokio::test]
async fn after_an_orderly_stop_nothing_is_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jiesu.db");
    let store = SqliteStore::open(&path).unwrap();
    fill(&store, 500, 2).await;
    store.close().await.unwrap();
    drop(store);
    let receiver = Receiver::start(|_, _| status(200, "")).await;
    let destination = Destination { url: receiver.url(), ..destination() };
    let (_wake, wake) = watch::channel(Sequence(1000));
    for enough in [200, 400, 1000] {
        let store = open(&path);
        let stop = CancellationToken::new();
        let worker = start(store.clone(), destination.clone(), Post::alone(), wake.clone(), stop.clone()).unwrap();
        until("some more", || receiver.seen.lock().unwrap().len() >= enough).await;
        stop.cancel();
        soon(worker.join).await.unwrap();
        store.close().await.unwrap();
    }
    let ids: HashSet<String> =
        receiver.seen().iter().map(|seen| seen.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!((ids.len(), receiver.seen().len()), (1000, 1000));
    let saved = open(&path).progress("core").await.unwrap();
    assert_eq!(saved, Progress { cursor: Sequence(1000), ahead: vec![] });
}
