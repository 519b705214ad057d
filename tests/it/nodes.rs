//! Two nodes of one gateway, on one real PostgreSQL and one real Redis: whoever receives accepts, one at a time makes the
//! tickets and delivers them, and whatever happens to a node happens to no citizen.

mod conversations;
mod desk;
mod failures;
mod outage;
mod same;
mod sessions;

use crate::{
    harness::{Delivery, Gateway, Site, eventually, get, seconds, until},
    repeats::server::Redis,
};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// A killed node's work is taken over within this.
const TAKEN_OVER: Duration = seconds(30);

/// Of all nodes.
const KEY: &str = "the-same-key-at-every-node-0123456789";

/// What the nodes share, and the core.
struct City {
    site: Site,
    redis: Redis,
}

impl City {
    /// Nothing runs yet.
    async fn new() -> Self {
        let (redis, mut site) = (Redis::start().await, Site::on_postgres(&["max_prepared_transactions=2"]).await);
        site.set("store.key", KEY);
        site.set("repeats.url", redis.url());
        Self { site, redis }
    }

    /// One node more.
    async fn node(&mut self) -> Gateway {
        self.site.start().await
    }

    /// What the database answers.
    fn ask(&mut self, sql: &str) -> String {
        self.site.postgres().ask("store0", sql)
    }

    /// Two nodes, of which the first holds everything.
    async fn two(&mut self) -> (Gateway, Gateway) {
        let first = self.node().await;
        has_all(&first, seconds(20)).await;
        (first, self.node().await)
    }

    /// What the core has been given, in the order in which it first came: each event once, those of a ticket in their
    /// order, each ticket created once.
    fn delivered(&self) -> Vec<Delivery> {
        self.site.core.verify();
        let mut seen = HashSet::new();
        let first: Vec<Delivery> =
            self.site.core.taken().into_iter().filter(|delivery| seen.insert(delivery.id.clone())).collect();
        let mut last: HashMap<&str, &str> = HashMap::new();
        let mut created = HashSet::new();
        for delivery in &first {
            let sequence = delivery.event["sequence"].as_str().unwrap();
            let before = last.insert(delivery.subject(), sequence);
            assert!(before.is_none_or(|before| before < sequence), "{} of {}", sequence, delivery.subject());
            if delivery.kind() == "ticket.created" {
                assert!(before.is_none(), "{} is created first", delivery.subject());
                assert!(created.insert(delivery.subject()), "{} is created once", delivery.subject());
            }
        }
        first
    }
}

/// What the node itself holds.
async fn holds(node: &Gateway) -> Vec<String> {
    let nodes = get(node.admin, "/api/v1/nodes").await.json();
    let held = nodes["nodes"][0]["holds"].as_array().cloned().unwrap_or_default();
    held.iter().filter_map(|resource| Some(resource.as_str()?.to_owned())).collect()
}

/// Waits until the node holds all that there is to hold in a city without sessions.
async fn has_all(node: &Gateway, within: Duration) {
    eventually("the node holds everything", within, async || {
        let held = holds(node).await;
        ["line", "media", "replies", "to/core"].iter().all(|one| held.iter().any(|it| it == one)).then_some(())
    })
    .await;
}

/// Everything adds up, as this node tells it.
async fn balanced(node: &Gateway) -> Value {
    let account = get(node.admin, "/api/v1/reconciliation").await.json();
    assert_eq!(account["balanced"], true, "{account}");
    account["total"].clone()
}

/// Waits until the node's log says so.
async fn logs(node: &Gateway, words: &str, within: Duration) {
    until(words, within, || node.log().contains(words).then_some(())).await;
}
