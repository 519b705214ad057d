//! Whatever is refused is refused in the same clear form, and nobody's slowness is anybody else's.

use crate::harness::{Gateway, Reply, Site, TOKEN, get, post, request, seconds};
use serde_json::json;
use std::time::Instant;
use tokio::{io::AsyncWriteExt, net::TcpStream};

fn is_problem(reply: &Reply, status: u16) -> bool {
    reply.status == status && reply.header("content-type") == Some("application/problem+json")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_and_queries_that_cannot_be_read_are_problems() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    for path in
        ["/files/%ff/f1", "/files/20261122-000001-7/f1?expires=x", "/files/20261122-000001-7/f1?expires=1&expires=2"]
    {
        let reply = get(gateway.public, path).await;
        assert!(is_problem(&reply, 400), "{path}: {} {}", reply.status, reply.text());
    }
    for path in ["/api/v1/tickets/%ff"] {
        let reply = get(gateway.admin, path).await;
        assert!(is_problem(&reply, 400), "{path}: {} {}", reply.status, reply.text());
    }
    for id in ["x", "-1", "99999999999999999999"] {
        let reply = request(gateway.admin, "GET", "/api/v1/events/stream", &[("last-event-id", id)], b"").await;
        assert!(is_problem(&reply, 400), "Last-Event-ID {id}: {}", reply.status);
        assert_eq!(reply.json()["errors"][0]["field"], "Last-Event-ID");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_shape_is_told_its_field_in_the_words_of_json() {
    let core = "token-of-the-core-0123456789abcdef";
    let mut site = Site::new().await;
    site.set("core.token", core);
    let gateway = site.start().await;
    let update = "/api/v1/tickets/20261122-000001-7/updates";
    for (address, path, token, body, field) in [
        (gateway.public, update, Some(core), json!({ "id": "u", "reply": "已修好" }), "reply"),
        (gateway.public, update, Some(core), json!({ "id": "u", "status": 5 }), "status"),
        (gateway.public, "/channels/app", Some(TOKEN), json!({ "content": "a", "location": "路口" }), "location"),
        (gateway.admin, "/api/v1/deliveries/retry", None, json!({ "destination": 5 }), "destination"),
        (gateway.admin, "/api/v1/parity", None, json!({ "line": "12345", "first": "today" }), "first"),
        (gateway.admin, "/api/v1/channels/app/messages", None, json!({ "messages": 7 }), "messages"),
    ] {
        let reply = post(address, path, token, &body).await;
        assert!(is_problem(&reply, 400), "{path}: {} {}", reply.status, reply.text());
        assert_eq!(reply.json()["errors"][0]["field"], field, "{}", reply.text());
        let ours = ["struct", "enum", "variant", "u32", "sequence"];
        assert!(!ours.iter().any(|word| reply.text().contains(word)), "{}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_too_long_counts_as_rejected_only_of_who_has_a_key() {
    let mut site = Site::new().await;
    site.set("server.max_body", "1KiB");
    let gateway = site.start().await;
    let long = json!({ "content": "字".repeat(1_000) });
    for (token, received) in [(None, 0), (Some("another-token"), 0), (Some(TOKEN), 1)] {
        assert!(is_problem(&post(gateway.public, "/channels/app", token, &long).await, 413), "{token:?}");
        let total = get(gateway.admin, "/api/v1/reconciliation").await.json()["total"].clone();
        assert_eq!((&total["received"], &total["rejected"]), (&json!(received), &json!(received)), "{token:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_do_not_come_take_no_room_from_others() {
    let mut site = Site::new().await;
    let gateway: Gateway = site.start().await;
    let mut slow = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(gateway.public).await.unwrap();
        let head = b"POST /channels/app HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
        stream.write_all(head).await.unwrap();
        slow.push(stream);
    }
    for number in 0..5 {
        let asked = Instant::now();
        let reply = gateway.appeal(&json!({ "content": format!("照常 {number}") })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert!(asked.elapsed() < seconds(1), "another client waited {:?}", asked.elapsed());
    }
}
