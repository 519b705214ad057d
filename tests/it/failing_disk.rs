//! A disk that fails or fills up is said so, loudly; nothing is acknowledged that is not on it.

use crate::harness::{Answer, Gateway, Load, Site, eventually, get, post_all, seconds};
use serde_json::json;

/// The value of a metric, summed over its labels.
async fn metric(admin: std::net::SocketAddr, name: &str) -> f64 {
    let text = get(admin, "/metrics").await.text();
    let lines = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Sends appeals of so many characters until the disk is full: each is taken, or answered 503.
async fn fill(gateway: &Gateway, characters: usize) {
    let filler = "满".repeat(characters);
    let mut number = 0;
    eventually("503 on a full disk", seconds(30), async || {
        number += 1;
        let reply = gateway.appeal(&json!({ "id": format!("fill-{number}"), "content": filler })).await;
        assert!([201, 503].contains(&reply.status), "{} {}", reply.status, reply.text());
        (reply.status == 503).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_fsync_error_is_answered_503_and_raises_the_alarm() {
    let mut site = Site::with_faults().await;
    let mut gateway = site.start().await;
    let mut numbers = vec![gateway.accept("before", "之前").await];
    let faults = site.faults.as_ref().unwrap();
    faults.fail_fsyncs(-1);
    for number in 0..20 {
        let reply = gateway.appeal(&json!({ "id": format!("during-{number}"), "content": "磁盘坏了" })).await;
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert!(reply.header("retry-after").is_some());
    }
    assert!(faults.fsyncs_failed() > 0);
    let log = gateway.log();
    assert!(log.contains("ERROR"), "an alarm in the log");
    assert!(!log.contains("磁盘坏了"), "the citizen's words in the log");
    assert!(metric(gateway.admin, "jiesu_store_failures_total").await > 0.0, "an alarm in the metrics");
    assert_eq!(get(gateway.admin, "/readyz").await.status, 503);
    gateway.kill();
    faults.fail_fsyncs(0);
    let gateway = site.start().await;
    numbers.push(gateway.accept("after", "之后").await);
    site.core.has_all(&numbers, seconds(10)).await;
    assert_eq!(get(gateway.admin, "/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passing_fsync_error_heals_by_itself() {
    let mut site = Site::with_faults().await;
    let gateway = site.start().await;
    gateway.accept("before", "之前").await;
    site.faults.as_ref().unwrap().fail_fsyncs(1);
    let load = Load::start("passing", 8);
    load.aim(Some(gateway.public));
    load.advance(200, seconds(30)).await;
    let tally = load.finish().await;
    let unexpected: Vec<_> = tally.statuses.keys().filter(|status| ![200, 201, 409, 503].contains(*status)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    site.core.has_all(tally.numbers.values(), seconds(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_full_disk_drains_what_is_there_and_takes_new_messages_when_there_is_room() {
    let mut site = Site::with_faults().await;
    site.core.always(Answer::Reset);
    let mut gateway = site.start().await;
    let first = gateway.accept("before", "早就来了").await;
    // In the event log, that is: this disk keeps no room for tickets from what comes after them.
    eventually("the ticket", seconds(20), async || {
        let page = get(gateway.admin, "/api/v1/events?after=0").await.json();
        (page["events"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    gateway.terminate();
    assert!(gateway.ended(seconds(10)).await.success());
    site.faults.as_ref().unwrap().space(0);
    let gateway = site.start().await;
    assert!(gateway.log().contains("THE DISK IS FULL"), "{}", gateway.log());
    fill(&gateway, 50_000).await;
    site.core.always(Answer::Status(200));
    site.core.has_all([&first], seconds(30)).await;
    site.faults.as_ref().unwrap().unlimited_space();
    eventually("acknowledging again by itself", seconds(20), async || {
        let reply = gateway.appeal(&json!({ "id": "room-again", "content": "又能写了" })).await;
        (reply.status == 201).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_any_room_says_what_is_lacking() {
    let mut site = Site::with_faults().await;
    let mut gateway = site.start().await;
    gateway.accept("before", "早就来了").await;
    gateway.terminate();
    assert!(gateway.ended(seconds(10)).await.success());
    // As an earlier version left it.
    std::fs::remove_file(site.database().with_extension("db.spare")).unwrap();
    site.faults.as_ref().unwrap().space(0);
    let (status, log) = Gateway::fails(site.command("serve", &[])).await;
    assert!(!status.success() && log.contains("there is no room on its disk"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_answered_503_while_the_rest_goes_on() {
    let mut site = Site::with_faults().await;
    site.core.always(Answer::Reset);
    let gateway = site.start().await;
    let bodies = (0..200).map(|number| json!({ "id": format!("in-{number}"), "content": "早就来了" })).collect();
    let numbers = post_all(gateway.public, bodies, 8).await;
    // In the event log, that is: a ticket that is not written yet needs room on any disk.
    eventually("200 tickets", seconds(20), async || {
        let page = get(gateway.admin, "/api/v1/events?after=0&limit=1000").await.json();
        (page["events"].as_array().unwrap().len() == 200).then_some(())
    })
    .await;
    let faults = site.faults.as_ref().unwrap();
    faults.space(64 << 10);
    fill(&gateway, 20_000).await;
    assert!(faults.writes_failed() > 0);
    for path in ["/healthz", "/metrics", "/api/v1/events?after=0&limit=10", "/api/v1/deliveries?state=dead"] {
        assert_eq!(get(gateway.admin, path).await.status, 200, "{path}");
    }
    // What is in is drained also now.
    site.core.always(Answer::Status(200));
    site.core.has_all(&numbers, seconds(30)).await;
    faults.unlimited_space();
    let last = eventually("acknowledging again by itself", seconds(20), async || {
        let reply = gateway.appeal(&json!({ "id": "room-again", "content": "又能写了" })).await;
        (reply.status == 201).then(|| reply.json()["number"].as_str().unwrap().to_owned())
    })
    .await;
    site.core.has_all([&last], seconds(10)).await;
    site.core.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_that_cannot_be_written_holds_up_its_own_ticket_and_is_said_so() {
    let mut site = Site::new().await;
    let place = site.data.join("files");
    std::fs::write(&place, "no directory").unwrap();
    let gateway = site.start().await;
    assert!(gateway.log().contains("store.files: nothing can be written there"), "{}", gateway.log());
    let checked = site.run_beside(&gateway, "check", &["--connect"]).await;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.code() == Some(2) && said.contains("store.files: nothing can be written there"), "{said}");

    let photo = json!([{ "name": "a.txt", "media_type": "text/plain", "base64": "aGVsbG8=" }]);
    let waits =
        gateway.appeal(&json!({ "content": "井盖缺失，见照片", "attachments": photo })).await.json()["number"].clone();
    let passes = gateway.accept("words", "路灯不亮").await;
    site.core.has_all([&passes], seconds(10)).await;
    let ready = eventually("the photo is missed", seconds(10), async || {
        let ready = get(gateway.admin, "/readyz").await;
        (ready.status == 503).then(|| ready.text())
    })
    .await;
    assert!(ready.contains("attachments cannot be written"), "{ready}");

    std::fs::remove_file(&place).unwrap();
    site.core.has_all([&waits.as_str().unwrap().to_owned()], seconds(20)).await;
    assert_eq!(get(gateway.admin, "/readyz").await.status, 200);
}
