//! Recordings: fetched at once, with the platform's log-in, and never from within.

use super::*;
use crate::harness::read_message;
use bytes::BytesMut;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{io::AsyncWriteExt, net::TcpListener};

const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt a voice";

/// What was asked for, and with what log-in.
type Asked = (String, Option<String>);

/// Keeps recordings, and remembers who asked with what log-in.
struct Keeper {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Keeper {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let asked = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut buffer = BytesMut::new();
                    while let Ok(Some(message)) = read_message(&mut stream, &mut buffer).await {
                        let path = message.first_line.split(' ').nth(1).unwrap().to_owned();
                        let login = message.header("authorization").map(str::to_owned);
                        asked.lock().unwrap().push((path.clone(), login.clone()));
                        let (status, more, body): (_, String, &[u8]) = match path.as_str() {
                            "/gone.wav" => ("410 Gone", String::new(), b""),
                            "/moved.wav" => ("302 Found", "location: /inner.wav\r\n".into(), b""),
                            "/private.wav" if login.is_none() => ("401 Unauthorized", String::new(), b"who?"),
                            _ => ("200 OK", "content-type: audio/x-wav\r\n".into(), WAV),
                        };
                        let head = format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n", body.len());
                        let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn recording(call: &str, url: &str) -> Value {
    event(call, "recording", json!({ "recording": { "url": url, "seconds": 35 } }))
}

/// Waits for the fate of the ticket's only file.
async fn fate(gateway: &Gateway, number: &str) -> Value {
    eventually(&format!("the fate of the recording of {number}"), seconds(20), async || {
        let file = ticket(gateway, number).await["attachments"][0].clone();
        file["state"].as_str().is_some_and(|state| state != "pending").then_some(file)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_fetched_with_the_log_in_and_kept_and_a_redirect_is_not_followed() {
    let keeper = Keeper::start().await;
    let mut site = site().await;
    site.set("server.allow_fetch", toml::Value::Array(vec!["127.0.0.1/32".into()]));
    site.set("channels.phone.recording_hosts", toml::Value::Array(vec![keeper.address.to_string().into()]));
    site.set("channels.phone.recording_login", "reader:of-recordings");
    let gateway = site.start().await;
    let mut files = Vec::new();
    for name in ["private", "gone", "moved"] {
        let number = say(&gateway, &event(name, "started", json!({ "caller": "13900000001" }))).await;
        say(&gateway, &recording(name, &format!("http://{}/{name}.wav", keeper.address))).await;
        say(&gateway, &event(name, "ended", json!({ "seconds": 40 }))).await;
        let created = hears(&gateway, &number, "ticket.created").await["ticket"].clone();
        assert_eq!(created["title"], "电话留言");
        files.push(fate(&gateway, &number).await);
    }
    assert_eq!(
        (&files[0]["state"], &files[0]["media_type"], &files[0]["bytes"]),
        (&json!("kept"), &json!("audio/wav"), &json!(WAV.len()))
    );
    assert_eq!(files[1]["state"], "missing");
    assert!(
        files[2]["state"] == "missing" && files[2]["reason"].as_str().unwrap().contains("redirects"),
        "{}",
        files[2]
    );
    let asked = keeper.asked();
    // Basic, of reader:of-recordings.
    let login = Some("Basic cmVhZGVyOm9mLXJlY29yZGluZ3M=".to_owned());
    assert!(asked.iter().all(|(path, shown)| *shown == login && !path.contains("inner")), "{asked:?}");
    // The same recording told of again, by another event, is no second file.
    let again = json!({ "id": "again", "recording": { "url": format!("http://{}/private.wav", keeper.address) } });
    let number = say(&gateway, &event("private", "recording", again)).await;
    at_rest(&gateway).await;
    assert_eq!(ticket(&gateway, &number).await["attachments"].as_array().unwrap().len(), 1);
    assert!(!gateway.log().contains("of-recordings"), "{}", gateway.log());
}

/// Where somebody listens who must not be asked, in every spelling of it.
fn inner(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0177.0.0.01",
        "127.0.0.1.",
        "127.000.000.001",
        "127.127.127.127",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[fc00::1]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "①②⑦.⓪.⓪.①",
        "%31%32%37.0.0.1",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
    ];
    let mut urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}:{port}/inner.wav")).collect();
    urls.extend([
        format!("HTTP://127.0.0.1:{port}/inner.wav"),
        format!("http:\\\\127.0.0.1:{port}\\inner.wav"),
        format!("http:/127.0.0.1:{port}/inner.wav"),
        format!("//127.0.0.1:{port}/inner.wav"),
        format!("http://example.com#@127.0.0.1:{port}/inner.wav"),
        format!("gopher://127.0.0.1:{port}/_GET"),
        "file:///etc/passwd".into(),
        format!("http://[::ffff:127.0.0.1%25lo]:{port}/inner.wav"),
    ]);
    urls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_an_inner_address_is_asked_and_every_call_has_its_ticket() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let six = TcpListener::bind(("::1", port)).await;
    let asked = Arc::new(AtomicUsize::new(0));
    for listener in [Some(listener), six.ok()].into_iter().flatten() {
        let asked = Arc::clone(&asked);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut site = site().await;
    let gateway = site.start().await;
    let urls = inner(port);
    assert!(urls.len() >= 44, "{}", urls.len());
    let mut numbers = Vec::new();
    for (index, url) in urls.iter().enumerate() {
        let name = format!("inner-{index}");
        numbers.push(say(&gateway, &recording(&name, url)).await);
        say(&gateway, &event(&name, "started", json!({}))).await;
        say(&gateway, &event(&name, "ended", json!({}))).await;
    }
    for (number, url) in numbers.iter().zip(&urls) {
        let created = hears(&gateway, number, "ticket.created").await;
        assert_eq!(created["ticket"]["attachments"].as_array().unwrap().len(), 1, "{url}");
    }
    // What the filter refuses is refused for good, and the ticket says so; a name that nobody knows may be tried again.
    let mut missing = 0;
    for (number, url) in numbers.iter().zip(&urls) {
        let named = ["example.com#", "%25lo"].iter().any(|part| url.contains(part));
        if !named {
            let file = fate(&gateway, number).await;
            assert_eq!(file["state"], "missing", "{url}: {file}");
            missing += 1;
        }
    }
    assert!(missing >= 42, "{missing}");
    assert_eq!(asked.load(Ordering::Relaxed), 0, "an inner address was asked");
    at_rest(&gateway).await;
}
