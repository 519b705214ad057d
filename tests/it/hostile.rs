//! Hostile and clumsy clients get a clear error or a clean ticket; nobody else notices.

use crate::harness::{Broken, Connection, Gateway, Reply, Site, TOKEN, eventually, get, post, request, seconds};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::{io::AsyncWriteExt, net::TcpStream};

fn auth() -> String {
    format!("Bearer {TOKEN}")
}

async fn raw_body(gateway: &Gateway, media_type: &str, body: &[u8]) -> Reply {
    let headers = [("authorization", &*auth()), ("content-type", media_type)];
    request(gateway.public, "POST", "/channels/app", &headers, body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_cut_off_and_others_notice_nothing() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(gateway.public).await.unwrap();
        stream.write_all(b"POST /channels/app HTTP/1.1\r\nhost: a\r\n").await.unwrap();
        slow.push(stream);
    }
    let before = gateway.memory();
    let from = Instant::now();
    let mut round = 0;
    // A header a second each, for ever: cut off all the same.
    while !slow.is_empty() {
        assert!(from.elapsed() < seconds(60), "{} slow clients are still connected", slow.len());
        let (asked, number) = (Instant::now(), round);
        gateway.accept(&format!("quick-{number}"), "别人照常").await;
        assert!(asked.elapsed() < seconds(1), "another client waited {:?}", asked.elapsed());
        let mut left = Vec::new();
        for mut stream in slow {
            let sent = stream.write_all(b"x-slow: 1\r\n").await.is_ok();
            if sent && !closed(&stream) {
                left.push(stream);
            }
        }
        slow = left;
        round += 1;
        tokio::time::sleep(seconds(1)).await;
    }
    assert!(gateway.memory() < before + (32 << 20));
}

