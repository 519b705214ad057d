//! What a citizen says piece by piece, each piece to another node.

use super::*;
use crate::harness::{request, set_clock_ahead};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_whose_messages_alternate_between_nodes_is_one_ticket_in_order() {
    one_conversation(0).await;
}

/// By the node's own clock the conversation would have been over with each message, and its ticket of another time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_where_the_clock_of_one_node_is_wrong_by_minutes() {
    for ahead in [180, -180] {
        one_conversation(ahead).await;
    }
}

async fn one_conversation(ahead: i64) {
    let mut city = City::new().await;
    city.site.set("channels.sms.type", "sms");
    city.site.set("channels.sms.transport", "aliyun");
    city.site.set("channels.sms.query_secret", "a-long-query-secret");
    let window: toml::Table = "assembly = { idle = \"4s\", max = \"60s\" }".parse().unwrap();
    city.site.set("channels.sms.assembly", window["assembly"].clone());
    let one = city.node().await;
    has_all(&one, seconds(20)).await;
    let mut command = city.site.command("serve", &[]);
    if ahead != 0 {
        set_clock_ahead(&mut command, ahead);
    }
    let other = Gateway::start(command).await;
    let said = ["凤凰路的路灯坏了", "在 12 号门口", "已经三天了", "晚上看不见路", "请尽快来修"];
    for (place, words) in said.iter().enumerate() {
        let node = [&one, &other][place % 2];
        let sms = json!([{ "phone_number": "13800138000", "content": words, "dest_code": "123456",
            "send_time": "2026-11-22 08:00:00", "sequence_id": place + 1 }]);
        let headers = [("content-type", "application/json;charset=utf-8")];
        let path = "/channels/sms?key=a-long-query-secret";
        let reply = request(node.public, "POST", path, &headers, sms.to_string().as_bytes()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let created = eventually("its ticket", seconds(40), async || {
        city.site.core.taken().into_iter().find(|delivery| delivery.kind() == "ticket.created")
    })
    .await;
    assert_eq!(created.content(), said.join("\n"));
    let times = created.event["data"]["ticket"]["transcript"].as_array().unwrap().iter();
    let times: Vec<jiff::Timestamp> = times.map(|part| part["at"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let age = jiff::Timestamp::now().duration_since(times[0]).as_secs();
    assert!((0..60).contains(&age), "{times:?}");
    if ahead != 0 {
        logs(&other, "clock is not the store's", seconds(10)).await;
    }
    let total = balanced(&other).await;
    assert_eq!((&total["received"], &total["pending"]), (&json!(5), &json!(0)), "{total}");
    assert_eq!(city.delivered().iter().filter(|delivery| delivery.kind() == "ticket.created").count(), 1);
}
