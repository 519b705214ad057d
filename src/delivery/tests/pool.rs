//! Connections that are kept between attempts.

use super::{
    fake::destination,
    sockets::{Receiver, Reply, status},
    soon, until,
};
use crate::delivery::{
    Destination,
    attempt::{Http, Transport},
    outcome::{FaultClass, Outcome},
    pool::{Connection, Message, Pool, trusted},
};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderValue, Uri, header::HOST};
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(5);
const BODY: Bytes = Bytes::from_static(b"{}");

fn http(receiver: &Receiver) -> Http {
    Http::new(&Destination { url: receiver.url(), timeout: PATIENCE, concurrency: 3, ..destination() }).unwrap()
}

async fn attempt(http: &Http) -> Outcome {
    soon(http.attempt("ev_1", BODY)).await
}

/// Says `answer` in full.
fn bytes(answer: Reply) -> String {
    let Reply::Send(answer) = answer else { unreachable!() };
    answer
}

#[tokio::test]
async fn one_connection_carries_one_attempt_after_the_other_whatever_the_answers() {
    let receiver = Receiver::start(|place, _| match place % 4 {
        0 => status(204, ""),
        1 => status(422, "no"),
        2 => Reply::Send("HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".into()),
        _ => status(200, &"long".repeat(50_000)),
    })
    .await;
    let http = http(&receiver);
    for place in 0..40 {
        let refused = matches!(attempt(&http).await, Outcome::MessageAtFault { .. });
        assert_eq!(refused, place % 4 == 1, "{place}");
    }
    assert_eq!(receiver.opened(), 1);
}

#[tokio::test]
async fn as_many_connections_rest_as_may_be_used_at_once_and_no_more() {
    let receiver = Receiver::start(|_, _| status(200, "ok")).await;
    let http = http(&receiver);
    let outcomes = soon(join_all((0..9).map(|_| http.attempt("ev_1", BODY)))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Delivered));
    until("all but three are closed", || receiver.closed() == receiver.opened() - 3).await;
}

#[tokio::test]
async fn a_connection_that_the_destination_closed_meanwhile_costs_no_attempt() {
    let ok = || bytes(status(200, "ok"));
    let receiver = Receiver::start(move |place, _| match place {
        0..3 => Reply::BreakLater(ok()),
        _ => status(200, "ok"),
    })
    .await;
    let http = http(&receiver);
    let first = soon(join_all((0..3).map(|_| http.attempt("ev_1", BODY)))).await;
    assert_eq!((first.len(), receiver.opened(), receiver.closed()), (3, 3, 0));
    receiver.close();
    until("closed", || receiver.closed() == 3).await;
    assert_eq!(attempt(&http).await, Outcome::Delivered);
    assert_eq!((receiver.seen().len(), receiver.opened()), (4, 4), "sent once, over a new one");
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_or_says_so_is_whole_and_the_next_attempt_connects_anew() {
    for answer in ["HTTP/1.1 200 x\r\n\r\nok", "HTTP/1.0 200 x\r\ncontent-length: 2\r\n\r\nok"] {
        let receiver = Receiver::start(move |_, _| Reply::Break(answer.into())).await;
        let http = http(&receiver);
        for _ in 0..2 {
            assert_eq!(attempt(&http).await, Outcome::Delivered, "{answer}");
        }
        assert_eq!(receiver.opened(), 2);
    }
    let receiver =
        Receiver::start(|_, _| Reply::Send("HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into()))
            .await;
    let http = http(&receiver);
    for opened in 1..3 {
        assert_eq!(attempt(&http).await, Outcome::Delivered);
        assert_eq!(receiver.opened(), opened);
    }
}

#[tokio::test]
async fn what_comes_unasked_or_beyond_an_answer_is_nobodys_answer() {
    let ok = || bytes(status(200, "ok"));
    let receiver = Receiver::start(move |place, _| match place {
        0 => Reply::Send(ok() + &bytes(status(422, "not yours"))),
        _ => status(200, "ok"),
    })
    .await;
    let http = http(&receiver);
    for _ in 0..2 {
        assert_eq!(attempt(&http).await, Outcome::Delivered);
    }
    assert_eq!(receiver.opened(), 2);
}

#[tokio::test]
async fn an_attempt_that_ran_out_of_time_leaves_no_connection_behind() {
    let receiver = Receiver::start(|place, _| if place == 0 { Reply::Hang } else { status(200, "ok") }).await;
    let timeout = Duration::from_millis(200);
    let http = Http::new(&Destination { url: receiver.url(), timeout, ..destination() }).unwrap();
    let Outcome::DestinationAtFault(fault) = attempt(&http).await else { panic!() };
    assert_eq!(fault.class, FaultClass::Timeout);
    assert_eq!(attempt(&http).await, Outcome::Delivered);
    assert_eq!(receiver.opened(), 2);
}

async fn exchange(pool: &Pool, receiver: &Receiver) -> Connection {
    let mut message = Message::new(BODY.into());
    message.headers_mut().insert(HOST, HeaderValue::from_str(&receiver.address.to_string()).unwrap());
    let mut connection = soon(pool.take(Instant::now() + PATIENCE)).await.unwrap();
    let Ok(mut response) = soon(connection.send(message)).await else { panic!() };
    while soon(connection.piece(response.body_mut())).await.unwrap().is_some() {}
    connection
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed_though_nobody_comes() {
    let receiver = Receiver::start(|_, _| status(200, "ok")).await;
    let address: Uri = receiver.url().parse().unwrap();
    let tls = trusted(&address).unwrap();
    let pool = Pool::new(address, tls, PATIENCE, 9, Duration::from_millis(50));
    for round in 1..3 {
        let used = [exchange(&pool, &receiver).await, exchange(&pool, &receiver).await];
        assert_eq!(receiver.opened(), 2 * round);
        for connection in used {
            pool.put(connection).await;
        }
        until("closed", || receiver.closed() == 2 * round).await;
    }
}
