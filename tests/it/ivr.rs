//! Phone calls from end to end: events in JSON and Twilio's calls into the real gateway, and a stand-in that keeps the
//! recordings.

mod events;
mod late;
mod recordings;
mod twilio;

use crate::{
    harness::{Gateway, Reply, Site, eventually, get, request, seconds},
    wechat::feed,
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "what-the-call-centre-signs-with";

/// A site with a channel for events, whose calls come to rest soon.
async fn site() -> Site {
    let mut site = Site::new().await;
    site.set("channels.phone.type", "ivr");
    site.set("channels.phone.dialect", "json");
    site.set("channels.phone.secret", SECRET);
    site.set("channels.phone.wait", toml::toml! { settle = "1s" content = "2s" });
    // A call centre speaks for all citizens from few addresses.
    site.set("limits.per_address", "1/m");
    site
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn sign(time: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

async fn post(gateway: &Gateway, body: &str, signature: &str) -> Reply {
    let headers = [("content-type", "application/json"), ("x-jiesu-signature", signature)];
    request(gateway.public, "POST", "/channels/phone", &headers, body.as_bytes()).await
}

/// Posts an event that must be taken: the number.
async fn say(gateway: &Gateway, event: &Value) -> String {
    let body = event.to_string();
    let reply = post(gateway, &body, &sign(now(), &body)).await;
    assert!([200, 201].contains(&reply.status), "{event}: {} {}", reply.status, reply.text());
    reply.json()["number"].as_str().unwrap().to_owned()
}

fn event(call: &str, kind: &str, more: Value) -> Value {
    let mut event =
        json!({ "id": format!("{call}-{kind}"), "call": call, "type": kind, "at": "2026-11-22T08:00:00+08:00" });
    more.as_object().unwrap().iter().for_each(|(key, value)| event[key] = value.clone());
    event
}

/// A call in which `words` were said.
fn call(name: &str, phone: &str, words: &str) -> Vec<Value> {
    vec![
        event(name, "started", json!({ "caller": phone, "called": "12345" })),
        event(name, "menu", json!({ "digits": "1" })),
        event(name, "transcript", json!({ "text": words })),
        event(name, "ended", json!({ "seconds": 61, "reason": "hangup" })),
        event(name, "satisfaction", json!({ "score": 4, "text": "接线员很耐心" })),
    ]
}

/// The events of the feed that are of this ticket: their types and changes.
async fn told(gateway: &Gateway, number: &str) -> Vec<(String, Value)> {
    let events = feed(gateway).await.into_iter().filter(|event| event["subject"] == number);
    events.map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone())).collect()
}

/// Waits until an event of `kind` is told of the ticket; gives its data.
async fn hears(gateway: &Gateway, number: &str, kind: &str) -> Value {
    eventually(&format!("{kind} of {number}"), seconds(20), async || {
        told(gateway, number).await.into_iter().find(|(told, _)| told == kind).map(|(_, data)| data)
    })
    .await
}

async fn ticket(gateway: &Gateway, number: &str) -> Value {
    get(gateway.admin, &format!("/api/v1/tickets/{number}")).await.json()
}

/// Waits until everything has its outcome, and everything adds up: the sums.
async fn at_rest(gateway: &Gateway) -> Value {
    eventually("everything has its outcome and adds up", seconds(20), async || {
        let report = get(gateway.admin, "/api/v1/reconciliation").await.json();
        assert_eq!(report["balanced"], true, "{report:#}");
        (report["total"]["pending"] == 0).then(|| report["total"].clone())
    })
    .await
}
