//! Mailboxes whose servers do not say what is true, or nothing: what is there comes, or it is an alarm.

#![allow(clippy::unwrap_used)]

use jiesu_connector::{Connector, Inbound, Source};
use jiesu_connector_testkit::FakeSecrets;
use jiesu_email::Email;
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// What a server does with what it is asked for.
#[derive(Clone, Copy)]
struct Server {
    /// The answer to a search; `None`: it stays away.
    search: Option<&'static str>,
    /// The list of flags shows the mails.
    shows: bool,
}

const MAIL: &str = "From: w@x.cn\r\nSubject: x\r\n\r\ny\r\n";

/// Two mails are in its folder.
async fn talk(server: Server, stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK here\r\n").await.unwrap();
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|length| length > 0) {
        let (tag, command) = line.trim_end().split_once(' ').unwrap();
        let fetched = |item: &str| format!("* 1 FETCH (UID 1 {item})\r\n* 2 FETCH (UID 2 {item})\r\n");
        let (said, end) = match command.to_ascii_uppercase() {
            c if c.starts_with("CAPABILITY") => ("* CAPABILITY IMAP4rev1\r\n".into(), "OK"),
            c if c.starts_with("SELECT") => {
                ("* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [PERMANENTFLAGS (\\*)] x\r\n".into(), "OK")
            }
            c if c.starts_with("UID SEARCH") => match server.search {
                Some("OK") => ("* SEARCH\r\n".into(), "OK"),
                Some(end) => (String::new(), end),
                None => return sleep(Duration::from_secs(60)).await,
            },
            c if c.starts_with("UID FETCH 1:*") && !server.shows => (String::new(), "OK"),
            c if c.contains("FLAGS)") && c.contains("FETCH") => (fetched("FLAGS (\\Seen)"), "OK"),
            c if c.contains("RFC822.SIZE") => (fetched(&format!("RFC822.SIZE {}", MAIL.len())), "OK"),
            c if c.contains("BODY.PEEK[]") => (fetched(&format!("BODY[] {{{}}}\r\n{MAIL}", MAIL.len())), "OK"),
            _ => (String::new(), "OK"),
        };
        let answer = format!("{said}{tag} {end} done\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

/// A channel that takes its mail there. Half of what it takes for silence is how often it looks.
async fn channel(server: Server) -> Box<dyn Source> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = json!({ "transport": "imap", "host": "127.0.0.1", "port": listener.local_addr().unwrap().port(),
        "tls": "none", "username": "w", "password": "p", "dkim": false, "silent_alarm": "2s" });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(server, stream));
        }
    });
    let secrets = FakeSecrets::default();
    let parts = Email::build(serde_json::from_value(config).unwrap(), &secrets.setup("mail")).ok().unwrap();
    let Inbound::Pull(source) = parts.inbound else { unreachable!("IMAP is asked") };
    source
}

/// What it says that is wrong, once it does; a session is held meanwhile.
async fn trouble(source: &dyn Source) -> String {
    let mut session = source.open().await.unwrap();
    let told = async {
        loop {
            match source.trouble() {
                Some(trouble) => return trouble,
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::select! {
        told = timeout(Duration::from_secs(20), told) => told.unwrap(),
        ended = session.next() => panic!("{:?}", ended.map(|batch| batch.messages.len()).map_err(|lost| lost.why)),
    }
}

#[tokio::test]
async fn a_search_that_shows_nothing_or_is_refused_hides_no_mail() {
    for search in ["OK", "NO", "BAD"] {
        let source = channel(Server { search: Some(search), shows: true }).await;
        let mut session = source.open().await.unwrap();
        let batch = timeout(Duration::from_secs(10), session.next()).await.unwrap();
        let batch = batch.unwrap_or_else(|lost| panic!("{search}: {}", lost.why));
        assert_eq!(batch.messages.len(), 2, "{search}");
        assert!(session.acknowledge(batch.id, &[]).await.is_ok());
        assert_eq!(source.trouble(), None, "{search}");
    }
}

#[tokio::test]
async fn mails_that_are_counted_and_not_shown_are_an_alarm() {
    let source = channel(Server { search: Some("OK"), shows: false }).await;
    assert!(trouble(source.as_ref()).await.contains("counts 2 mails more"));
}

#[tokio::test]
async fn a_session_that_is_half_dead_is_an_alarm_before_it_is_lost() {
    let source = channel(Server { search: None, shows: true }).await;
    assert!(trouble(source.as_ref()).await.contains("has given nothing for more than 2 seconds"));
}
