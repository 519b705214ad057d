//! Photos and recordings: fetched at once, and what is missing is said so.

use super::{
    Town,
    account::{message, next_id, number},
    balanced, becomes, log_is_clean,
    platform::{MEDIA, Say, TOKEN, error},
    talk::JPEG,
};
use serde_json::{Value, json};

const MP4: &[u8] = b"\0\0\0\x18ftypmp42 a film of a street lamp";

fn sent(openid: &str, kind: &str, media: &str) -> String {
    message(openid, next_id(), kind, &[("MediaId", media), ("Format", "amr")])
}

fn settled(ticket: &Value) -> bool {
    ticket["attachments"][0]["state"].as_str().is_some_and(|state| state != "pending")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_is_said_so_and_trouble_is_tried_again() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let account = &town.account;
    town.platform.has("voice", Say::Bytes("audio/amr", b"#!AMR\n a voice".to_vec()));
    town.platform.has("page", Say::Page(200, "<html>not a photo"));
    let of = async |kind: &str, media: &str| {
        let number = number(&account.say(&gateway, &sent("oMEDIA", kind, media)).await);
        becomes(&gateway, &number, "the fate of a file", settled).await
    };
    let gone = of("image", "of-last-week").await;
    let file = &gone["attachments"][0];
    assert_eq!((&file["state"], &file["bytes"], &file["url"]), (&json!("missing"), &json!(null), &json!(null)));
    assert!(file["reason"].as_str().unwrap().contains("40007"), "{file}");
    let voice = of("voice", "voice").await;
    let file = &voice["attachments"][0];
    assert_eq!(
        (&file["state"], &file["media_type"], &file["bytes"]),
        (&json!("kept"), &json!("audio/amr"), &json!(14))
    );
    // Refused token, then trouble, then the photo.
    town.platform.has("photo", Say::Bytes("image/jpeg", JPEG.to_vec()));
    let before = town.platform.calls(MEDIA).len();
    town.platform.script(move |call, count| match (call.path.as_str(), count.checked_sub(before)) {
        (MEDIA, Some(0)) => Some(error(42001)),
        (MEDIA, Some(1)) => Some(Say::Page(502, "bad gateway")),
        (MEDIA, Some(2)) => Some(error(-1)),
        _ => None,
    });
    town.platform.expire();
    let photo = of("image", "photo").await;
    assert_eq!(photo["attachments"][0]["state"], "kept", "{photo}");
    assert_eq!(town.platform.calls(MEDIA).len(), before + 4);
    assert_eq!(town.platform.calls(TOKEN).len(), 2);
    balanced(&gateway).await;
    log_is_clean(&gateway, account, &["oMEDIA"], &["of-last-week"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_on_a_private_address_is_refused_unless_it_is_allowed() {
    for allowed in [false, true] {
        let mut town = Town::new("\"immediate\"").await;
        let film = format!("http://{}/open/film", town.platform.address);
        town.platform.has("film", Say::Bytes("video/mp4", MP4.to_vec()));
        town.platform.has("named", Say::Bytes("text/plain", json!({ "video_url": film }).to_string().into_bytes()));
        if allowed {
            town.site.set("server.allow_fetch", vec![toml::Value::from("127.0.0.1")]);
        }
        let gateway = town.site.start().await;
        let number = number(&town.account.say(&gateway, &sent("oFILM", "video", "named")).await);
        let ticket = becomes(&gateway, &number, "the fate of a film", settled).await;
        let file = &ticket["attachments"][0];
        assert_eq!(file["state"], if allowed { "kept" } else { "missing" }, "{file}");
        assert_eq!(town.platform.calls("/open/film").len(), usize::from(allowed));
        if !allowed {
            assert!(file["reason"].as_str().unwrap().contains("address"), "{file}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn photos_are_fetched_after_a_kill_and_without_a_secret_they_are_missing() {
    let mut town = Town::new(r#"{ idle = "700ms", max = "700ms" }"#).await;
    town.platform.script(|call, _| (call.path == MEDIA).then_some(Say::Hang));
    let mut gateway = town.site.start().await;
    let account = town.account.clone();
    let number = number(&account.say(&gateway, &sent("oKILL", "image", "photo")).await);
    crate::harness::until("the fetch", crate::harness::seconds(5), || {
        (!town.platform.calls(MEDIA).is_empty()).then_some(())
    })
    .await;
    gateway.kill();
    town.platform.has("photo", Say::Bytes("image/jpeg", JPEG.to_vec()));
    town.platform.script(|_, _| None);
    let gateway = town.site.start().await;
    let ticket = becomes(&gateway, &number, "the photo", settled).await;
    assert_eq!(ticket["attachments"][0]["state"], "kept");
}
