//! The feed of one gateway is the intake of the next.

use crate::harness::{Core, Gateway, Site, eventually, get, post, request, seconds};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::net::TcpListener;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BACK: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn gateways(name: &str, secret: &str) -> toml::Value {
    let table: toml::Table = format!("gateways = [{{ name = {name:?}, secret = {secret:?} }}]").parse().unwrap();
    table["gateways"].clone()
}

async fn tickets(gateway: &Gateway) -> Vec<Value> {
    let list = get(gateway.admin, "/api/v1/tickets").await.json();
    let mut tickets = Vec::new();
    for ticket in list["tickets"].as_array().unwrap() {
        let number = ticket["number"].as_str().unwrap();
        tickets.push(get(gateway.admin, &format!("/api/v1/tickets/{number}")).await.json());
    }
    tickets
}

/// A city's gateway with a sub-centre's behind it, each posting its events to the other.
async fn city_and_branch() -> (Site, Gateway, Site, Gateway) {
    let (mut city, mut branch) = (Site::new().await, Site::new().await);
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (here, there) = (free(), free());
    for (site, name, at, other, own, secret) in
        [(&mut city, "leshan", here, there, SECRET, BACK), (&mut branch, "tax", there, here, BACK, SECRET)]
    {
        site.set("server.name", name);
        site.set("server.listen", at.to_string());
        site.set("server.public_url", format!("http://{at}"));
        site.set("server.allow_fetch", toml::Value::Array(vec!["127.0.0.1".into()]));
        site.set("channels.other.type", "api");
        site.set("channels.other.hotline", "12345");
        site.set("channels.other.gateways", gateways("other", secret));
        site.subscriber("other", &format!("http://{other}/channels/other"), own, "contact = \"full\"");
    }
    let branch_runs = branch.start().await;
    let city_runs = city.start().await;
    (city, city_runs, branch, branch_runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_goes_on_to_the_next_gateway_once_with_its_number_and_comes_back_to_none() {
    let (_city, city, _branch, branch) = city_and_branch().await;
    let photo = STANDARD.encode([b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 100]].concat());
    let body = json!({
        "kind": "complaint", "title": "发票", "content": "商家拒绝开具发票", "demand": "责令开票", "hotline": "12366",
        "appellant": { "name": "王小明", "phone": "13800138000" }, "location": { "text": "嘉州大道 1 号", "region": "511102" },
        "attachments": [{ "name": "a.png", "media_type": "image/png", "base64": photo }],
    });
    let number = city.appeal(&body).await.json()["number"].as_str().unwrap().to_owned();
    let ticket = eventually("the ticket with its photo at the branch", seconds(20), async || {
        let ticket = tickets(&branch).await.into_iter().next()?;
        (ticket["attachments"][0]["state"] == "kept").then_some(ticket)
    })
    .await;
    assert_eq!(ticket["origin"], json!({ "system": "jiesu/leshan", "number": number, "via": ["jiesu/leshan"] }));
    for field in ["kind", "title", "content", "demand"] {
        assert_eq!(ticket[field], body[field], "{field}");
    }
    assert_eq!((&ticket["hotline"]["code"], &ticket["location"]["region"]), (&json!("12366"), &json!("511102")));
    assert_eq!(ticket["appellant"]["phone"], "13800138000");
    assert_eq!(ticket["attachments"][0]["bytes"], 108);

    // The citizen says it again: the branch's ticket grows, and there is still one.
    city.appeal(&body).await;
    eventually("the words of the repeat at the branch", seconds(20), async || {
        let ticket = tickets(&branch).await.into_iter().next()?;
        (ticket["transcript"].as_array()?.iter().filter(|piece| piece["text"] == body["content"]).count() == 2)
            .then_some(())
    })
    .await;
    // Everything once more: nothing new comes of it.
    let before = get(branch.admin, "/api/v1/reconciliation").await.json();
    let rewound = post(city.admin, "/api/v1/destinations/other/rewind", None, &json!({ "after": 0 })).await;
    assert_eq!(rewound.status, 202);
    let day = eventually("redeliveries at the branch", seconds(20), async || {
        let day = get(branch.admin, "/api/v1/reconciliation").await.json();
        let more = day["total"]["redelivery"].as_u64()? > before["total"]["redelivery"].as_u64()?;
        let done = get(city.admin, "/api/v1/destinations").await.json()["destinations"]
            .as_array()?
            .iter()
            .all(|one| one["behind"] == 0);
        (more && done).then_some(day)
    })
    .await;
    assert_eq!((&day["balanced"], &day["total"]["ticketed"]), (&json!(true), &json!(1)));
    assert_eq!(tickets(&branch).await.len(), 1);
    // The branch tells the city of its ticket: that is where it came from, so it ends there, and nobody's dead letter.
    eventually("the branch's events are done", seconds(20), async || {
        let destinations = get(branch.admin, "/api/v1/destinations").await.json();
        let other = destinations["destinations"].as_array()?.iter().find(|one| one["name"] == "other")?.clone();
        (other["behind"] == 0 && other["cursor"] != "0").then_some(())
    })
    .await;
    assert_eq!(get(branch.admin, "/api/v1/deliveries?state=dead").await.json()["deliveries"], json!([]));
    assert_eq!(tickets(&city).await.len(), 1);
    let rejected = get(city.admin, "/api/v1/reconciliation").await.json();
    assert!(rejected["total"]["rejected"].as_u64().unwrap() >= 1 && rejected["balanced"] == true, "{rejected}");
}

/// One event, signed now.
async fn send(gateway: &Gateway, secret: &str, event: &Value) -> (u16, Value) {
    let (id, body) = (event["id"].as_str().unwrap(), event.to_string());
    let now = jiff::Timestamp::now().as_second().to_string();
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{now}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("content-type", "application/cloudevents+json"),
        ("webhook-id", id),
        ("webhook-timestamp", now.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    let reply = request(gateway.public, "POST", "/channels/other", &headers, body.as_bytes()).await;
    (reply.status, reply.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_forged_foreign_or_our_own_are_answered_clearly() {
    let mut site = Site::new().await;
    site.set("server.name", "leshan");
    site.set("channels.other.type", "api");
    site.set("channels.other.gateways", gateways("other", SECRET));
    let gateway = site.start().await;
    let event = |id: &str, kind: &str, source: &str, via: &[&str]| {
        json!({
            "specversion": "1.0", "id": id, "source": source, "type": kind, "subject": "20261122-000001-2",
            "data": { "ticket": { "number": "20261122-000001-2", "content": "停水两天了", "hotline": { "code": "12345" }, "later": 1,
                "appellant": { "key": "ap_1", "phone": "138****8000" }, "origin": { "number": "1", "via": via } }, "change": null },
        })
    };
    let plain = event("ev_1", "ticket.created", "jiesu/other", &[]);
    assert_eq!(send(&gateway, BACK, &plain).await.0, 401);
    let (status, receipt) = send(&gateway, SECRET, &plain).await;
    assert_eq!(status, 201, "{receipt}");
    assert_eq!(send(&gateway, SECRET, &plain).await, (200, receipt.clone()));
    for own in [
        event("ev_2", "ticket.created", "jiesu/leshan", &[]),
        event("ev_3", "ticket.urged", "jiesu/other", &["jiesu/leshan"]),
    ] {
        let (status, said) = send(&gateway, SECRET, &own).await;
        assert!(status == 409 && said["detail"].as_str().unwrap().contains("jiesu/leshan"), "{said}");
    }
    let (status, _) = send(&gateway, SECRET, &event("ev_4", "ticket.urged", "jiesu/other", &[])).await;
    assert_eq!(status, 201);
    assert_eq!(send(&gateway, SECRET, &event("ev_5", "ticket.unheard_of", "jiesu/other", &[])).await.0, 201);
    let mut broken = plain.clone();
    (broken["id"], broken["subject"]) = (json!("ev_6"), json!("7"));
    let (status, said) = send(&gateway, SECRET, &broken).await;
    assert_eq!((status, &said["errors"][0]["field"]), (400, &json!("subject")));
    let ticket = eventually("the urged ticket", seconds(10), async || {
        let ticket = tickets(&gateway).await.into_iter().next()?;
        ticket["flags"].as_array()?.contains(&json!("urged")).then_some(ticket)
    })
    .await;
    assert_eq!(
        (&ticket["number"], &ticket["appellant"]["phone"]),
        (&receipt["number"], &Value::Null),
        "a masked telephone is none"
    );
    assert_eq!(tickets(&gateway).await.len(), 1);
    let kinds: Vec<String> = eventually("the urging at the core", seconds(10), async || {
        let kinds: Vec<String> = site.core.log().iter().map(|one| one.kind().to_owned()).collect();
        (kinds.len() >= 2).then_some(kinds)
    })
    .await;
    assert_eq!(kinds, ["ticket.created", "ticket.urged"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_a_name_takes_no_others_events() {
    let mut site = Site::new().await;
    site.core = Core::start().await;
    site.set("channels.other.type", "api");
    site.set("channels.other.gateways", gateways("other", SECRET));
    let output = site.run_alone("check", &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains("channels.other.gateways: needs [server] name"), "{said}");
}
