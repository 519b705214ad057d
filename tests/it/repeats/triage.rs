//! The first proposal.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_carries_kind_category_priority_flags_and_deadlines_with_their_reasons() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let (number, _) =
        say(&gateway, "13800138000", "锦绣大厦工地拖欠我们农民工工资三个月，老板跑了，请帮我们讨薪。").await;
    let event = told(&site, "ticket.created", &number).await.event;
    let ticket = &event["data"]["ticket"];
    assert_eq!((&ticket["kind"], &ticket["priority"]["level"]), (&json!("complaint"), &json!(2)), "{ticket}");
    assert!(ticket["priority"]["reason"].as_str().unwrap().contains("劳动报酬"));
    assert_eq!(ticket["flags"], json!(["instant"]));
    assert_eq!((&ticket["category"]["code"], &ticket["category"]["by"]), (&json!("05"), &json!("model")));
    assert_eq!((&ticket["due"]["policy"], &ticket["due"]["mode"]), (&json!("leshan"), &json!("normal")));
    let minutes = |from: &str, to: &str| {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        (at(ticket["due"][to].as_str().unwrap()) - at(ticket[from].as_str().unwrap())) / 60
    };
    assert_eq!((minutes("received_at", "respond_by"), minutes("received_at", "reply_by")), (20, 24 * 60));
    assert!(!ticket["triage"]["kind"].as_str().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citys_own_rules_and_what_the_citizen_chose_count() {
    let mut site = Site::new().await;
    std::fs::write(
        site.data.join("own.toml"),
        "profile = \"here\"\nmode = \"emergency\"\n[profiles.here]\nterms = [{ mode = \"emergency\", respond = \"10m\", reply = \"2h\" }]\n\
         [[priorities]]\nname = \"汛期\"\nlevel = 1\nmode = \"emergency\"\nany = [\"积水\"]\n",
    )
    .unwrap();
    let own = site.data.join("own.toml").display().to_string();
    site.set("policy.deadlines", own);
    let gateway = site.start().await;
    let body = json!({ "content": "地下通道积水很深，车过不去。", "kind": "suggestion" });
    let number = gateway.appeal(&body).await.json()["number"].as_str().unwrap().to_owned();
    let event = told(&site, "ticket.created", &number).await.event;
    let ticket = &event["data"]["ticket"];
    assert_eq!((&ticket["kind"], &ticket["priority"]["level"]), (&json!("suggestion"), &json!(1)));
    assert_eq!((&ticket["due"]["policy"], &ticket["due"]["mode"]), (&json!("here"), &json!("emergency")));
}
