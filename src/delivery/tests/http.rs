use super::{
    body,
    fake::{Fake, PROBE, destination},
    number,
    sockets::{Receiver, Reply, status},
    soon, until,
};
use crate::{
    delivery::{
        BadDestination, Destination, Success,
        attempt::{Http, Transport},
        health::PROBE_INTERVAL,
        outcome::{FaultClass, Outcome},
        post::{Post, start, start_with},
        signature::{Signed, SigningKey},
    },
    store::EventLog,
};
use bytes::Bytes;
use jiesu_connector::Secret;
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

fn at(receiver: &Receiver) -> Destination {
    Destination { url: receiver.url(), timeout: Duration::from_millis(500), ..destination() }
}

async fn attempt(destination: &Destination) -> Outcome {
    soon(Http::new(destination).unwrap().attempt("ev_1", Bytes::from_static(b"{}"))).await
}

fn class(outcome: Outcome) -> Option<FaultClass> {
    if let Outcome::DestinationAtFault(fault) = outcome { Some(fault.class) } else { None }
}

#[tokio::test]
async fn an_event_is_posted_verbatim_and_signed() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let receiver = Receiver::start(|_, _| status(204, "")).await;
    let destination = Destination { secret: Some(Secret::new(SECRET)), ..at(&receiver) };
    let http = Http::new(&destination).unwrap();
    let sent = Bytes::from_static("{\"a\" : \"诉求\"}".as_bytes());
    assert_eq!(soon(http.attempt("ev_1", sent.clone())).await, Outcome::Delivered);
    let seen = receiver.seen().remove(0);
    assert!(seen.head.starts_with("POST /events HTTP/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.body, sent);
    assert_eq!(seen.header("content-type"), Some("application/cloudevents+json"));
    assert!(seen.header("user-agent").unwrap().starts_with("jiesu/"));
    let header = |name| seen.header(name).unwrap();
    let signed = Signed {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
    };
    assert_eq!(signed.id, "ev_1");
    let key = SigningKey::new(&Secret::new(SECRET)).unwrap();
    assert_eq!(key.verify(&signed, &sent, Timestamp::now().as_second()), Ok(()));
}

/// An answer of so many bytes.
fn long(length: usize) -> String {
    let Reply::Send(answer) = status(200, &" ".repeat(length)) else { unreachable!() };
    answer
}

#[tokio::test]
async fn the_address_is_said_as_http_wants_it() {
    for (url, host, target) in [
        ("http://core.example", "core.example", "/"),
        ("http://CORE.example:80/a b?c=诉求#part", "core.example", "/a%20b?c=%E8%AF%89%E6%B1%82"),
        ("https://core.example:443/?", "core.example", "/?"),
        ("https://core.example:80/x", "core.example:80", "/x"),
        ("http://[::1]:8080/x", "[::1]:8080", "/x"),
        ("http://接诉.example/", "xn--gzun70g.example", "/"),
    ] {
        let message = Http::new(&Destination::new("core", url)).unwrap().message("ev_1", Bytes::new()).unwrap();
        assert_eq!(message.headers()["host"], host, "{url}");
        assert_eq!(message.uri(), target, "{url}");
    }
    if TcpListener::bind("[::1]:0").await.is_err() {
        return;
    }
    let receiver = Receiver::start_on("[::1]:0", |_, _| status(200, "")).await;
    assert_eq!(attempt(&at(&receiver)).await, Outcome::Delivered);
    assert_eq!(receiver.seen()[0].header("host"), Some(receiver.address.to_string().as_str()));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let receiver = Receiver::start(|_, _| {
        Reply::Send("HTTP/1.1 307 x\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".into())
    })
    .await;
    let found = class(attempt(&at(&receiver)).await);
    assert_eq!(found, Some(FaultClass::Status(http::StatusCode::TEMPORARY_REDIRECT)));
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn only_a_whole_answer_in_time_is_an_answer() {
    for answer in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 x\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 422 x\r\ncontent-length: 10\r\n\r\nhalf",
        "no http at all",
    ] {
        let receiver = Receiver::start(move |_, _| Reply::Break(answer.into())).await;
        assert_eq!(class(attempt(&at(&receiver)).await), Some(FaultClass::Broken), "{answer}");
    }
    for answer in ["HTTP/1.1 200 x\r\n", "HTTP/1.1 200 x\r\ncontent-length: 10\r\n\r\nhalf"] {
        let receiver = Receiver::start(move |_, _| Reply::Send(answer.into())).await;
        assert_eq!(class(attempt(&at(&receiver)).await), Some(FaultClass::Timeout), "{answer}");
    }
    let receiver = Receiver::start(|_, _| Reply::Hang).await;
    assert_eq!(class(attempt(&at(&receiver)).await), Some(FaultClass::Timeout));
    let (full, _queue) = full().await;
    let full = Destination { timeout: Duration::from_millis(500), ..Destination::new("core", full) };
    assert_eq!(class(attempt(&full).await), Some(FaultClass::Connect), "nobody takes the connection in");
    let nobody = Destination { url: "http://127.0.0.1:1/".into(), ..destination() };
    assert_eq!(class(attempt(&nobody).await), Some(FaultClass::Connect));
}

/// An address where connections queue, and the queue is full.
async fn full() -> (String, (TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(next)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(next);
    }
    (format!("http://{address}/"), (listener, queue))
}

#[tokio::test]
async fn a_predicate_reads_the_answer_up_to_its_limit() {
    let success = Success::Predicate(Arc::new(|body: &[u8]| body.starts_with(br#"{"code":0}"#)));
    for (answer, expected) in [
        (r#"{"code":0}"#.to_owned(), None),
        (r#"{"code":500}"#.to_owned(), Some(FaultClass::Denied)),
        (format!("{{\"code\":0}}{}", " ".repeat(64 * 1024)), Some(FaultClass::TooLong)),
    ] {
        let receiver = Receiver::start(move |_, _| status(200, &answer)).await;
        let destination = Destination { success: success.clone(), ..at(&receiver) };
        assert_eq!(class(attempt(&destination).await), expected);
    }
    for length in [1 << 20, 9 << 20] {
        let receiver = Receiver::start(move |_, _| Reply::Break(long(length))).await;
        let patient = Destination { timeout: Duration::from_secs(10), ..at(&receiver) };
        assert_eq!(attempt(&patient).await, Outcome::Delivered, "without a predicate any length will do");
        let picky = Destination { success: success.clone(), ..patient };
        assert_eq!(class(attempt(&picky).await), Some(FaultClass::TooLong));
    }
}

#[test]
fn a_destination_that_cannot_work_is_refused_with_its_key() {
    let try_ = |url: &str, secret: Option<&str>| {
        let destination = Destination { secret: secret.map(Secret::new), ..Destination::new("core", url) };
        Http::new(&destination).unwrap_err()
    };
    for url in
        ["", "core:9000", "ftp://core/", "/events", "http://user@core/", "http://user:secret@core/", "https://:x@core/"]
    {
        assert!(matches!(try_(url, None), BadDestination::Url), "{url}");
    }
    let error = try_("http://core/", Some("whsec_?"));
    assert!(error.to_string().starts_with("secret: "), "{error}");
    assert!(Http::new(&Destination::new("core", "https://core.example/")).is_ok());
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_sent_again_byte_for_byte() {
    let receiver = Receiver::start(|place, _| match place {
        0 => Reply::Break(String::new()),
        1 => Reply::Break("HTTP/1.1 200 x\r\ncontent-length: 5\r\n\r\nok".into()),
        _ => status(200, "ok"),
    })
    .await;
    let store = Fake::new();
    store.append([1]);
    let stop = CancellationToken::new();
    let http = Http::new(&at(&receiver)).unwrap();
    let store_: Arc<dyn EventLog> = Arc::<Fake>::clone(&store);
    let worker = start_with(store_, at(&receiver), http, PROBE, Post::alone(), store.wake(), stop.clone());
    until("three times", || receiver.seen().len() == 3).await;
    for seen in receiver.seen() {
        assert_eq!(seen.header("webhook-id"), Some("ev_1"));
        assert_eq!(seen.body, body(1));
    }
    until("done", || worker.handle.status().behind == 0).await;
    stop.cancel();
    soon(worker.join).await.unwrap();
}

#[tokio::test]
async fn a_real_second_passes_between_probes_and_retry_after_is_waited_for() {
    let receiver = Receiver::start(|place, _| match place {
        0 => status(500, "out of order"),
        1 => Reply::Send("HTTP/1.1 503 x\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n".into()),
        _ => status(200, ""),
    })
    .await;
    let store = Fake::new();
    let stop = CancellationToken::new();
    let mut destination = at(&receiver);
    destination.retry.max = Duration::from_secs(10);
    let store_: Arc<dyn EventLog> = Arc::<Fake>::clone(&store);
    let worker = start(store_, destination, Post::alone(), store.wake(), stop.clone()).unwrap();
    let started = Instant::now();
    store.append([1, 1, 1]);
    until("the first", || receiver.seen().len() == 1).await;
    until("the second", || receiver.seen().len() == 2).await;
    assert!(started.elapsed() >= PROBE_INTERVAL);
    until("the third", || receiver.seen().len() >= 3).await;
    assert!(started.elapsed() >= PROBE_INTERVAL + Duration::from_secs(2));
    until("done", || worker.handle.status().behind == 0).await;
    assert_eq!(store.memory().events[0].number, number(1));
    stop.cancel();
    soon(worker.join).await.unwrap();
}
