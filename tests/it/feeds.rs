//! Downstream systems: each gets what it asked for, as much of the citizen as it may see, in its own form, at its own pace.

use crate::harness::{Answer, Core, Site, eventually, get, post, seconds};
use serde_json::{Value, json};

fn appeal(line: &str, kind: &str, region: &str, confidential: bool, content: &str) -> Value {
    json!({
        "hotline": line, "kind": kind, "content": content, "location": { "region": region },
        "appellant": { "name": "王小明", "phone": "13800138000", "email": "wang@example.cn", "confidential": confidential },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_subscriber_gets_what_it_asked_for_in_its_own_form() {
    let mut site = Site::new().await;
    let cores = [Core::start().await, Core::start().await, Core::start().await];
    let [full, few, own] = &cores;
    site.subscriber("full", &full.url(), &full.secret, "contact = \"full\"");
    site.subscriber(
        "few",
        &few.url(),
        &few.secret,
        "events = [\"ticket.c*\"]\nwhere = { kinds = [\"complaint\"], regions = [\"5111??\"], hotlines = [\"1231*\"] }",
    );
    let map = "map = 'if .data.ticket.kind == \"praise\" then null else { gdbh: .subject, nr: .data.ticket.content, dh: .data.ticket.appellant.phone } end'";
    site.subscriber("own", &own.url(), &own.secret, &format!("{map}\ncontact = \"masked\""));
    let gateway = site.start().await;
    for body in [
        appeal("12319", "complaint", "511102", false, "路灯不亮"),
        appeal("12319", "praise", "511102", false, "城管队员很好"),
        appeal("12315", "complaint", "511102", true, "商家拒绝退款"),
        appeal("12319", "complaint", "510100", false, "井盖丢失"),
        appeal("12366", "complaint", "511102", false, "不开发票"),
    ] {
        assert_eq!(gateway.appeal(&body).await.status, 201);
    }
    eventually("all deliveries", seconds(15), async || {
        let destinations = get(gateway.admin, "/api/v1/destinations").await.json();
        let behind = |one: &Value| one["behind"] == 0 && one["cursor"] == destinations["newest"];
        (full.attempts() >= 5 && destinations["destinations"].as_array()?.iter().all(behind)).then_some(())
    })
    .await;
    let contents = |core: &Core| core.in_order().iter().map(|one| one.content().to_owned()).collect::<Vec<_>>();
    assert_eq!(contents(few), ["路灯不亮", "商家拒绝退款"]);
    for delivery in full.log() {
        let masked = delivery.content() == "商家拒绝退款";
        let phone = &delivery.event["data"]["ticket"]["appellant"]["phone"];
        assert_eq!(phone, if masked { "138****8000" } else { "13800138000" }, "confidential is never shown in full");
    }
    let core = site.core.log();
    assert!(core.iter().all(|one| one.event["data"]["ticket"]["appellant"]["phone"] == "13800138000"));
    let forms: Vec<Value> = own.log().iter().map(|one| one.event.clone()).collect();
    assert_eq!(forms.len(), 4, "null leaves an event out");
    let first = forms.iter().find(|form| form["nr"] == "路灯不亮").unwrap();
    assert_eq!(
        (&first["nr"], &first["dh"], first.as_object().unwrap().len()),
        (&json!("路灯不亮"), &json!("138****8000"), 3)
    );
    for delivery in own.log() {
        assert_eq!(delivery.signature, Ok(()));
        assert!(delivery.headers.iter().any(|(name, value)| name == "content-type" && value == "application/json"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_that_fails_is_the_events_own_fault_and_holds_up_nobody() {
    let mut site = Site::new().await;
    let own = Core::start().await;
    let map =
        "map = 'if (.data.ticket.content | contains(\"坏\")) then error(\"no\") else { nr: .data.ticket.content } end'";
    site.subscriber("own", &own.url(), &own.secret, map);
    let gateway = site.start().await;
    for words in ["路灯坏了", "井盖丢失"] {
        gateway.appeal(&json!({ "content": words })).await;
    }
    let dead = eventually("one dead letter", seconds(15), async || {
        let dead = get(gateway.admin, "/api/v1/deliveries?state=dead&destination=own").await.json();
        (dead["deliveries"].as_array()?.len() == 1 && own.attempts() == 1).then_some(dead)
    })
    .await;
    let reason = dead["deliveries"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("map failed") && !reason.contains("坏"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_destination_stays_paused_over_a_restart_and_then_goes_on_where_it_was() {
    let mut site = Site::new().await;
    let other = Core::start().await;
    site.subscriber("other", &other.url(), &other.secret, "");
    let mut gateway = site.start().await;
    let first = gateway.accept("a", "暂停之前").await;
    other.has_all([&first], seconds(10)).await;
    let pause = post(gateway.admin, "/api/v1/destinations/other/pause", None, &json!({})).await;
    assert_eq!((pause.status, pause.json()), (200, json!({ "name": "other", "paused": true })));
    let second = gateway.accept("b", "暂停之中").await;
    site.core.has_all([&second], seconds(10)).await;
    assert_eq!(get(gateway.admin, "/readyz").await.json()["destinations"]["other"], "paused");
    // Its own task tells how far it is behind, when it has heard of the event.
    eventually("the metrics", seconds(10), async || {
        let metrics = get(gateway.admin, "/metrics").await.text();
        let told = |what: &str| metrics.contains(&format!("{what}{{destination=\"other\"}} 1"));
        (told("jiesu_destination_paused") && told("jiesu_delivery_lag_events")).then_some(())
    })
    .await;
    gateway.terminate();
    gateway.ended(seconds(15)).await;
    let gateway = site.start().await;
    let third = gateway.accept("c", "重启之后").await;
    site.core.has_all([&third], seconds(10)).await;
    assert_eq!(other.attempts(), 1, "nothing went out");
    assert_eq!(post(gateway.admin, "/api/v1/destinations/nobody/pause", None, &json!({})).await.status, 404);
    assert_eq!(post(gateway.admin, "/api/v1/destinations/other/resume", None, &json!({})).await.status, 200);
    other.has_all([&second, &third], seconds(10)).await;
    assert!(other.verify().values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_was_down_and_is_rewound_gets_every_event_once_more_in_order() {
    let mut site = Site::new().await;
    let other = Core::start().await;
    site.subscriber("other", &other.url(), &other.secret, "");
    let gateway = site.start().await;
    let mut numbers = Vec::new();
    for n in 0..20 {
        numbers.push(gateway.accept(&format!("before-{n}"), &format!("中断之前 {n}")).await);
    }
    other.has_all(&numbers, seconds(15)).await;
    // What the gateway calls the newest may be behind what it has delivered.
    let cursor = other.taken().iter().map(|one| one.event["sequence"].as_str().unwrap().to_owned()).max().unwrap();
    other.always(Answer::Status(503));
    let mut missed = Vec::new();
    for n in 0..30 {
        missed.push(gateway.accept(&format!("down-{n}"), &format!("中断之中 {n}")).await);
    }
    site.core.has_all(&missed, seconds(15)).await;
    other.always(Answer::Status(200));
    // Some of them were refused before.
    eventually("all are taken", seconds(30), async || (other.taken().len() >= 50).then_some(())).await;
    // It lost what it had: everything after the cursor once more, through the gateway that runs.
    let taken = other.taken().len();
    let output = site.run_beside(&gateway, "replay", &["--destination", "other", "--after", &cursor]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    eventually("every event once more", seconds(20), async || (other.taken().len() >= taken + 30).then_some(())).await;
    eventually("nothing is left", seconds(10), async || {
        let destinations = get(gateway.admin, "/api/v1/destinations").await.json();
        destinations["destinations"].as_array()?.iter().all(|one| one["behind"] == 0).then_some(())
    })
    .await;
    let again: Vec<String> = other.taken()[taken..].iter().map(|one| one.subject().to_owned()).collect();
    assert_eq!(again.len(), 30);
    assert!(missed.iter().all(|number| again.iter().filter(|other| *other == number).count() == 1), "each once");
    let of_ticket = |number: &str| {
        let taken = other.taken();
        let sequences = taken[taken.len() - 30..].iter().filter(|one| one.subject() == number);
        sequences.map(|one| one.event["sequence"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(missed.iter().all(|number| of_ticket(number).is_sorted()));
    assert_eq!(site.core.taken().len(), 50, "the core got nothing again");
    other.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_citizens_wrote_of_themselves_is_covered_for_whoever_may_not_see_it() {
    let mut site = Site::new().await;
    site.set("core.token", "a-token-of-the-core-0123456789");
    // The second time is a ticket, too.
    site.set("channels.app.repeats", "ticket");
    let cores = [Core::start().await, Core::start().await, Core::start().await];
    let [full, masked, none] = &cores;
    site.subscriber("full", &full.url(), &full.secret, "contact = \"full\"");
    site.subscriber("masked", &masked.url(), &masked.secret, "contact = \"masked\"");
    site.subscriber("none", &none.url(), &none.secret, "contact = \"none\"\nmap = '{ all: (.data | tojson) }'");
    let gateway = site.start().await;
    let body = |confidential: bool| {
        json!({
            "title": "王小明求助", "content": "我是王小明，电话13800138000，身份证511102199001011234，川L12345 乱停\n邮箱wang@example.cn",
            "demand": "请回电 138 0013 8000", "location": { "text": "王小明家，人民路 3 号" },
            "appellant": { "name": "王小明", "phone": "13800138000", "confidential": confidential },
            "attachments": [{ "name": "王小明13800138000.txt", "media_type": "text/plain", "base64": "YQ==" }],
        })
    };
    const THEIRS: [&str; 5] = ["王小明", "13800138000", "199001011234", "wang@example", "138 0013 8000"];
    for confidential in [false, true] {
        let number = gateway.appeal(&body(confidential)).await.json()["number"].as_str().unwrap().to_owned();
        site.core.has_all([&number], seconds(10)).await;
        let update = json!({ "id": number, "status": "replied", "unit": "城管局", "reply": { "text": "已致电王小明 13800138000", "public": true } });
        let path = format!("/api/v1/tickets/{number}/updates");
        let reply = post(gateway.public, &path, Some("a-token-of-the-core-0123456789"), &update).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    eventually("all deliveries", seconds(15), async || {
        let destinations = get(gateway.admin, "/api/v1/destinations").await.json();
        let behind = |one: &Value| one["behind"] == 0 && one["cursor"] == destinations["newest"];
        (full.attempts() >= 4 && destinations["destinations"].as_array()?.iter().all(behind)).then_some(())
    })
    .await;
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    for delivery in [masked.log(), none.log()].concat() {
        let said = text(&delivery.body);
        assert!(THEIRS.iter().all(|theirs| !said.contains(theirs)), "{said}");
        assert!(said.contains("川L12345") && said.contains("人民路 3 号"), "{said}");
    }
    assert!(masked.log().iter().all(|one| one.event["data"]["ticket"]["title"] == "王**求助"));
    for delivery in full.log() {
        let confidential = delivery.event["data"]["ticket"]["appellant"]["confidential"] == true;
        let said = text(&delivery.body);
        assert!(THEIRS.iter().all(|theirs| said.contains(theirs) != confidential), "{said}");
    }
    assert!(site.core.log().iter().all(|one| text(&one.body).contains("13800138000")));
}
