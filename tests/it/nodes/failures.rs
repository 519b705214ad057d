//! Nodes that are killed, frozen, and stopped.

use super::*;
use crate::harness::{Connection, Load, TOKEN, Tally, post_all};
use serde_json::json;
use std::{net::SocketAddr, time::Instant};
use tokio::task::JoinSet;

/// Every acknowledged appeal has one number, and is at the core under it, as one ticket.
pub async fn all_there(city: &City, tallies: &[Tally]) {
    let numbers: Vec<&String> = tallies.iter().flat_map(|tally| tally.numbers.values()).collect();
    city.site.core.has_all(numbers.iter().copied(), seconds(150)).await;
    assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), numbers.len(), "no number is given twice");
    let delivered = city.delivered();
    let created = delivered.iter().filter(|delivery| delivery.kind() == "ticket.created");
    let ids: Vec<&str> = created.map(|delivery| delivery.content()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "no appeal has two tickets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_nodes_work_is_taken_over_and_nothing_is_lost() {
    let mut city = City::new().await;
    let (mut one, other) = city.two().await;
    let (here, there) = (Load::start("here", 6), Load::start("there", 4));
    here.aim(Some(one.public));
    there.aim(Some(other.public));
    here.advance(150, seconds(60)).await;
    one.kill();
    here.aim(None);
    let killed = Instant::now();
    // The survivor accepts all the time.
    there.advance(20, seconds(20)).await;
    here.aim(Some(other.public));
    has_all(&other, TAKEN_OVER).await;
    let before = city.site.core.count();
    until("deliveries go on", TAKEN_OVER.saturating_sub(killed.elapsed()), || {
        (city.site.core.count() > before).then_some(())
    })
    .await;
    let tallies = [here.finish().await, there.finish().await];
    all_there(&city, &tallies).await;
    let total = balanced(&other).await;
    assert_eq!(total["pending"], 0, "{total}");
    // It comes back, takes nothing away, and accepts.
    let again = city.node().await;
    again.accept("back", "路灯又亮了，谢谢").await;
    assert_eq!(holds(&again).await, [""; 0]);
    assert!(holds(&other).await.contains(&"line".to_owned()));
}

