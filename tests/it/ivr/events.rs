//! One call, one ticket, whatever the order and repetition of its events.

use super::*;
use crate::harness::random;
use std::collections::{BTreeMap, BTreeSet};

const WORDS: [&str; 8] = [
    "嘉州大道 123 号的路灯坏了三天没人来修",
    "青衣坝菜市场门口每天早上占道经营",
    "想咨询公租房的申请条件和需要的材料",
    "白燕路工地夜里十二点还在打桩",
    "表扬市民服务中心的小李办事特别快",
    "通江小区二栋的电梯困人两次了",
    "柏杨西路的井盖破了一个大洞",
    "举报岷江边有人偷倒建筑垃圾",
];

fn shuffled(mut events: Vec<Value>) -> Vec<Value> {
    for place in (1..events.len()).rev() {
        events.swap(place, random(place as u64 + 1) as usize);
    }
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_shuffled_and_repeated_are_one_ticket_each_and_a_rating_comes_after_it() {
    let mut site = site().await;
    site.set("channels.phone.digits", toml::toml! { 1 = { label = "投诉", kind = "complaint" } });
    let gateway = site.start().await;
    let mut events = Vec::new();
    for (index, words) in WORDS.iter().enumerate() {
        let call = call(&format!("call-{index}"), &format!("1390000000{index}"), words);
        let again = shuffled(call.clone());
        events.extend(call.into_iter().chain(again.into_iter().take(3)));
    }
    let mut numbers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in shuffled(events) {
        let number = say(&gateway, &event).await;
        numbers.entry(event["call"].as_str().unwrap().to_owned()).or_default().insert(number);
    }
    assert!(numbers.values().all(|of| of.len() == 1), "a call has one number from its first event on: {numbers:?}");
    for (index, words) in WORDS.iter().enumerate() {
        let number = numbers[&format!("call-{index}")].first().unwrap();
        let rated = hears(&gateway, number, "ticket.rated").await;
        assert_eq!((&rated["change"]["score"], &rated["change"]["content"]), (&json!(4), &json!("接线员很耐心")));
        let kinds: Vec<String> = told(&gateway, number).await.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["ticket.created", "ticket.rated"]);
        let ticket = ticket(&gateway, number).await;
        assert_eq!((&ticket["content"], &ticket["kind"]), (&json!(words), &json!("complaint")));
        assert_eq!(ticket["appellant"]["phone"], format!("1390000000{index}"));
        let pieces: Vec<&str> =
            ticket["transcript"].as_array().unwrap().iter().map(|piece| piece["type"].as_str().unwrap()).collect();
        assert_eq!(pieces, ["call", "menu", "text", "call"]);
    }
    let total = at_rest(&gateway).await;
    let counts = ["ticketed", "supplement", "redelivery", "rejected"].map(|count| total[count].as_u64().unwrap());
    assert_eq!(counts, [8, 32, 24, 0], "{total}");
    site.core.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_survives_a_kill_between_any_two_of_its_events() {
    let mut site = site().await;
    site.set("channels.phone.wait", toml::toml! { settle = "3s" });
    let events = shuffled(call("killed", "13900000001", "通江小区二栋的电梯困人两次了"));
    let mut numbers = BTreeSet::new();
    for event in &events {
        let mut gateway = site.start().await;
        numbers.insert(say(&gateway, event).await);
        gateway.kill();
    }
    let gateway = site.start().await;
    // The sender has had no answer to its last, for all it knows.
    numbers.insert(say(&gateway, events.last().unwrap()).await);
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    let number = numbers.first().unwrap();
    hears(&gateway, number, "ticket.rated").await;
    let created: Vec<Value> =
        feed(&gateway).await.into_iter().filter(|event| event["type"] == "ticket.created").collect();
    assert_eq!(created.len(), 1, "{created:#?}");
    assert_eq!(ticket(&gateway, number).await["content"], "通江小区二栋的电梯困人两次了");
    at_rest(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_not_heard_is_called_back_and_who_said_nothing_is_counted() {
    let mut site = site().await;
    let gateway = site.start().await;
    let mut numbers = Vec::new();
    for (name, caller, reason) in [
        ("given-up", json!("13900000001"), "abandoned"),
        ("withheld", json!("anonymous"), "abandoned"),
        ("broken", json!(null), "failed"),
        ("again", json!("13900000001"), "abandoned"),
        ("silent", json!("13900000002"), "hangup"),
    ] {
        let number = say(&gateway, &event(name, "started", json!({ "caller": caller }))).await;
        assert_eq!(say(&gateway, &event(name, "ended", json!({ "reason": reason, "seconds": 3 }))).await, number);
        numbers.push(number);
    }
    for number in &numbers[..4] {
        let ticket = hears(&gateway, number, "ticket.created").await["ticket"].clone();
        assert_eq!((&ticket["title"], &ticket["kind"]), (&json!("漏接回拨"), &json!("help")));
        assert!(ticket["flags"].as_array().unwrap().contains(&json!("callback")), "{ticket}");
        assert_eq!(ticket["appellant"]["phone"].is_null(), number == &numbers[1] || number == &numbers[2]);
    }
    let total = at_rest(&gateway).await;
    assert_eq!((&total["ticketed"], &total["supplement"], &total["rejected"]), (&json!(4), &json!(4), &json!(2)));
    let ended = event("silent", "ended", json!({ "reason": "hangup", "seconds": 3 })).to_string();
    let receipt = post(&gateway, &ended, &sign(now(), &ended)).await.json();
    let asked = json!({ "number": receipt["number"], "code": receipt["code"] }).to_string();
    let headers = [("content-type", "application/json")];
    let found = request(gateway.public, "POST", "/api/v1/status", &headers, asked.as_bytes()).await;
    assert_eq!((found.status, &found.json()["status"]), (200, &json!("closed")), "{}", found.text());
    assert_eq!(found.json()["steps"][1]["type"], "noted", "{}", found.text());
    // What comes all the same makes the ticket after all, with everything that is known.
    let words = event("silent", "transcript", json!({ "text": "柏杨西路的井盖破了一个大洞" }));
    assert_eq!(say(&gateway, &words).await, numbers[4]);
    let ticket = hears(&gateway, &numbers[4], "ticket.created").await["ticket"].clone();
    assert_eq!(
        (&ticket["content"], &ticket["appellant"]["phone"]),
        (&json!("柏杨西路的井盖破了一个大洞"), &json!("13900000002"))
    );
    at_rest(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_signed_or_not_signed_now_is_refused_and_leaves_nothing() {
    let mut site = site().await;
    site.set("limits.per_address", "off");
    // Nothing more will come of this call.
    site.set("channels.phone.wait", toml::toml! { end = "1s" settle = "1s" content = "1s" });
    let gateway = site.start().await;
    let body = event("forged", "transcript", json!({ "text": "假的" })).to_string();
    let good = sign(now(), &body);
    let (time, hash) = good.split_once(",v1=").unwrap();
    let forgeries = [
        String::new(),
        "t=,v1=".into(),
        format!("v1={hash}"),
        time.to_owned(),
        format!("{time},v1={}", "0".repeat(64)),
        format!("t={},v1={hash}", now() + 1),
        format!("{time},{time},v1={hash}"),
        sign(now() - 16 * 60, &body),
        sign(now() + 16 * 60, &body),
        sign(now(), &format!("{body} ")),
        sign(now(), ""),
        good.replace("v1=", "v0="),
        format!("t=99999999999999999999,v1={hash}"),
    ];
    for forgery in &forgeries {
        let reply = post(&gateway, &body, forgery).await;
        assert_eq!(reply.status, 401, "{forgery}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
    for right in
        [sign(now() - 14 * 60, &body), sign(now() + 14 * 60, &body), format!("{time},v1={},v1={hash}", "0".repeat(64))]
    {
        assert!([200, 201].contains(&post(&gateway, &body, &right).await.status), "{right}");
    }
    for bad in [r#"{"id":"1","type":"started"}"#, "[]", "{", r#"{"id":"1","call":"c","type":"rang"}"#] {
        let reply = post(&gateway, bad, &sign(now(), bad)).await;
        assert_eq!(reply.status, 400, "{bad}");
        assert!(!reply.json()["errors"].as_array().unwrap().is_empty(), "{}", reply.text());
    }
    let total = eventually("what was refused is counted", seconds(10), async || {
        let total = at_rest(&gateway).await;
        (total["rejected"] == 4).then_some(total)
    })
    .await;
    assert_eq!(total["received"], 7, "one message, twice again, and four that nobody can read: {total}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_event_is_tried_and_a_stored_request_at_the_time_that_it_was_made() {
    let mut site = site().await;
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/connectors/ivr/tests/golden/json/transcript.http");
    let request = std::fs::read_to_string(sample).unwrap();
    let body = request.split("\n\n").nth(1).unwrap();
    let time = 1_795_305_600;
    let signed = format!(
        "POST /channels/phone HTTP/1.1\nDate: Sun, 22 Nov 2026 00:00:00 GMT\nX-Jiesu-Signature: {}\nContent-Length: {}\n\n{body}",
        sign(time, body),
        body.len()
    );
    for (name, text) in [("event.json", body.to_owned()), ("event.http", signed)] {
        let file = site.data.join(name);
        std::fs::write(&file, text).unwrap();
        let output = site.command("try", &["phone", file.to_str().unwrap()]).output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        let appeal: Value = serde_json::from_str(&said[0]).unwrap_or_else(|error| panic!("{name}: {error}: {said:?}"));
        assert_eq!(appeal["content"], "嘉州大道 123 号路灯坏了");
    }
}
