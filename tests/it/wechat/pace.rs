//! How long a conversation waits, by what is said in it.

use super::{
    Town,
    account::{message, next_id, number, text},
    becomes,
    platform::Say,
    talk::JPEG,
    ticket, tickets,
};
use crate::harness::{eventually, seconds};
use serde_json::json;

/// Nothing that waits for this window is seen by a test.
const LONG: &str = r#"{ idle = "100s", max = "600s" }"#;

fn photo(openid: &str) -> String {
    message(openid, next_id(), "image", &[("MediaId", "photo")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_urgent_does_not_wait_and_what_follows_is_added() {
    let mut town = Town::new(LONG).await;
    town.platform.has("photo", Say::Bytes("image/jpeg", JPEG.to_vec()));
    let gateway = town.site.start().await;
    let say = async |openid: &str, words: &str| town.account.say(&gateway, &text(openid, words)).await;
    let first = number(&say("oFIRE", "滨江花园小区").await);
    assert_eq!(number(&say("oFIRE", "三楼着火了，快来人").await), first);
    let created = tickets(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!(created["content"], "滨江花园小区\n三楼着火了，快来人");
    // The photo of it is no other matter.
    assert_eq!(number(&town.account.say(&gateway, &photo("oFIRE")).await), first);
    assert_eq!(number(&say("oFIRE", "楼里还有老人").await), first);
    let whole = becomes(&gateway, &first, "the photo and the words", |ticket| {
        ticket["attachments"][0]["state"] == "kept" && ticket["transcript"].as_array().is_some_and(|it| it.len() == 4)
    });
    assert!(whole.await["content"].as_str().unwrap().ends_with("楼里还有老人"));
    assert_eq!(tickets(&gateway, "ticket.supplemented", 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_an_urgent_repeat_is_added_to_the_ticket_that_it_counts_to() {
    let mut town = Town::new(LONG).await;
    town.platform.has("photo", Say::Bytes("image/jpeg", JPEG.to_vec()));
    let gateway = town.site.start().await;
    let say = async |words: &str| number(&town.account.say(&gateway, &text("oFIRE", words)).await);
    let first = say("嘉州大道123号滨江花园小区三楼厨房着火了，火势很大，快来人").await;
    tickets(&gateway, "ticket.created", 1).await;
    assert_eq!(say("完毕").await, first);
    let again = say("滨江花园小区三楼厨房着火了，嘉州大道123号，火势很大，快来人救火").await;
    assert_ne!(again, first, "they had ended");
    tickets(&gateway, "ticket.repeated", 1).await;
    assert_eq!(number(&town.account.say(&gateway, &photo("oFIRE")).await), again);
    let whole = becomes(&gateway, &first, "the photo", |ticket| ticket["attachments"][0]["state"] == "kept").await;
    assert!(!whole["content"].as_str().unwrap().contains("完毕"), "{whole}");
    assert_eq!(tickets(&gateway, "ticket.created", 1).await.len(), 1, "no other ticket");
    super::balanced(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_ends_the_waiting_and_is_no_part_of_the_content() {
    let mut town = Town::new(LONG).await;
    town.platform.has("photo", Say::Bytes("image/jpeg", JPEG.to_vec()));
    town.site.set("channels.mp.words.keywords.end", vec![toml::Value::from("讲清楚了"), toml::Value::from("完毕")]);
    let gateway = town.site.start().await;
    let say = async |words: &str| town.account.say(&gateway, &text("oEND", words)).await;
    let photographed = number(&town.account.say(&gateway, &photo("oEND")).await);
    assert_eq!(number(&say("嘉州大道的路灯坏了").await), photographed);
    assert_eq!(number(&say("讲清楚了！").await), photographed);
    let created = tickets(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!((&created["content"], &created["title"]), (&json!("嘉州大道的路灯坏了"), &json!("嘉州大道的路灯坏了")));
    assert_eq!(created["transcript"].as_array().unwrap().len(), 3, "what they said is kept: {created}");
    let other = number(&say("另外，翠竹路的井盖丢了").await);
    assert_ne!(other, photographed, "another matter");
    say("完毕").await;
    let created = tickets(&gateway, "ticket.created", 2).await.remove(1);
    assert_eq!(created["content"], "另外，翠竹路的井盖丢了");
    assert!(created["attachments"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_alone_waits_for_words_and_one_that_nobody_explains_goes_in_the_end() {
    let mut town = Town::new(r#"{ idle = "300ms", max = "4s" }"#).await;
    town.platform.has("photo", Say::Bytes("image/jpeg", JPEG.to_vec()));
    let gateway = town.site.start().await;
    let place = message("oSLOW", next_id(), "location", &[("Location_X", "29.55"), ("Location_Y", "103.76")]);
    let slow = number(&town.account.say(&gateway, &photo("oSLOW")).await);
    let alone = number(&town.account.say(&gateway, &photo("oALONE")).await);
    // Somebody who is done, so that the time has passed that others are given.
    let quick = number(&town.account.say(&gateway, &text("oQUICK", "翠竹路的井盖丢了")).await);
    eventually("the quick one's ticket", seconds(10), async || {
        (ticket(&gateway, &quick).await["number"] == quick).then_some(())
    })
    .await;
    assert_eq!(number(&town.account.say(&gateway, &place).await), slow, "a place joins");
    assert_eq!(number(&town.account.say(&gateway, &text("oSLOW", "这里的路灯坏了")).await), slow);
    let created = tickets(&gateway, "ticket.created", 3).await;
    let of = |number: &str| created.iter().find(|ticket| ticket["number"] == number).unwrap();
    assert_eq!((&of(&slow)["content"], &of(&slow)["location"]["lat"]), (&json!("这里的路灯坏了"), &json!(29.55)));
    assert_eq!(of(&alone)["attachments"].as_array().unwrap().len(), 1);
}
