//! What goes out, against a stand-in of the platform.

use crate::{
    platform::{Next, Platform},
    support::*,
};
use async_trait::async_trait;
use jiesu_connector::{
    Connector, Failure, LocalMemory, MediaRef, Origin, Parts, Reply, Sent, Setup, Shared, SharedError,
};
use jiesu_connector_testkit::FakeSecrets;
use jiesu_wechat::Wechat;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

pub const SEND: &str = "/cgi-bin/message/custom/send";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

pub fn node(platform: &Arc<Platform>, shared: &Arc<dyn Shared>, more: Value) -> Parts {
    let config = serde_json::from_value(config(more)).unwrap();
    let (http, shared) = (Arc::clone(platform), Arc::clone(shared));
    let secrets = FakeSecrets::default();
    let setup = Setup { http, shared, ..secrets.setup("mp") };
    Wechat::build(config, &setup).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn alone() -> (Arc<Platform>, Parts) {
    let platform = Arc::new(Platform::default());
    let shared: Arc<dyn Shared> = Arc::new(LocalMemory::default());
    let parts = node(&platform, &shared, json!({}));
    (platform, parts)
}

/// As the gateway does it: ready first, and again at once where that is asked for.
pub async fn reply(parts: &Parts, text: &str) -> Result<Sent, Failure> {
    let (id, to, number) = ("re_1".into(), "oA".into(), "20261122-000123-4".into());
    let (replier, reply) = (
        parts.replier.as_ref().unwrap(),
        Reply {
            id,
            to,
            number,
            text: text.into(),
            code: None,
            title: String::new(),
            message: None,
            proof: String::new(),
        },
    );
    loop {
        replier.ready().await?;
        match replier.reply(&reply).await {
            Err(Failure::Retry { after: Some(Duration::ZERO), .. }) => {}
            outcome => return outcome,
        }
    }
}

async fn fetch(parts: &Parts, name: &str) -> Result<bytes::Bytes, Failure> {
    parts.media.as_ref().unwrap().fetch(&MediaRef(name.into()), 1_000).await
}

pub fn refused(result: Result<impl std::fmt::Debug, Failure>) -> String {
    match result {
        Err(Failure::Refused { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_goes_out_as_raw_utf8_with_its_number() {
    let (platform, parts) = alone();
    reply(&parts, "路灯已修好").await.unwrap();
    let sent = platform.calls(SEND);
    assert_eq!(sent[0]["touser"], "oA");
    let text = sent[0]["text"]["content"].as_str().unwrap();
    assert!(text.contains("20261122-000123-4") && text.contains("路灯已修好"), "{text}");
    assert_eq!(platform.logins().len(), 1);
}

#[tokio::test]
async fn http_200_with_an_error_code_is_not_delivered() {
    for (code, words) in [(45015, "out of response count"), (45047, "out of api freq limit"), (40003, ""), (43004, "")]
    {
        let (platform, parts) = alone();
        platform.then_code(code, words);
        assert!(refused(reply(&parts, "a").await).starts_with(&code.to_string()));
    }
    for code in [-1, 45009, 45011] {
        let (platform, parts) = alone();
        platform.then_code(code, "");
        let Err(Failure::Retry { after, .. }) = reply(&parts, "a").await else { panic!("{code}") };
        assert_eq!(after.is_some(), code != -1);
    }
}

#[tokio::test]
async fn server_errors_and_garbage_are_tried_again_and_silence_is_unknown() {
    let garbage = || Next::Body(200, "text/html", b"<html>proxy</html>".to_vec());
    let elsewhere = |status| Next::Body(status, "application/json", br#"{"error":"not found"}"#.to_vec());
    let moved = Next::Body(302, "text/html", vec![]);
    for next in
        [garbage(), Next::Body(502, "text/html", vec![]), Next::Unreachable, elsewhere(200), elsewhere(404), moved]
    {
        let (platform, parts) = alone();
        platform.then(next);
        assert!(matches!(reply(&parts, "a").await, Err(Failure::Retry { .. })));
    }
    let (platform, parts) = alone();
    platform.then(Next::Silence);
    assert!(matches!(reply(&parts, "a").await, Err(Failure::Unknown { .. })));
    assert_eq!(platform.calls(SEND).len(), 1, "nothing is said twice");
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_and_the_call_repeated_once() {
    let (platform, parts) = alone();
    reply(&parts, "a").await.unwrap();
    platform.expire_token();
    reply(&parts, "b").await.unwrap();
    assert_eq!(platform.logins().len(), 2);
    for code in [40001, 40014, 42001] {
        let (platform, parts) = alone();
        platform.then_code(code, "");
        reply(&parts, "c").await.unwrap();
        assert_eq!(platform.calls(SEND).len(), 2);
    }
    let (platform, parts) = alone();
    platform.then_code(40001, "").then_code(40001, "");
    assert!(matches!(reply(&parts, "d").await, Err(Failure::Retry { .. })));
    assert_eq!(platform.calls(SEND).len(), 2);
}

#[tokio::test]
async fn a_token_that_the_platform_gives_again_although_it_failed_is_forced_out() {
    let (platform, parts) = alone();
    platform.then_code(40001, "not latest");
    reply(&parts, "a").await.unwrap();
    let forced: Vec<_> = platform.logins().iter().map(|login| login["force_refresh"] == true).collect();
    assert_eq!(forced, [false, false, true]);
}

#[tokio::test]
async fn two_nodes_with_many_answers_log_in_once_and_renew_once() {
    let platform = Arc::new(Platform::default());
    let shared: Arc<dyn Shared> = Arc::new(LocalMemory::default());
    let nodes = Arc::new([node(&platform, &shared, json!({})), node(&platform, &shared, json!({}))]);
    for round in 1..=3 {
        let tasks: Vec<_> = (0..40)
            .map(|task| {
                let nodes = Arc::clone(&nodes);
                tokio::spawn(async move { reply(&nodes[task % 2], "a").await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(platform.logins().len(), round);
        platform.expire_token();
    }
}

#[tokio::test]
async fn a_platform_that_refuses_every_token_is_not_asked_to_force_one_each_time() {
    let (platform, parts) = alone();
    for _ in 0..10 {
        platform.then_code(40001, "").then_code(40001, "");
        assert!(matches!(reply(&parts, "a").await, Err(Failure::Retry { .. })));
    }
    assert_eq!(platform.logins().iter().filter(|login| login["force_refresh"] == true).count(), 1);
}

#[tokio::test]
async fn those_who_waited_for_a_log_in_that_failed_do_not_all_try_again() {
    let (platform, parts) = alone();
    platform.refuse_logins(40164, "invalid ip 203.0.113.7");
    let parts = Arc::new(parts);
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            tokio::spawn({
                let parts = Arc::clone(&parts);
                async move { reply(&parts, "a").await }
            })
        })
        .collect();
    for task in tasks {
        let Err(Failure::Retry { why, .. }) = task.await.unwrap() else { panic!() };
        assert!(why.contains("203.0.113.7"), "{why}");
    }
    assert_eq!(platform.logins().len(), 1);
}

/// A memory that cannot be reached.
pub struct Away;

#[async_trait]
impl Shared for Away {
    async fn get(&self, _: &str) -> Result<Option<String>, SharedError> {
        Err(SharedError("away".into()))
    }

    async fn compare_and_swap(&self, _: &str, _: Option<&str>, _: &str, _: Duration) -> Result<bool, SharedError> {
        Err(SharedError("away".into()))
    }
}

#[tokio::test]
async fn without_the_shared_memory_a_node_still_logs_in_only_once() {
    let platform = Arc::new(Platform::default());
    let away: Arc<dyn Shared> = Arc::new(Away);
    let parts = node(&platform, &away, json!({}));
    for _ in 0..10 {
        reply(&parts, "a").await.unwrap();
    }
    assert_eq!(platform.logins().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_died_while_logging_in_holds_up_the_others_for_seconds_only() {
    let platform = Arc::new(Platform::default());
    let shared: Arc<dyn Shared> = Arc::new(LocalMemory::default());
    let lease = format!("wechat/{APP}/lease");
    shared.compare_and_swap(&lease, None, "1", Duration::from_secs(600)).await.unwrap();
    let parts = node(&platform, &shared, json!({}));
    let started = tokio::time::Instant::now();
    reply(&parts, "a").await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_long_answer_goes_in_several_messages_and_half_of_it_is_said_to_be_half() {
    let (platform, parts) = alone();
    reply(&parts, &"答".repeat(1_500)).await.unwrap();
    let sent = platform.calls(SEND);
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|call| call["text"]["content"].as_str().unwrap().len() <= 2_048));
    platform.then(Next::Json(json!({ "errcode": 0 }))).then_code(45047, "");
    let Err(Failure::Partial { why }) = reply(&parts, &"答".repeat(1_500)).await else { panic!() };
    assert!(why.contains("1 of 3") && why.contains("45047"), "{why}");
}

#[tokio::test]
async fn a_notice_goes_out_where_a_message_may_not() {
    let platform = Arc::new(Platform::default());
    let shared: Arc<dyn Shared> = Arc::new(LocalMemory::default());
    let fields = json!({ "thing1": "{text}", "character_string2": "{number}" });
    let notice = json!({ "kind": "template", "template_id": "T", "fields": fields });
    let parts = node(&platform, &shared, json!({ "notice": notice }));
    platform.then_code(45015, "").then(Next::Json(json!({ "errcode": 0, "msgid": 200_228_332_u64 })));
    assert_eq!(reply(&parts, &"修".repeat(30)).await.unwrap().message.as_deref(), Some("200228332"));
    let sent = &platform.calls("/cgi-bin/message/template/send")[0];
    assert_eq!(sent["data"]["thing1"]["value"], format!("{}…", "修".repeat(19)));
    assert_eq!(sent["data"]["character_string2"]["value"], "20261122-000123-4");
    assert_eq!(sent["client_msg_id"].as_str().unwrap().len(), 32);
    // The platform is not asked again whether a message may pass.
    platform.then_code(43004, "");
    assert!(refused(reply(&parts, "a").await).starts_with("43004"));
    assert_eq!(platform.calls(SEND).len(), 1);
}

#[tokio::test]
async fn media_are_fetched_and_errors_under_200_are_errors() {
    let (platform, parts) = alone();
    platform.then(Next::Body(200, "image/jpeg", JPEG.to_vec()));
    assert_eq!(fetch(&parts, "id/1").await.unwrap(), JPEG);
    assert!(platform.addresses()[0].0.ends_with("access_token=token-0&media_id=id%2F1"));
    platform.then_code(40007, "invalid media_id");
    assert!(refused(fetch(&parts, "id").await).starts_with("40007"));
    platform.then_code(40001, "").then(Next::Body(200, "audio/amr", b"#!AMR\n".to_vec()));
    assert_eq!(fetch(&parts, "id").await.unwrap(), "#!AMR\n");
    platform.then(Next::Body(200, "image/jpeg", vec![0xff; 1_001]));
    assert!(refused(fetch(&parts, "id").await).contains("larger than 1000"));
    platform.then(Next::Body(200, "text/html", b"<html>login</html>".to_vec()));
    assert!(matches!(fetch(&parts, "id").await, Err(Failure::Retry { .. })));
    platform.then(Next::Silence);
    assert!(matches!(fetch(&parts, "id").await, Err(Failure::Retry { .. })));
}

#[tokio::test]
async fn a_video_is_fetched_from_the_address_in_the_answer_through_the_filter() {
    let (platform, parts) = alone();
    platform.then(Next::Json(json!({ "video_url": "http://mmvideo.example/v" })));
    platform.then(Next::Body(200, "video/mp4", b"\0\0\0\x18ftypmp42".to_vec()));
    fetch(&parts, "video").await.unwrap();
    assert_eq!(platform.addresses()[1], ("http://mmvideo.example/v".into(), Origin::Foreign));
}

#[tokio::test]
async fn a_photo_whose_id_has_expired_is_fetched_by_its_address() {
    let (platform, parts) = alone();
    platform.then_code(40007, "").then(Next::Body(200, "image/jpeg", JPEG.to_vec()));
    fetch(&parts, "id http://mmbiz.example/p").await.unwrap();
    assert_eq!(platform.addresses()[1].1, Origin::Foreign);
    platform.then_code(40007, "").then(Next::Body(404, "text/html", vec![]));
    assert!(refused(fetch(&parts, "id http://mmbiz.example/p").await).starts_with("40007"));
}

#[tokio::test]
async fn the_probe_says_in_words_what_keeps_the_account_from_logging_in() {
    let (platform, parts) = alone();
    let probe = parts.probe.unwrap();
    probe.probe().await.unwrap();
    platform.refuse_logins(40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist");
    let said = probe.probe().await.unwrap_err();
    assert!(said.contains("203.0.113.7") && said.contains("whitelist"), "{said}");
    platform.refuse_logins(40125, "invalid appsecret");
    assert!(probe.probe().await.unwrap_err().contains("app_secret is wrong"));
    assert!(platform.addresses().is_empty(), "nothing else is called");
}

#[tokio::test]
async fn without_a_secret_nothing_pretends_to_go_out() {
    let parts = channel(json!({ "app_secret": null }));
    assert!(parts.replier.is_none() && parts.media.is_none() && parts.probe.is_none());
}
