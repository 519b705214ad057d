//! E-mail from end to end: a real Dovecot, a real LMTP client, and a mail server that refuses, defers and cuts.

mod answers;
mod dovecot;
mod lmtp;
mod mailbox;
mod post;
mod silence;
mod threads;
pub mod tls;

use crate::harness::{Gateway, Site, eventually, get, seconds};
use serde_json::Value;

/// The address of the hotline.
const HOTLINE: &str = "12345@leshan.example";

/// A mail of a citizen; `id` is unique, and in the words.
fn mail(from: &str, id: &str, subject: &str, words: &str) -> String {
    format!(
        "From: 王小明 <{from}>\r\nTo: {HOTLINE}\r\nSubject: {subject}\r\nMessage-ID: <{id}@citizen.example>\r\n\
         Date: Sun, 22 Nov 2026 08:00:00 +0800\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         {words}\r\n"
    )
}

/// The port on which the channel `mail` listens.
async fn lmtp_port(gateway: &Gateway) -> u16 {
    eventually("the LMTP port", seconds(10), async || {
        let log = gateway.log();
        let (_, after) = log.split_once("the channel listens on 127.0.0.1:")?;
        after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
    .await
}

/// The events of a kind so far.
async fn events(gateway: &Gateway, kind: &str) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = get(gateway.admin, &format!("/api/v1/events?after={after}&limit=1000")).await.json();
        let found = page["events"].as_array().cloned().unwrap_or_default();
        if found.is_empty() {
            return events;
        }
        events.extend(found.into_iter().filter(|event| event["type"] == kind));
        after = page["next"].as_str().map_or_else(|| page["next"].to_string(), str::to_owned);
    }
}

/// Waits for `count` events of a kind; there must not be more.
async fn wait_for(gateway: &Gateway, kind: &str, count: usize) -> Vec<Value> {
    let what = format!("{count} × {kind}");
    let found = eventually(&what, seconds(20), async || {
        let found = events(gateway, kind).await;
        (found.len() >= count).then_some(found)
    });
    let found = found.await;
    assert_eq!(found.len(), count, "{found:#?}");
    found
}

/// Waits until a ticket is as `so` says.
async fn becomes(gateway: &Gateway, number: &str, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, seconds(20), async || {
        let ticket = get(gateway.admin, &format!("/api/v1/tickets/{number}")).await.json();
        so(&ticket).then_some(ticket)
    })
    .await
}

/// Waits until everything of today that came in has become something, and adds up: the sums.
async fn settled(gateway: &Gateway) -> Value {
    eventually("a day that adds up", seconds(20), async || {
        let report = get(gateway.admin, "/api/v1/reconciliation").await.json();
        (report["balanced"] == true && report["total"]["pending"] == 0).then(|| report["total"].clone())
    })
    .await
}

/// No address and no words of a citizen are in the log.
fn log_is_clean(gateway: &Gateway, words: &[&str]) {
    let log = gateway.log();
    for forbidden in words {
        assert!(!log.contains(forbidden), "{forbidden} is in the log:\n{log}");
    }
}

/// A site with an LMTP channel `mail`, answering through `post`.
async fn by_lmtp(post: Option<&post::Post>) -> Site {
    let mut site = Site::new().await;
    configure_lmtp(&mut site, post);
    site
}

fn configure_lmtp(site: &mut Site, post: Option<&post::Post>) {
    site.set("channels.mail.type", "email");
    site.set("channels.mail.hotline", "12345");
    site.set("channels.mail.transport", "lmtp");
    site.set("channels.mail.listen", "127.0.0.1:0");
    site.set("channels.mail.recipients", toml::Value::Array(vec![HOTLINE.into(), "tousu@leshan.example".into()]));
    if let Some(post) = post {
        post.configure(site);
    }
}
