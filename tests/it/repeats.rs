//! Repeats, incidents and triage from end to end: the real gateway, a real Redis.

mod citizens;
mod city;
mod gazetteer;
mod history;
mod line;
mod operator;
mod outage;
mod scale;
pub mod server;
mod triage;

use crate::harness::{Delivery, Gateway, Site, eventually, get, post, post_all, seconds};
use serde_json::{Value, json};

/// A street lamp, said in several ways, and another one.
const LAMP: &str = "嘉州大道123号滨江花园小区门口的路灯坏了三天，晚上漆黑一片，已经有老人摔跤，请尽快维修。";
const LAMP_AGAIN: &str = "滨江花园小区门口嘉州大道的路灯还是没有修好，晚上漆黑，走路很危险，请抓紧维修。";
const LAMP_OTHERS: &str = "嘉州大道滨江花园小区门口路灯坏了好几天没人修，晚上漆黑一片，请派人维修路灯。";
const OTHER_LAMP: &str = "翠竹路45号凤凰家园小区门口的路灯坏了三天，晚上漆黑一片，已经有老人摔跤，请尽快维修。";

/// Posts an appeal of the citizen with this phone: number and code.
async fn say(gateway: &Gateway, phone: &str, content: &str) -> (String, String) {
    let reply = gateway.appeal(&json!({ "content": content, "appellant": { "phone": phone } })).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let receipt = reply.json();
    let text = |field: &str| receipt[field].as_str().unwrap().to_owned();
    (text("number"), text("code"))
}

/// Waits for an event of this kind about this ticket.
async fn told(site: &Site, kind: &str, number: &str) -> Delivery {
    eventually(&format!("{kind} of {number}"), seconds(20), async || {
        site.core.taken().into_iter().find(|delivery| delivery.kind() == kind && delivery.subject() == number)
    })
    .await
}

async fn ticket(gateway: &Gateway, number: &str) -> Value {
    get(gateway.admin, &format!("/api/v1/tickets/{number}")).await.json()
}

async fn unlink(gateway: &Gateway, number: &str) -> (u16, Value) {
    let reply = post(gateway.admin, &format!("/api/v1/tickets/{number}/unlink"), None, &json!({})).await;
    (reply.status, reply.json())
}
