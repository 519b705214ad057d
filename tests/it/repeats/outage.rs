//! Redis in trouble: nothing is lost, nothing waits, and it is made up for.

use super::{server::Redis, *};

fn flagged(ticket: &Value) -> bool {
    ticket["flags"].as_array().is_some_and(|flags| flags.contains(&json!("unchecked")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_gone_appeals_pass_on_unchecked_and_are_looked_at_when_it_is_back() {
    let mut redis = Redis::start().await;
    let mut site = Site::new().await;
    site.set("repeats.url", redis.url());
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    redis.kill();
    let (again, _) = say(&gateway, "13800138000", LAMP_AGAIN).await;
    let (other, _) = say(&gateway, "13900139000", LAMP_OTHERS).await;
    for number in [&again, &other] {
        let event = told(&site, "ticket.created", number).await.event;
        assert!(flagged(&event["data"]["ticket"]), "{event}");
    }
    // It comes back empty: the index is built from the store, then what was missed is looked at.
    redis.again().await;
    eventually("the repeat is found late", seconds(30), async || {
        let ticket = ticket(&gateway, &again).await;
        (ticket["repeat"]["of"] == first.as_str() && !flagged(&ticket)).then_some(())
    })
    .await;
    told(&site, "ticket.joined", &other).await;
    assert!(!flagged(&ticket(&gateway, &other).await));
    let updated = told(&site, "ticket.updated", &again).await.event;
    assert_eq!(updated["data"]["change"]["repeat"]["new"]["of"], first.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_holds_up_neither_the_door_nor_the_line() {
    let redis = Redis::start().await;
    let mut site = Site::new().await;
    site.set("repeats.url", redis.url());
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    redis.signal("-STOP");
    let mut slowest = std::time::Duration::ZERO;
    let mut numbers = Vec::new();
    for number in 0..20 {
        let asked = std::time::Instant::now();
        numbers.push(say(&gateway, &format!("138001380{number:02}"), LAMP_OTHERS).await.0);
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < std::time::Duration::from_millis(1_500), "{slowest:?}");
    site.core.has_all(&numbers, seconds(20)).await;
    redis.signal("-CONT");
    eventually("all were looked at", seconds(30), async || {
        let mut left = 0;
        for number in &numbers {
            left += usize::from(flagged(&ticket(&gateway, number).await));
        }
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_emptied_is_filled_again_by_itself_and_on_command() {
    let redis = Redis::start().await;
    let mut site = Site::new().await;
    site.set("repeats.url", redis.url());
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    redis.ask(&["FLUSHALL"]);
    let output = site.run_beside(&gateway, "reindex", &[]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    eventually("the index is there again", seconds(20), async || {
        (redis.ask(&["GET", "{jiesu:repeats}:n"]) == "1").then_some(())
    })
    .await;
    say(&gateway, "13800138000", LAMP_AGAIN).await;
    told(&site, "ticket.repeated", &first).await;
}
