//! What still reaches a citizen whom no message may reach: how many may go, long answers, and notices instead.

use super::{
    CORE_TOKEN, Town,
    account::{Account, event, text},
    answers::{fate, reply, settled, ticket_of},
    balanced, becomes, core_says, log_is_clean,
    platform::{NOTICE, Platform, SEND, TEMPLATE, error},
    redis::Redis,
};
use crate::harness::Site;
use serde_json::{Value, json};

fn with_notice(town: &mut Town, kind: &str) {
    town.site.set("channels.mp.notice.kind", kind);
    town.site.set("channels.mp.notice.template_id", "tmpl-1");
    town.site.set("channels.mp.notice.fields.thing1", "{text}");
    town.site.set("channels.mp.notice.fields.character_string2", "{number}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_goes_out_where_a_message_may_not_and_its_later_failure_is_told() {
    let mut town = Town::new("\"immediate\"").await;
    with_notice(&mut town, "template");
    let gateway = town.site.start().await;
    let number = ticket_of(&town.account, &gateway, "oNOTICE").await;
    town.platform.script(|call, _| (call.path == SEND).then(|| error(45015)));
    // Its fate may be here before the answer to the call that sent it is stored.
    assert_eq!(fate(&gateway, &number, "c1").await["state"], "delivered");
    let sent = town.platform.calls(TEMPLATE).remove(0).body;
    assert_eq!((&sent["touser"], &sent["data"]["thing1"]["value"]), (&json!("oNOTICE"), &json!("已派人修好")));
    let finished = [("MsgID", "4000000000000001"), ("Status", "failed:user block")];
    town.account.say(&gateway, &event("oNOTICE", "TEMPLATESENDJOBFINISH", &finished)).await;
    let ticket = becomes(&gateway, &number, "refused", |ticket| ticket["replies"][0]["state"] == "refused").await;
    assert_eq!(ticket["replies"][0]["reason"], "failed:user block");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_notice_goes_out_and_its_fate_is_told() {
    let mut town = Town::new("\"immediate\"").await;
    with_notice(&mut town, "subscription");
    let gateway = town.site.start().await;
    let account = &town.account;
    let number = ticket_of(account, &gateway, "oSUBSCRIBED").await;
    town.platform.script(|call, _| (call.path == SEND).then(|| error(45047)));
    assert_eq!(fate(&gateway, &number, "c1").await["state"], "delivered");
    let sent = town.platform.calls(NOTICE).remove(0).body;
    assert_eq!((&sent["touser"], &sent["template_id"]), (&json!("oSUBSCRIBED"), &json!("tmpl-1")));
    assert_eq!(sent["data"]["character_string2"]["value"], number.as_str());
    assert!(sent["page"].as_str().unwrap().ends_with("/status") && sent["client_msg_id"].is_null(), "{sent}");
    // The next one is not offered to the platform as a message again.
    assert_eq!(fate(&gateway, &number, "c2").await["state"], "delivered");
    assert_eq!((town.platform.calls(SEND).len(), town.platform.calls(NOTICE).len()), (1, 2));
    // The citizen did not agree, or took it back.
    town.platform.script(|call, _| (call.path == NOTICE).then(|| error(43101)));
    let refused = fate(&gateway, &number, "c3").await;
    assert_eq!(refused["state"], "refused");
    assert!(refused["reason"].as_str().unwrap().starts_with("43101"), "{refused}");
    // What the platform took and could not deliver.
    town.platform.script(|_, _| None);
    let list = "<SubscribeMsgSentEvent><List><TemplateId>tmpl-1</TemplateId><MsgID>5000000000000001</MsgID>\
                <ErrorCode>3</ErrorCode><ErrorStatus>user reject</ErrorStatus></List></SubscribeMsgSentEvent></xml>";
    account.say(&gateway, &event("oSUBSCRIBED", "subscribe_msg_sent_event", &[]).replace("</xml>", list)).await;
    let ticket = becomes(&gateway, &number, "refused", |ticket| ticket["replies"][1]["state"] == "refused").await;
    assert_eq!(ticket["replies"][1]["reason"], "3 user reject");
    balanced(&gateway).await;
    log_is_clean(&gateway, account, &["oSUBSCRIBED"], &["修好"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_five_answers_the_sixth_is_refused_unasked_until_the_citizen_writes_again() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let number = ticket_of(account, &gateway, "oCOUNTED").await;
    for place in 1..=5 {
        assert_eq!(fate(&gateway, &number, &format!("c{place}")).await["state"], "delivered", "{place}");
    }
    let sixth = fate(&gateway, &number, "c6").await;
    assert_eq!(sixth["state"], "refused", "{sixth}");
    let reason = sixth["reason"].as_str().unwrap();
    assert!(reason.contains("45047") && reason.contains("gateway's count"), "{reason}");
    assert_eq!(town.platform.said_to("oCOUNTED").len(), 5, "the platform was not asked");
    account.say(&gateway, &text("oCOUNTED", "进度")).await;
    assert_eq!(fate(&gateway, &number, "c7").await["state"], "delivered");
    assert_eq!(town.platform.said_to("oCOUNTED").len(), 6);
    log_is_clean(&gateway, account, &["oCOUNTED"], &["修好"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_has_closed_is_known_and_a_click_opens_it_for_a_moment() {
    let mut town = Town::new("\"immediate\"").await;
    with_notice(&mut town, "template");
    let short: toml::Table = "a = { messages = 5, within = \"1s\" }".parse().unwrap();
    town.site.set("channels.mp.quota.after_message", short["a"].clone());
    let gateway = town.site.start().await;
    let account = &town.account;
    let number = ticket_of(account, &gateway, "oCLOSED").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(fate(&gateway, &number, "c1").await["state"], "delivered");
    assert_eq!((town.platform.calls(SEND).len(), town.platform.calls(TEMPLATE).len()), (0, 1));
    account.say(&gateway, &event("oCLOSED", "CLICK", &[("EventKey", "HOW_TO")])).await;
    assert_eq!(fate(&gateway, &number, "c2").await["state"], "delivered");
    assert_eq!((town.platform.calls(SEND).len(), town.platform.calls(TEMPLATE).len()), (1, 1));
}

/// Two gateways of one account count together; and without their memory they refuse nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_gateways_count_together_and_a_lost_memory_refuses_nobody() {
    let platform = Platform::start().await;
    let mut redis = Redis::start().await;
    let account = Account::new("mp", "safe");
    let mut sites = [Site::new().await, Site::new().await];
    let mut gateways = Vec::new();
    for site in &mut sites {
        account.configure(site, Some(platform.address), "\"immediate\"");
        site.set("core.token", CORE_TOKEN);
        site.set("repeats.url", redis.url());
        gateways.push(site.start().await);
    }
    let mut numbers = Vec::new();
    for gateway in &gateways {
        numbers.push(ticket_of(&account, gateway, "oBOTH").await);
    }
    for place in 0..5 {
        let (gateway, number) = (&gateways[place % 2], &numbers[place % 2]);
        assert_eq!(fate(gateway, number, &format!("c{place}")).await["state"], "delivered", "{place}");
    }
    for (gateway, number) in gateways.iter().zip(&numbers) {
        let refused = fate(gateway, number, "c9").await;
        assert!(refused["reason"].as_str().unwrap().contains("45047"), "{refused}");
    }
    assert_eq!(platform.said_to("oBOTH").len(), 5);
    let contents = redis.contents();
    assert!(contents.contains("/window/") && !contents.contains("oBOTH"), "{contents}");
    redis.end();
    for (gateway, number) in gateways.iter().zip(&numbers) {
        assert_eq!(fate(gateway, number, "c10").await["state"], "delivered");
        log_is_clean(gateway, &account, &["oBOTH"], &["修好"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_goes_in_pieces_and_one_that_breaks_off_is_partial() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let number = ticket_of(&town.account, &gateway, "oLONG").await;
    let long: String = (1..=140).map(|line| format!("第{line}项已经办理完毕。\n")).collect();
    let say = async |id: &str| {
        assert_eq!(core_says(&gateway, &number, &reply(id, &long)).await.status, 200);
        settled(&gateway, &number).await
    };
    assert_eq!(say("c1").await["state"], "delivered");
    let said = town.platform.said_to("oLONG");
    assert_eq!(said.len(), 3);
    assert!(said.iter().all(|piece| piece.len() <= 2_048));
    let whole = said.join("\n");
    for line in [1, 99, 140] {
        assert_eq!(whole.matches(&format!("第{line}项已经办理完毕。")).count(), 1, "{line}");
    }
    // The second piece of the next one finds the quota used up, and the platform's word counts.
    town.platform.script(|call, count| (call.path == SEND && count == 4).then(|| error(45047)));
    let half = say("c2").await;
    assert_eq!(half["state"], "partial", "{half}");
    assert!(half["reason"].as_str().unwrap().starts_with("1 of 3 messages arrived: 45047"), "{half}");
    assert_eq!(town.platform.said_to("oLONG").len(), 5, "nothing after it, and nothing again");
    let told: Vec<Value> = super::feed(&gateway).await;
    let last = &told.last().unwrap()["data"]["change"]["replies"]["new"][1];
    assert_eq!(last["state"], "partial");
}
