//! Foreign pushes, declared in the configuration: many senders in many formats, and filters that fail.

use crate::harness::{Reply, Site, eventually, get, post, request, seconds, until};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{collections::HashSet, net::SocketAddr};
use tokio::task::JoinSet;
use toml::toml;

/// Pushes of each sender.
const EACH: usize = 25;
const SENDERS: usize = 16;

/// One of four formats.
fn declare(site: &mut Site, sender: usize) {
    let id = format!("channels.s{sender}");
    let table = match sender % 4 {
        0 => toml! {
            auth = { hmac_sha256 = { header = "X-Sign", secret = "a-secret-of-length", encoding = "sha256=hex" } }
            map = "{id: .body.no, content: .body.data.text, appellant: {phone: .body.data.tel}}"
            reply = { content_type = "application/json", body = "{\"code\":0,\"receipt\":\"{number}\"}" }
        },
        1 => toml! {
            auth = { basic = "user:password" }
            map = ".body.case | {id: .[\"@no\"], content: .[\"内容\"], appellant: {phone: .[\"电话\"]}}"
            reply = { content_type = "text/xml", body = "<ok>{number}</ok>" }
        },
        2 => toml! {
            auth = { query = "key=value-of-length" }
            map = "{id: .body.no, content: .body.text, appellant: {phone: .body.tel}}"
            reply = { body = "success" }
        },
        _ => toml! {
            auth = { bearer = "token-of-length" }
            map = ".text / \"|\" | {id: .[0], content: .[2], appellant: {phone: .[1]}}"
        },
    };
    for (key, value) in table {
        site.set(&format!("{id}.{key}"), value);
    }
    site.set(&format!("{id}.type"), "webhook");
    site.set(&format!("{id}.hotline"), "12345");
}

fn content(sender: usize, number: usize) -> String {
    format!("第{sender}家第{number}件：井盖丢失")
}

async fn send(public: SocketAddr, sender: usize, number: usize) -> Reply {
    let (path, words) = (format!("/channels/s{sender}"), content(sender, number));
    let tel = 13_000_000_000 + (sender * 1_000 + number) as u64;
    match sender % 4 {
        0 => {
            let body = format!(r#"{{"no":{number},"data":{{"text":"{words}","tel":{tel}}}}}"#);
            let mac = Hmac::<Sha256>::new_from_slice(b"a-secret-of-length").unwrap().chain_update(&body).finalize();
            let hex: String = mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            let headers = [("content-type", "application/json"), ("x-sign", &*format!("sha256={hex}"))];
            request(public, "POST", &path, &headers, body.as_bytes()).await
        }
        1 => {
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"gb2312\"?><case no=\"{number}\"><内容>{words}</内容><电话>{tel}</电话></case>"
            );
            let login = format!("Basic {}", STANDARD.encode("user:password"));
            let headers = [("content-type", "text/xml"), ("authorization", &*login)];
            request(public, "POST", &path, &headers, &encoding_rs::GB18030.encode(&text).0).await
        }
        2 => {
            let gbk =
                encoding_rs::GB18030.encode(&words).0.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let headers = [("content-type", "application/x-www-form-urlencoded; charset=gbk")];
            let body = format!("no={number}&tel={tel}&text={gbk}");
            request(public, "POST", &(path + "?key=value-of-length"), &headers, body.as_bytes()).await
        }
        _ => {
            let headers = [("content-type", "text/plain; charset=utf-8"), ("authorization", "Bearer token-of-length")];
            request(public, "POST", &path, &headers, format!("{number}|{tel}|{words}").as_bytes()).await
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_in_many_formats_at_once_each_get_their_own() {
    let mut site = Site::new().await;
    (0..SENDERS).for_each(|sender| declare(&mut site, sender));
    let gateway = site.start().await;
    let public = gateway.public;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(async move {
            for number in 0..EACH {
                let reply = send(public, sender, number).await;
                assert_eq!(reply.status, 200, "{sender}: {}", reply.text());
                // Each push comes twice, as pushes do.
                let again = send(public, sender, number).await;
                assert_eq!((again.status, again.text()), (200, reply.text()), "the first receipt again");
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap();
    }
    let expected: HashSet<String> = (0..SENDERS).flat_map(|s| (0..EACH).map(move |n| content(s, n))).collect();
    until("every push at the core", seconds(60), || {
        let taken = site.core.taken();
        let found: Vec<_> = taken.iter().filter(|event| event.kind() == "ticket.created").collect();
        let words: HashSet<String> = found.iter().map(|event| event.content().to_owned()).collect();
        assert!(words.is_subset(&expected));
        (words == expected).then(|| assert_eq!(found.len(), SENDERS * EACH, "none twice"))
    })
    .await;
    let day = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!(day["balanced"], true, "{day}");
    assert_eq!(day["total"]["redelivery"], SENDERS * EACH, "{day}");
    for sender in 0..4 {
        let forged =
            request(public, "POST", &format!("/channels/s{sender}"), &[("content-type", "application/json")], b"{}")
                .await;
        assert_eq!(forged.status, 401, "{}", forged.text());
    }
}

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
