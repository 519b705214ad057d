//! The same promises over SMPP, to a centre of other people's making.

use super::{CORE_TOKEN, centre::Centre, patience, tickets};
use crate::harness::{Gateway, Site, eventually, request, seconds, setting, until};
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn pdu(from: &str, coding: u8, message: &[u8]) -> Value {
    json!({ "source_addr": from, "source_addr_ton": 0, "destination_addr": "12345", "data_coding": coding, "message": hex(message) })
}

/// A long message in one of the ways that centres have.
fn long(index: usize, from: &str, text: &str) -> Vec<Value> {
    let bytes = utf16(text);
    let parts: Vec<&[u8]> = bytes.chunks(132).collect();
    let total = parts.len() as u8;
    let part = |(at, part): (usize, &&[u8])| {
        let place = at as u8 + 1;
        let eight = [&[5, 0, 3, index as u8, total, place][..], part].concat();
        let sixteen = [&[6, 8, 4, 1, index as u8, total, place][..], part].concat();
        let mut pdu = match index % 5 {
            0 => pdu(from, 8, &eight),
            1 | 2 => pdu(from, 8, &sixteen),
            _ => pdu(from, 8, part),
        };
        if index % 5 < 3 {
            pdu["esm_class"] = 0x40.into();
        }
        // Both ways of counting at once, and the other one wrong: the header wins.
        if index % 5 >= 2 {
            pdu["sar_msg_ref_num"] = json!(index);
            pdu["sar_total_segments"] = json!(total);
            pdu["sar_segment_seqnum"] = json!(if index % 5 == 2 { 1 } else { place });
        }
        if index % 5 == 4 {
            let object = pdu.as_object_mut().unwrap();
            let payload = object.remove("message").unwrap();
            object.insert("payload".into(), payload);
        }
        pdu
    };
    parts.iter().enumerate().map(part).collect()
}

