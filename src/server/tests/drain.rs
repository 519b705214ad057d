//! Stopping: everybody is told.

use super::{client::Client, *};
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Requests on a kept connection, again and again, until told to close. Whoever was told may connect anew.
async fn talk(address: SocketAddr) -> Result<usize, String> {
    let mut answered = 0;
    loop {
        let mut client = match Client::connect(address).await {
            Ok(client) => client,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(answered),
            Err(error) => return Err(format!("connect: {error}")),
        };
        loop {
            match client.get("/").await {
                Ok(Some(answer)) if answer.status == 200 => {
                    answered += 1;
                    if answer.closes() {
                        break;
                    }
                }
                other => return Err(format!("after {answered} answers, untold: {other:?}")),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_busy_client_is_cut_untold() {
    for _ in 0..10 {
        let house = house(|_| {}).await;
        let clients: Vec<_> = (0..64).map(|_| tokio::spawn(talk(house.address))).collect();
        let mut probe = Client::connect(house.address).await.unwrap();
        probe.get("/").await.unwrap().unwrap();
        let stopped = Instant::now();
        house.stop.cancel();
        timeout(client::LONG, house.served).await.expect("the drain ends").unwrap();
        assert!(stopped.elapsed() < Duration::from_secs(4), "{:?}", stopped.elapsed());
        for client in clients {
            assert!(client.await.unwrap().expect("told before it was cut") > 0);
        }
    }
}

#[tokio::test]
async fn in_the_grace_idle_and_new_connections_are_answered_and_told() {
    let house = house(|caps| caps.grace = Duration::from_secs(2)).await;
    let mut kept = Client::connect(house.address).await.unwrap();
    assert!(!kept.get("/").await.unwrap().unwrap().closes());
    let mut silent = Client::connect(house.address).await.unwrap();
    silent.get("/").await.unwrap().unwrap();
    house.stop.cancel();
    let mut new = Client::connect(house.address).await.unwrap();
    for client in [&mut kept, &mut new] {
        let answer = client.get("/").await.unwrap().unwrap();
        assert!(answer.status == 200 && answer.closes(), "{answer:?}");
        client.closed().await.unwrap();
    }
    silent.closed().await.unwrap();
    timeout(client::LONG, house.served).await.unwrap().unwrap();
    assert!(Client::connect(house.address).await.is_err());
}

#[tokio::test]
async fn requests_under_way_are_finished() {
    let house = house(|_| {}).await;
    let mut client = Client::connect(house.address).await.unwrap();
    client.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    house.waiting.acquire().await.unwrap().forget();
    house.stop.cancel();
    // Not before nobody can connect any more.
    timeout(client::LONG, async { while Client::connect(house.address).await.is_ok() {} }).await.unwrap();
    house.gate.add_permits(1);
    let answer = client.answer().await.unwrap().unwrap();
    assert!(answer.body == b"waited" && answer.closes(), "{answer:?}");
    timeout(client::LONG, house.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_drain_ends_within_its_cap_whatever_hangs() {
    let house = house(|caps| caps.drain = Duration::from_secs(1)).await;
    let mut hung = Client::connect(house.address).await.unwrap();
    hung.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut deaf = Client::connect(house.address).await.unwrap();
    deaf.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    house.waiting.acquire().await.unwrap().forget();
    let stopped = Instant::now();
    house.stop.cancel();
    let mut half = Client::connect(house.address).await.unwrap();
    half.send("GET / HTTP/1.1\r\nho").await.unwrap();
    let mut body = Client::connect(house.address).await.unwrap();
    body.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    timeout(client::LONG, house.served).await.unwrap().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(4), "{:?}", stopped.elapsed());
    let answer = hung.answer().await.unwrap().unwrap();
    assert!(answer.status == 503 && answer.is_problem() && answer.closes(), "{answer:?}");
    assert_eq!(half.answer().await.unwrap().unwrap().status, 408);
    assert_eq!(body.answer().await.unwrap().unwrap().status, 408);
}

#[tokio::test]
async fn a_full_house_does_not_hold_up_the_end_and_those_outside_are_answered() {
    let house = house(|caps| caps.connections = 1).await;
    let mut inside = Client::connect(house.address).await.unwrap();
    inside.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    house.waiting.acquire().await.unwrap().forget();
    let mut outside = Client::connect(house.address).await.unwrap();
    house.stop.cancel();
    let answer = outside.get("/").await.unwrap().unwrap();
    assert!(answer.status == 200 && answer.closes(), "{answer:?}");
    house.gate.add_permits(1);
    assert_eq!(inside.answer().await.unwrap().unwrap().body, b"waited");
    timeout(client::LONG, house.served).await.unwrap().unwrap();
}
