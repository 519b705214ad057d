//! What a hostile or broken client gets.

use super::{client::Client, *};
use std::{io, time::Instant};

const SOON: Duration = Duration::from_millis(300);

#[tokio::test]
async fn slow_headers_are_cut_at_the_time_out_however_they_trickle() {
    let house = house(|caps| caps.header_timeout = SOON).await;
    let mut client = Client::connect(house.address).await.unwrap();
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\n").await.unwrap();
    let trickle = async {
        // A byte again and again, until the server closes.
        while client.stream.try_write(b"x").is_ok() && began.elapsed() < client::LONG {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut byte = [0];
            if client.stream.try_read(&mut byte).is_ok() {
                break;
            }
        }
    };
    trickle.await;
    assert!(began.elapsed() >= SOON && began.elapsed() < SOON * 10, "{:?}", began.elapsed());
    let mut client = Client::connect(house.address).await.unwrap();
    client.send("GET / HTTP/1.1\r\nhost").await.unwrap();
    let answer = client.answer().await.unwrap().unwrap();
    assert!(answer.status == 408 && answer.is_problem() && answer.closes(), "{answer:?}");
    client.closed().await.unwrap();
    let mut silent = Client::connect(house.address).await.unwrap();
    silent.closed().await.unwrap();
}

#[tokio::test]
async fn a_body_that_pauses_or_trickles_is_answered_408() {
    let house = house(|caps| {
        caps.body_gap = SOON;
        caps.body_timeout = SOON * 2;
    })
    .await;
    let mut client = Client::connect(house.address).await.unwrap();
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    let answer = client.answer().await.unwrap().unwrap();
    assert!(answer.status == 408 && answer.is_problem() && answer.closes(), "{answer:?}");
    client.closed().await.unwrap();

    let mut client = Client::connect(house.address).await.unwrap();
    let began = Instant::now();
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
    let answer = loop {
        client.send("x").await.unwrap();
        if let Ok(answer) = tokio::time::timeout(SOON / 6, client.answer()).await {
            break answer.unwrap().unwrap();
        }
    };
    assert_eq!(answer.status, 408);
    assert!(began.elapsed() >= SOON * 2 && began.elapsed() < SOON * 20, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_takes_no_bytes_is_cut() {
    let house = house(|caps| {
        caps.idle = SOON;
        caps.connections = 1;
    })
    .await;
    let mut client = Client::connect(house.address).await.unwrap();
    client.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // There is one seat: this one gets it when the first is cut.
    let mut other = Client::connect(house.address).await.unwrap();
    assert_eq!(other.get("/").await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn ten_thousand_headers_and_an_endless_one_are_told_431() {
    let house = house(|_| {}).await;
    let many: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let endless = format!("x: {}", "y".repeat(5 << 20));
    for headers in [many, endless] {
        let mut client = Client::connect(house.address).await.unwrap();
        client.send(format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n")).await.unwrap();
        let answer = client.answer().await.unwrap().unwrap();
        assert!(answer.status == 431 && answer.is_problem() && answer.closes(), "{answer:?}");
    }
}

#[tokio::test]
async fn garbage_is_told_400_also_behind_a_good_request() {
    let house = house(|_| {}).await;
    let http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (good, bad) in [("", "\u{1}\u{2}\r\n\r\n"), ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\u{1}\r\n\r\n"), ("", http2)]
    {
        let mut client = Client::connect(house.address).await.unwrap();
        client.send(format!("{good}{bad}")).await.unwrap();
        if !good.is_empty() {
            assert_eq!(client.answer().await.unwrap().unwrap().status, 200);
        }
        let answer = client.answer().await.unwrap().unwrap();
        assert!(answer.status == 400 && answer.is_problem() && answer.closes(), "{answer:?}");
        client.closed().await.unwrap();
    }
}

#[tokio::test]
async fn a_request_without_one_plain_host_is_told_400_and_its_connection_ends() {
    let house = house(|_| {}).await;
    for head in ["", "host: x\r\nhost: x\r\n", "host: a b\r\n", "host: a@b\r\n", "host: x:y\r\n"] {
        let mut client = Client::connect(house.address).await.unwrap();
        client.send(format!("POST /echo HTTP/1.1\r\n{head}content-length: 3\r\n\r\nabc")).await.unwrap();
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let answer = client.answer().await.unwrap().unwrap();
        assert!(answer.status == 400 && answer.is_problem() && answer.closes(), "{head:?}: {answer:?}");
        assert!(client.answer().await.unwrap().is_none());
    }
    for good in
        ["GET / HTTP/1.1\r\nhost:\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"]
    {
        let mut client = Client::connect(house.address).await.unwrap();
        client.send(good).await.unwrap();
        assert_eq!(client.answer().await.unwrap().unwrap().status, 200, "{good}");
    }
}

/// Sends 200 MB whatever the server says meanwhile, as simple clients do.
async fn pour(client: &mut Client, chunked: bool) -> io::Result<()> {
    let mut piece = vec![b'x'; 1 << 20];
    if chunked {
        piece.splice(0..0, *b"100000\r\n");
        piece.extend_from_slice(b"\r\n");
    }
    for _ in 0..200 {
        client.send(&piece).await?;
    }
    if chunked { client.send("0\r\n\r\n").await } else { Ok(()) }
}

#[tokio::test]
async fn two_hundred_megabytes_are_told_413_declared_or_chunked_read_or_ignored() {
    let house = house(|_| {}).await;
    let before = peak_memory();
    let (declared, chunked) = ("content-length: 209715200", "transfer-encoding: chunked");
    for (path, headers, status) in
        [("/echo", declared, 413), ("/echo", chunked, 413), ("/nowhere", declared, 404), ("/ignore", chunked, 200)]
    {
        let mut client = Client::connect(house.address).await.unwrap();
        client.send(format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n")).await.unwrap();
        pour(&mut client, headers == chunked).await.expect("the rest is swallowed");
        let answer = client.answer().await.expect("not reset").expect("answered");
        assert!(answer.status == status && answer.closes(), "{answer:?}");
        assert!(status == 200 || answer.is_problem(), "{answer:?}");
    }
    // Other tests may run in this process too; what they take is little beside 200 MB.
    assert!(peak_memory() - before < 128 << 10, "memory stays flat: {before} then {} KiB", peak_memory());
}

/// The most memory that this process ever had, in KiB; zero where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    client
        .send("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 209715200\r\n\r\n")
        .await
        .unwrap();
    let answer = client.answer().await.unwrap().unwrap();
    assert!(answer.status == 413 && answer.closes(), "{answer:?}");
    client.closed().await.unwrap();
    let mut client = Client::connect(house.address).await.unwrap();
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n").await.unwrap();
    assert_eq!(client.answer().await.unwrap().unwrap().status, 100);
    client.send("abc").await.unwrap();
    assert_eq!(client.answer().await.unwrap().unwrap().body, b"abc");
}

#[tokio::test]
async fn a_truncated_body_is_not_handed_on() {
    use tokio::io::AsyncWriteExt;
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    client.stream.shutdown().await.unwrap();
    let answer = client.answer().await.unwrap();
    assert!(answer.is_none_or(|answer| answer.status == 400));
}
