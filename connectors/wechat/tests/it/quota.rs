//! How many messages may follow what a citizen did, by our own count.

use crate::{
    outbound::{Away, SEND, node, refused, reply},
    platform::Platform,
    support::*,
};
use jiesu_connector::{Failure, LocalMemory, Parts, Reception, Shared};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const BIZSEND: &str = "/cgi-bin/message/subscribe/bizsend";

/// A citizen does something: what is done beside the answer is done, too.
async fn pushed(parts: &Parts, kind: &str, more: &str) {
    let body = format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1</CreateTime>\
         <MsgType>{kind}</MsgType>{more}</xml>"
    );
    match webhook(parts).receive(&plain(&body), jiff::Timestamp::now()) {
        Ok(Reception::With(_, aside)) => aside.await,
        Ok(_) => {}
        Err(rejection) => panic!("{rejection:?}"),
    }
}

const WORDS: &str = "<Content>a</Content><MsgId>1</MsgId>";

#[tokio::test]
async fn what_our_own_count_forbids_is_refused_in_words_and_the_platform_is_not_asked() {
    let platform = Arc::new(Platform::default());
    let shared: Arc<dyn Shared> = Arc::new(LocalMemory::default());
    let nodes =
        [node(&platform, &shared, json!({ "mode": "plain" })), node(&platform, &shared, json!({ "mode": "plain" }))];
    // Nothing is known of them: the platform decides, and what it says is remembered by all.
    reply(&nodes[0], "a").await.unwrap();
    platform.then_code(45015, "");
    assert!(refused(reply(&nodes[0], "a").await).starts_with("45015"));
    let late = refused(reply(&nodes[1], "a").await);
    assert!(late.starts_with("45015") && late.contains("gateway's count") && late.contains("48 hours"), "{late}");
    assert_eq!(platform.calls(SEND).len(), 2);
    // They write: five, whichever node sends them.
    pushed(&nodes[0], "text", WORDS).await;
    for place in 0..5 {
        reply(&nodes[place % 2], "a").await.unwrap();
    }
    let spent = refused(reply(&nodes[1], "a").await);
    assert!(spent.starts_with("45047") && spent.contains("used up"), "{spent}");
    assert_eq!(platform.calls(SEND).len(), 7);
    // A click allows three more; what failed is not counted.
    pushed(&nodes[1], "event", "<Event>CLICK</Event><EventKey>A</EventKey>").await;
    platform.then_code(-1, "");
    assert!(matches!(reply(&nodes[0], "a").await, Err(Failure::Retry { .. })));
    for _ in 0..3 {
        reply(&nodes[0], "a").await.unwrap();
    }
    refused(reply(&nodes[0], "a").await);
    // Leaving, reports and opened links allow nothing.
    for event in ["unsubscribe", "VIEW", "LOCATION", "TEMPLATESENDJOBFINISH"] {
        pushed(&nodes[0], "event", &format!("<Event>{event}</Event>")).await;
    }
    refused(reply(&nodes[0], "a").await);
    // The platform says before our count that it is enough.
    pushed(&nodes[0], "text", WORDS).await;
    platform.then_code(45047, "");
    refused(reply(&nodes[0], "a").await);
    let before = platform.calls(SEND).len();
    refused(reply(&nodes[1], "a").await);
    assert_eq!(platform.calls(SEND).len(), before);
}

#[tokio::test]
async fn a_city_counts_as_its_account_is_allowed_to_or_not_at_all() {
    let platform = Arc::new(Platform::default());
    let shared: Arc<dyn Shared> = Arc::new(LocalMemory::default());
    let quota = json!({ "after_message": { "messages": 1, "within": "1s" } });
    let parts = node(&platform, &shared, json!({ "mode": "plain", "quota": quota }));
    pushed(&parts, "text", WORDS).await;
    reply(&parts, "a").await.unwrap();
    assert!(refused(reply(&parts, "a").await).starts_with("45047"));
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    assert!(refused(reply(&parts, "a").await).starts_with("45015"));
    let parts = node(&platform, &shared, json!({ "mode": "plain", "quota": { "count": false } }));
    for _ in 0..7 {
        reply(&parts, "a").await.unwrap();
    }
}

#[tokio::test]
async fn a_memory_that_is_away_refuses_nobody() {
    let platform = Arc::new(Platform::default());
    let away: Arc<dyn Shared> = Arc::new(Away);
    let parts = node(&platform, &away, json!({ "mode": "plain" }));
    pushed(&parts, "text", WORDS).await;
    for _ in 0..7 {
        reply(&parts, "a").await.unwrap();
    }
    platform.then_code(45015, "");
    refused(reply(&parts, "a").await);
    reply(&parts, "a").await.unwrap();
}

#[tokio::test]
async fn a_long_answer_that_does_not_fit_goes_as_a_notice_of_the_whole_or_as_far_as_it_may() {
    let platform = Arc::new(Platform::default());
    let shared: Arc<dyn Shared> = Arc::new(LocalMemory::default());
    let quota = json!({ "after_message": { "messages": 2, "within": "1h" } });
    let long = "答".repeat(1_500);
    let parts = node(&platform, &shared, json!({ "mode": "plain", "quota": quota }));
    pushed(&parts, "text", WORDS).await;
    let Err(Failure::Partial { why }) = reply(&parts, &long).await else { panic!() };
    assert!(why.starts_with("2 of 3 messages arrived: 45047"), "{why}");
    assert_eq!(platform.calls(SEND).len(), 2);
    let notice = json!({ "kind": "subscription", "template_id": "T", "fields": { "thing1": "{text}" } });
    let parts = node(&platform, &shared, json!({ "mode": "plain", "quota": quota, "notice": notice }));
    pushed(&parts, "text", WORDS).await;
    reply(&parts, &long).await.unwrap();
    assert_eq!((platform.calls(SEND).len(), platform.calls(BIZSEND).len()), (2, 1));
    // They did not agree to notices: as much as may go.
    platform.then_code(43101, "");
    assert!(matches!(reply(&parts, &long).await, Err(Failure::Partial { .. })));
    // Nothing may go, but a notice.
    reply(&parts, "短").await.unwrap();
    assert_eq!((platform.calls(SEND).len(), platform.calls(BIZSEND).len()), (4, 3));
}
