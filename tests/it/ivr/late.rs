//! What comes after the ticket is added to it.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_the_ticket_is_added_under_the_same_number() {
    let mut site = site().await;
    let mut gateway = site.start().await;
    let number = say(&gateway, &event("late", "ended", json!({ "reason": "hangup" }))).await;
    say(&gateway, &event("late", "transcript", json!({ "text": "青衣坝菜市场门口占道经营" }))).await;
    say(&gateway, &event("late", "started", json!({ "caller": "anonymous" }))).await;
    hears(&gateway, &number, "ticket.created").await;
    let more = event("late", "transcript", json!({ "id": "more", "text": "每天早上六点开始" }));
    assert_eq!(say(&gateway, &more).await, number);
    let told_more = hears(&gateway, &number, "ticket.supplemented").await;
    assert_eq!(told_more["change"]["content"], "每天早上六点开始");
    gateway.kill();
    let gateway = site.start().await;
    assert_eq!(say(&gateway, &more).await, number, "told again after a restart, it is known");
    let caller = event("late", "started", json!({ "id": "who", "caller": "13900000007" }));
    assert_eq!(say(&gateway, &caller).await, number);
    let keys = event("late", "menu", json!({ "digits": "2" }));
    assert_eq!(say(&gateway, &keys).await, number);
    say(&gateway, &event("late", "satisfaction", json!({ "score": 2 }))).await;
    let rated = hears(&gateway, &number, "ticket.rated").await;
    assert_eq!(rated["change"]["score"], 2);
    let ticket = eventually("the keys and the caller", seconds(10), async || {
        let ticket = ticket(&gateway, &number).await;
        let keys = ticket["transcript"].as_array().unwrap().iter().any(|piece| piece["type"] == "menu");
        (keys && ticket["appellant"]["phone"] == "13900000007").then_some(ticket)
    })
    .await;
    assert_eq!(ticket["content"], "青衣坝菜市场门口占道经营\n每天早上六点开始");
    let kinds: Vec<String> = told(&gateway, &number).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "ticket.created").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "ticket.supplemented").count(), 3, "{kinds:?}");
    at_rest(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_a_repeat_keeps_its_late_events_with_the_ticket_that_it_counts_to() {
    let mut site = site().await;
    let gateway = site.start().await;
    let words = "嘉州大道 123 号门口的路灯坏了三天，晚上很黑，请派人来修";
    let mut numbers = Vec::new();
    for name in ["first", "second"] {
        let mut number = String::new();
        for event in call(name, "13900000003", words).into_iter().filter(|event| event["type"] != "satisfaction") {
            number = say(&gateway, &event).await;
        }
        at_rest(&gateway).await;
        numbers.push(number);
    }
    let repeated = hears(&gateway, &numbers[0], "ticket.repeated").await;
    assert_eq!(repeated["change"]["number"], numbers[1].as_str());
    let more = event("second", "transcript", json!({ "id": "more", "text": "昨天有人摔了一跤" }));
    assert_eq!(say(&gateway, &more).await, numbers[1]);
    let added = hears(&gateway, &numbers[0], "ticket.supplemented").await;
    assert_eq!(added["change"]["content"], "昨天有人摔了一跤");
    say(&gateway, &event("second", "satisfaction", json!({ "score": 1 }))).await;
    hears(&gateway, &numbers[0], "ticket.rated").await;
    at_rest(&gateway).await;
    // An operator says that it is another matter: it gets a ticket of its own, with everything, once.
    let path = format!("/api/v1/tickets/{}/unlink", numbers[1]);
    let undone = request(gateway.admin, "POST", &path, &[], b"").await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    hears(&gateway, &numbers[1], "ticket.rated").await;
    at_rest(&gateway).await;
    let own = ticket(&gateway, &numbers[1]).await;
    assert_eq!((&own["content"], &own["rating"]["score"]), (&json!(format!("{words}\n昨天有人摔了一跤")), &json!(1)));
    let kinds: Vec<String> = told(&gateway, &numbers[1]).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["ticket.created", "ticket.rated"]);
}
