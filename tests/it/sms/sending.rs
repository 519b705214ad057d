//! Answers that go out over the clouds' own interfaces, checked by a peer that knows their signatures.

use super::{CORE_TOKEN, answers::core_says, ticket, tickets};
use crate::harness::{Gateway, Peer, Site, eventually, request, seconds, until};
use serde_json::{Value, json};

const CLOUDS: [&str; 3] = ["aliyun", "tencent", "twilio"];
pub const SECRET: &str = "test-secret-of-the-cloud";

/// A site with one cloud, whose interface is `peer`.
async fn with(cloud: &str, peer: &Peer) -> Site {
    let mut site = Site::new().await;
    let more = match cloud {
        "aliyun" => "sign_name = \"乐山12345\"\nreply_template = \"SMS_1\"\nreceipt_template = \"SMS_2\"",
        "tencent" => {
            "sign_name = \"乐山12345\"\napp_id = \"1400006666\"\nreply_template = \"1\"\nreceipt_template = \"2\""
        }
        _ => "from = \"+15005550006\"",
    };
    let table = format!(
        "type = \"sms\"\nhotline = \"12345\"\ntransport = \"{cloud}\"\nassembly = \"immediate\"\n{}\n\
         [send]\naccount = \"test-account\"\nsecret = \"{SECRET}\"\napi_base = \"http://127.0.0.1:{}\"\n{more}",
        if cloud == "twilio" { format!("auth_token = \"{SECRET}\"") } else { String::new() },
        peer.port
    );
    site.set("channels.sms", table.parse::<toml::Table>().unwrap());
    site.set("core.token", CORE_TOKEN);
    site
}

/// What went out to this number, as the cloud saw it; receipts are left out.
fn sent(peer: &Peer, number: &str) -> Vec<Value> {
    let seen = peer.seen();
    assert!(!seen.iter().any(|line| line.get("fault").is_some()), "{seen:?}");
    let receipt = |line: &Value| line["what"]["TemplateCode"] == "SMS_2" || line["what"]["TemplateId"] == "2";
    let to = |line: &Value| line["number"].as_str().is_some_and(|to| to.ends_with(number));
    seen.into_iter().filter(|line| to(line) && !receipt(line)).collect()
}

/// Whoever came by the app is answered by SMS: the ticket's number, and the reply once it stands so.
async fn answered(gateway: &Gateway, phone: &str, words: &str) -> Value {
    let appeal = json!({ "content": format!("路灯坏了 {phone}"), "appellant": { "phone": phone } });
    let number = gateway.appeal(&appeal).await.json()["number"].clone();
    eventually("the ticket", seconds(20), async || ticket(gateway, &number).await["number"].is_string().then_some(()))
        .await;
    core_says(gateway, &number, "u1", words).await;
    number
}

async fn stands(gateway: &Gateway, number: &Value, state: &str) -> Value {
    eventually(state, seconds(30), async || {
        let ticket = ticket(gateway, number).await;
        (ticket["replies"][0]["state"] == state).then(|| ticket["replies"][0].clone())
    })
    .await
}

/// Posts a form as Twilio does; what it is answered.
pub async fn signed(gateway: &Gateway, peer: &mut Peer, form: &Value) -> (u64, String) {
    let before = peer.seen().len();
    let url = format!("http://{}/channels/sms", gateway.public);
    peer.order(&json!({ "url": url, "signed": "https://12345.example/channels/sms", "form": form }));
    let called = |line: &Value| Some((line["called_back"].as_u64()?, line["said"].as_str()?.to_owned()));
    until("the callback", seconds(20), || peer.seen()[before..].iter().find_map(called)).await
}

