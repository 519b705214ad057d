//! What an honest client gets.

use super::{client::Client, *};

#[tokio::test]
async fn answers_come_in_order_on_a_kept_connection_pipelined_or_not() {
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    let answer = client.get("/").await.unwrap().unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.closes()), (200, &b"hello"[..], false));
    client
        .send("GET / HTTP/1.1\r\nhost: x\r\n\r\nPOST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcGET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.answer().await.unwrap().unwrap().body, b"hello");
    assert_eq!(client.answer().await.unwrap().unwrap().body, b"abc");
    assert_eq!(client.answer().await.unwrap().unwrap().status, 404);
    assert_eq!(client.get("/").await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_body_arrives_whole_in_pieces_and_in_chunks() {
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    let body: Vec<u8> = (0..MAX_BODY).map(|n| n as u8).collect();
    client.send(format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {MAX_BODY}\r\n\r\n")).await.unwrap();
    for piece in body.chunks(70_000) {
        client.send(piece).await.unwrap();
    }
    let answer = client.answer().await.unwrap().unwrap();
    assert!(answer.status == 200 && answer.body == body && !answer.closes());
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await.unwrap();
    client.send("2\r\nde\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(client.answer().await.unwrap().unwrap().body, b"abcde");
    assert_eq!(client.get("/").await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_closes_its_half_still_gets_its_answer() {
    use tokio::io::AsyncWriteExt;
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    client.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    client.stream.shutdown().await.unwrap();
    house.waiting.acquire().await.unwrap().forget();
    house.gate.add_permits(1);
    assert_eq!(client.answer().await.unwrap().unwrap().body, b"waited");
    client.closed().await.unwrap();
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    let answer = client.get("/nowhere").await.unwrap().unwrap();
    assert!(answer.status == 404 && answer.is_problem(), "{answer:?}");
    let answer = client.get("/echo").await.unwrap().unwrap();
    assert!(answer.status == 405 && answer.is_problem(), "{answer:?}");
    assert!(answer.head.contains("\r\nallow: post\r\n"), "{answer:?}");
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_connection_lives() {
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    let answer = client.get("/panic").await.unwrap().unwrap();
    assert!(answer.status == 500 && answer.is_problem(), "{answer:?}");
    assert_eq!(client.get("/").await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_forged_address_is_believed_from_proxies_only() {
    let request = "GET /peer HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 1.1.1.1, 203.0.113.9\r\n\r\n";
    let open = house(|_| {}).await;
    let mut client = Client::connect(open.address).await.unwrap();
    client.send(request).await.unwrap();
    assert_eq!(client.answer().await.unwrap().unwrap().body, b"127.0.0.1");
    let proxied = house_behind(|_| {}, &["127.0.0.0/8"]).await;
    let mut client = Client::connect(proxied.address).await.unwrap();
    client.send(request).await.unwrap();
    assert_eq!(client.answer().await.unwrap().unwrap().body, b"203.0.113.9");
}

#[tokio::test]
async fn a_full_house_lets_others_wait_and_takes_them_when_a_seat_is_free() {
    let house = house(|caps| {
        caps.connections = 2;
        caps.header_timeout = Duration::from_millis(400);
    })
    .await;
    let mut first = Client::connect(house.address).await.unwrap();
    let mut second = Client::connect(house.address).await.unwrap();
    first.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    second.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    house.waiting.acquire_many(2).await.unwrap().forget();
    let mut third = Client::connect(house.address).await.unwrap();
    third.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), third.answer()).await;
    assert!(early.is_err(), "the third waits outside: {early:?}");
    house.gate.add_permits(1);
    assert_eq!(third.answer().await.unwrap().unwrap().status, 200);
    house.gate.add_permits(1);
    for client in [&mut first, &mut second] {
        assert_eq!(client.answer().await.unwrap().unwrap().body, b"waited");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_peace() {
    let house = house(|caps| caps.idle = Duration::from_millis(200)).await;
    let mut client = Client::connect(house.address).await.unwrap();
    client.get("/").await.unwrap().unwrap();
    client.closed().await.unwrap();
}
