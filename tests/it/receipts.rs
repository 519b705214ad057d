//! Receipts: numbers, codes, idempotency (contract §3) and the look-up.

use crate::harness::{Gateway, Reply, Site, TOKEN, post, request, seconds};
use serde_json::{Value, json};

/// `YYYYMMDD-NNNNNN-C`, `C` by Luhn over the digits before it.
fn assert_number(number: &str) {
    let parts: Vec<_> = number.split('-').collect();
    let [day, sequence, check] = parts[..] else { panic!("{number}") };
    assert!(day.len() == 8 && sequence.len() >= 6 && check.len() == 1, "{number}");
    let digits = format!("{day}{sequence}{check}");
    let sum: u32 = digits.chars().rev().map(|c| c.to_digit(10).unwrap()).enumerate().fold(0, |sum, (at, digit)| {
        let doubled = digit * 2;
        sum + if at % 2 == 0 { digit } else { doubled / 10 + doubled % 10 }
    });
    assert_eq!(sum % 10, 0, "the check digit of {number}");
}

fn assert_code(code: &str) {
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    assert!(code.len() == 9 && code.as_bytes()[4] == b'-', "{code}");
    assert!(code.chars().enumerate().all(|(at, c)| at == 4 || alphabet.contains(c)), "{code}");
}

async fn with_key(gateway: &Gateway, key: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", key), ("content-type", "application/json")];
    request(gateway.public, "POST", "/channels/app", &headers, body.to_string().as_bytes()).await
}

