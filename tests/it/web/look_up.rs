//! A citizen looks up how far their matter is.

use super::Form;
use crate::harness::{Site, post, request, seconds};
use serde_json::json;

#[tokio::test]
async fn the_look_up_tells_what_happened_and_what_comes_next_and_nothing_about_anyone() {
    let mut site = Site::new().await;
    site.set("core.token", "token-of-the-core-0123456789");
    let gateway = site.start().await;
    let form = Form::default().field("content", "路灯坏了").field("name", "王小明").field("phone", "13800138000");
    let receipt = form.post(&gateway, "", &[]).await.json();
    let (number, code) = (receipt["number"].as_str().unwrap(), receipt["code"].as_str().unwrap());
    site.core.has_all([&number.to_owned()], seconds(10)).await;
    let update = |id: &str, status: &str, reply: &str| json!({ "id": id, "status": status, "unit": "张三的科室", "reply": { "text": reply, "public": true } });
    for (id, status, reply) in [("1", "in_progress", "已派人查看"), ("2", "replied", "路灯已修好")] {
        let path = format!("/api/v1/tickets/{number}/updates");
        let reply = post(gateway.public, &path, Some("token-of-the-core-0123456789"), &update(id, status, reply)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let found = post(gateway.public, "/api/v1/status", None, &json!({ "number": number, "code": code })).await;
    let text = found.text();
    let found = found.json();
    let kinds: Vec<_> = found["steps"].as_array().unwrap().iter().map(|step| step["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["received", "status", "reply", "status", "reply"], "{text}");
    assert_eq!((found["status"].as_str(), found["next"].is_string()), (Some("replied"), true));
    assert!(!text.contains("王") && !text.contains("138") && !text.contains("张三"), "{text}");

    // As people type it; and the page says it in words.
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let body = format!("number={digits}&code={}", code.to_lowercase().replace('-', ""));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let page = request(gateway.public, "POST", "/status", &kind, body.as_bytes()).await;
    assert!(page.status == 200 && page.text().contains("路灯已修好") && page.text().contains("接下来"));
    assert!(!page.header("content-security-policy").unwrap().contains("unsafe"));

    // A wrong code and an unknown number are answered alike, to the last byte that is not the number.
    let ask = async |number: &str| {
        let reply =
            post(gateway.public, "/api/v1/status", None, &json!({ "number": number, "code": "AAAAAAAA" })).await;
        (reply.status, reply.text())
    };
    assert_eq!(ask(number).await, ask("20200101-000001-9").await);
    for _ in 0..4 {
        ask(number).await;
    }
    assert_eq!(ask(number).await.0, 429);
    assert_eq!(ask(&digits).await.0, 429, "whatever the spelling");
}
