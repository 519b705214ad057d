//! Where the gateway asks, an operator decides.

use super::*;

const LIFT: &str = "幸福小区3栋的电梯又坏了，请派人来修";
const OTHER_LIFT: &str = "幸福小区5栋的电梯又坏了，请派人来修";

async fn decide(gateway: &Gateway, number: &str, what: &str, body: &Value) -> (u16, Value) {
    let reply = post(gateway.admin, &format!("/api/v1/tickets/{number}/{what}"), None, body).await;
    (reply.status, reply.json())
}

/// Two tickets of which the second asks about the first.
async fn question(gateway: &Gateway, site: &Site, phones: [&str; 2]) -> [String; 2] {
    let (first, _) = say(gateway, phones[0], LIFT).await;
    told(site, "ticket.created", &first).await;
    let (second, _) = say(gateway, phones[1], OTHER_LIFT).await;
    let asks = told(site, "ticket.created", &second).await.event["data"]["ticket"]["similar"].clone();
    assert_eq!(asks["of"], first.as_str(), "{asks}");
    [first, second]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_says_that_it_is_the_same_citizens_same_matter_and_takes_it_back() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let [first, second] = question(&gateway, &site, ["13800138000"; 2]).await;
    assert_eq!(decide(&gateway, &second, "link", &json!({ "to": second })).await.0, 409);
    assert_eq!(decide(&gateway, &second, "link", &json!({ "to": "20200101-000001-0" })).await.0, 404);
    assert_eq!(decide(&gateway, "20200101-000001-0", "link", &json!({ "to": first })).await.0, 404);
    assert_eq!(decide(&gateway, &second, "link", &json!({ "too": first })).await.0, 400);
    let (status, done) = decide(&gateway, &second, "link", &json!({ "to": first })).await;
    assert_eq!((status, &done["linked"], &done["count"]), (200, &json!("repeat"), &json!(2)), "{done}");
    let change = told(&site, "ticket.updated", &second).await.event["data"]["change"].clone();
    assert_eq!(change["repeat"]["new"]["of"], first.as_str());
    assert!(change["repeat"]["new"]["reason"].as_str().unwrap().contains("经办人确认"), "{change}");
    assert!(change["similar"]["new"].is_null(), "{change}");
    told(&site, "ticket.updated", &first).await;
    assert_eq!(ticket(&gateway, &first).await["repeat"]["count"], 2);
    let (status, fault) = decide(&gateway, &second, "link", &json!({ "to": first })).await;
    assert!(status == 409 && fault["detail"].as_str().unwrap().contains("unlink"), "{fault}");
    // The index has learnt it: said once more, it counts to the first.
    let (third, _) = say(&gateway, "13800138000", OTHER_LIFT).await;
    let event = eventually("the third time", seconds(20), async || {
        let repeated = site.core.taken().into_iter().filter(|it| it.kind() == "ticket.repeated");
        repeated.map(|it| it.event).find(|event| event["data"]["change"]["number"] == third.as_str())
    })
    .await;
    assert_eq!((&event["subject"], &event["data"]["change"]["count"]), (&json!(first), &json!(3)));
    let (status, undone) = unlink(&gateway, &second).await;
    assert_eq!((status, &undone["undone"]), (200, &json!(["repeat"])));
    assert_eq!(ticket(&gateway, &first).await["repeat"]["count"], 2);
    let second = ticket(&gateway, &second).await;
    assert!(second["repeat"].is_null() && second["similar"].is_null(), "{second}");
    // And a repeat that was undone is not asked about again.
    assert_eq!(unlink(&gateway, &third).await.0, 200);
    let undone = told(&site, "ticket.created", &third).await.event;
    assert!(undone["data"]["ticket"]["repeat"].is_null() && undone["data"]["ticket"]["similar"].is_null());
    let trail = get(gateway.admin, "/api/v1/audit").await.text();
    assert!(trail.contains("ticket.linked") && trail.contains("ticket.unlinked"), "{trail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_puts_two_citizens_into_one_incident_or_says_no() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let [first, second] = question(&gateway, &site, ["13800138000", "13900139000"]).await;
    let (status, done) = decide(&gateway, &second, "link", &json!({ "to": first })).await;
    assert_eq!((status, &done["linked"], &done["size"]), (200, &json!("incident"), &json!(2)), "{done}");
    let joined = told(&site, "ticket.joined", &second).await.event;
    assert_eq!(joined["data"]["ticket"]["incident"]["id"], format!("in_{first}"));
    assert!(joined["data"]["ticket"]["similar"].is_null());
    told(&site, "ticket.joined", &first).await;
    assert_eq!(decide(&gateway, &first, "link", &json!({ "to": second })).await.0, 409, "the other way round");
    let (third, _) = say(&gateway, "13700137000", OTHER_LIFT).await;
    let joined = told(&site, "ticket.joined", &third).await.event;
    assert_eq!(joined["data"]["change"]["incident"], format!("in_{first}"), "the index has learnt it");

    let lamps = ["幸福小区3号楼单元门坏了关不上", "幸福小区8号楼单元门坏了关不上"];
    let (door, _) = say(&gateway, "13600136000", lamps[0]).await;
    told(&site, "ticket.created", &door).await;
    let (other, _) = say(&gateway, "13600136000", lamps[1]).await;
    let asked = told(&site, "ticket.created", &other).await.event;
    assert_eq!(asked["data"]["ticket"]["similar"]["of"], door.as_str(), "{asked}");
    let (status, done) = decide(&gateway, &other, "dismiss", &json!({})).await;
    assert_eq!((status, &done["dismissed"]), (200, &json!(door)));
    let change = told(&site, "ticket.updated", &other).await.event["data"]["change"].clone();
    assert!(change["similar"]["new"].is_null() && change["similar"]["old"]["of"] == door.as_str(), "{change}");
    assert_eq!(decide(&gateway, &other, "dismiss", &json!({})).await.0, 409);
    assert_eq!(decide(&gateway, "x", "dismiss", &json!({})).await.0, 404);
}
