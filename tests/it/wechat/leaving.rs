//! A citizen leaves the account: what the policy does to their tickets, and that nobody writes to them.

use super::{
    SOON, Town,
    account::{event, number, text},
    answers::{fate, ticket_of},
    balanced, becomes, feed, log_is_clean, ticket,
};
use crate::harness::{Gateway, eventually, seconds};
use serde_json::{Value, json};

/// Waits until so many events of the channel have their outcome.
async fn noted(gateway: &Gateway, count: u64) {
    eventually("the event has its outcome", seconds(10), async || {
        (balanced(gateway).await["rejected"].as_u64() == Some(count)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_who_left_is_not_written_to_until_they_are_back() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let number = ticket_of(account, &gateway, "oLEFT").await;
    account.say(&gateway, &event("oLEFT", "unsubscribe", &[])).await;
    noted(&gateway, 1).await;
    let left = fate(&gateway, &number, "c1").await;
    assert_eq!(left["state"], "refused", "{left}");
    assert!(left["reason"].as_str().unwrap().contains("left"), "{left}");
    assert!(town.platform.said_to("oLEFT").is_empty());
    account.say(&gateway, &event("oLEFT", "subscribe", &[])).await;
    noted(&gateway, 2).await;
    assert_eq!(fate(&gateway, &number, "c2").await["state"], "delivered");
    assert_eq!(town.platform.said_to("oLEFT").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_flag_the_core_learns_who_is_out_of_reach_until_they_are_back() {
    let mut town = Town::new(SOON).await;
    town.site.set("channels.mp.unsubscribe", "flag");
    let gateway = town.site.start().await;
    let account = &town.account;
    let (closed, open) = (ticket_of(account, &gateway, "oFLAG").await, ticket_of(account, &gateway, "oFLAG").await);
    let update = json!({ "id": "c0", "status": "closed" });
    assert_eq!(super::core_says(&gateway, &closed, &update).await.status, 200);
    // They leave in the middle of a conversation: that is theirs, too.
    let last = number(&account.say(&gateway, &text("oFLAG", "最后一件")).await);
    account.say(&gateway, &event("oFLAG", "unsubscribe", &[])).await;
    let flagged = |ticket: &Value| ticket["flags"] == json!(["unreachable"]);
    for number in [&open, &last] {
        becomes(&gateway, number, "flagged", flagged).await;
    }
    assert_eq!(ticket(&gateway, &closed).await["flags"], json!([]));
    noted(&gateway, 1).await;
    assert_eq!(fate(&gateway, &open, "c1").await["state"], "refused");
    let told = feed(&gateway).await;
    let change = |event: &&Value| event["type"] == "ticket.updated" && event["data"]["change"]["flags"].is_object();
    assert_eq!(told.iter().filter(change).count(), 2);
    account.say(&gateway, &event("oFLAG", "subscribe", &[])).await;
    for number in [&open, &last] {
        becomes(&gateway, number, "not flagged", |ticket| ticket["flags"] == json!([])).await;
    }
    noted(&gateway, 2).await;
    assert_eq!(fate(&gateway, &open, "c2").await["state"], "delivered");
    log_is_clean(&gateway, account, &["oFLAG"], &["最后一件"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_unlink_their_tickets_stay_and_say_no_more_whose_they_are() {
    let mut town = Town::new(SOON).await;
    town.site.set("channels.mp.unsubscribe", "unlink");
    let gateway = town.site.start().await;
    let account = &town.account;
    let first = ticket_of(account, &gateway, "oUNLINK").await;
    let key = ticket(&gateway, &first).await["appellant"]["key"].clone();
    let other = ticket_of(account, &gateway, "oOTHER").await;
    let second = number(&account.say(&gateway, &text("oUNLINK", "最后一件")).await);
    account.say(&gateway, &event("oUNLINK", "unsubscribe", &[])).await;
    for number in [&first, &second] {
        let unlinked =
            |ticket: &Value| ticket["number"] == number.as_str() && ticket["appellant"]["wechat_openid"].is_null();
        let ticket = becomes(&gateway, number, "unlinked", unlinked).await;
        assert_eq!(ticket["appellant"]["key"], key, "a citizen of many matters is still one");
        assert!(!ticket.to_string().contains("oUNLINK"), "{ticket}");
    }
    noted(&gateway, 1).await;
    assert_eq!(fate(&gateway, &first, "c1").await["state"], "refused");
    assert!(town.platform.said_to("oUNLINK").is_empty());
    // Back again: a stranger.
    account.say(&gateway, &event("oUNLINK", "subscribe", &[])).await;
    noted(&gateway, 2).await;
    assert!(account.say(&gateway, &text("oUNLINK", "进度")).await.contains("没有查到"));
    assert_eq!(ticket(&gateway, &other).await["appellant"]["wechat_openid"], "oOTHER");
    balanced(&gateway).await;
}
