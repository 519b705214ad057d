//! What the core answers goes to the citizen as a message of the account, and its fate onto the ticket.

use super::{
    Town,
    account::{Account, number, text},
    balanced, becomes, core_says, feed, log_is_clean,
    platform::{Platform, SEND, Say, TOKEN, error},
    redis::Redis,
};
use crate::harness::{Gateway, Site, seconds, until};
use serde_json::{Value, json};
use std::time::Duration;

/// A ticket of `openid`, by one message.
pub async fn ticket_of(account: &Account, gateway: &Gateway, openid: &str) -> String {
    let number = number(&account.say(gateway, &text(openid, "路灯坏了")).await);
    becomes(gateway, &number, "a ticket", |ticket| ticket["number"] == number.as_str()).await;
    number
}

pub fn reply(id: &str, words: &str) -> Value {
    json!({ "id": id, "status": "replied", "reply": { "text": words, "public": true } })
}

/// The core answers; what becomes of it.
pub async fn fate(gateway: &Gateway, number: &str, id: &str) -> Value {
    assert_eq!(core_says(gateway, number, &reply(id, "已派人修好")).await.status, 200);
    settled(gateway, number).await
}

pub async fn settled(gateway: &Gateway, number: &str) -> Value {
    let settled = |ticket: &Value| {
        let replies = ticket["replies"].as_array().filter(|replies| !replies.is_empty());
        replies.is_some_and(|replies| replies.iter().all(|reply| reply["state"] != "pending"))
    };
    let ticket = becomes(gateway, number, "the fate of a reply", settled).await;
    ticket["replies"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_goes_out_once_and_its_fate_is_told() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let number = ticket_of(&town.account, &gateway, "oANSWERED").await;
    assert_eq!(core_says(&gateway, &number, &reply("c1", "已派人修好")).await.status, 200);
    assert_eq!(core_says(&gateway, &number, &reply("c1", "已派人修好")).await.status, 200, "idempotent");
    let fate = settled(&gateway, &number).await;
    assert_eq!(
        (&fate["state"], &fate["channel"], &fate["text"]),
        (&json!("delivered"), &json!("mp"), &json!("已派人修好"))
    );
    let said = town.platform.said_to("oANSWERED");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(&number) && said[0].contains("已派人修好"), "{said:?}");
    let updates: Vec<Value> =
        feed(&gateway).await.into_iter().filter(|event| event["type"] == "ticket.updated").collect();
    let state = |event: &Value, side: &str| event["data"]["change"]["replies"][side][0]["state"].clone();
    assert_eq!(updates.len(), 2, "{updates:#?}");
    assert_eq!(state(&updates[0], "new"), "pending");
    assert_eq!((state(&updates[1], "old"), state(&updates[1], "new")), (json!("pending"), json!("delivered")));
    assert!(town.account.say(&gateway, &text("oANSWERED", "进度")).await.contains("已派人修好"));
    log_is_clean(&gateway, &town.account, &["oANSWERED"], &["路灯", "修好"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platforms_refusals_are_on_the_ticket_with_their_code() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    for (code, openid) in [(45015, "oLATE"), (45047, "oMUCH"), (40003, "oGONE"), (48001, "oNONE")] {
        let number = ticket_of(&town.account, &gateway, openid).await;
        town.platform.script(move |call, _| (call.path == SEND).then(|| error(code)));
        let fate = fate(&gateway, &number, "c1").await;
        assert_eq!(fate["state"], "refused", "{fate}");
        assert!(fate["reason"].as_str().unwrap().contains(&code.to_string()), "{fate}");
        assert_eq!(town.platform.said_to(openid).len(), 1, "asked once");
    }
    balanced(&gateway).await;
    log_is_clean(&gateway, &town.account, &["oLATE", "oMUCH", "oGONE", "oNONE"], &["修好"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_is_tried_again_and_a_lost_answer_is_not() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let numbers = [
        ticket_of(&town.account, &gateway, "oBUSY").await,
        ticket_of(&town.account, &gateway, "oLOST").await,
        ticket_of(&town.account, &gateway, "oFINE").await,
    ];
    town.platform.script(|call, _| match (call.path.as_str(), call.body["touser"].as_str()) {
        (SEND, Some("oLOST")) => Some(Say::Hang),
        _ => None,
    });
    assert_eq!(core_says(&gateway, &numbers[1], &reply("c1", "一")).await.status, 200);
    // One that hangs holds up nobody.
    until("the call that hangs", seconds(5), || (town.platform.said_to("oLOST").len() == 1).then_some(())).await;
    let from = std::time::Instant::now();
    assert_eq!(fate(&gateway, &numbers[2], "c2").await["state"], "delivered");
    assert!(from.elapsed() < seconds(5), "{:?}", from.elapsed());
    let lost = settled(&gateway, &numbers[1]).await;
    assert_eq!(lost["state"], "unknown", "{lost}");
    for (place, trouble) in
        [error(-1), Say::Page(502, "<html>bad gateway"), Say::Json(json!({ "ok": true }))].into_iter().enumerate()
    {
        let before = town.platform.calls(SEND).len();
        town.platform.script(move |call, count| (call.path == SEND && count == before).then(|| trouble.clone()));
        let id = format!("b{place}");
        assert_eq!(fate(&gateway, &numbers[0], &id).await["state"], "delivered", "{id}");
        assert_eq!(town.platform.calls(SEND).len(), before + 2, "{id}");
    }
    assert_eq!(town.platform.said_to("oLOST").len(), 1, "said once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_that_brings_no_token_is_tried_again() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let number = ticket_of(&town.account, &gateway, "oNOTOKEN").await;
    assert_eq!(fate(&gateway, &number, "t0").await["state"], "delivered");
    // The refused token is not used meanwhile.
    let (sends, logins) = (town.platform.calls(SEND).len(), town.platform.calls(TOKEN).len());
    town.platform.expire();
    town.platform.script(move |call, count| {
        (call.path == TOKEN && count == logins).then_some(Say::Page(200, "<html>maintenance"))
    });
    assert_eq!(fate(&gateway, &number, "t1").await["state"], "delivered");
    assert_eq!((town.platform.calls(SEND).len(), town.platform.calls(TOKEN).len()), (sends + 2, logins + 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_is_renewed_once_and_the_call_repeated_once() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let number = ticket_of(&town.account, &gateway, "oTOKEN").await;
    assert_eq!(fate(&gateway, &number, "c1").await["state"], "delivered");
    assert_eq!((town.platform.calls(TOKEN).len(), town.platform.calls(SEND).len()), (1, 1));
    // The platform itself has changed it.
    town.platform.expire();
    assert_eq!(fate(&gateway, &number, "c2").await["state"], "delivered");
    assert_eq!((town.platform.calls(TOKEN).len(), town.platform.calls(SEND).len()), (2, 3));
    for (id, code) in [("c3", 42001), ("c4", 40014)] {
        let before = town.platform.calls(SEND).len();
        town.platform.script(move |call, count| (call.path == SEND && count == before).then(|| error(code)));
        town.platform.expire();
        assert_eq!(fate(&gateway, &number, id).await["state"], "delivered");
        assert_eq!(town.platform.calls(SEND).len(), before + 2);
    }
    assert!(town.platform.calls(TOKEN).iter().all(|call| call.body["force_refresh"] == false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_interrupted_by_a_kill_is_unknown_and_others_go_on_after_it() {
    let mut town = Town::new("\"immediate\"").await;
    let mut gateway = town.site.start().await;
    let account = town.account.clone();
    let (cut, waits) = (ticket_of(&account, &gateway, "oCUT").await, ticket_of(&account, &gateway, "oWAITS").await);
    town.platform.script(|call, _| match call.body["touser"].as_str() {
        Some("oCUT") => Some(Say::Hang),
        Some(_) => Some(error(-1)),
        None => None,
    });
    core_says(&gateway, &cut, &reply("c1", "一")).await;
    core_says(&gateway, &waits, &reply("c2", "二")).await;
    until("both", seconds(5), || {
        (!town.platform.said_to("oCUT").is_empty() && !town.platform.said_to("oWAITS").is_empty()).then_some(())
    })
    .await;
    // The answer to the second has been understood: it waits for its next attempt.
    let database = rusqlite::Connection::open(town.site.database()).unwrap();
    until("it waits", seconds(5), || {
        let sql = "SELECT count(*) FROM reply WHERE state = 'pending' AND attempts > 0";
        database.query_row(sql, [], |row| row.get::<_, i64>(0)).is_ok_and(|count| count == 1).then_some(())
    })
    .await;
    drop(database);
    gateway.kill();
    town.platform.script(|_, _| None);
    let mut gateway = town.site.start().await;
    assert_eq!(settled(&gateway, &cut).await["state"], "unknown");
    assert_eq!(settled(&gateway, &waits).await["state"], "delivered");
    assert_eq!(town.platform.said_to("oCUT").len(), 1, "not said again");
    // A clean stop does not wait for a platform that hangs.
    town.platform.script(|call, _| (call.path == SEND).then_some(Say::Hang));
    core_says(&gateway, &waits, &reply("c3", "三")).await;
    let before = town.platform.said_to("oWAITS").len();
    until("a call that hangs", seconds(5), || (town.platform.said_to("oWAITS").len() > before - 1).then_some(())).await;
    gateway.terminate();
    assert!(gateway.ended(seconds(10)).await.success());
}

/// Nothing has left for the citizen while the gateway still logs in, or while the platform has refused the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_or_a_kill_during_a_log_in_that_hangs_loses_no_answer() {
    let mut town = Town::new("\"immediate\"").await;
    let mut gateway = town.site.start().await;
    let number = ticket_of(&town.account, &gateway, "oLOGIN").await;
    for (round, kill) in [false, true].into_iter().enumerate() {
        let logins = town.platform.calls(TOKEN).len();
        town.platform.script(|call, _| (call.path == TOKEN).then_some(Say::Hang));
        assert_eq!(core_says(&gateway, &number, &reply(&format!("c{round}"), "答")).await.status, 200);
        until("a log-in", seconds(5), || (town.platform.calls(TOKEN).len() > logins).then_some(())).await;
        if kill {
            gateway.kill();
        } else {
            gateway.terminate();
            assert!(gateway.ended(seconds(10)).await.success());
        }
        town.platform.script(|_, _| None);
        let sends = town.platform.calls(SEND).len();
        gateway = town.site.start().await;
        assert_eq!(settled(&gateway, &number).await["state"], "delivered", "{round}");
        assert_eq!(town.platform.calls(SEND).len(), sends + 1, "said once");
        // In the second round there is a token, which the platform refuses.
        town.platform.expire();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rating_is_asked_for_with_the_answer_in_the_citys_words_or_not_at_all() {
    for (ask, asked) in [(None, ""), (Some("请打分。"), "已修好请打分。")] {
        let mut town = Town::new("\"immediate\"").await;
        if let Some(ask) = ask {
            town.site.set("channels.mp.words", toml::toml! { rating = { ask = (ask) } });
        }
        let gateway = town.site.start().await;
        let number = ticket_of(&town.account, &gateway, "oRATES").await;
        core_says(&gateway, &number, &reply("c1", "已派人")).await;
        settled(&gateway, &number).await;
        let mut update = reply("c2", "已修好");
        update["ask_rating"] = json!(true);
        core_says(&gateway, &number, &update).await;
        assert_eq!(settled(&gateway, &number).await["text"], "已修好", "as the core said it");
        let said = town.platform.said_to("oRATES");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(!said[0].contains("分") && said[1].contains("已修好") && said[1].contains(asked), "{said:?}");
        assert_eq!(said[1].contains("分"), !asked.is_empty(), "{said:?}");
        let answer = town.account.say(&gateway, &text("oRATES", "5")).await;
        assert!(answer.contains("评价已收到"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_one_citizen_keep_their_order() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let number = ticket_of(&town.account, &gateway, "oORDER").await;
    town.platform.script(|call, count| (call.path == SEND && count == 0).then(|| error(-1)));
    for place in 1..=3 {
        core_says(&gateway, &number, &reply(&format!("c{place}"), &format!("第{place}次答复"))).await;
    }
    settled(&gateway, &number).await;
    let said = town.platform.said_to("oORDER");
    assert_eq!(said.len(), 4, "{said:?}");
    for (said, place) in said.iter().zip([1, 1, 2, 3]) {
        assert!(said.contains(&format!("第{place}次")), "{said}");
    }
}

/// Two channels of one account, and two gateways with one Redis: one log-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_serves_all_channels_and_gateways_of_an_account() {
    let platform = Platform::start().await;
    let redis = Redis::start().await;
    let account = Account::new("mp", "safe");
    let twin = Account { channel: "mp2".into(), ..account.clone() };
    let mut sites = [Site::new().await, Site::new().await];
    let mut gateways = Vec::new();
    for site in &mut sites {
        account.configure(site, Some(platform.address), "\"immediate\"");
        twin.configure(site, Some(platform.address), "\"immediate\"");
        site.set("core.token", super::CORE_TOKEN);
        site.set("repeats.url", redis.url());
        gateways.push(site.start().await);
    }
    // A log-in takes its time, so that all need it at once.
    platform.script(|call, _| (call.path == TOKEN).then_some(Say::Slow(Duration::from_millis(300))));
    let mut numbers = Vec::new();
    for (place, gateway) in gateways.iter().enumerate() {
        numbers.push((gateway, ticket_of(&account, gateway, &format!("oONE-{place}")).await));
        numbers.push((gateway, ticket_of(&twin, gateway, &format!("oTWO-{place}")).await));
    }
    for round in 1..=2 {
        let id = format!("c{round}");
        let fates = futures_util::future::join_all(numbers.iter().map(|(gateway, number)| fate(gateway, number, &id)));
        assert!(fates.await.iter().all(|fate| fate["state"] == "delivered"));
        assert_eq!(platform.calls(TOKEN).len(), round, "one log-in for all");
        platform.expire();
    }
    for gateway in &gateways {
        log_is_clean(gateway, &account, &["oONE", "oTWO"], &["修好"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_logs_in_and_names_the_blocked_address() {
    let mut town = Town::new("\"immediate\"").await;
    let mut check = async || {
        let mut command = town.site.command("check", &["--connect"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    };
    let (status, text) = check().await;
    assert!(status == Some(0) && text.contains("channels.mp: ok"), "{text}");
    town.platform.script(|call, _| {
        let message = "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1";
        (call.path == TOKEN).then(|| Say::Json(json!({ "errcode": 40164, "errmsg": message })))
    });
    let (status, text) = check().await;
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("203.0.113.7") && text.contains("whitelist"), "{text}");
    assert!(!text.contains(&town.account.secret), "{text}");
}
