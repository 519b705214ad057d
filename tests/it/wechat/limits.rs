//! One citizen who sends without end: everything is kept, and is no flood of tickets.

use super::{
    Town,
    account::{event, number, text},
    balanced, feed, log_is_clean,
};
use crate::harness::{eventually, get, seconds};
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_limit_of_a_citizen_everything_is_kept_in_one_ticket() {
    let mut town = Town::new("\"immediate\"").await;
    town.site.set("limits.per_citizen", "10/m");
    let gateway = town.site.start().await;
    let account = &town.account;
    let mut receipts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for place in 0..60 {
        let words = format!("刷屏第{place:02}句");
        receipts.entry(number(&account.say(&gateway, &text("oFLOOD", &words)).await)).or_default().push(words);
        if place % 6 == 0 {
            // Others have their own limit, and events are no appeals.
            let other = number(&account.say(&gateway, &text(&format!("oCALM-{place}"), "平常一句")).await);
            assert!(!receipts.contains_key(&other));
            account.say(&gateway, &event("oFLOOD", "SCAN", &[("EventKey", "1")])).await;
        }
    }
    assert_eq!(receipts.len(), 11, "ten of their own, and one for all the rest: {receipts:?}");
    let tickets = eventually("all tickets", seconds(15), async || {
        let events = feed(&gateway).await;
        let tickets = events.into_iter().filter(|event| event["type"] == "ticket.created");
        let tickets: Vec<_> = tickets.map(|event| event["data"]["ticket"].clone()).collect();
        (tickets.len() == 21).then_some(tickets)
    });
    for ticket in tickets.await {
        if let Some(words) = receipts.remove(ticket["number"].as_str().unwrap()) {
            assert_eq!(ticket["content"], words.join("\n"), "whole, and in order");
        }
    }
    assert!(receipts.is_empty(), "{receipts:?}");
    let total = balanced(&gateway).await;
    assert_eq!((total["ticketed"].as_u64(), total["supplement"].as_u64()), (Some(21), Some(49)), "{total}");
    let metrics = get(gateway.admin, "/metrics").await.text();
    assert!(metrics.contains("jiesu_collapsed_total{channel=\"mp\"} 50"), "{metrics}");
    log_is_clean(&gateway, account, &["oFLOOD", "oCALM"], &["刷屏"]);
}
