//! What only a store of several nodes does.

use super::{OpenError, PostgresStore, schema};
use crate::{
    number::Number,
    store::{
        Accepted, EventLog, MessageId, Outcome, Pass, Records, Sequence, Signal, Store, StoreError,
        tests::{DAY, accept, address, events, message, now, pending, server::Postgres, ticket},
    },
};
use jiesu_connector::OnOtherContent;
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{sync::broadcast::Receiver, time::timeout};

/// Two nodes on one database.
async fn nodes(server: &Postgres) -> (String, [Arc<PostgresStore>; 2]) {
    let url = server.database();
    let open = async || Arc::new(PostgresStore::open(address(&url)).await.unwrap());
    let both = [open().await, open().await];
    (url, both)
}

async fn hear(ear: &mut Receiver<Signal>, signal: Signal) {
    let heard = async { while ear.recv().await != Ok(signal) {} };
    timeout(Duration::from_secs(10), heard).await.unwrap_or_else(|_| panic!("{signal:?} was not heard"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_delivery_at_two_nodes_one_is_new_and_ids_and_sequences_appear_in_their_order() {
    let server = Postgres::start(&["fsync=off"]);
    let (_, nodes) = nodes(&server).await;
    let watched = nodes[0].clone();
    // Whoever has seen one never sees an earlier one appear.
    let watch = tokio::spawn(async move {
        let (mut messages, mut sequences) = (0, 0);
        while sequences < 200 {
            let seen = watched.events(Sequence(0), 1_000).await.unwrap();
            assert!(seen.iter().map(|event| event.sequence.0).eq(1..=seen.len() as i64));
            assert!(seen.len() >= sequences);
            sequences = seen.len();
            let arrived = watched.glance(now(), 1_000).await.unwrap().arrivals.len();
            assert!(arrived >= messages);
            messages = arrived;
        }
    });
    let tasks: Vec<_> = (0..400)
        .map(|index: usize| {
            let store = nodes[index % 2].clone();
            tokio::spawn(async move {
                // Each delivery comes to both.
                let key = format!("{}", index / 2);
                let one = message(key.clone(), Some((&key, OnOtherContent::NewAppeal)));
                match store.accept(vec![one]).await.unwrap().remove(0) {
                    Accepted::New { number, .. } => (number, true),
                    Accepted::Redelivery { number, .. } => (number, false),
                    other => panic!("{other:?}"),
                }
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    for pair in answers.chunks(2) {
        assert!(pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1, "{pair:?}");
    }
    let numbers: BTreeSet<Number> = answers.iter().map(|(number, _)| *number).collect();
    assert!(numbers.iter().map(|number| number.sequence).eq(1..=200));
    let waiting = pending(&nodes[1]).await;
    assert!(waiting.iter().map(|message| message.id.0).eq(1..=200));
    let issue = |node: usize| {
        let (store, waiting) = (nodes[node].clone(), waiting.clone());
        tokio::spawn(async move {
            for message in waiting.iter().filter(|message| message.id.0 as usize % 2 == node) {
                assert_eq!(store.issue(vec![ticket(message.id, message.number, "x")]).await, Ok(0));
            }
        })
    };
    let (one, other) = (issue(0), issue(1));
    one.await.unwrap();
    other.await.unwrap();
    watch.await.unwrap();
    let tally = &nodes[0].tallies(DAY).await.unwrap()[0];
    assert!(tally.balanced() && (tally.received, tally.redelivery, tally.ticketed) == (400, 200, 200), "{tally:?}");
    for node in nodes {
        node.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_hears_what_others_did_and_not_itself_and_what_it_missed_it_hears_afterwards() {
    let mut server = Postgres::start(&["fsync=off"]);
    let (_, [one, other]) = nodes(&server).await;
    let (mut ear, mut own) = (other.signals().unwrap(), one.signals().unwrap());
    // With the beginning of listening all are raised once.
    for signal in super::tx::SIGNALS {
        hear(&mut ear, signal).await;
        hear(&mut own, signal).await;
    }
    let number = accept(&one, message("x", None)).await;
    hear(&mut ear, Signal::Arrived).await;
    one.issue(vec![ticket(MessageId(1), number, "x")]).await.unwrap();
    hear(&mut ear, Signal::Issued).await;
    one.pause_destination("core", true, now()).await.unwrap();
    hear(&mut ear, Signal::Desk).await;
    other.pause_channel("app", true).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(10), own.recv()).await.unwrap(), Ok(Signal::Desk), "its own it knows");

    server.crash();
    for signal in super::tx::SIGNALS {
        hear(&mut ear, signal).await;
    }
    let again = async { while one.accept(vec![message("y", None)]).await.is_err() {} };
    timeout(Duration::from_secs(10), again).await.unwrap();
    hear(&mut ear, Signal::Arrived).await;
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_the_line_issues_nothing_any_more() {
    let server = Postgres::start(&["fsync=off"]);
    let (_, [one, other]) = nodes(&server).await;
    let number = accept(&one, message("x", None)).await;
    let short = Duration::from_millis(300);
    // Their own clocks are of no account: this one's is a century ahead.
    let ahead = Timestamp::now().saturating_add(jiff::SignedDuration::from_hours(24 * 365 * 100)).unwrap();
    assert_eq!(one.lease("line", "one", Timestamp::now(), short).await, Ok(Some(1)));
    assert_eq!(other.lease("line", "other", ahead, Duration::from_secs(60)).await, Ok(None));
    let fenced = one.clone().fenced("line", 1);
    tokio::time::sleep(short).await;
    let now = Timestamp::now();
    assert_eq!(other.lease("line", "other", now, Duration::from_secs(60)).await, Ok(Some(2)));
    // Whose work is in the same transaction is not refused with them.
    let with = async |index: u32| one.accept(vec![message(format!("{index}"), None)]).await;
    let issue = fenced.issue(vec![ticket(MessageId(1), number, "x")]);
    let (refused, first, second) = tokio::join!(issue, with(1), with(2));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert!(matches!(&refused, Err(StoreError::Unavailable(why)) if why.contains("another node")), "{refused:?}");
    assert!(other.ticket(number).await.unwrap().is_none());
    // All else it may still do, and who has the line now goes on.
    accept(&one, message("y", None)).await;
    let line = other.clone().fenced("line", 2);
    assert_eq!(line.issue(vec![ticket(MessageId(1), number, "x")]).await, Ok(0));
    assert_eq!(one.health().trouble, None);
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_takes_nobody_with_it_and_a_text_with_a_nul_is_kept() {
    let server = Postgres::start(&["fsync=off"]);
    let store = Arc::new(PostgresStore::open(address(&server.database())).await.unwrap());
    let mut tasks = Vec::new();
    for index in 0..64 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            if index % 8 == 3 {
                let clash = async |tx: &super::Tx<'_>| tx.execute("INSERT INTO line VALUES (1, 0, 0)", &[]).await;
                let clash = store.write(clash).await;
                assert!(matches!(clash, Err(StoreError::Failed(_))), "{clash:?}");
                let panics = async |_: &super::Tx<'_>| -> Result<(), super::Fail> { panic!("a mistake of ours") };
                assert!(store.write(panics).await.is_err());
                return None;
            }
            let mut one = message(format!("{index}"), None);
            one.incoming.sender = Some(format!("no\0body {index}"));
            Some(accept(&store, one).await.sequence)
        }));
    }
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    assert!(numbers.into_iter().eq(1..=56));
    let waiting = store.pending(Pass::default(), Timestamp::now(), 512).await.unwrap();
    assert!(
        waiting.len() == 56 && waiting.iter().all(|one| one.sender.as_ref().unwrap().starts_with("no\u{fffd}body"))
    );
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_hold_a_store_is_refused_and_nothing_is_written() {
    let server = Postgres::start(&["fsync=off"]);
    let url = server.database();
    let open = async |url: &str| PostgresStore::open(address(url)).await.map(drop);
    // Many nodes at once: one makes the tables.
    let nodes: Vec<_> = (0..6).map(|_| tokio::spawn(PostgresStore::open(address(&url)))).collect();
    for node in nodes {
        node.await.unwrap().unwrap().close().await.unwrap();
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let name = url.rsplit('/').next().unwrap();
    let before = server.ask(name, tables);
    server.ask(name, "INSERT INTO jiesu (version) VALUES (999)");
    match open(&url).await {
        Err(OpenError::Newer { found, known, .. }) => assert_eq!((found, known), (999, schema::version())),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.ask(name, tables), before);

    server.ask("postgres", "CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let refused = open(&server.url("old")).await.unwrap_err().to_string();
    assert!(refused.contains("LATIN1") && refused.contains("UTF8"), "{refused}");
    let refused = open(&server.url("missing")).await.unwrap_err().to_string();
    assert!(refused.contains("missing"), "{refused}");
    assert!(matches!(open("postgres://jiesu@127.0.0.1:9/store").await, Err(OpenError::Unreachable(_))));
    // Tables of somebody else's: not even half of ours are added.
    let url = server.database();
    let name = url.rsplit('/').next().unwrap();
    server.ask(name, "CREATE TABLE ticket (id bigint)");
    assert!(matches!(open(&url).await, Err(OpenError::Migration { .. })));
    assert_eq!(server.ask(name, tables), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_durable_whatever_the_server_says_and_a_batch_is_one_transaction() {
    let server = Postgres::start(&["fsync=off", "synchronous_commit=off"]);
    let url = server.database();
    let store = Arc::new(PostgresStore::open(address(&url)).await.unwrap());
    let name = url.rsplit('/').next().unwrap();
    let setting =
        async |tx: &super::Tx<'_>| tx.one::<String>("SELECT current_setting('synchronous_commit')", &[]).await;
    assert_eq!(store.write(setting).await.unwrap(), "on");
    let commits = || server.ask(name, "SELECT pg_current_xact_id()").parse::<u64>().unwrap();
    let before = commits();
    let tasks: Vec<_> = (0..600)
        .map(|index| {
            let store = store.clone();
            tokio::spawn(async move { accept(&store, message(format!("{index}"), None)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let used = commits() - before;
    assert!(used < 200, "{used} transactions for 600 messages");
    let quarantine = Outcome::Quarantine { message: MessageId(1), reason: "no\0thing".into(), at: now() };
    assert_eq!(store.issue(vec![quarantine]).await, Ok(0));
    assert!(events(&store).await.is_empty());
    store.close().await.unwrap();
    assert!(matches!(store.accept(vec![message("late", None)]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.paused_destinations().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_in_the_middle_of_a_write_holds_the_others_up_for_seconds_only() {
    let server = Postgres::start(&["fsync=off"]);
    let (_, [one, other]) = nodes(&server).await;
    let hanging = one.clone();
    let hung = tokio::spawn(async move {
        let hang = async |_: &super::Tx<'_>| {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        };
        hanging.write(hang).await
    });
    let locked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'";
    while server.ask("postgres", locked) != "1" {}
    let taken = timeout(Duration::from_secs(9), accept(&other, message("x", None))).await;
    assert_eq!(taken.expect("the lock was not taken from who hangs").sequence, 1);
    let refused = hung.await.unwrap();
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let again = async { while one.accept(vec![message("y", None)]).await.is_err() {} };
    timeout(Duration::from_secs(10), again).await.unwrap();
    assert_eq!(pending(&other).await.len(), 2);
    one.close().await.unwrap();
    other.close().await.unwrap();
}
