//! Delivery: at least once, in order, byte for byte; a poison message is not a poison destination.

use crate::harness::{Answer, Core, Delivery, Gateway, Site, eventually, get, post, post_all, seconds, until};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;

fn appeals(name: &str, count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({ "id": format!("{name}-{n}"), "content": format!("{name} 第 {n} 条") })).collect()
}

async fn dead_letters(gateway: &Gateway) -> Vec<Value> {
    let reply = get(gateway.admin, "/api/v1/deliveries?state=dead").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["deliveries"].as_array().expect("a list of deliveries").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_and_then_silence_is_at_the_core_within_a_second() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    for round in 0..3 {
        let number = gateway.accept(&format!("lone-{round}"), "只有这一条").await;
        site.core.has_all([&number], seconds(1)).await;
    }
    let event = site.core.log().remove(0);
    assert_eq!(event.signature, Ok(()));
    assert_eq!(event.kind(), "ticket.created");
    assert_eq!(event.event["specversion"], "1.0");
    let media_type = event.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type")).unwrap();
    assert!(media_type.1.starts_with("application/cloudevents+json"), "{media_type:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_poison_messages_of_a_thousand_die_alone_and_replay_delivers_them() {
    let mut site = Site::new().await;
    site.core.script(|delivery| {
        if delivery.content().contains("毒") { Answer::With(422, "", "no such district") } else { Answer::Status(200) }
    });
    let gateway = site.start().await;
    let mut bodies = appeals("good", 1000);
    for at in [10, 500, 990] {
        bodies[at]["content"] = format!("毒 {at}").into();
    }
    let numbers = post_all(gateway.public, bodies, 16).await;
    let poison: Vec<_> = [10, 500, 990].map(|at| numbers[at].clone()).into();
    site.core.has_all(numbers.iter().filter(|number| !poison.contains(number)), seconds(10)).await;

    let dead = eventually("three dead letters", seconds(20), async || {
        let dead = dead_letters(&gateway).await;
        (dead.len() == 3).then_some(dead)
    })
    .await;
    for letter in &dead {
        assert!(letter.to_string().contains("422"), "the reason is in {letter}");
        assert_eq!(letter["destination"], "core");
    }
    let tries = site.core.log().iter().filter(|delivery| delivery.subject() == poison[0]).count();
    assert_eq!(tries, 3, "attempts before a message is given up");
    assert!(site.core.verify().values().all(|times| *times <= 1), "a good message was sent again");

    site.core.always(Answer::Status(200));
    let id = &dead[0]["id"];
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let retried = post(gateway.admin, &format!("/api/v1/deliveries/{id}/retry"), None, &json!({})).await;
    assert!((200..300).contains(&retried.status), "{} {}", retried.status, retried.text());
    until("one of the three", seconds(5), || (site.core.numbers().len() == 998).then_some(())).await;
    let output = site.run_beside(&gateway, "replay", &["--dead"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    site.core.has_all(&numbers, seconds(5)).await;
    eventually("no dead letter left", seconds(5), async || dead_letters(&gateway).await.is_empty().then_some(())).await;
    site.core.verify();
}

/// The destination is at fault for a while: nothing dies, few probes, everything comes afterwards.
async fn survives(name: &'static str, trouble: Answer) {
    let mut site = Site::new().await;
    site.set("core.timeout", "1s");
    site.core.always(trouble);
    let gateway = site.start().await;
    let before = gateway.memory();
    let mut numbers = post_all(gateway.public, appeals(name, 200), 8).await;
    let first = until("a first attempt", seconds(5), || site.core.log().first().map(|delivery| delivery.at)).await;
    // What was under way when the trouble began may all have been tried; from then on, one probe a second.
    let from = first + seconds(2);
    tokio::time::sleep_until((from + seconds(4)).into()).await;
    numbers.extend(post_all(gateway.public, appeals(&format!("{name}-late"), 50), 8).await);
    let probes: Vec<_> = site.core.log().iter().map(|delivery| delivery.at).filter(|at| *at > from).collect();
    assert!(probes.len() <= 5, "{name}: {} probes in 4 s while down", probes.len());
    assert!(dead_letters(&gateway).await.is_empty(), "{name}: nothing dies of a destination's trouble");
    let ready = get(gateway.admin, "/readyz").await;
    assert!([200, 503].contains(&ready.status), "{name}: {}", ready.status);

    site.core.always(Answer::Status(200));
    site.core.has_all(&numbers, seconds(15)).await;
    assert!(dead_letters(&gateway).await.is_empty(), "{name}");
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{name}: {} MiB more memory", grown >> 20);
    site.core.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_in_trouble_costs_nothing_but_time() {
    let troubles = [
        ("401", Answer::Status(401)),
        ("403", Answer::Status(403)),
        ("404", Answer::Status(404)),
        ("405", Answer::Status(405)),
        ("410", Answer::Status(410)),
        ("425", Answer::Status(425)),
        ("429", Answer::With(429, "retry-after: 1\r\n", "")),
        ("500", Answer::Status(500)),
        ("503", Answer::With(503, "retry-after: 2\r\n", "")),
        ("301", Answer::With(301, "location: http://127.0.0.1:9/\r\n", "")),
        ("307", Answer::With(307, "location: /elsewhere\r\n", "")),
        ("time-out", Answer::Hang),
        ("reset", Answer::Reset),
        ("half", Answer::Half),
    ];
    // Few at a time, so that they do not wait for one another's processor.
    let mut troubles = troubles.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < 7
            && let Some((name, trouble)) = troubles.next()
        {
            running.spawn(survives(name, trouble));
        }
        match running.join_next().await {
            Some(ended) => ended.unwrap(),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_says_200_and_means_500_has_not_taken_it() {
    let mut site = Site::new().await;
    site.set("core.success", ".code == 0");
    site.core.always(Answer::With(200, "content-type: application/json\r\n", r#"{"code":500}"#));
    let gateway = site.start().await;
    gateway.accept("one", "一条").await;
    until("a second attempt", seconds(10), || (site.core.attempts() >= 2).then_some(())).await;
    site.core.always(Answer::With(200, "content-type: application/json\r\n", r#"{"code":0}"#));
    let from = site.core.attempts();
    until("one more", seconds(10), || (site.core.attempts() > from).then_some(())).await;
    assert!(dead_letters(&gateway).await.is_empty());
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(site.core.attempts(), from + 1, "taken is taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_followed_by_the_same_bytes_under_the_same_id() {
    let mut site = Site::new().await;
    let lost = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lost);
    site.core.script(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0..8 => Answer::Lost,
        8..11 => Answer::Status(409),
        _ => Answer::Status(200),
    });
    let gateway = site.start().await;
    let numbers = post_all(gateway.public, appeals("lost", 50), 4).await;
    site.core.has_all(&numbers, seconds(30)).await;
    let answered = |delivery: &Delivery| matches!(delivery.answer, Answer::Status(_));
    until("an answer that arrived for every event", seconds(40), || {
        let log = site.core.log();
        let done: std::collections::HashSet<_> = log.iter().filter(|d| answered(d)).map(|d| &d.id).collect();
        (done.len() == 50).then_some(())
    })
    .await;
    site.core.verify();
    let settled: Vec<_> = site.core.log().into_iter().filter(answered).collect();
    assert_eq!(settled.len(), 50, "nothing is sent again after an answer, 409 included");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_hangs_holds_up_nobody() {
    let mut site = Site::new().await;
    let (hanging, healthy) = (Core::start().await, Core::start().await);
    hanging.always(Answer::Hang);
    let subscriber = |name: &str, core: &Core| {
        let mut table = toml::Table::new();
        table.insert("name".into(), name.into());
        table.insert("url".into(), core.url().into());
        table.insert("secret".into(), "env:JIESU_TEST_CORE_SECRET".into());
        table.insert("events".into(), vec!["ticket.created"].into());
        toml::Value::from(table)
    };
    site.set("subscribers", vec![subscriber("hangs", &hanging), subscriber("well", &healthy)]);
    let gateway = site.start().await;
    let numbers = post_all(gateway.public, appeals("many", 300), 8).await;
    site.core.has_all(&numbers, seconds(5)).await;
    healthy.has_all(&numbers, seconds(5)).await;
    let number = gateway.accept("late", "又一条").await;
    site.core.has_all([&number], seconds(1)).await;
    assert!(!hanging.log().is_empty(), "it was tried");
    assert!(site.core.verify().values().chain(healthy.verify().values()).all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_a_ticket_come_in_order_also_from_a_core_that_stumbles() {
    let mut site = Site::new().await;
    site.set("core.token", "token-of-the-core-0123456789abcdef");
    site.core.script(|_| if crate::harness::random(20) == 0 { Answer::Status(500) } else { Answer::Status(200) });
    let gateway = site.start().await;
    let numbers = post_all(gateway.public, appeals("order", 30), 4).await;
    for (step, status) in ["dispatched", "in_progress", "returned", "dispatched", "replied"].into_iter().enumerate() {
        for number in &numbers {
            let update = json!({ "id": format!("{number}-{step}"), "status": status, "unit": "市城管局", "at": "2026-11-22T08:00:00+08:00" });
            let path = format!("/api/v1/tickets/{number}/updates");
            let answer = eventually("the ticket to be known", seconds(10), async || {
                let answer = post(gateway.public, &path, Some("token-of-the-core-0123456789abcdef"), &update).await;
                (answer.status != 404).then_some(answer)
            })
            .await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    let mut order: HashMap<String, Vec<String>> = HashMap::new();
    until("every event", seconds(60), || {
        order.clear();
        for delivery in site.core.taken() {
            let sequence = delivery.event["sequence"].as_str().unwrap().to_owned();
            order.entry(delivery.subject().to_owned()).or_default().push(sequence);
        }
        (order.len() == 30 && order.values().all(|sequences| sequences.len() == 6)).then_some(())
    })
    .await;
    assert!(order.values().all(|sequences| sequences.is_sorted()), "{order:?}");
    let kinds: Vec<_> =
        site.core.taken().iter().filter(|d| d.subject() == numbers[0]).map(|d| d.kind().to_owned()).collect();
    assert_eq!(kinds[0], "ticket.created");
    assert!(kinds[1..].iter().all(|kind| kind == "ticket.updated"), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_nobody_told_of_is_delivered_all_the_same() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let number = gateway.accept("told", "路灯不亮").await;
    site.core.has_all([&number], seconds(15)).await;
    // As if whoever wrote it had been given up by its client between the write and the word.
    let store = rusqlite::Connection::open(site.database()).unwrap();
    store.busy_timeout(seconds(5)).unwrap();
    let sql = "INSERT INTO event SELECT sequence + 1, 'ev_UNTOLD', kind, number, body FROM event ORDER BY sequence DESC LIMIT 1";
    assert_eq!(store.execute(sql, []), Ok(1));
    drop(store);
    let untold = |one: &Delivery| one.id == "ev_UNTOLD";
    eventually("the event that nobody told of", seconds(15), async || site.core.log().iter().any(untold).then_some(()))
        .await;
}
