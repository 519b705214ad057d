//! Mail going out and coming in: the sink of `tests/peers/smtp_sink.py`, and Python's LMTP client.

use super::tls::Authority;
use crate::harness::{Peer, Site, python, seconds, until};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

/// A mail as the sink got it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO.
    pub to: Vec<String>,
    pub data: String,
}

impl Sent {
    fn read(mail: &Value) -> Self {
        let to = mail["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap().to_owned()).collect();
        let data = STANDARD.decode(mail["data"].as_str().unwrap()).unwrap();
        // The null sender is "<>" to it.
        let from = mail["from"].as_str().unwrap_or_default().trim_matches(['<', '>']).to_owned();
        Self { from, to, data: String::from_utf8_lossy(&data).into_owned() }
    }

    /// A header field, unfolded.
    pub fn header(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let found = head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        found.unwrap_or_default()
    }

    /// The words.
    pub fn words(&self) -> String {
        let body = self.data.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let letters: String = body.chars().filter(|character| !character.is_whitespace()).collect();
        String::from_utf8(STANDARD.decode(letters).unwrap()).unwrap()
    }

    /// The address in `Reply-To`.
    pub fn reply_to(&self) -> String {
        let value = self.header("reply-to");
        value.rsplit('<').next().unwrap().trim_end_matches('>').to_owned()
    }
}

/// A mail server that does as it is told.
pub struct Post {
    peer: Peer,
}

impl Post {
    pub async fn start() -> Self {
        Self { peer: Peer::start("smtp_sink.py", &[]) }
    }

    /// With a certificate of this authority: `tls` from the first byte (`implicit`) or by `starttls`.
    pub fn encrypted(authority: &Authority, tls: &str) -> Self {
        let file = |name: &str| authority.directory().join(name).display().to_string();
        Self { peer: Peer::start("smtp_sink.py", &[tls, &file("server.pem"), &file("server.key")]) }
    }

    /// The channel `mail` sends through it.
    pub fn configure(&self, site: &mut Site) {
        site.set("channels.mail.smtp.host", "127.0.0.1");
        site.set("channels.mail.smtp.port", i64::from(self.peer.port));
        site.set("channels.mail.smtp.tls", "none");
        site.set("channels.mail.smtp.from", super::HOTLINE);
    }

    /// Everything that was sent to `address` so far.
    pub fn to(&self, address: &str) -> Vec<Sent> {
        self.peer.seen().iter().map(Sent::read).filter(|mail| mail.to.iter().any(|to| to == address)).collect()
    }

    /// Waits until so many mails went to `address`.
    pub async fn wait(&self, address: &str, count: usize) -> Vec<Sent> {
        until(&format!("{count} mails to {address}"), seconds(15), || {
            let sent = self.to(address);
            (sent.len() >= count).then_some(sent)
        })
        .await
    }
}

/// Delivers by LMTP: the answer to each recipient.
pub async fn deliver(port: u16, from: &str, to: &[&str], mail: &str) -> BTreeMap<String, (u16, String)> {
    let (python, peers) = python();
    let mut command = Command::new(python);
    command.arg(peers.join("lmtp.py")).arg(port.to_string()).arg(from).args(to);
    let mail = mail.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    })
    .await
    .unwrap();
    serde_json::from_slice(&output).unwrap()
}

/// Delivers to the hotline; it must be taken.
pub async fn accepted(port: u16, from: &str, mail: &str) {
    accepted_by(port, from, super::HOTLINE, mail).await;
}

/// Delivers to an address; it must be taken.
pub async fn accepted_by(port: u16, from: &str, to: &str, mail: &str) {
    let answers = deliver(port, from, &[to], mail).await;
    assert_eq!(answers[to].0, 250, "{answers:?}");
}