fn closed(stream: &TcpStream) -> bool {
    let mut bytes = [0; 1024];
    loop {
        match stream.try_read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_headers_and_endless_ones_are_refused() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let many: String = (0..10_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(4 << 20));
    let path = format!("/{}", "a".repeat(1 << 20));
    for (path, headers) in [("/channels/app", many), ("/channels/app", long), (path.as_str(), String::new())] {
        let bytes = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n{headers}\r\n");
        match Connection::open(gateway.public).await.unwrap().raw(bytes.as_bytes()).await {
            Ok(reply) => assert!([400, 413, 414, 431].contains(&reply.status), "{}", reply.status),
            Err(Broken::Cut(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    gateway.accept("after", "照常").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_200_mb_is_refused_declared_or_chunked() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let before = gateway.memory();
    let head = format!("POST /channels/app HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\n", auth());

    let declared = format!("{head}content-length: 209715200\r\n\r\n");
    let mut connection = Connection::open(gateway.public).await.unwrap();
    let reply = connection.raw(declared.as_bytes()).await.unwrap();
    assert_eq!(reply.status, 413, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));

    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    let mut connection = Connection::open(gateway.public).await.unwrap();
    connection.stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < 200 && connection.stream.write_all(&chunk).await.is_ok() {
        sent += 1;
    }
    match connection.raw(b"").await {
        Ok(reply) => assert_eq!(reply.status, 413, "{}", reply.text()),
        // A client that is not listening may be cut off; the answer is lost with the rest.
        Err(Broken::Cut(_)) if sent < 200 => {}
        Err(other) => panic!("{other:?}"),
    }
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 48 << 20, "{} MiB more memory", grown >> 20);
    gateway.accept("after", "照常").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_body_within_the_limit_is_taken() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let body = json!({ "content": "分块" }).to_string();
    let (first, rest) = body.as_bytes().split_at(5);
    let mut bytes = format!("POST /channels/app HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\n", auth()).into_bytes();
    bytes.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    for part in [first, rest, b""] {
        bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    let reply = Connection::open(gateway.public).await.unwrap().raw(&bytes).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_stops_half_way_is_given_up() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let head =
        format!("POST /channels/app HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\ncontent-length: 100\r\n\r\n", auth());
    let mut stream = TcpStream::connect(gateway.public).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"{\"content\":").await.unwrap();
    eventually("an end", seconds(60), async || closed(&stream).then_some(())).await;
    gateway.accept("after", "照常").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_bodies_get_a_problem_that_names_the_field() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let deep = format!("{{\"content\":\"a\",\"location\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let long = json!({ "content": "长".repeat(100_001) }).to_string();
    let cases: &[(&str, &[u8])] = &[
        ("body", b"not json"),
        ("body", b""),
        ("body", b"[]"),
        ("body", b"null"),
        ("body", b"{\"content\":\"a\""),
        ("body", b"{\"content\":\"a\"}{}"),
        ("location", deep.as_bytes()),
        ("content", b"{}"),
        ("content", br#"{"content":null}"#),
        ("content", br#"{"content":7}"#),
        ("content", br#"{"content":"  "}"#),
        ("content", br#"{"content":"a\u0000b"}"#),
        ("content", br#"{"content":"\ud800"}"#),
        ("content", b"{\"content\":\"\xff\xfe\"}"),
        ("content", long.as_bytes()),
        ("kind", br#"{"content":"a","kind":"rant"}"#),
        ("colour", br#"{"content":"a","colour":"red"}"#),
        ("appellant.fone", br#"{"content":"a","appellant":{"fone":"1"}}"#),
        ("location.lat", br#"{"content":"a","location":{"lat":1e999,"lon":0}}"#),
        ("occurred_at", br#"{"content":"a","occurred_at":"yesterday"}"#),
        ("attachments[0].base64", br#"{"content":"a","attachments":[{"base64":"%%"}]}"#),
    ];
    for (field, body) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        let reply = raw_body(&gateway, "application/json", body).await;
        assert_eq!(reply.status, 400, "{shown}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{shown}");
        // Where the text is no JSON at all, the parser may name the place instead of the field.
        let named = reply.text().contains(field) || reply.text().contains("body");
        assert!(named, "{shown}: {field} is not in {}", reply.text());
    }
    assert!(site.core.log().is_empty());
    gateway.accept("after", "照常").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_but_valid_text_becomes_a_clean_ticket_unchanged() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let texts = [
        "右到左\u{202e}文字\u{2066}x\u{2069}",
        "零\u{200b}宽\u{feff}字\u{200d}符",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} 𠮷 \u{10ffff}",
        "<script>alert(1)</script> '; DROP TABLE ticket; --",
        "第一行\r\n第二行\t\u{7}\u{1b}[31m",
        "\"\\/{}[]\u{2028}\u{2029}",
        "e\u{301}\u{301}\u{301}",
    ];
    for text in texts {
        let number = gateway.accept(text, text).await;
        site.core.has_all([&number], seconds(5)).await;
        let taken = site.core.taken();
        let event = taken.iter().find(|delivery| delivery.subject() == number).unwrap();
        assert_eq!(event.content(), text);
    }
    let long = "长".repeat(100_000);
    let number = gateway.accept("long", &long).await;
    site.core.has_all([&number], seconds(5)).await;
    assert!(!gateway.log().contains("DROP TABLE"), "the citizen's words in the log");
    site.core.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_tokens_methods_and_paths_are_told_so() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let body = json!({ "content": "a" });
    for token in [None, Some(""), Some("wrong"), Some("token-of-the-city-app-012345678")] {
        let reply = post(gateway.public, "/channels/app", token, &body).await;
        assert_eq!(reply.status, 401, "{token:?} {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
    let auth = auth();
    let headers = [("authorization", auth.as_str())];
    for (method, path, statuses) in [
        ("GET", "/channels/none", vec![404]),
        ("POST", "/channels/none", vec![404]),
        ("GET", "/nowhere", vec![404]),
        ("GET", "/channels/../admin", vec![400, 404]),
        ("DELETE", "/channels/app", vec![405]),
        ("BREW", "/channels/app", vec![405, 501]),
        ("GET", "/metrics", vec![404]),
        ("GET", "/api/v1/events", vec![404, 405]),
        ("GET", "/%00%ff", vec![400, 404]),
    ] {
        let reply = request(gateway.public, method, path, &headers, b"").await;
        assert!(statuses.contains(&reply.status), "{method} {path}: {}", reply.status);
    }
    for bytes in ["NONSENSE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"] {
        match Connection::open(gateway.public).await.unwrap().raw(bytes.as_bytes()).await {
            Ok(reply) => assert!((400..500).contains(&reply.status) || reply.status == 505, "{}", reply.status),
            Err(Broken::Cut(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let smuggled = format!(
        "POST /channels/app HTTP/1.1\r\nhost: a\r\nauthorization: {auth}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let reply = Connection::open(gateway.public).await.unwrap().raw(smuggled.as_bytes()).await.unwrap();
    assert_eq!(reply.status, 400, "two lengths: {}", reply.text());
    assert_eq!(get(gateway.admin, "/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_idle_connections_leaves_room_for_others() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let before = gateway.memory();
    let mut idle = Vec::new();
    for _ in 0..800 {
        idle.push(TcpStream::connect(gateway.public).await.unwrap());
    }
    let from = Instant::now();
    gateway.accept("one", "照常").await;
    assert!(from.elapsed() < Duration::from_secs(2), "{:?}", from.elapsed());
    assert!(gateway.memory() < before + (48 << 20));
}
