//! A mailbox that stopped giving mail is an alarm, however well its session looks.

use super::{by_lmtp, dovecot::Dovecot, mail, wait_for};
use crate::harness::{Gateway, Site, eventually, get, seconds};
use serde_json::Value;

/// What is wrong with the channel `mail`, as operators see it.
async fn trouble(gateway: &Gateway) -> Value {
    let listed = get(gateway.admin, "/api/v1/channels").await.json();
    let channels = listed["channels"].as_array().unwrap();
    channels.iter().find(|channel| channel["id"] == "mail").unwrap()["trouble"].clone()
}

fn alarms(gateway: &Gateway) -> usize {
    let is_alarm = |line: &&str| line.contains("has stopped giving messages") && line.contains("\"alarm\":true");
    gateway.log().lines().filter(is_alarm).count()
}

async fn becomes_silent(gateway: &Gateway) {
    eventually("the trouble", seconds(60), async || {
        let trouble = trouble(gateway).await;
        trouble.as_str().is_some_and(|why| why.contains("has given nothing for more than 3 seconds")).then_some(())
    })
    .await;
    let metrics = get(gateway.admin, "/metrics").await.text();
    assert!(metrics.contains(r#"jiesu_channel_trouble{channel="mail"} 1"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_falls_silent_is_an_alarm_once_and_ends_with_the_silence() {
    let mut dovecot = Dovecot::start().await;
    let mut site = Site::new().await;
    dovecot.configure(&mut site, None);
    site.set("channels.mail.silent_alarm", "3s");
    dovecot.deliver("1", &mail("w@citizen.example", "1", "路灯", "路灯坏了"), false);
    let gateway = site.start().await;
    wait_for(&gateway, "ticket.created", 1).await;
    assert_eq!((trouble(&gateway).await, alarms(&gateway)), (Value::Null, 0));
    // The session stays, and says nothing any more.
    dovecot.freeze(true);
    becomes_silent(&gateway).await;
    dovecot.deliver("2", &mail("w@citizen.example", "2", "井盖", "井盖丢了"), false);
    dovecot.freeze(false);
    wait_for(&gateway, "ticket.created", 2).await;
    eventually("the end of it", seconds(20), async || trouble(&gateway).await.is_null().then_some(())).await;
    // The server is gone.
    dovecot.stop();
    becomes_silent(&gateway).await;
    assert_eq!(alarms(&gateway), 2, "one for each silence: {}", gateway.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_trouble() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = by_lmtp(None).await;
    site.set("channels.mail.listen", taken.local_addr().unwrap().to_string());
    let gateway = site.start().await;
    let told =
        eventually("the trouble", seconds(10), async || trouble(&gateway).await.as_str().map(str::to_owned)).await;
    assert!(told.starts_with("cannot listen on 127.0.0.1:"), "{told}");
}
