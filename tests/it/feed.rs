//! The feed, and the account that must balance.

use crate::harness::{Gateway, Reply, Site, TOKEN, eventually, get, post_all, request, seconds, today};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn page(gateway: &Gateway, query: &str) -> (Vec<Value>, String) {
    let reply = get(gateway.admin, &format!("/api/v1/events?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    let next = &body["next"];
    let cursor = next.as_str().map_or_else(|| next.to_string(), str::to_owned);
    (body["events"].as_array().unwrap().clone(), cursor)
}

fn appeals(name: &str, count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({ "id": format!("{name}-{number}"), "content": format!("{name} {number}") }))
        .collect()
}

async fn all(gateway: &Gateway, count: usize) -> Vec<Value> {
    eventually("all events in the feed", seconds(10), async || {
        let (events, _) = page(gateway, "after=0&limit=1000").await;
        (events.len() == count).then_some(events)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_is_ordered_and_read_page_by_page() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let (nothing, cursor) = page(&gateway, "after=0").await;
    assert!(nothing.is_empty());
    let numbers = post_all(gateway.public, appeals("page", 25), 4).await;
    let events = all(&gateway, 25).await;
    assert!(events.is_sorted_by_key(|event| event["sequence"].as_str().unwrap().to_owned()));
    let (mut read, mut cursor) = (Vec::new(), cursor);
    loop {
        let (events, next) = page(&gateway, &format!("after={cursor}&limit=10")).await;
        if events.is_empty() {
            assert_eq!(next, cursor, "an empty page gives the cursor to ask with again");
            break;
        }
        assert!(events.len() <= 10);
        read.extend(events);
        cursor = next;
    }
    assert_eq!(read, events);
    site.core.has_all(&numbers, seconds(5)).await;
    for delivery in site.core.log() {
        assert!(events.contains(&delivery.event), "the feed says what the core was told");
    }
    for bad in ["after=x", "limit=0", "limit=x", "wait=-1"] {
        let reply = get(gateway.admin, &format!("/api/v1/events?{bad}")).await;
        assert!((400..500).contains(&reply.status) || reply.status == 200, "{bad}: {}", reply.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_ends_with_the_first_event_or_with_the_time() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    gateway.accept("first", "第一条").await;
    all(&gateway, 1).await;
    let (_, cursor) = page(&gateway, "after=0").await;
    let query = format!("after={cursor}&wait=1");
    let from = Instant::now();
    let (events, next) = page(&gateway, &query).await;
    assert!(events.is_empty() && next == cursor);
    assert!((Duration::from_millis(900)..seconds(3)).contains(&from.elapsed()), "{:?}", from.elapsed());
    let query = format!("after={cursor}&wait=20");
    let from = Instant::now();
    let (page, number) = tokio::join!(page(&gateway, &query), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        gateway.accept("second", "第二条").await
    });
    assert_eq!(page.0[0]["subject"], number.as_str());
    assert!(from.elapsed() < seconds(3), "{:?}", from.elapsed());
}

/// Reads Server-Sent Events until `count` have come: their ids and data.
async fn stream(gateway: &Gateway, last: Option<&str>, count: usize) -> Vec<(String, Value)> {
    let mut stream = TcpStream::connect(gateway.admin).await.unwrap();
    let resume = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
    let head =
        format!("GET /api/v1/events/stream HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{resume}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    timeout(seconds(10), async {
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
            let events: Vec<_> = blocks.filter_map(event).collect();
            if events.len() >= count {
                assert!(text.contains("text/event-stream"), "{text}");
                return events;
            }
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the stream ended: {text}");
        }
    })
    .await
    .expect("events on the stream within 10 s")
}

fn event(block: &str) -> Option<(String, Value)> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((field("id:")?.to_owned(), serde_json::from_str(field("data:")?).ok()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_resumes_after_the_last_event_seen() {
    let mut site = Site::new().await;
    let mut gateway = site.start().await;
    post_all(gateway.public, appeals("sse", 6), 1).await;
    let events = all(&gateway, 6).await;
    let seen = stream(&gateway, Some("0"), 6).await;
    assert_eq!(seen.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), events);
    gateway.kill();
    let gateway = site.start().await;
    let resumed = stream(&gateway, Some(&seen[2].0), 3).await;
    assert_eq!(resumed, seen[3..]);
    let (live, _) = tokio::join!(stream(&gateway, Some(&seen[5].0), 1), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        gateway.accept("live", "直播").await
    });
    assert_eq!(live[0].1["data"]["ticket"]["content"], "直播");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_received_adds_up() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let day = today();
    // It adds up at any moment, also while tickets are being made.
    let posted = post_all(gateway.public, appeals("good", 20), 4);
    let watched = async {
        for _ in 0..60 {
            let body = get(gateway.admin, &format!("/api/v1/reconciliation?day={day}")).await.json();
            assert_eq!(body["balanced"], true, "{body}");
        }
    };
    tokio::join!(posted, watched);
    let bearer = format!("Bearer {TOKEN}");
    let post = async |token: &str, body: &str| -> Reply {
        request(gateway.public, "POST", "/channels/app", &[("authorization", token)], body.as_bytes()).await
    };
    for number in 0..5 {
        let again = json!({ "id": format!("good-{number}"), "content": format!("good {number}") });
        assert_eq!(post(&bearer, &again.to_string()).await.status, 200);
    }
    for bad in ["{}", "not json", r#"{"content":""}"#, r#"{"content":"a","colour":"red"}"#] {
        let reply = post(&bearer, bad).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
    }
    assert_eq!(post("Bearer wrong", r#"{"content":"a"}"#).await.status, 401);
    let named = json!({ "id": "named", "content": "城管", "hotline": "12319" });
    assert_eq!(post(&bearer, &named.to_string()).await.status, 201);

    let account = eventually("all in the account", seconds(10), async || {
        let reply = get(gateway.admin, &format!("/api/v1/reconciliation?day={day}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let body = reply.json();
        (body["total"]["ticketed"] == 21).then_some(body)
    })
    .await;
    assert_eq!(account["balanced"], true, "{account}");
    let (total, rows) = (&account["total"], account["rows"].as_array().unwrap());
    assert_eq!(
        ["received", "ticketed", "supplement", "repeat", "redelivery", "rejected", "pending"].map(|key| &total[key]),
        [30, 21, 0, 0, 5, 4, 0].map(Value::from).each_ref(),
        "{account}"
    );
    let row = |hotline: &str| rows.iter().find(|row| row["channel"] == "app" && row["hotline"] == hotline).unwrap();
    assert_eq!(row("12319")["received"], 1);
    assert_eq!(row("12345")["received"], 29);
}
