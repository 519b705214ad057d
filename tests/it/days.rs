//! The certificate of a day (当日工单当日转接), the chain of days, and the alarm before midnight.

use crate::harness::{Site, eventually, get, seconds};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A day of the city of Pago Pago is over in that of Kiritimati, which is 25 hours ahead, whatever the time is.
const WEST: &str = "Pacific/Pago_Pago";
const EAST: &str = "Pacific/Kiritimati";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_over_is_closed_and_chained_and_tampering_is_told() {
    let mut site = Site::new().await;
    site.set("server.timezone", WEST);
    let mut gateway = site.start().await;
    let mut numbers = Vec::new();
    for n in 0..3 {
        numbers.push(gateway.accept(&format!("day-{n}"), &format!("当日诉求 {n}")).await);
    }
    site.core.has_all(&numbers, seconds(10)).await;
    let open = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!((&open["certificate"]["state"], &open["certificate"]["hash"]), (&json!("open"), &Value::Null));
    let day = open["day"].as_str().unwrap().to_owned();
    gateway.terminate();
    gateway.ended(seconds(15)).await;

    site.set("server.timezone", EAST);
    let mut gateway = site.start().await;
    let closed = eventually("the day is closed", seconds(20), async || {
        let closed = get(gateway.admin, &format!("/api/v1/reconciliation?day={day}")).await.json();
        (closed["certificate"]["state"] == "closed").then_some(closed)
    })
    .await;
    let certificate = &closed["certificate"];
    assert_eq!((&closed["total"]["ticketed"], &certificate["amended"]), (&json!(3), &json!(false)));
    assert_eq!(certificate["previous"], "0".repeat(64));
    let chain = get(gateway.admin, "/api/v1/reconciliation/chain").await.json();
    assert_eq!((&chain["intact"], &chain["first"]), (&json!(true), &json!(day)), "{chain}");
    gateway.terminate();
    gateway.ended(seconds(15)).await;

    // The hash is what anybody can compute from the stored record.
    let store = rusqlite::Connection::open(site.database()).unwrap();
    let (previous, hash, record): (Vec<u8>, Vec<u8>, String) = store
        .query_row("SELECT previous, hash, record FROM closed_day ORDER BY day LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let anew = Sha256::new_with_prefix(previous).chain_update(record.as_bytes()).finalize();
    assert_eq!(hash, anew.to_vec());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(certificate["hash"], hex);
    let chain = site.run_alone("chain", &[]).await;
    let said = String::from_utf8(chain.stdout).unwrap();
    assert!(chain.status.code() == Some(0) && said.contains("完整") && said.contains(&hex), "{said}");
    store.execute("UPDATE closed_day SET record = replace(record, '\"ticketed\":3', '\"ticketed\":2')", []).unwrap();
    drop(store);
    let gateway = site.start().await;
    let chain = get(gateway.admin, "/api/v1/reconciliation/chain").await.json();
    assert_eq!((&chain["intact"], &chain["broken"][0]["day"]), (&json!(false), &json!(day)), "{chain}");
    let command = site.run_beside(&gateway, "chain", &[]).await;
    let said = String::from_utf8(command.stdout).unwrap();
    assert!(command.status.code() == Some(1) && said.contains("已被改动") && said.contains(&day), "{said}");
    let broken = get(gateway.admin, &format!("/api/v1/reconciliation?day={day}")).await.json();
    assert_eq!(broken["certificate"]["state"], "broken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_before_the_day_ends_raises_an_alarm_until_it_has_become_something() {
    let mut site = Site::new().await;
    site.set("reconciliation.alarm_at", "00:00");
    site.set("reconciliation.pending_after", "1ms");
    site.set("channels.app.assembly.idle", "6s");
    site.set("channels.app.assembly.max", "6s");
    let gateway = site.start().await;
    assert_eq!(get(gateway.admin, "/readyz").await.json()["notices"], json!([]));
    let body = json!({ "hotline": "12319", "content": "路灯坏了", "appellant": { "phone": "13800138000" } });
    assert_eq!(gateway.appeal(&body).await.status, 201);
    let notice = eventually("the alarm", seconds(5), async || {
        get(gateway.admin, "/readyz").await.json()["notices"][0].as_str().map(str::to_owned)
    })
    .await;
    assert!(notice.contains("1 messages") && notice.contains("app 12319: 1"), "{notice}");
    assert!(get(gateway.admin, "/metrics").await.text().contains("jiesu_day_pending_messages 1"));
    assert!(gateway.log().lines().any(|line| line.contains("\"alarm\":true") && line.contains("before the day ends")));
    eventually("the end of the alarm", seconds(20), async || {
        let reply = get(gateway.admin, "/readyz").await;
        (reply.status == 200 && reply.json()["notices"] == json!([])).then_some(())
    })
    .await;
}
