//! Open311 GeoReport v2, as its clients speak it.

use super::ticket;
use crate::harness::{Gateway, Reply, Site, TOKEN, get, post, request, seconds};
use serde_json::{Value, json};

const BASE: &str = "/open311/v2";

async fn make(gateway: &Gateway, ending: &str, body: &str) -> Reply {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    request(gateway.public, "POST", &format!("{BASE}/requests{ending}"), &kind, body.as_bytes()).await
}

async fn read(gateway: &Gateway, path: &str) -> Value {
    let reply = get(gateway.public, &format!("{BASE}/{path}")).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

#[tokio::test]
async fn an_app_finds_services_makes_a_request_and_reads_only_what_is_public() {
    let mut site = Site::new().await;
    site.set("core.token", "token-of-the-core-0123456789");
    let gateway = site.start().await;
    let services = read(&gateway, "services.json").await;
    let code = services[2]["service_code"].as_str().unwrap();
    assert_eq!((code, services[2]["service_name"].as_str()), ("03", Some("交通运输")));
    assert_eq!(read(&gateway, "services/03.json").await, json!({ "service_code": "03", "attributes": [] }));

    let words = "description=公交站牌倒了，请打13800138000，我是王小明&first_name=小明&last_name=王&phone=13800138000";
    let common = format!("api_key={TOKEN}&service_code=03&lat=29.55&long=103.76&{words}");
    let other = format!("api_key={TOKEN}&service_code=01&lat=29.1&long=103.1&phone=13900139000");
    let private = make(&gateway, ".json", &format!("{other}&description=小区水管爆裂，一直在漏水")).await;
    assert_eq!(private.status, 200, "{}", private.text());
    let public = make(&gateway, ".json", &format!("{common}&publish=true&address_string=嘉州大道")).await.json();
    let private = private.json()[0]["service_request_id"].as_str().unwrap().to_owned();
    let number = public[0]["service_request_id"].as_str().unwrap().to_owned();
    assert!(public[0]["service_notice"].as_str().unwrap().contains("查询码"));
    let made = ticket(&gateway, &number).await;
    assert_eq!((made["category"]["code"].as_str(), made["category"]["by"].as_str()), (Some("03"), Some("channel")));
    assert_eq!((made["location"]["lat"].as_f64(), made["appellant"]["name"].as_str()), (Some(29.55), Some("王 小明")));
    site.core.has_all([&number, &private], seconds(10)).await;
    let update = json!({ "id": "1", "status": "closed", "reply": { "text": "已扶正。王小明请放心", "public": true } });
    let path = format!("/api/v1/tickets/{number}/updates");
    assert_eq!(post(gateway.public, &path, Some("token-of-the-core-0123456789"), &update).await.status, 200);

    let listed = read(&gateway, "requests.json").await;
    let text = listed.to_string();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{text}");
    assert!(!text.contains("138") && !text.contains("小明"), "{text}");
    let one = &listed[0];
    assert_eq!((one["service_request_id"].as_str(), one["status"].as_str()), (Some(&*number), Some("closed")));
    assert_eq!((one["lat"].as_f64(), one["address"].as_str()), (Some(29.55), Some("嘉州大道")));
    assert_eq!(read(&gateway, &format!("requests/{number}.json")).await[0], *one);
    assert_eq!(get(gateway.public, &format!("{BASE}/requests/{private}.json")).await.status, 404);
    for (query, found) in [
        ("status=closed", 1),
        ("status=open", 0),
        ("service_code=03", 1),
        ("service_code=01", 0),
        ("start_date=2020-01-01T00:00:00Z&end_date=2020-02-01T00:00:00Z", 0),
        (&format!("service_request_id={number},{private}&status=open"), 1),
    ] {
        let listed = read(&gateway, &format!("requests.json?{query}")).await;
        assert_eq!(listed.as_array().unwrap().len(), found, "{query}");
    }

    let xml = get(gateway.public, &format!("{BASE}/requests/{number}.xml")).await;
    assert!(xml.header("content-type").unwrap().starts_with("application/xml"));
    assert!(
        xml.text().contains(&format!("<service_requests><request><service_request_id>{number}<")),
        "{}",
        xml.text()
    );
    let accepted = request(gateway.public, "GET", &format!("{BASE}/services"), &[("accept", "text/xml")], b"").await;
    assert!(accepted.text().contains("<services><service><service_code>01<"));
}

#[tokio::test]
async fn errors_have_the_shape_of_the_specification() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let right = "service_code=01&address_string=a&description=b";
    for (body, status) in [
        (right.to_owned(), 403),
        (format!("api_key=nope&{right}"), 403),
        ("api_key=nope&service_code=01".to_owned(), 403),
        (format!("api_key={TOKEN}"), 400),
        (format!("api_key={TOKEN}&service_code=99&address_string=a"), 404),
        (format!("api_key={TOKEN}&service_code=01"), 400),
        (format!("api_key={TOKEN}&service_code=01&lat=91&long=0"), 400),
        (format!("api_key={TOKEN}&service_code=01&lat=9"), 400),
        (format!("api_key={TOKEN}&{right}&phone={}", "1".repeat(50)), 400),
    ] {
        let reply = make(&gateway, ".json", &body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
        let error = &reply.json()[0];
        assert_eq!(error["code"], status);
        assert!(error["description"].as_str().is_some_and(|words| !words.is_empty()), "{error}");
    }
    // What came with a key was received, and rejected.
    let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!((&account["total"]["received"], &account["total"]["rejected"]), (&json!(6), &json!(6)), "{account}");
    let xml = make(&gateway, ".xml", right).await;
    assert!(xml.text().contains("<errors><error><code>403</code><description>api_key is missing"), "{}", xml.text());
    for (path, status) in [
        ("services/99.json", 404),
        ("services.html", 404),
        ("nothing.json", 404),
        ("requests/20200101-000001-1.json", 404),
        ("requests.json?start_date=yesterday", 400),
        ("requests.json?status=done", 400),
    ] {
        let reply = get(gateway.public, &format!("{BASE}/{path}")).await;
        assert_eq!((reply.status, reply.json()[0]["code"].as_u64()), (status, Some(status.into())), "{path}");
    }
    let wrong = request(gateway.public, "PUT", &format!("{BASE}/requests.json"), &[], b"").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, POST")));
}
