//! Short messages from end to end: the real gateway between a carrier's gateway written from the specification, a message
//! centre of other people's making, and the core.

pub mod answers;
pub mod carrier;
mod centre;
pub mod citizens;
mod clouds;
mod cmpp;
mod long;
mod orphans;
mod receipts;
mod sending;
mod smpp;
mod wire;

use crate::{
    harness::{Gateway, Site, eventually, get, seconds},
    wechat::feed,
};
use carrier::Carrier;
use serde_json::Value;
use std::time::Duration;

/// What the core shows on its callbacks.
pub const CORE_TOKEN: &str = "the-core-shows-this-0123456789";
/// Each message is an appeal.
const IMMEDIATE: &str = "\"immediate\"";

/// A site with one carrier.
async fn site(carrier: &Carrier, assembly: &str) -> Site {
    configured(Site::new().await, carrier, assembly)
}

fn configured(mut site: Site, carrier: &Carrier, assembly: &str) -> Site {
    carrier.configure(&mut site, assembly);
    site.set("core.token", CORE_TOKEN);
    site
}

/// How long so many messages may take, on a machine that does other things too.
fn patience(messages: usize) -> Duration {
    seconds(30 + messages as u64 / 10)
}

/// Waits for so many tickets, in the order of their making.
async fn tickets(gateway: &Gateway, count: usize) -> Vec<Value> {
    let what = format!("{count} tickets");
    eventually(&what, patience(count), async || {
        let created = feed(gateway).await.into_iter().filter(|event| event["type"] == "ticket.created");
        let created: Vec<Value> = created.map(|event| event["data"]["ticket"].clone()).collect();
        (created.len() >= count).then_some(created)
    })
    .await
}

/// The ticket as it stands.
async fn ticket(gateway: &Gateway, number: &Value) -> Value {
    get(gateway.admin, &format!("/api/v1/tickets/{}", number.as_str().unwrap())).await.json()
}