/// The cloud tells what became of the message that it called so.
async fn report(cloud: &str, gateway: &Gateway, peer: &mut Peer, number: &str, arrived: bool) {
    let name = format!("name-of-{number}");
    let body = match cloud {
        "aliyun" => {
            let code = if arrived { "DELIVERED" } else { "MK:0001" };
            json!([{ "phone_number": number, "success": arrived, "err_code": code, "biz_id": name, "out_id": "x" }])
        }
        "tencent" => {
            let (status, code) = if arrived { ("SUCCESS", "DELIVRD") } else { ("FAIL", "MK:0001") };
            json!([{ "mobile": number, "nationcode": "86", "report_status": status, "errmsg": code, "sid": name }])
        }
        _ => {
            let mut form = json!({ "MessageSid": name, "To": number, "From": "+15005550006" });
            form["MessageStatus"] = if arrived { "delivered" } else { "undelivered" }.into();
            if !arrived {
                form["ErrorCode"] = "30008".into();
            }
            assert_eq!(signed(gateway, peer, &form).await.0, 200);
            return;
        }
    };
    let headers = [("content-type", "application/json")];
    let reply = request(gateway.public, "POST", "/channels/sms", &headers, body.to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_go_out_over_each_cloud_signed_as_it_wants_and_every_fate_is_told_apart() {
    for cloud in CLOUDS {
        let mut peer = Peer::start("sms_clouds.py", &[]);
        let mut site = with(cloud, &peer).await;
        let gateway = site.start().await;
        let words = "您反映的路灯已于今日修复，感谢您的监督 & 支持/+%😀";

        let arrived = answered(&gateway, "13800000001", words).await;
        let lost = answered(&gateway, "13800000011", words).await;
        let refused = answered(&gateway, "13800000002", words).await;
        let cut = answered(&gateway, "13800000004", words).await;
        let broken = answered(&gateway, "13800000005", words).await;
        until("two messages", seconds(20), || {
            (sent(&peer, "13800000001").len() + sent(&peer, "13800000011").len() == 2).then_some(())
        })
        .await;
        let what = sent(&peer, "13800000001").remove(0);
        let number = arrived.as_str().unwrap();
        match cloud {
            "aliyun" => {
                assert_eq!(what["what"]["SignName"], "乐山12345");
                let variables: Value = serde_json::from_str(what["what"]["TemplateParam"].as_str().unwrap()).unwrap();
                assert_eq!(variables, json!({ "number": number, "text": words }));
            }
            "tencent" => assert_eq!(what["what"]["TemplateParamSet"], json!([number, words])),
            _ => {
                let body = what["what"]["Body"].as_str().unwrap();
                assert!(body.contains(words) && body.contains(number), "{body}");
                assert_eq!(what["what"]["StatusCallback"], "https://12345.example/channels/sms");
            }
        }
        assert!(!stands(&gateway, &refused, "refused").await["reason"].as_str().unwrap().is_empty());
        stands(&gateway, &cut, "unknown").await;
        stands(&gateway, &broken, "unknown").await;
        stands(&gateway, &arrived, "pending").await;
        let (first, second) = match cloud {
            "aliyun" => ("13800000001", "13800000011"),
            _ => ("+8613800000001", "+8613800000011"),
        };
        report(cloud, &gateway, &mut peer, first, true).await;
        report(cloud, &gateway, &mut peer, second, false).await;
        stands(&gateway, &arrived, "delivered").await;
        let reason = stands(&gateway, &lost, "refused").await["reason"].clone();
        assert!(["MK:0001", "undelivered 30008"].iter().any(|why| reason == *why), "{cloud}: {reason}");
        for number in ["13800000001", "13800000011", "13800000002", "13800000004", "13800000005"] {
            assert_eq!(sent(&peer, number).len(), 1, "{cloud}: nothing is said twice");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_to_a_cloud_gets_a_receipt_by_its_template() {
    let peer = Peer::start("sms_clouds.py", &[]);
    let mut site = with("aliyun", &peer).await;
    let gateway = site.start().await;
    let said = json!([{ "phone_number": "13800000021", "content": "路灯坏了", "send_time": "2026-11-22 08:00:00",
                        "dest_code": "12345", "sequence_id": 7 }]);
    for _ in 0..2 {
        let headers = [("content-type", "application/json")];
        let body = said.to_string();
        assert_eq!(request(gateway.public, "POST", "/channels/sms", &headers, body.as_bytes()).await.status, 200);
    }
    let number = tickets(&gateway, 1).await.remove(0)["number"].clone();
    let receipts = until("the receipt", seconds(20), || {
        let seen = peer.seen();
        (!seen.is_empty()).then_some(seen)
    })
    .await;
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    assert_eq!(receipts[0]["what"]["TemplateCode"], "SMS_2");
    let variables: Value = serde_json::from_str(receipts[0]["what"]["TemplateParam"].as_str().unwrap()).unwrap();
    assert_eq!(variables["number"], number);
    let code = variables["code"].as_str().unwrap();
    let asked = json!({ "number": number, "code": code }).to_string();
    let headers = [("content-type", "application/json")];
    let found = request(gateway.public, "POST", "/api/v1/status", &headers, asked.as_bytes()).await;
    assert_eq!(found.status, 200, "{}", found.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_logs_in_to_a_cloud_and_names_what_is_missing() {
    for cloud in CLOUDS {
        let peer = Peer::start("sms_clouds.py", &[]);
        let mut site = with(cloud, &peer).await;
        let mut run = |arguments: &[&str]| {
            let output = site.command("check", arguments).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8(said).unwrap())
        };
        let (status, said) = run(&["--connect"]);
        assert!(status == Some(0) && said.contains("channels.sms: ok"), "{cloud}: {status:?} {said}");
    }
    let peer = Peer::start("sms_clouds.py", &[]);
    let mut site = with("tencent", &peer).await;
    site.set("channels.sms.send", toml::toml! { from = "x" });
    let output = site.command("check", &[]).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for key in ["account", "secret", "sign_name", "app_id", "reply_template", "from"] {
        assert!(said.contains(&format!("send.{key}")), "{key}: {said}");
    }
}