/// Posts until it is taken, at the one or the other.
async fn insist(first: SocketAddr, then: SocketAddr, body: Value) {
    let (bearer, body) = (format!("Bearer {TOKEN}"), body.to_string());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for address in [first, then].into_iter().cycle() {
        if let Ok(mut connection) = Connection::open(address).await
            && let Ok(reply) = connection.send("POST", "/channels/app", &headers, body.as_bytes()).await
            && matches!(reply.status, 200 | 201)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_twice_while_a_node_is_killed_is_one_ticket_and_one_repeat() {
    let mut city = City::new().await;
    let (mut one, other) = city.two().await;
    let (here, there) = (one.public, other.public);
    let mut saying = JoinSet::new();
    const CITIZENS: usize = 120;
    for citizen in 0..CITIZENS {
        for (again, first, then) in [(0, here, there), (1, there, here)] {
            let body = json!({
                "id": format!("{citizen}-{again}"),
                "content": format!("滨河路{}号的路灯坏了三天，晚上一片漆黑没人来修", citizen * 3 + 11),
                "appellant": { "phone": format!("139{:08}", citizen * 7_919) },
            });
            saying.spawn(insist(first, then, body));
        }
        if citizen == CITIZENS / 3 {
            // In the middle of it: what it put into the index has no ticket yet.
            until("the first tickets", seconds(30), || (city.site.core.count() > 3).then_some(())).await;
            one.kill();
        }
        if citizen % 8 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    while let Some(said) = saying.join_next().await {
        said.unwrap();
    }
    has_all(&other, TAKEN_OVER).await;
    let count = |kind| city.site.core.taken().iter().filter(|delivery| delivery.kind() == kind).count();
    eventually("everything has become something", seconds(90), async || {
        (balanced(&other).await["pending"] == 0 && count("ticket.created") + count("ticket.repeated") >= 2 * CITIZENS)
            .then_some(())
    })
    .await;
    let mut fates: HashMap<String, [usize; 2]> = HashMap::new();
    for delivery in city.delivered() {
        let phone = delivery.event["data"]["ticket"]["appellant"]["phone"].as_str().unwrap().to_owned();
        let fates = fates.entry(phone).or_default();
        fates[0] += usize::from(delivery.kind() == "ticket.created");
        fates[1] += usize::from(delivery.kind() == "ticket.repeated");
    }
    let wrong: Vec<_> = fates.iter().filter(|(_, fates)| **fates != [1, 1]).collect();
    assert!(fates.len() == CITIZENS && wrong.is_empty(), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_are_in_the_index_and_have_no_ticket_yet_the_earlier_one_gets_it() {
    let mut city = City::new().await;
    let mut one = city.node().await;
    has_all(&one, seconds(20)).await;
    // Nobody makes tickets until both are accepted.
    city.ask("UPDATE lease SET holder = 'nobody', fence = fence + 1, until = 9000000000000 WHERE resource = 'line'");
    eventually("the line is lost", seconds(20), async || {
        (!holds(&one).await.contains(&"line".to_owned())).then_some(())
    })
    .await;
    let say = |id: &str| json!({ "id": id, "content": "滨河路77号的路灯坏了三天，晚上一片漆黑没人来修", "appellant": { "phone": "13900000001" } });
    let first = one.appeal(&say("a")).await.json()["number"].clone();
    assert_eq!(one.appeal(&say("b")).await.status, 201);
    // Both are looked for, and put into the index; no ticket is stored.
    city.ask("BEGIN; LOCK TABLE ticket IN EXCLUSIVE MODE; PREPARE TRANSACTION 'held'");
    city.ask("UPDATE lease SET until = 0 WHERE resource = 'line'");
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'ticket'::regclass AND NOT granted";
    eventually("a ticket waits to be stored", seconds(20), async || (city.ask(waiting) != "0").then_some(())).await;
    assert_eq!(city.redis.ask(&["GET", "{jiesu:repeats:4}:n"]), "2", "both are in the index");
    one.kill();
    city.ask("ROLLBACK PREPARED 'held'");
    let other = city.node().await;
    eventually("everything has become something", seconds(60), async || {
        (balanced(&other).await["pending"] == 0 && city.site.core.attempts() >= 2).then_some(())
    })
    .await;
    let fates: Vec<(String, Value)> =
        city.delivered().iter().map(|it| (it.kind().to_owned(), it.event["subject"].clone())).collect();
    assert_eq!(fates, [("ticket.created".to_owned(), first.clone()), ("ticket.repeated".to_owned(), first)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_frozen_steps_back_and_says_nothing_twice() {
    let mut city = City::new().await;
    let (one, other) = city.two().await;
    let (here, there) = (Load::start("here", 3), Load::start("there", 3));
    here.aim(Some(one.public));
    there.aim(Some(other.public));
    here.advance(60, seconds(60)).await;
    one.freeze();
    has_all(&other, TAKEN_OVER).await;
    there.advance(50, seconds(60)).await;
    one.thaw();
    logs(&one, "this node has it no more", seconds(10)).await;
    // Both go on accepting, and one of them has the line.
    here.advance(30, seconds(60)).await;
    there.advance(30, seconds(60)).await;
    let tallies = [here.finish().await, there.finish().await];
    all_there(&city, &tallies).await;
    let (mine, theirs) = (holds(&one).await, holds(&other).await);
    assert!(mine.is_empty() && theirs.contains(&"line".to_owned()), "{mine:?} {theirs:?}");
    assert_eq!(balanced(&one).await, balanced(&other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_hands_over_at_once() {
    let mut city = City::new().await;
    let (mut one, other) = city.two().await;
    let bodies = (0..40).map(|id| json!({ "id": format!("s{id}"), "content": format!("第 {id} 号路灯不亮") }));
    let first = post_all(one.public, bodies.collect(), 4).await;
    let stopped = Instant::now();
    one.terminate();
    has_all(&other, seconds(10)).await;
    assert!(stopped.elapsed() < seconds(2), "{:?}", stopped.elapsed());
    let after = other.accept("after", "井盖丢了").await;
    city.site.core.has_all(first.iter().chain([&after]), seconds(30)).await;
    assert!(one.ended(seconds(10)).await.success());
    city.delivered();
    assert_eq!(balanced(&other).await["received"], 41);
}