async fn all_answered(centre: &Centre, keys: &[String]) {
    until("an answer with 0 to every delivery", patience(keys.len()) * 2, || {
        let done: std::collections::HashSet<String> = centre
            .events("answered")
            .iter()
            .filter(|event| event["status"] == 0)
            .map(|event| event["key"].as_str().unwrap().to_owned())
            .collect();
        keys.iter().all(|key| done.contains(key)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_messages_in_every_way_of_counting_is_one_appeal_each() {
    let mut centre = Centre::start().await;
    let mut site = Site::new().await;
    centre.configure(&mut site);
    site.set("channels.sms.links", 2);
    site.set("channels.sms.receipts", false);
    let mut gateway = site.start().await;
    let (mut texts, mut keys, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..setting("JIESU_TEST_MESSAGES", 800) * 3 / 16 {
        let from = format!("86138{index:08}");
        let text = match index % 3 {
            0 => format!("第{index}件{}", "😀路灯不亮".repeat(18 + index % 13)),
            _ => format!("第{index}件：路灯坏了"),
        };
        let pdus = if index % 3 == 0 { long(index / 3, &from, &text) } else { vec![pdu(&from, 8, &utf16(&text))] };
        all.extend(pdus);
        texts.push(text);
    }
    let all = super::citizens::shuffled(all, 5);
    for (index, pdu) in all.iter().chain(all.iter().step_by(7)).enumerate() {
        keys.push(format!("d{index}"));
        centre.deliver(&keys[index], pdu.clone());
        if index % 90 == 60 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            centre.order(&json!({ "do": "cut" }));
        }
        if index % 1_000 == 150 {
            gateway.kill();
            gateway = site.start().await;
        }
    }
    all_answered(&centre, &keys).await;
    let tickets = tickets(&gateway, texts.len()).await;
    let mut found: HashMap<&str, usize> = HashMap::new();
    tickets.iter().for_each(|ticket| *found.entry(ticket["content"].as_str().unwrap()).or_default() += 1);
    let wrong: Vec<_> = texts.iter().filter(|text| found.get(text.as_str()) != Some(&1)).collect();
    assert!(wrong.is_empty() && found.len() == texts.len(), "{wrong:#?}");
    assert!(centre.events("bound").len() > 3, "links were made anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_cannot_take_is_refused_for_a_while_and_comes_again() {
    let mut centre = Centre::start().await;
    let mut site = Site::with_faults().await;
    centre.configure(&mut site);
    site.set("channels.sms.receipts", false);
    let gateway = site.start().await;
    until("the bind", seconds(10), || (!centre.events("bound").is_empty()).then_some(())).await;
    site.faults.as_ref().unwrap().fail_fsyncs(-1);
    centre.deliver("one", pdu("8613800000001", 8, &utf16("路灯坏了")));
    until("a temporary error", seconds(10), || (centre.answers("one").first() == Some(&0x64)).then_some(())).await;
    site.faults.as_ref().unwrap().fail_fsyncs(0);
    until("the answer", seconds(20), || (centre.answers("one").last() == Some(&0)).then_some(())).await;
    assert_eq!(tickets(&gateway, 1).await.len(), 1);
    assert_eq!(centre.events("bound").len(), 1, "the session went on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alphabets_are_told_apart_and_answers_go_back_and_are_reported() {
    let mut centre = Centre::start().await;
    let mut site = Site::new().await;
    centre.configure(&mut site);
    site.set("core.token", CORE_TOKEN);
    site.set("channels.sms.receipts", false);
    let mut gateway = site.start().await;
    for (index, (coding, bytes)) in
        [(0, &b"\x00 \x1B\x65"[..]), (1, b"@"), (3, &[0xE9]), (0xF1, b"\x00")].into_iter().enumerate()
    {
        centre.deliver(&format!("a{index}"), pdu("447700900123", coding, bytes));
        tickets(&gateway, index + 1).await;
    }
    let found = tickets(&gateway, 4).await;
    let contents: Vec<&str> = found.iter().map(|ticket| ticket["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["@ €", "@", "é", "@"]);

    let mut international = pdu("447700900124", 8, &utf16("路灯坏了"));
    international["source_addr_ton"] = 1.into();
    centre.deliver("mine", international);
    let ticket = tickets(&gateway, 5).await.pop().unwrap();
    assert_eq!(ticket["appellant"]["phone"], "+447700900124");
    answer(&gateway, &ticket["number"], &"今晚修复😀。".repeat(12)).await;
    let parts =
        until("the parts", seconds(10), || Some(centre.events("submitted")).filter(|parts| parts.len() == 2)).await;
    let said: String = parts.iter().map(|part| part["text"].as_str().unwrap()).collect();
    assert!(said.ends_with(&"今晚修复😀。".repeat(12)), "{said}");
    assert!(parts.iter().all(|part| part["to"] == "447700900124" && part["from"] == "12345" && part["report"] == 1));
    for part in &parts {
        // Another spelling of the name than in the answer to the submission.
        let text = format!(
            "id:{} sub:001 dlvrd:001 submit date:2611220800 done date:2611220801 stat:DELIVRD err:000 text:",
            part["id"].as_str().unwrap().to_lowercase()
        );
        let mut receipt = pdu("447700900124", 0, text.as_bytes());
        receipt["esm_class"] = 4.into();
        centre.deliver(part["id"].as_str().unwrap(), receipt);
    }
    eventually("delivered", seconds(10), async || {
        let ticket = super::ticket(&gateway, &ticket["number"]).await;
        (ticket["replies"][0]["state"] == "delivered").then_some(())
    })
    .await;

    centre.order(&json!({ "do": "enquire" }));
    until("a heartbeat", seconds(5), || (!centre.events("alive").is_empty()).then_some(())).await;
    centre.order(&json!({ "do": "spoil", "bytes": "deadbeefdeadbeefdeadbeef" }));
    until("a new session", seconds(10), || (centre.events("bound").len() == 2).then_some(())).await;
    gateway.terminate();
    assert!(gateway.ended(seconds(10)).await.success());
    // The centre tells of it in its own time.
    until("a good-bye", seconds(5), || (centre.events("unbound").len() == 1).then_some(())).await;
}

async fn answer(gateway: &Gateway, number: &Value, text: &str) {
    let bearer = format!("Bearer {CORE_TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/tickets/{}/updates", number.as_str().unwrap());
    let update = json!({ "id": "u1", "status": "replied", "reply": { "text": text, "public": true } });
    let reply = request(gateway.public, "POST", &path, &headers, update.to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}
