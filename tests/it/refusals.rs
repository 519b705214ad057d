//! Whatever is refused is refused in the same clear form, and nobody's slowness is anybody else's.

use crate::harness::{Gateway, Reply, Site, get, request, seconds};
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
