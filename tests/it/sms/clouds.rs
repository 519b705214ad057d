//! The clouds' callbacks, over HTTP into the real gateway.

use super::{sending, tickets};
use crate::harness::{Gateway, Peer, Site, eventually, get, request, seconds};
use serde_json::json;
use std::time::Instant;

const BATCH: &str = r#"[
  {"phone_number":"13800138000","content":"路灯坏了","send_time":"2026-11-22 08:00:00","dest_code":"123456","sequence_id":"1"},
  {"content":"谁说的","sequence_id":2},
  {"phone_number":"13800138001","content":"井盖丢了","send_time":"2026-11-22 08:00:01","dest_code":"123456","sequence_id":3}
]"#;

async fn with(transport: &str) -> (Site, Gateway) {
    started(Site::new().await, transport).await
}

async fn started(mut site: Site, transport: &str) -> (Site, Gateway) {
    site.set("channels.sms.type", "sms");
    site.set("channels.sms.transport", transport);
    match transport {
        "twilio" => site.set("channels.sms.auth_token", sending::SECRET),
        _ => site.set("channels.sms.query_secret", "a-long-query-secret"),
    }
    site.set("channels.sms.assembly", "immediate");
    // A cloud speaks for all citizens from few addresses.
    site.set("limits.per_address", "1/m");
    let gateway = site.start().await;
    (site, gateway)
}

async fn post(gateway: &Gateway, key: &str, body: &str) -> (u16, String) {
    let path = format!("/channels/sms?key={key}");
    let headers = [("content-type", "application/json;charset=utf-8")];
    let reply = request(gateway.public, "POST", &path, &headers, body.as_bytes()).await;
    (reply.status, reply.text())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_stored_whole_a_bad_element_costs_nobody_and_a_repetition_adds_nothing() {
    let (_site, gateway) = with("aliyun").await;
    let asked = Instant::now();
    let probe = request(gateway.public, "GET", "/channels/sms?key=a-long-query-secret", &[], b"").await;
    assert!(probe.status == 200 && asked.elapsed().as_millis() < 700, "{}", probe.text());
    assert_eq!(probe.json()["code"], 0);
    for _ in 0..3 {
        let (status, body) = post(&gateway, "a-long-query-secret", BATCH).await;
        assert_eq!((status, body.as_str()), (200, r#"{"code":0,"msg":"接收成功"}"#));
    }
    let found = tickets(&gateway, 2).await;
    let said: Vec<&str> = found.iter().map(|ticket| ticket["content"].as_str().unwrap()).collect();
    assert_eq!(said, ["路灯坏了", "井盖丢了"]);
    assert_eq!(found[0]["appellant"]["phone"], "+8613800138000");
    eventually("the bad element in quarantine", seconds(5), async || {
        get(gateway.admin, "/api/v1/quarantine").await.text().contains("phone_number is missing").then_some(())
    })
    .await;
    assert_eq!(post(&gateway, "wrong", BATCH).await.0, 403);
    assert_eq!(tickets(&gateway, 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_equal_messages_of_different_seconds_are_two() {
    let (_site, gateway) = with("tencent").await;
    let said = |time: u64| {
        json!({ "extend": "01", "mobile": "13800138000", "nationcode": "86", "sign": "乐山12345", "text": "路灯坏了", "time": time })
            .to_string()
    };
    for time in [1_457_336_869, 1_457_336_869, 1_457_336_870] {
        let (status, body) = post(&gateway, "a-long-query-secret", &said(time)).await;
        assert_eq!((status, body.as_str()), (200, r#"{"result":0,"errmsg":"OK"}"#));
    }
    assert_eq!(tickets(&gateway, 2).await.len(), 2);
}

/// What a cloud sends again as it was, until it is taken; each round of other citizens.
async fn call(cloud: &str, gateway: &Gateway, peer: &mut Peer, round: u64) -> (u16, String) {
    let body = match cloud {
        "aliyun" => {
            BATCH.replace("1380013800", &format!("138001380{round}")).replace("谁说的", &format!("谁说的{round}"))
        }
        "tencent" => {
            let mobile = format!("1380013800{round}");
            json!({ "extend": "", "mobile": mobile, "nationcode": "86", "sign": "x", "text": "路灯坏了", "time": 1 })
                .to_string()
        }
        _ => {
            let (name, from) = (format!("SM{round:032}"), format!("+861380013800{round}"));
            let form = json!({ "MessageSid": name, "From": from, "To": "+15005550006", "Body": "路灯坏了" });
            let (status, body) = sending::signed(gateway, peer, &form).await;
            return (status as u16, body);
        }
    };
    post(gateway, "a-long-query-secret", &body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_could_not_take_or_took_too_late_comes_again_and_counts_once() {
    let each = ["aliyun", "tencent", "twilio"].map(async |cloud| {
        let mut peer = Peer::start("sms_clouds.py", &[]);
        let (site, gateway) = started(Site::with_faults().await, cloud).await;
        let faults = site.faults.as_ref().unwrap();
        faults.fail_fsyncs(-1);
        for _ in 0..2 {
            assert_eq!(call(cloud, &gateway, &mut peer, 1).await.0, 503, "{cloud}: nothing is on the disk");
        }
        faults.fail_fsyncs(0);
        let mut again = async |round| {
            eventually("taken", seconds(20), async || {
                let (status, body) = call(cloud, &gateway, &mut peer, round).await;
                (status == 200).then_some(body)
            })
            .await
        };
        let first = again(1).await;
        assert_eq!(again(1).await, first, "{cloud}: the same answer each time");
        // On the disk, but too late for whoever waited.
        faults.delay_fsync(5_000);
        let late = call(cloud, &gateway, &mut Peer::start("sms_clouds.py", &[]), 2).await;
        faults.delay_fsync(0);
        assert_eq!(late.0, 503, "{cloud}");
        again(2).await;
        // The bad elements stand in quarantine, each once, until somebody looks at them.
        let (messages, bad) = if cloud == "aliyun" { (4, 2) } else { (2, 0) };
        let settled = eventually("an end of the line", seconds(20), async || {
            let total = get(gateway.admin, "/api/v1/reconciliation").await.json()["total"].clone();
            (total["pending"] == bad).then_some(total)
        })
        .await;
        assert_eq!(settled["ticketed"], messages, "{cloud}: {settled}");
        (site, gateway)
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_pdu_is_tried_without_a_session() {
    let mut site = Site::new().await;
    let carrier = super::Carrier::start(true).await;
    carrier.configure(&mut site, super::IMMEDIATE);
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/connectors/sms/tests/golden/cmpp/spec/ucs2-2.0.pdu");
    let output = site.command("try", &["sms", sample]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let appeal: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!((&appeal["content"], &appeal["appellant"]["phone"]), (&json!("路灯坏了"), &json!("+8613800138000")));
    assert_eq!(carrier.state().log_ins, 0);
}
