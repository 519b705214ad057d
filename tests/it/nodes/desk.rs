//! What an operator does at a node that does not hold what it is about.

use super::*;
use crate::harness::{Answer, post};
use serde_json::json;

async fn core_at(node: &Gateway) -> Value {
    get(node.admin, "/api/v1/destinations").await.json()["destinations"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_does_at_any_node_holds_for_all() {
    let mut city = City::new().await;
    city.site.core.script(|delivery| match delivery.content().contains("退回") {
        true => Answer::With(422, "content-type: text/plain\r\n", "no such street"),
        false => Answer::Status(200),
    });
    let (one, other) = city.two().await;
    let bad = other.accept("bad", "这一条先退回").await;
    let good = one.accept("good", "路灯坏了").await;
    city.site.core.has_all([&good], seconds(30)).await;

    // Both tell how the core is, and who delivers to it.
    let name = get(one.admin, "/api/v1/nodes").await.json()["nodes"][0]["name"].clone();
    for node in [&one, &other] {
        eventually("the core as every node sees it", seconds(20), async || {
            let core = core_at(node).await;
            (core["held_by"] == name && core["dead"] == 1 && core["behind"] == 0 && core["up"] == true).then_some(())
        })
        .await;
        assert_eq!(get(node.admin, "/readyz").await.status, 200);
    }
    assert_eq!(get(other.admin, "/api/v1/nodes").await.json()["nodes"].as_array().unwrap().len(), 2);

    // The dead letter goes out again.
    city.site.core.always(Answer::Status(200));
    let letter = get(other.admin, "/api/v1/deliveries?state=dead").await.json()["deliveries"][0].clone();
    let path = format!("/api/v1/deliveries/{}/retry", letter["id"].as_str().unwrap());
    assert_eq!(post(other.admin, &path, None, &json!({})).await.status, 202);
    city.site.core.has_all([&bad], seconds(20)).await;

    // Stopped there, stopped here.
    assert_eq!(post(other.admin, "/api/v1/destinations/core/pause", None, &json!({})).await.status, 200);
    eventually("the holder knows", seconds(20), async || (core_at(&one).await["paused"] == true).then_some(())).await;
    let waits = one.accept("waits", "井盖丢了").await;
    eventually("its event is in the log", seconds(20), async || {
        let fates = get(other.admin, &format!("/api/v1/tickets/{waits}/deliveries")).await.json();
        (fates["deliveries"][0]["state"] == "waiting").then_some(())
    })
    .await;
    assert_eq!(city.site.core.has(std::slice::from_ref(&waits)), 0, "nothing goes to it");
    assert_eq!(post(other.admin, "/api/v1/destinations/core/resume", None, &json!({})).await.status, 200);
    city.site.core.has_all([&waits], seconds(20)).await;

    // Everything once more.
    let before = city.site.core.attempts();
    let rewound = post(other.admin, "/api/v1/destinations/core/rewind", None, &json!({ "after": 0 })).await;
    assert_eq!((rewound.status, &rewound.json()["after"]), (202, &json!("0")));
    until("all three again", seconds(20), || (city.site.core.attempts() >= before + 3).then_some(())).await;
    city.delivered();

    // A channel that is stopped at one node takes nothing at the other.
    assert_eq!(post(other.admin, "/api/v1/channels/app/pause", None, &json!({})).await.status, 200);
    eventually("the other knows", seconds(20), async || {
        let channels = get(one.admin, "/api/v1/channels").await.json();
        let app = channels["channels"].as_array()?.iter().find(|channel| channel["id"] == "app")?.clone();
        (app["paused"] == true).then_some(())
    })
    .await;
    assert_eq!(one.appeal(&json!({ "content": "还能投诉吗" })).await.status, 503);
}
