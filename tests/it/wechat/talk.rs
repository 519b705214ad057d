//! What one citizen sends within a minute is one matter, whatever happens meanwhile.

use super::{
    SOON, Town,
    account::{Account, event, message, next_id, number, text},
    balanced, becomes, feed, log_is_clean,
    platform::{Platform, Say},
    ticket, tickets,
};
use crate::harness::{Site, eventually, get, post, seconds};
use serde_json::{Value, json};

pub const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a photo of a street lamp";

fn photo(openid: &str, media: &str) -> String {
    message(openid, next_id(), "image", &[("PicUrl", "http://127.0.0.1:9/0"), ("MediaId", media)])
}

fn place(openid: &str) -> String {
    let fields = [("Location_X", "29.5521"), ("Location_Y", "103.7654"), ("Scale", "15"), ("Label", "嘉州大道123号")];
    message(openid, next_id(), "location", &fields)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_three_photos_and_a_place_are_one_ticket_with_one_number() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    for media in ["photo-1", "photo-2", "photo-3"] {
        town.platform.has(media, Say::Bytes("image/jpeg", [JPEG, media.as_bytes()].concat()));
    }
    let openid = "oFIVE-pieces";
    let said = [
        text(openid, "嘉州大道的路灯坏了"),
        photo(openid, "photo-1"),
        photo(openid, "photo-2"),
        photo(openid, "photo-3"),
        place(openid),
    ];
    let mut receipts = Vec::new();
    for said in &said {
        receipts.push(account.say(&gateway, said).await);
    }
    // The platform did not hear the answer to the second.
    receipts.push(account.say(&gateway, &said[1]).await);
    receipts.dedup();
    assert_eq!(receipts.len(), 1, "one number and one code: {receipts:?}");
    let number_of_it = number(&receipts[0]);
    let created = tickets(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!(created["number"], number_of_it.as_str());
    let types: Vec<&str> =
        created["transcript"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["text", "image", "image", "image", "location"]);
    assert_eq!(created["content"], "嘉州大道的路灯坏了");
    let location = &created["location"];
    assert_eq!(
        (&location["datum"], &location["lat"], &location["lon"]),
        (&json!("gcj02"), &json!(29.5521), &json!(103.7654))
    );
    assert_eq!(location["text"], "嘉州大道123号");
    assert_eq!(created["appellant"]["wechat_openid"], openid);
    let whole = becomes(&gateway, &number_of_it, "three photos", |ticket| {
        ticket["attachments"].as_array().is_some_and(|files| files.iter().all(|file| file["state"] == "kept"))
    })
    .await;
    for (file, media) in whole["attachments"].as_array().unwrap().iter().zip(["photo-1", "photo-2", "photo-3"]) {
        let path = file["url"].as_str().unwrap().trim_start_matches("https://12345.example");
        let fetched = get(gateway.public, path).await;
        assert_eq!(fetched.status, 200);
        assert_eq!(fetched.body().as_ref(), [JPEG, media.as_bytes()].concat());
        assert_eq!(fetched.header("x-content-type-options"), Some("nosniff"));
        let forged = path.replace("signature=", "signature=0");
        assert_eq!(get(gateway.public, &forged).await.status, 404);
    }
    // After the window, another matter.
    let later = number(&account.say(&gateway, &text(openid, "还有一件事")).await);
    assert_ne!(later, number_of_it);
    tickets(&gateway, "ticket.created", 2).await;
    let total = balanced(&gateway).await;
    assert_eq!(
        (total["received"].as_u64(), total["ticketed"].as_u64(), total["supplement"].as_u64()),
        (Some(7), Some(2), Some(4))
    );
    log_is_clean(&gateway, account, &[openid], &["路灯", "嘉州"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_place_is_on_the_ticket_with_its_own_coordinates() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let place = |lat: &str, lon: &str, label: &str| {
        message("oPLACES", next_id(), "location", &[("Location_X", lat), ("Location_Y", lon), ("Label", label)])
    };
    // The first has no words: those of the second are not its own.
    for said in
        [place("29.5521", "103.7654", ""), text("oPLACES", "从这里到那里"), place("29.6000", "103.8000", "滨江路")]
    {
        account.say(&gateway, &said).await;
    }
    let ticket = tickets(&gateway, "ticket.created", 1).await.remove(0);
    let first = json!({ "text": null, "lat": 29.5521, "lon": 103.7654, "region": null, "datum": "gcj02" });
    let second = json!({ "text": "滨江路", "lat": 29.6, "lon": 103.8, "region": null, "datum": "gcj02" });
    assert_eq!((&ticket["location"], &ticket["locations"]), (&first, &json!([first, second])));
    let pieces = ticket["transcript"].as_array().unwrap();
    assert_eq!((&pieces[0]["location"], &pieces[2]["location"]), (&first, &second));
    assert!(pieces[1].get("location").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_a_conversation_leaves_it_one_ticket() {
    let mut town = Town::new(r#"{ idle = "4s", max = "60s" }"#).await;
    let mut gateway = town.site.start().await;
    let account = town.account.clone();
    let first = account.say(&gateway, &text("oKILLED", "第一句")).await;
    gateway.kill();
    let gateway = town.site.start().await;
    let second = account.say(&gateway, &text("oKILLED", "第二句")).await;
    assert_eq!(first, second, "the same number and code");
    let ticket = tickets(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!(ticket["content"], "第一句\n第二句");
    balanced(&gateway).await;
}

/// A citizen who never stops: messages keep coming in while their conversation closes and becomes a ticket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_while_its_conversation_becomes_a_ticket_is_in_that_one_or_the_next() {
    let mut town = Town::new(r#"{ idle = "100ms", max = "150ms" }"#).await;
    town.site.set("limits.per_citizen", "off");
    let gateway = town.site.start().await;
    let account = &town.account;
    let mut said = Vec::new();
    for place in 0..120 {
        // So short, and with another number: one citizen may say it again and again, and it is never a repeat.
        let words = format!("{place:03}");
        let number = number(&account.say(&gateway, &text("oTALKS", &words)).await);
        said.push((number, words));
        tokio::time::sleep(std::time::Duration::from_millis(crate::harness::random(25))).await;
    }
    let mut numbers: Vec<&String> = said.iter().map(|(number, _)| number).collect();
    numbers.dedup();
    let unique = numbers.iter().collect::<std::collections::HashSet<_>>().len();
    assert_eq!(unique, numbers.len(), "a number came back after another");
    let tickets = tickets(&gateway, "ticket.created", numbers.len()).await;
    for ticket in tickets {
        let words: Vec<&str> = said
            .iter()
            .filter(|(number, _)| ticket["number"] == number.as_str())
            .map(|(_, words)| words.as_str())
            .collect();
        assert_eq!(ticket["content"], words.join("\n"), "each under the number of its receipt");
    }
    balanced(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_parser_knows_leaves_the_rest_of_its_conversation_alone() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let receipt = account.say(&gateway, &text("oODD", "先说一句")).await;
    // A type of next year.
    assert_eq!(account.say(&gateway, &message("oODD", next_id(), "hologram", &[("Content", "立体图")])).await, "");
    account.say(&gateway, &text("oODD", "再说一句")).await;
    let ticket = tickets(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!(ticket["content"], "先说一句\n再说一句");
    assert_eq!(ticket["number"], number(&receipt).as_str());
    let quarantine = get(gateway.admin, "/api/v1/quarantine").await.json();
    assert!(quarantine.to_string().contains("hologram"), "{quarantine}");
    let total = balanced(&gateway).await;
    assert_eq!(total["pending"], 1, "{total}");
    // An operator has it tried again: it still makes no sense, and holds up nobody.
    assert!(post(gateway.admin, "/api/v1/quarantine/release", None, &json!({})).await.status < 500);
    account.say(&gateway, &text("oODD-2", "别人照常")).await;
    tickets(&gateway, "ticket.created", 2).await;
    balanced(&gateway).await;
    log_is_clean(&gateway, account, &["oODD"], &["先说", "立体图"]);
}

/// What a program of this year does not understand, one of next year does: it is added to the ticket that the rest of
/// its conversation has become; where there was no rest, the first of it is the ticket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_out_of_quarantine_adds_to_the_ticket_of_its_number() {
    let mut town = Town::new(SOON).await;
    let mut gateway = town.site.start().await;
    let account = town.account.clone();
    town.platform.has("late", Say::Bytes("image/jpeg", JPEG.to_vec()));
    let odd = |openid: &str, words: &str| message(openid, next_id(), "hologram", &[("Content", words)]);
    let number_of_it = number(&account.say(&gateway, &text("oREST", "先说一句")).await);
    account.say(&gateway, &odd("oREST", "后来才懂")).await;
    account.say(&gateway, &odd("oREST", "").replace("<Content>", "<MediaId>late</MediaId><Content>")).await;
    account.say(&gateway, &odd("oALONE", "一")).await;
    account.say(&gateway, &odd("oALONE", "二")).await;
    tickets(&gateway, "ticket.created", 1).await;
    eventually("four in quarantine", seconds(5), async || {
        let quarantine = get(gateway.admin, "/api/v1/quarantine").await.text();
        (quarantine.matches("hologram").count() == 4).then_some(())
    })
    .await;
    gateway.terminate();
    gateway.ended(seconds(10)).await;
    let database = rusqlite::Connection::open(town.site.database()).unwrap();
    let learn = "UPDATE message SET body = CAST(replace(CAST(body AS TEXT), 'hologram',
                   CASE WHEN instr(CAST(body AS TEXT), 'MediaId') THEN 'image' ELSE 'text' END) AS BLOB)";
    database.execute(learn, []).unwrap();
    drop(database);
    let gateway = town.site.start().await;
    post(gateway.admin, "/api/v1/quarantine/release", None, &json!({})).await;
    tickets(&gateway, "ticket.supplemented", 3).await;
    let created = tickets(&gateway, "ticket.created", 2).await;
    assert_eq!(created[1]["content"], "一");
    let changes: Vec<Value> =
        feed(&gateway).await.into_iter().filter(|it| it["type"] == "ticket.supplemented").collect();
    let change = &changes.iter().find(|it| it["subject"] == number_of_it.as_str()).unwrap()["data"]["change"];
    assert_eq!(change["content"], "后来才懂");
    assert_eq!(change["transcript"][0]["text"], "后来才懂");
    let whole =
        becomes(&gateway, &number_of_it, "the photo", |ticket| ticket["attachments"][0]["state"] == "kept").await;
    assert_eq!(whole["content"], "先说一句\n后来才懂");
    let ids: Vec<&str> = whole["transcript"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!((ids, whole["transcript"][2]["attachment"].as_str()), (vec!["m1", "m2", "m3"], Some("f1")));
    let total = balanced(&gateway).await;
    assert_eq!(
        (total["ticketed"].as_u64(), total["supplement"].as_u64(), total["pending"].as_u64()),
        (Some(2), Some(3), Some(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_make_no_ticket_and_are_counted() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let greeting = account.say(&gateway, &event("oNEW", "subscribe", &[("EventKey", "")])).await;
    assert!(greeting.contains("12345"), "{greeting}");
    let menu = account.say(&gateway, &event("oNEW", "CLICK", &[("EventKey", "ANY")])).await;
    assert!(menu.contains("请直接发送"), "{menu}");
    for (name, fields) in [
        ("VIEW", &[("EventKey", "https://example.com")][..]),
        ("LOCATION", &[("Latitude", "29.5"), ("Longitude", "103.7")]),
        ("TEMPLATESENDJOBFINISH", &[("MsgID", "200163836"), ("Status", "success")]),
        ("of_next_year", &[]),
        ("unsubscribe", &[]),
    ] {
        assert_eq!(account.say(&gateway, &event("oNEW", name, fields)).await, "", "{name}");
    }
    // In the middle of a conversation, an event is not a part of it.
    let receipt = account.say(&gateway, &text("oNEW", "路灯坏了")).await;
    account.say(&gateway, &event("oNEW", "SCAN", &[("EventKey", "1")])).await;
    assert_eq!(account.say(&gateway, &text("oNEW", "很黑")).await, receipt);
    let ticket = tickets(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!(ticket["transcript"].as_array().unwrap().len(), 2);
    let total = eventually("every event has its outcome", seconds(20), async || {
        let total = balanced(&gateway).await;
        (total["pending"] == 0).then_some(total)
    })
    .await;
    assert_eq!(
        (total["ticketed"].as_u64(), total["supplement"].as_u64(), total["rejected"].as_u64()),
        (Some(1), Some(1), Some(5)),
        "{total}"
    );
    assert_eq!(feed(&gateway).await.len(), 1, "no event of an event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_accounts_have_their_own_paths_hotlines_and_words() {
    let mut site = Site::new().await;
    let platform = Platform::start().await;
    let first = Account::new("mp", "safe");
    let second = Account { hotline: "12319", ..Account::new("cg", "plain") };
    first.configure(&mut site, Some(platform.address), SOON);
    second.configure(&mut site, Some(platform.address), SOON);
    site.set("channels.cg.words.wechat.receipt", "城管已收到，编号 {number}，码 {code}。");
    let gateway = site.start().await;
    let (one, two) = (text("oSAME", "占道经营"), text("oSAME", "占道经营"));
    let words = second.say(&gateway, &two).await;
    assert!(words.starts_with("城管已收到"), "{words}");
    assert_ne!(number(&words), number(&first.say(&gateway, &one).await));
    // One account's push is nothing to the other.
    assert_eq!(first.send(&gateway, &second.push(&two)).await.status, 403);
    assert_eq!(second.send(&gateway, &first.push(&one)).await.status, 403);
    let tickets = tickets(&gateway, "ticket.created", 2).await;
    let mut came: Vec<(Value, Value)> =
        tickets.iter().map(|it| (it["channel"]["id"].clone(), it["hotline"]["code"].clone())).collect();
    came.sort_by_key(|it| it.0.to_string());
    assert_eq!(came, [(json!("cg"), json!("12319")), (json!("mp"), json!("12345"))]);
    let of_second = ticket(&gateway, &number(&words)).await;
    assert_eq!(of_second["hotline"]["name"], "城管热线");
    balanced(&gateway).await;
}
