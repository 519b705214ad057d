//! The same appeal at two nodes at once: one ticket.

use super::*;
use serde_json::json;

const MATTERS: usize = 50;
const STREETS: [&str; 10] =
    ["嘉州大道", "滨河路", "柏杨西路", "凤凰路", "青江路", "白燕路", "长青路", "龙游路", "春华路", "岷江东路"];
const TROUBLES: [&str; 5] = [
    "的路灯坏了三天，晚上一片漆黑没人来修",
    "的下水道堵塞，污水漫到人行道上臭气熏天",
    "的工地半夜两点还在打桩，噪声吵得睡不着",
    "的垃圾桶满了一周没人清运，苍蝇到处飞",
    "的公交站台顶棚脱落，等车的人淋雨也危险",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_appeal_at_two_nodes_at_once_is_one_ticket_and_one_repeat() {
    let mut city = City::new().await;
    let (one, other) = city.two().await;
    for matter in 0..MATTERS {
        let said = |node: usize| {
            json!({
                "id": format!("{matter}-{node}"),
                "content": format!("{}{}号{}", STREETS[matter % 10], matter + 11, TROUBLES[matter / 10]),
                "appellant": { "phone": format!("139{:08}", matter * 7_919) },
            })
        };
        let (here, there) = (said(0), said(1));
        let (here, there) = tokio::join!(one.appeal(&here), other.appeal(&there));
        assert_eq!((here.status, there.status), (201, 201), "{} {}", here.text(), there.text());
        assert_ne!(here.json()["number"], there.json()["number"], "each has a receipt of its own");
    }
    until("the events of all", seconds(60), || {
        let log = city.site.core.taken();
        let of = |kind| log.iter().filter(|delivery| delivery.kind() == kind).count();
        (of("ticket.created") + of("ticket.repeated") >= 2 * MATTERS).then_some(())
    })
    .await;
    let mut fates: HashMap<String, [usize; 2]> = HashMap::new();
    for delivery in city.delivered() {
        let phone = delivery.event["data"]["ticket"]["appellant"]["phone"].as_str().unwrap().to_owned();
        let fates = fates.entry(phone).or_default();
        match delivery.kind() {
            "ticket.created" => fates[0] += 1,
            "ticket.repeated" => fates[1] += 1,
            _ => {}
        }
    }
    assert_eq!(fates.len(), MATTERS);
    assert!(fates.values().all(|fates| *fates == [1, 1]), "{fates:?}");
    for node in [&one, &other] {
        let total = balanced(node).await;
        let counts = ["received", "ticketed", "repeat", "pending"].map(|field| total[field].as_u64().unwrap());
        assert_eq!(counts, [100, 50, 50, 0]);
    }
}
