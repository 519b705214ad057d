//! Answers of the authorities, their fate, and the short words of citizens.

use super::{
    CORE_TOKEN, IMMEDIATE,
    carrier::{Answer, Carrier},
    citizens::{mo, ucs2},
    site, ticket, tickets,
    wire::Mo,
};
use crate::harness::{Gateway, eventually, request, seconds, until};
use serde_json::{Value, json};

pub async fn core_says(gateway: &Gateway, number: &Value, id: &str, text: &str) {
    let bearer = format!("Bearer {CORE_TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/tickets/{}/updates", number.as_str().unwrap());
    let update = json!({ "id": id, "status": "replied", "reply": { "text": text, "public": true } });
    let reply = request(gateway.public, "POST", &path, &headers, update.to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Waits until the first reply of the ticket stands so.
async fn stands(gateway: &Gateway, number: &Value, state: &str) -> Value {
    eventually(&format!("{state} on the ticket"), seconds(20), async || {
        let ticket = ticket(gateway, number).await;
        (ticket["replies"][0]["state"] == state).then(|| ticket["replies"][0].clone())
    })
    .await
}

/// A ticket of this citizen, and a carrier without receipts.
async fn answered(carrier: &Carrier, gateway: &Gateway, from: &str, text: &str) -> Value {
    carrier.deliver([mo(carrier, from, 0, b"the lamp is broken".to_vec(), false)]);
    let ticket = tickets(gateway, 1).await.pop().unwrap();
    core_says(gateway, &ticket["number"], "u1", text).await;
    ticket["number"].clone()
}

async fn quiet(carrier: &Carrier) -> (crate::harness::Site, Gateway) {
    let mut site = site(carrier, IMMEDIATE).await;
    site.set("channels.sms.receipts", false);
    site.set("channels.sms.signature", "【乐山12345】");
    let gateway = site.start().await;
    (site, gateway)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_delivered_when_all_its_parts_are_reported_also_before_they_are_answered() {
    let carrier = Carrier::start(true).await;
    // The report is on its way before the answer to the submission, and over any link.
    let reporting = carrier.clone();
    carrier.report(move |mt, id| {
        assert!(mt.report);
        vec![Mo::report(reporting.next_id(), id, "DELIVRD", &mt.to, id % 2 == 0)]
    });
    let (_site, gateway) = quiet(&carrier).await;
    let words = "您反映的路灯已于今日修复😀。".repeat(10);
    let number = answered(&carrier, &gateway, "8613800000001", &words).await;
    stands(&gateway, &number, "delivered").await;
    let said = carrier.said();
    assert_eq!((said[0].0.as_str(), said[0].1.as_str()), ("13800000001", "1065712345"));
    assert!(said[0].2.starts_with("【乐山12345】") && said[0].2.ends_with(&words), "{said:?}");
    assert!(carrier.state().submitted.len() > 2);
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partial_and_refused_are_told_apart() {
    for (lost, state, parts) in [(1, "partial", "您".repeat(150)), (2, "refused", "好".to_owned())] {
        let carrier = Carrier::start(false).await;
        let reporting = carrier.clone();
        carrier.report(move |mt, id| {
            let failed = lost == 2 || mt.text[5] == 2;
            let status = if failed { "MA:0001" } else { "DELIVRD" };
            vec![
                Mo::report(reporting.next_id(), id, "ACCEPTD", &mt.to, false),
                Mo::report(reporting.next_id(), id, status, &mt.to, false),
            ]
        });
        let (_site, gateway) = quiet(&carrier).await;
        let number = answered(&carrier, &gateway, "13800000001", &parts).await;
        let reply = stands(&gateway, &number, state).await;
        assert!(reply["reason"].as_str().unwrap().contains("MA:0001"), "{reply}");
        carrier.verify();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_carriers_word_is_obeyed_and_nothing_is_said_twice() {
    // The carrier asks to go slower, twice.
    let carrier = Carrier::start(true).await;
    let reporting = carrier.clone();
    carrier.script(|_, before| if before < 2 { Answer::Result(8) } else { Answer::Result(0) });
    carrier.report(move |mt, id| vec![Mo::report(reporting.next_id(), id, "DELIVRD", &mt.to, true)]);
    let (_site, gateway) = quiet(&carrier).await;
    let number = answered(&carrier, &gateway, "13800000001", "已修复").await;
    stands(&gateway, &number, "delivered").await;
    assert_eq!(carrier.state().submitted.len(), 3);

    // It refuses.
    let carrier = Carrier::start(true).await;
    carrier.script(|_, _| Answer::Result(13));
    let (_site, gateway) = quiet(&carrier).await;
    let number = answered(&carrier, &gateway, "13800000001", "已修复").await;
    assert!(stands(&gateway, &number, "refused").await["reason"].as_str().unwrap().contains("13"));
    assert_eq!(carrier.state().submitted.len(), 1);

    // The link is cut before the answer: nobody knows, and it is not said again.
    let carrier = Carrier::start(true).await;
    carrier.script(|_, _| Answer::Cut);
    let (_site, gateway) = quiet(&carrier).await;
    let number = answered(&carrier, &gateway, "13800000001", "已修复").await;
    stands(&gateway, &number, "unknown").await;
    until("the next log-in", seconds(10), || (carrier.state().log_ins > 1).then_some(())).await;
    assert_eq!(carrier.state().submitted.len(), 1);

    // A service is never written to.
    let carrier = Carrier::start(true).await;
    let (_site, gateway) = quiet(&carrier).await;
    let number = answered(&carrier, &gateway, "10690001234", "已修复").await;
    stands(&gateway, &number, "refused").await;
    assert_eq!(carrier.state().submitted.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_answers_keep_the_window() {
    let carrier = Carrier::start(true).await;
    carrier.script(|_, _| Answer::Silence);
    let (_site, gateway) = quiet(&carrier).await;
    for index in 0..40 {
        carrier.deliver([mo(&carrier, &format!("138{index:08}"), 0, b"lamp".to_vec(), false)]);
    }
    for ticket in tickets(&gateway, 40).await {
        core_says(&gateway, &ticket["number"], "u1", "已修复").await;
    }
    until("a full window", seconds(10), || (carrier.state().submitted.len() == 16).then_some(())).await;
    // A while later still no more: the others wait for room.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(carrier.state().submitted.len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_words_are_understood_and_a_pseudo_number_gets_its_link() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    let gateway = site.start().await;
    let pseudo = |text: &str, link: &str| Mo {
        pseudo: true,
        link_id: link.into(),
        ..ucs2(&carrier, "ZQ000000000017", text, 1).remove(0)
    };
    let told = async |count: usize| {
        until(&format!("{count} messages"), seconds(10), || (carrier.said().len() >= count).then(|| carrier.said()))
            .await
    };
    carrier.deliver([pseudo("路灯坏了", "LINK-1")]);
    let ticket_of_it = tickets(&gateway, 1).await.remove(0);
    let number = ticket_of_it["number"].as_str().unwrap();
    assert!(ticket_of_it["appellant"]["phone"].is_null(), "a pseudo number is nobody's phone");
    assert!(told(1).await[0].2.contains(number));
    carrier.deliver([pseudo("进度？", "LINK-2")]);
    assert!(told(2).await[1].2.contains(&format!("{number}：已受理")));
    carrier.deliver([pseudo("催办", "LINK-3")]);
    told(3).await;
    let submitted: Vec<(bool, String)> =
        carrier.state().submitted.iter().map(|(_, mt)| (mt.pseudo, mt.link_id.clone())).collect();
    let links: Vec<&str> = submitted.iter().map(|(_, link)| link.as_str()).collect();
    assert!(submitted.iter().all(|(pseudo, _)| *pseudo) && links.starts_with(&["LINK-1"]), "{submitted:?}");
    assert!(links.ends_with(&["LINK-3"]), "{submitted:?}");
    eventually("urged", seconds(10), async || {
        let ticket = ticket(&gateway, &ticket_of_it["number"]).await;
        ticket["flags"].as_array().unwrap().iter().any(|flag| flag == "urged").then_some(())
    })
    .await;
    assert_eq!(tickets(&gateway, 1).await.len(), 1, "words make no tickets");
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digit_is_a_rating_where_somebody_asked_and_an_appeal_where_nobody_did() {
    let carrier = Carrier::start(true).await;
    let (_site, gateway) = quiet(&carrier).await;
    carrier.deliver([mo(&carrier, "13800000001", 0, b"lamp".to_vec(), false)]);
    let number = tickets(&gateway, 1).await.remove(0)["number"].clone();
    carrier.deliver([mo(&carrier, "13800000001", 0, b"4".to_vec(), false)]);
    assert_eq!(tickets(&gateway, 2).await[1]["content"], "4");
    let bearer = format!("Bearer {CORE_TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/tickets/{}/updates", number.as_str().unwrap());
    let update = json!({ "id": "u1", "status": "closed", "ask_rating": true }).to_string();
    assert_eq!(request(gateway.public, "POST", &path, &headers, update.as_bytes()).await.status, 200);
    carrier.deliver([mo(&carrier, "13800000001", 0, b"5".to_vec(), false)]);
    let rated = eventually("the rating", seconds(10), async || {
        crate::wechat::feed(&gateway).await.into_iter().find(|event| event["type"] == "ticket.rated")
    });
    let rated = rated.await;
    assert_eq!(rated["subject"], number);
    assert_eq!(rated["data"]["change"], json!({ "score": 5, "content": "5" }));
    assert_eq!(rated["data"]["ticket"]["rating"]["score"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_by_a_channel_that_cannot_answer_is_answered_by_sms() {
    let carrier = Carrier::start(true).await;
    let reporting = carrier.clone();
    carrier.report(move |mt, id| vec![Mo::report(reporting.next_id(), id, "DELIVRD", &mt.to, true)]);
    let (_site, gateway) = quiet(&carrier).await;
    let told = |phone: &str| json!({ "content": "路灯坏了", "appellant": { "phone": phone } });
    let number = gateway.appeal(&told("138 0000 0001")).await.json()["number"].clone();
    let fixed = gateway.appeal(&told("0833-2435678")).await.json()["number"].clone();
    tickets(&gateway, 2).await;
    core_says(&gateway, &fixed, "u1", "已修复").await;
    core_says(&gateway, &number, "u1", "已修复").await;
    let reply = stands(&gateway, &number, "delivered").await;
    assert_eq!((&reply["channel"], &reply["reason"]), (&json!("sms"), &Value::Null));
    assert_eq!(carrier.said()[0].0, "13800000001");
    // A fixed line takes no short messages: the look-up shows the answer.
    assert_eq!(stands(&gateway, &fixed, "delivered").await["channel"], "app");
    assert_eq!(carrier.said().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_ends_what_the_gateway_says_by_itself() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    site.set("channels.sms.receipts_per_number", 2);
    let gateway = site.start().await;
    for index in 0..5 {
        let text = format!("auto reply {index}");
        carrier.deliver([mo(&carrier, "13800000001", 0, text.into_bytes(), false)]);
        tickets(&gateway, index + 1).await;
    }
    // Of another citizen: it goes out after all of those.
    carrier.deliver([mo(&carrier, "13800000002", 0, b"lamp".to_vec(), false)]);
    let said = until("three receipts", seconds(10), || (carrier.said().len() >= 3).then(|| carrier.said())).await;
    let to: Vec<&str> = said.iter().map(|(to, ..)| to.as_str()).collect();
    assert_eq!(to, ["13800000001", "13800000001", "13800000002"]);
}