async fn look_up(gateway: &Gateway, number: &str, code: &str) -> Reply {
    post(gateway.public, "/api/v1/status", None, &json!({ "number": number, "code": code })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_has_a_checked_number_and_a_code() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    for number in 0..20 {
        let reply = gateway.appeal(&json!({ "content": format!("第 {number} 条") })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let receipt = reply.json();
        assert_number(receipt["number"].as_str().unwrap());
        assert_code(receipt["code"].as_str().unwrap());
        assert!(receipt["status_url"].as_str().unwrap().starts_with("http"), "{receipt}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_id_is_a_redelivery_only_with_the_same_content() {
    let mut site = Site::new().await;
    let mut gateway = site.start().await;
    let body = json!({ "id": "p-1", "content": "噪声", "title": "夜里" });
    let first = gateway.appeal(&body).await;
    assert_eq!(first.status, 201);
    let again = gateway.appeal(&json!({ "title": "夜里", "content": "噪声", "id": "p-1" })).await;
    assert_eq!((again.status, again.body()), (200, first.body()), "whatever the order of its fields");
    gateway.kill();
    let gateway = site.start().await;
    let again = gateway.appeal(&body).await;
    assert_eq!((again.status, again.body()), (200, first.body()), "also after a restart");
    let other = gateway.appeal(&json!({ "id": "p-1", "content": "另一件事" })).await;
    assert_eq!(other.status, 201, "a repetition is never swallowed: {}", other.text());
    assert_ne!(other.json()["number"], first.json()["number"]);
    let other_again = gateway.appeal(&json!({ "id": "p-1", "content": "另一件事" })).await;
    assert_eq!((other_again.status, other_again.body()), (200, other.body()));
    assert_eq!(gateway.appeal(&body).await.body(), first.body());
    assert!(gateway.log().contains("WARN"), "a warning in the log");
    let numbers = [&first, &other].map(|reply| reply.json()["number"].as_str().unwrap().to_owned());
    site.core.has_all(&numbers, seconds(10)).await;
    assert_eq!(site.core.numbers().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_stands_for_one_body() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let first = with_key(&gateway, "k-1", &json!({ "content": "噪声" })).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = with_key(&gateway, "k-1", &json!({ "content": "噪声" })).await;
    assert_eq!((again.status, again.body()), (200, first.body()));
    let other = with_key(&gateway, "k-1", &json!({ "content": "别的" })).await;
    assert_eq!(other.status, 422, "{}", other.text());
    assert_eq!(other.header("content-type"), Some("application/problem+json"));
    let fresh = with_key(&gateway, "k-2", &json!({ "content": "噪声" })).await;
    assert_eq!(fresh.status, 201);
    assert_ne!(fresh.json()["number"], first.json()["number"]);
    // A key that comes only with the second delivery of an id is used, too.
    let named = gateway.appeal(&json!({ "id": "p-1", "content": "路灯" })).await;
    let again = with_key(&gateway, "k-3", &json!({ "id": "p-1", "content": "路灯" })).await;
    assert_eq!((again.status, again.body()), (200, named.body()));
    assert_eq!(with_key(&gateway, "k-3", &json!({ "content": "别的" })).await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_under_a_key_while_the_first_is_under_way_is_409() {
    let mut site = Site::with_faults().await;
    let gateway = site.start().await;
    gateway.accept("warm", "暖机").await;
    site.faults.as_ref().unwrap().delay_fsync(1000);
    let body = json!({ "content": "噪声" });
    let (first, second) = tokio::join!(with_key(&gateway, "k", &body), with_key(&gateway, "k", &body));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", first.text(), second.text());
    site.faults.as_ref().unwrap().delay_fsync(0);
    let third = with_key(&gateway, "k", &body).await;
    let taken = if first.status == 201 { first } else { second };
    assert_eq!((third.status, third.body()), (200, taken.body()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_looks_up_with_number_and_code() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let receipt =
        gateway.appeal(&json!({ "content": "路灯不亮", "appellant": { "phone": "13800138000" } })).await.json();
    let (number, code) = (receipt["number"].as_str().unwrap(), receipt["code"].as_str().unwrap());
    for shape in [code.to_owned(), code.to_lowercase(), code.replace('-', ""), code.replace('-', "").to_lowercase()] {
        let reply = look_up(&gateway, number, &shape).await;
        assert_eq!(reply.status, 200, "{shape}: {}", reply.text());
        assert_eq!(reply.json()["number"], number);
        assert!(reply.json()["status"].is_string(), "{}", reply.text());
        assert!(!reply.text().contains("13800138000"), "a look-up shows no phone");
    }
}

/// The number is known from the receipt on, also in the moment when the message becomes the ticket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_never_unknown_once_it_was_given() {
    let mut site = Site::new().await;
    site.set("limits.per_address", "off");
    let gateway = site.start().await;
    for place in 0..40 {
        let receipt = gateway.appeal(&json!({ "content": format!("第{place}件") })).await.json();
        let (number, code) = (receipt["number"].as_str().unwrap(), receipt["code"].as_str().unwrap());
        for _ in 0..5 {
            assert_eq!(look_up(&gateway, number, code).await.status, 200, "{number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_number_and_a_wrong_code_look_the_same_and_tries_are_counted() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let receipt = gateway.appeal(&json!({ "content": "路灯不亮" })).await.json();
    let (number, code) = (receipt["number"].as_str().unwrap(), receipt["code"].as_str().unwrap());
    let wrong_code = look_up(&gateway, number, "0000-0000").await;
    let wrong_number = look_up(&gateway, "20200101-000001-7", code).await;
    let no_number = look_up(&gateway, "nonsense", code).await;
    for reply in [&wrong_number, &no_number] {
        assert_eq!((reply.status, reply.body()), (404, wrong_code.body()));
    }
    for _ in 0..4 {
        assert_eq!(look_up(&gateway, number, "0000-0000").await.status, 404);
    }
    let sixth = look_up(&gateway, number, code).await;
    assert_eq!(sixth.status, 429, "five tries a number: {}", sixth.text());
    assert!(sixth.header("retry-after").is_some());
    for _ in 0..5 {
        look_up(&gateway, "20200101-000002-5", code).await;
    }
    assert_eq!(look_up(&gateway, "20200101-000002-5", code).await.status, 429, "for numbers that do not exist too");
}
