//! One citizen across channels, and undoing it.

use super::*;

/// Posts an appeal; the key on its ticket.
async fn key_of(gateway: &Gateway, site: &Site, appellant: Value, content: &str) -> String {
    let reply = gateway.appeal(&json!({ "content": content, "appellant": appellant })).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let number = reply.json()["number"].as_str().unwrap().to_owned();
    let event = told(site, "ticket.created", &number).await.event;
    event["data"]["ticket"]["appellant"]["key"].as_str().unwrap().to_owned()
}

async fn citizen(gateway: &Gateway, key: &str) -> Value {
    let reply = get(gateway.admin, &format!("/api/v1/citizens/{key}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn split(gateway: &Gateway, key: &str, body: Value) -> (u16, Value) {
    let reply = post(gateway.admin, &format!("/api/v1/citizens/{key}/split"), None, &body).await;
    (reply.status, reply.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_one_citizen_lead_to_one_key_until_an_operator_takes_one_away() {
    let mut site = Site::new().await;
    let mut gateway = site.start().await;
    let (phone, mail) = (json!({ "phone": "13800138000" }), json!({ "email": "wang@example.com" }));
    let both = json!({ "phone": "+86 13800138000", "email": "Wang@example.com", "name": "王小明" });
    let first = key_of(&gateway, &site, phone.clone(), "翠竹路的井盖丢了").await;
    assert_eq!(key_of(&gateway, &site, both.clone(), "凤凰家园电梯坏了").await, first, "the first key stays");
    let shown = citizen(&gateway, &first).await;
    let claimed = shown["identities"].as_array().unwrap().iter().find(|it| it["kind"] == "email").unwrap().clone();
    assert!(claimed["proven"] == false && claimed["why"].as_str().unwrap().contains("同一诉求"), "{shown}");
    assert_eq!(key_of(&gateway, &site, mail.clone(), "金湖广场噪声太大").await, first);
    // The same name says nothing.
    let namesake = json!({ "name": "王小明", "phone": "13700137000" });
    let namesake = key_of(&gateway, &site, namesake, "银杏小区停水了").await;
    assert_ne!(namesake, first);
    // Across channels it is the same citizen's same matter.
    let (lamp, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &lamp).await;
    let again = gateway.appeal(&json!({ "content": LAMP_AGAIN, "appellant": mail.clone() })).await;
    assert_eq!(again.status, 201);
    assert_eq!(told(&site, "ticket.repeated", &lamp).await.event["data"]["ticket"]["repeat"]["count"], 2);

    // Somebody else gives the address: nothing is linked, and it is seen.
    let claim = json!({ "phone": "13900139000", "email": "wang@example.com" });
    let other = key_of(&gateway, &site, claim, "海棠家园垃圾没人清运").await;
    assert_ne!(other, first);
    let shown = citizen(&gateway, &first).await;
    let names = shown["identities"].as_array().unwrap().clone();
    assert_eq!(names.len(), 2, "{shown}");
    let of = |kind: &str| names.iter().find(|name| name["kind"] == kind).unwrap().clone();
    assert_eq!((&of("phone")["shown"], &of("phone")["proven"]), (&json!("138****8000"), &json!(true)));
    assert_eq!(of("email")["shown"], "w***@example.com");
    assert!(of("email")["since"] == claimed["since"] && of("email")["proven"] == true, "it has proved itself: {shown}");
    assert_eq!(shown["conflicts"][0]["claimed_by"], other.as_str());

    // A restart forgets nothing.
    gateway.kill();
    gateway = site.start().await;
    assert_eq!(key_of(&gateway, &site, mail.clone(), "阳光公寓下水道堵了").await, first);

    let (status, done) = split(&gateway, &first, json!({ "identity": of("email")["id"] })).await;
    assert_eq!((status, &done["from"]), (200, &json!(first)), "{done}");
    let apart = done["key"].as_str().unwrap().to_owned();
    assert_eq!(key_of(&gateway, &site, mail.clone(), "锦绣小区路面塌陷积水").await, apart);
    assert_eq!(key_of(&gateway, &site, both, "公交末班车收车太早").await, first);
    assert_eq!(key_of(&gateway, &site, mail, "医保卡怎样补办").await, apart, "it does not come back by itself");
    assert_eq!(citizen(&gateway, &first).await["identities"].as_array().unwrap().len(), 1);
    assert_eq!(split(&gateway, &first, json!({ "identity": of("phone")["id"] })).await.0, 409, "the only one");
    assert_eq!(split(&gateway, &first, json!({ "identity": of("email")["id"] })).await.0, 404, "not theirs any more");
    assert_eq!(split(&gateway, &first, json!({ "name": "x" })).await.0, 400);
    assert_eq!(get(gateway.admin, "/api/v1/citizens/ap_0").await.status, 404);
    let trail = get(gateway.admin, "/api/v1/audit").await.text();
    assert!(trail.contains("citizen.split") && trail.contains("citizen.read"), "{trail}");
    assert!(!gateway.log().contains("wang@example.com") && !gateway.log().contains("13800138000"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_may_hand_on_a_word_of_its_citizen() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800000001", "人民路口的红绿灯坏了").await;
    told(&site, "ticket.created", &first).await;
    say(&gateway, "13800000001", "催办").await;
    let urged = told(&site, "ticket.urged", &first).await.event;
    assert_eq!(urged["data"]["change"], json!({ "content": "催办" }));
    let (asked, code) = say(&gateway, "13800000001", "进度").await;
    // Of somebody of whom nothing is known, and with somebody else's number, it does nothing but reach a person.
    let (stranger, _) = say(&gateway, "13800000002", &format!("撤回 {first}")).await;
    told(&site, "ticket.created", &stranger).await;
    // The ticket that they name, though it is not their latest; nobody else's.
    let (second, _) = say(&gateway, "13800000001", "凤凰家园三号楼的电梯停了").await;
    told(&site, "ticket.created", &second).await;
    say(&gateway, "13800000001", &format!("补充：{first}，是东边那个")).await;
    let added = told(&site, "ticket.supplemented", &first).await.event;
    assert_eq!(added["data"]["change"]["content"], format!("补充：{first}，是东边那个"));
    let (stranger, _) = say(&gateway, "13800000002", &format!("补充：{second}，货梯也停了")).await;
    told(&site, "ticket.created", &stranger).await;
    say(&gateway, "13800000001", &format!("撤回 {first}")).await;
    told(&site, "ticket.withdrawn", &first).await;
    let total = get(gateway.admin, "/api/v1/reconciliation").await.json()["total"].clone();
    let counts =
        ["received", "ticketed", "supplement", "rejected", "pending"].map(|field| total[field].as_u64().unwrap());
    assert_eq!(counts, [8, 4, 3, 1, 0], "{total}");
    // The question has a receipt too, and it leads to what was asked about.
    let found = post(gateway.public, "/api/v1/status", None, &json!({ "number": asked, "code": code })).await;
    assert_eq!((found.status, &found.json()["number"]), (200, &json!(first)), "{}", found.text());
}
