//! Foreign pushes, declared in the configuration: filters that fail, and what shows where. Many senders at once are in
//! `senders`.

use crate::harness::{Site, eventually, get, post, seconds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_fails_loses_nothing_and_hangs_nobody() {
    let mut site = Site::new().await;
    for (id, map) in [("wrong", "{content: .body.data.text.words}"), ("endless", "[range(1e12)] | {content: .[0]}")] {
        site.set(&format!("channels.{id}.type"), "webhook");
        site.set(&format!("channels.{id}.hotline"), "12345");
        site.set(&format!("channels.{id}.map"), map);
    }
    let mut gateway = site.start().await;
    let body = serde_json::json!({ "data": { "text": "楼道灯坏了" } });
    let reply = post(gateway.public, "/channels/wrong", None, &body).await;
    assert_eq!(reply.status, 200, "kept, so acknowledged: {}", reply.text());
    let number = reply.json()["number"].as_str().unwrap().to_owned();
    let endless = post(gateway.public, "/channels/endless", None, &body).await;
    assert_eq!(endless.status, 200, "{}", endless.text());
    gateway.accept("beside", "另一条渠道照常").await;
    let list = eventually("both in quarantine", seconds(30), async || {
        let list = get(gateway.admin, "/api/v1/quarantine").await.json();
        (list["quarantine"].as_array().unwrap().len() == 2).then_some(list)
    })
    .await;
    let text = list.to_string();
    assert!(text.contains("line 1, column 27: words}") && text.contains("too many steps"), "{text}");
    assert!(!text.contains("楼道灯"), "no citizen's words in a reason");
    // Somebody mends the filter.
    gateway.terminate();
    gateway.ended(seconds(15)).await;
    site.set("channels.wrong.map", "{content: .body.data.text}");
    let gateway = site.start().await;
    let released = post(gateway.admin, "/api/v1/quarantine/release", None, &serde_json::json!({})).await;
    assert_eq!(released.status, 200, "{}", released.text());
    site.core.has_all([&number], seconds(30)).await;
    assert!(site.core.taken().iter().any(|event| event.subject() == number && event.content() == "楼道灯坏了"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_and_try_point_at_the_place_in_the_filter() {
    let mut site = Site::new().await;
    site.set("channels.hook.type", "webhook");
    site.set("channels.hook.hotline", "12345");
    site.set("channels.hook.map", "{\n  content: .body.text,\n  title: .body.title |\n}");
    let output = site.command("check", &[]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(2)
            && text.contains("channels.hook.map: not a jq filter")
            && text.contains("line 4, column 1"),
        "{text}"
    );
    site.set("channels.hook.map", ".body[] | {\n  content: .text.words\n}");
    let sample = site.data.with_file_name("sample.json");
    let path = sample.display().to_string();
    std::fs::write(&sample, r#"[{"text":{"words":"一"}},{"text":{"words":"二"}}]"#).unwrap();
    let output = site.command("try", &["hook", &path]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && text.contains("\"content\": \"一\"") && text.contains("\"content\": \"二\""),
        "{text}"
    );
    std::fs::write(&sample, r#"[{"text":7}]"#).unwrap();
    let output = site.command("try", &["hook", &path]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && text.contains("line 2, column 18: words") && text.contains("cannot index 7"),
        "{text}"
    );
    let output = site.command("check", &[]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("channels.hook.auth: missing"), "{text}");
}
