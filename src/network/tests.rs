//! Against a real server on this machine, which is just what the address filter forbids.

use super::*;
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Answers each connection with `answer` once a request's head is there, then holds it open, or closes it.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(answer: impl Into<Vec<u8>>, hold: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, requests) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (answer, count) = (answer.into(), requests.clone());
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                if head(&mut stream).await {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                let _ = stream.write_all(&answer).await;
                if hold {
                    held.push(stream);
                }
            }
        });
        Self { address, requests }
    }

    fn request(&self, host: &str, origin: Origin) -> OutRequest {
        get(format!("http://{host}:{}/a?token=SECRET", self.address.port()), origin)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn head(stream: &mut TcpStream) -> bool {
    let (mut read, mut chunk) = (Vec::new(), [0; 1024]);
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
        if read.windows(4).any(|end| end == b"\r\n\r\n") {
            return true;
        }
    }
}

fn get(url: String, origin: Origin) -> OutRequest {
    OutRequest {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_secs(5),
        max_answer: 1000,
        origin,
    }
}

fn client(allow: &[&str]) -> GatewayClient {
    let rules: Vec<FetchRule> = allow.iter().map(|rule| rule.parse().unwrap()).collect();
    GatewayClient::new(&rules)
}

async fn failure(client: &GatewayClient, request: OutRequest) -> SendError {
    let error = client.send(request).await.expect_err("no answer");
    assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
    error
}

#[tokio::test]
async fn any_status_is_an_answer_and_redirects_are_not_followed() {
    let target = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false).await;
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 2\r\n\r\nno", target.address);
    let server = Server::start(answer, false).await;
    let answer = client(&[]).send(server.request("127.0.0.1", Origin::Configured)).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (302, &b"no"[..]));
    assert!(answer.headers.contains_key("location"));
    assert_eq!((server.requests(), target.requests()), (1, 0));
}

#[tokio::test]
async fn an_answer_is_whole_up_to_the_cap_and_nothing_beyond_it() {
    let chunked = |length: usize| {
        let chunk = format!("{:x}\r\n{}\r\n", 250, "a".repeat(250)).repeat(length / 250);
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n")
    };
    let plain = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "a".repeat(length));
    for (answer, length) in [(plain(0), 0), (plain(1000), 1000), (chunked(1000), 1000)] {
        let server = Server::start(answer, true).await;
        let answer = client(&[]).send(server.request("127.0.0.1", Origin::Configured)).await.unwrap();
        assert_eq!(answer.body, Bytes::from("a".repeat(length)));
    }
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(1 << 20));
    for answer in [plain(1001), chunked(1250), endless] {
        let server = Server::start(answer, true).await;
        let error = failure(&client(&[]), server.request("127.0.0.1", Origin::Configured)).await;
        assert_eq!(error, SendError::TooLarge(1000));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    for answer in
        ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "SSH-2.0\r\n"]
    {
        let server = Server::start(answer, false).await;
        let error = failure(&client(&[]), server.request("127.0.0.1", Origin::Configured)).await;
        assert!(matches!(error, SendError::Unknown(_)), "{answer:?}: {error:?}");
        assert_eq!(server.requests(), 1, "{answer:?}: it is not sent again");
    }
}

#[tokio::test]
async fn slow_answers_end_with_the_time_whether_head_or_body_is_missing() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let server = Server::start(answer, true).await;
        let mut request = server.request("127.0.0.1", Origin::Configured);
        request.timeout = Duration::from_millis(200);
        let started = Instant::now();
        let error = failure(&client(&[]), request).await;
        assert!(matches!(&error, SendError::Unknown(why) if why.contains("time is over")), "{answer:?}: {error:?}");
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn what_never_left_is_told_as_not_sent() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let no_tls = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    for url in [
        format!("http://{closed}/?token=SECRET"),
        "http://host.invalid/?token=SECRET".into(),
        format!("https://{no_tls}/?token=SECRET"),
        "http://SECRET@[/".into(),
        "ftp://127.0.0.1/?SECRET".into(),
    ] {
        let error = failure(&client(&[]), get(url.clone(), Origin::Configured)).await;
        assert!(matches!(error, SendError::NotSent(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn foreign_addresses_lead_into_no_inner_network() {
    let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false).await;
    let port = server.address.port();
    for url in [
        format!("http://127.0.0.1:{port}/?SECRET"),
        format!("http://localhost:{port}/?SECRET"),
        format!("http://LOCALHOST:{port}/?SECRET"),
        format!("http://2130706433:{port}/?SECRET"),
        format!("http://0x7f.1:{port}/?SECRET"),
        format!("http://①②⑦.0.0.1:{port}/?SECRET"),
        format!("http://[::ffff:127.0.0.1]:{port}/?SECRET"),
        format!("http://0.0.0.0:{port}/?SECRET"),
        format!("http://SECRET@127.0.0.1:{port}/"),
        "http://a:SECRET@media.example.cn/".into(),
        "http://169.254.169.254/latest/meta-data?SECRET".into(),
        "https://10.0.0.1/?SECRET".into(),
        "ftp://media.example.cn/?SECRET".into(),
        "file:///etc/passwd?SECRET".into(),
    ] {
        let error = failure(&client(&["media.other.cn", "192.0.2.0/24"]), get(url.clone(), Origin::Foreign)).await;
        assert!(matches!(error, SendError::Forbidden(_)), "{url}: {error:?}");
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn what_the_configuration_excepts_may_be_fetched_from() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    for (rule, host) in [("localhost", "localhost"), ("localhost", "LocalHost"), ("127.0.0.0/8", "127.0.0.1")] {
        let server = Server::start(answer, false).await;
        let fetched = client(&[rule]).send(server.request(host, Origin::Foreign)).await;
        assert_eq!(fetched.map(|answer| answer.status.as_u16()), Ok(200), "{rule} {host}");
    }
    // A host's name excepts that name, not the address behind it.
    let server = Server::start(answer, false).await;
    let error = failure(&client(&["localhost"]), server.request("127.0.0.1", Origin::Foreign)).await;
    assert!(matches!(error, SendError::Forbidden(_)), "{error:?}");
}

#[tokio::test]
async fn a_connection_of_the_configuration_is_no_way_around_the_filter() {
    let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true).await;
    let client = client(&[]);
    assert!(client.send(server.request("localhost", Origin::Configured)).await.is_ok());
    let error = failure(&client, server.request("localhost", Origin::Foreign)).await;
    assert!(matches!(error, SendError::Forbidden(_)), "{error:?}");
    assert_eq!(server.requests(), 1);
}
