//! What a newcomer meets first: the files that `make run` uses, and events that other people's libraries verify.

use crate::harness::{Gateway, Site, TOKEN, eventually, get, post, seconds};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiesu::standin::{Callback, Options, StandIn};
use jiesu_connector::Secret;
use serde_json::json;
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use tokio_util::sync::CancellationToken;

const CORE_TOKEN: &str = "token-of-the-core-0123456789";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configurations_of_the_repository_are_without_a_fault() {
    for file in ["config/gateway.toml", "config/trial.toml"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jiesu"));
        command.args(["check", "--config", file]).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("JIESU_CORE_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        command.env("JIESU_CORE_TOKEN", CORE_TOKEN).env("JIESU_TRIAL_PARTNER", TOKEN);
        let (status, log) = Gateway::fails(command).await;
        assert_eq!(status.code(), Some(0), "{file}: {log}");
        assert!(!file.contains("trial") || !log.contains("warning"), "{file}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appeal_is_seen_at_the_stand_in_and_its_answer_comes_back_to_the_citizen() {
    let mut site = Site::new().await;
    site.set("core.token", CORE_TOKEN);
    // The stand-in and the gateway must know each other's address: the stand-in's port is taken first, and kept.
    let secret = || Some(Secret::new(site.core.secret.clone()));
    let listen = ([127, 0, 0, 1], 0).into();
    let before = StandIn::bind(Options { listen, secret: secret(), callback: None }).await.unwrap();
    let events = before.address();
    let secret = secret();
    site.set("core.url", format!("http://{events}/events"));
    let gateway = site.start().await;
    drop(before);
    let callback = Some(Callback { gateway: format!("http://{}", gateway.public), token: Secret::new(CORE_TOKEN) });
    let stand_in = StandIn::bind(Options { listen: events, secret, callback }).await.unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(stand_in.serve(stop.clone()));

    let receipt = gateway.appeal(&json!({ "content": "路灯坏了三天" })).await.json();
    let board = async || get(events, "/tickets").await.json()["board"].take();
    let ticket = eventually("the ticket at the stand-in", seconds(10), async || {
        board().await.pointer("/tickets/0/ticket").cloned()
    });
    assert_eq!(ticket.await["number"], receipt["number"]);
    let answer =
        json!({ "id": "a1", "number": receipt["number"], "text": "今晚修好", "unit": "市政", "ask_rating": true });
    let reply = post(events, "/answer", None, &answer).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let query = json!({ "number": receipt["number"], "code": receipt["code"] });
    let found = post(gateway.public, "/api/v1/status", None, &query).await.json();
    assert_eq!((&found["status"], &found["replies"][0]["text"]), (&json!("replied"), &json!("今晚修好")));
    eventually("the update at the stand-in", seconds(10), async || {
        (board().await["tickets"][0]["ticket"]["status"] == "replied").then_some(())
    })
    .await;
    assert_eq!(board().await["counts"]["refused"], 0, "every signature held");
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_peoples_libraries_verify_every_event() {
    let mut site = Site::new().await;
    site.set("core.token", CORE_TOKEN);
    let gateway = site.start().await;
    let mut numbers = Vec::new();
    for (n, words) in
        ["夜间施工噪声", "quotes \" and \\ and / and \u{2028}", "🚧 emoji", "a\tb\r\nc"].iter().enumerate()
    {
        numbers.push(gateway.accept(&format!("peer-{n}"), words).await);
    }
    site.core.has_all(&numbers, seconds(10)).await;
    // More kinds of events: a repeat of a whole appeal with a file, and the core's answer.
    let whole = json!({
        "id": "whole", "kind": "complaint", "title": "路灯", "content": "嘉州大道的路灯坏了三天，晚上很黑", "demand": "请修好",
        "appellant": { "name": "王小明", "phone": "13800138000", "confidential": true }, "hotline": "12319", "category": "01",
        "location": { "text": "嘉州大道 1 号", "lat": 29.55, "lon": 103.76, "region": "511102" }, "occurred_at": "2026-11-22T08:00:00+08:00",
        "attachments": [{ "name": "a.txt", "media_type": "text/plain", "base64": "YQ==" }],
    });
    let number = gateway.appeal(&whole).await.json()["number"].as_str().unwrap().to_owned();
    let mut again = whole.clone();
    again["id"] = json!("again");
    gateway.appeal(&again).await;
    let update = json!({ "id": "u1", "status": "replied", "unit": "市政", "reply": { "text": "今晚修好", "public": true }, "ask_rating": true });
    site.core.has_all([&number], seconds(10)).await;
    let path = format!("/api/v1/tickets/{number}/updates");
    assert_eq!(post(gateway.public, &path, Some(CORE_TOKEN), &update).await.status, 200);
    eventually("four kinds of events", seconds(10), async || {
        let kinds: std::collections::BTreeSet<String> =
            site.core.log().iter().map(|one| one.kind().to_owned()).collect();
        ["ticket.created", "ticket.repeated", "ticket.updated"].iter().all(|kind| kinds.contains(*kind)).then_some(())
    })
    .await;
    let deliveries = site.core.log();
    let lines = deliveries.iter().map(|delivery| {
        let headers: serde_json::Map<_, _> =
            delivery.headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
        json!({ "headers": headers, "body": STANDARD.encode(&delivery.body) }).to_string()
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/bin/python");
    assert!(python.exists(), "the libraries are not installed: run `make setup`");
    let mut script = Command::new(python);
    script.arg(root.join("tests/peers/verify_events.py")).arg(&site.core.secret);
    script.arg(root.join("docs/event.schema.json"));
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{said:?}");
    assert!(said[0].starts_with(&format!("{} verified, 0 at fault", deliveries.len())), "{said:?}");
}
