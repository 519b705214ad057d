//! What becomes of what is said again.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_citizen_says_again_counts_to_the_first_ticket_and_can_be_undone() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    let (again, code) = say(&gateway, "13800138000", LAMP_AGAIN).await;
    let event = told(&site, "ticket.repeated", &first).await.event;
    let change = &event["data"]["change"];
    assert_eq!(
        (&change["count"], &change["number"], &change["content"]),
        (&json!(2), &json!(again), &json!(LAMP_AGAIN))
    );
    assert!(change["reason"].as_str().unwrap().contains("同一诉求人") && change["score"].as_f64().unwrap() > 0.2);
    let repeat = &event["data"]["ticket"]["repeat"];
    assert_eq!((&repeat["of"], &repeat["count"]), (&json!(first), &json!(2)));
    assert_eq!(get(gateway.admin, &format!("/api/v1/tickets/{again}")).await.status, 404, "no second ticket");
    // Its own number and code lead to the ticket.
    let found = post(gateway.public, "/api/v1/status", None, &json!({ "number": again, "code": code })).await;
    assert_eq!((found.status, &found.json()["number"]), (200, &json!(first)), "{}", found.text());
    let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
    let total = &account["total"];
    assert_eq!(
        (&total["received"], &total["ticketed"], &total["repeat"]),
        (&json!(2), &json!(1), &json!(1)),
        "{account}"
    );
    assert_eq!(account["balanced"], true);

    let (status, undone) = unlink(&gateway, &again).await;
    assert_eq!((status, &undone["undone"]), (200, &json!(["repeat"])));
    told(&site, "ticket.created", &again).await;
    assert!(ticket(&gateway, &first).await["repeat"].is_null());
    let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!((&account["total"]["ticketed"], &account["total"]["repeat"]), (&json!(2), &json!(0)), "{account}");
    assert_eq!(account["balanced"], true);
    assert_eq!(unlink(&gateway, &again).await.0, 409, "once");
    assert_eq!(unlink(&gateway, "20200101-000001-0").await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_again_without_end_is_counted_and_the_transcript_is_not() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    let bodies = (0..203).map(|_| json!({ "content": LAMP, "appellant": { "phone": "13800138000" } })).collect();
    post_all(gateway.public, bodies, 8).await;
    let again = eventually("all are counted", seconds(120), async || {
        let again = ticket(&gateway, &first).await;
        (again["repeat"]["count"] == 204).then_some(again)
    })
    .await;
    assert_eq!(again["repeat"]["left_out"], 4);
    let ids = again["transcript"].as_array().unwrap().iter().map(|piece| piece["id"].as_str().unwrap());
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 200, "no id comes twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_compared_each_is_a_ticket_and_nothing_waits_to_be() {
    let mut site = Site::new().await;
    site.set("repeats.window", "off");
    let gateway = site.start().await;
    for phone in ["13800138000", "13800138000", "13800138111"] {
        let (number, _) = say(&gateway, phone, LAMP).await;
        let event = told(&site, "ticket.created", &number).await.event;
        let ticket = &event["data"]["ticket"];
        assert!(ticket["repeat"].is_null() && ticket["incident"].is_null() && ticket["similar"].is_null(), "{ticket}");
        assert_eq!(ticket["flags"], json!([]), "it is not unchecked either");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_with_the_same_incident_get_their_own_tickets_and_are_counted_by_citizen() {
    let mut site = Site::new().await;
    site.set("repeats.surge", 3);
    let mut gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    let (second, _) = say(&gateway, "13900139000", LAMP_OTHERS).await;
    let event = told(&site, "ticket.joined", &second).await.event;
    let change = event["data"]["change"].clone();
    assert_eq!(change["size"], 2);
    assert!(change["reason"].as_str().unwrap().contains("不同诉求人"), "{change}");
    assert_eq!(event["data"]["ticket"]["incident"]["id"], change["incident"]);
    let of_first = told(&site, "ticket.joined", &first).await.event;
    assert_eq!(of_first["data"]["change"]["incident"], change["incident"], "the first one is of it too");
    // Another place, the same words: another matter.
    let (elsewhere, _) = say(&gateway, "13700137000", OTHER_LAMP).await;
    told(&site, "ticket.created", &elsewhere).await;
    assert!(ticket(&gateway, &elsewhere).await["incident"].is_null());

    // What is known survives a restart.
    gateway.kill();
    let gateway = site.start().await;
    let (third, _) = say(&gateway, "13600136000", LAMP).await;
    assert_eq!(told(&site, "ticket.joined", &third).await.event["data"]["change"]["size"], 3);
    let (fourth, _) = say(&gateway, "13500135000", LAMP_OTHERS).await;
    assert_eq!(told(&site, "ticket.joined", &fourth).await.event["data"]["change"]["size"], 4);
    let alarm = told(&site, "ticket.updated", &first).await.event;
    assert!(alarm["data"]["ticket"]["flags"].as_array().unwrap().contains(&json!("surge")), "{alarm}");

    let (status, undone) = unlink(&gateway, &second).await;
    assert_eq!((status, &undone["undone"]), (200, &json!(["incident"])));
    assert!(ticket(&gateway, &second).await["incident"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_incident_is_counted_right() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let mut numbers = Vec::new();
    for citizen in 0..40 {
        // Ten citizens, four times each.
        let phone = format!("138001380{:02}", citizen % 10);
        numbers.push(say(&gateway, &phone, if citizen % 3 == 0 { LAMP } else { LAMP_OTHERS }).await.0);
    }
    let account = eventually("everything has its outcome", seconds(30), async || {
        let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
        (account["total"]["pending"] == 0).then_some(account)
    })
    .await;
    let total = &account["total"];
    assert_eq!(
        (&total["received"], &total["ticketed"], &total["repeat"]),
        (&json!(40), &json!(10), &json!(30)),
        "{account}"
    );
    assert_eq!(ticket(&gateway, &numbers[9]).await["incident"]["size"], 10);
    let counted = ticket(&gateway, &numbers[0]).await["repeat"]["count"].clone();
    assert_eq!(counted, 4, "three times more");
}
