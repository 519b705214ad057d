//! Redis in trouble: nothing is lost, nothing waits, and it is made up for.

use super::{server::Redis, *};
use crate::harness::Load;

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
    let health = async || get(gateway.admin, "/readyz").await;
    assert_eq!(health().await.json()["degraded"], json!([]));
    redis.kill();
    let ready = health().await;
    let told_so = ready.json()["degraded"][0].as_str().is_some_and(|what| what.contains("Redis"));
    assert!(ready.status == 200 && told_so, "{}", ready.text());
    assert!(get(gateway.admin, "/metrics").await.text().contains("jiesu_redis_up 0"));
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
    assert_eq!(health().await.json()["degraded"], json!([]));
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
        (redis.ask(&["GET", "{jiesu:repeats:4}:n"]) == "1").then_some(())
    })
    .await;
    say(&gateway, "13800138000", LAMP_AGAIN).await;
    told(&site, "ticket.repeated", &first).await;
}

/// Waits until `again` counts to `first`, whether found at once or late.
async fn counted(site: &Site, gateway: &Gateway, first: &str, again: &str) {
    eventually("the repeat is found", seconds(40), async || {
        let at_once = site.core.taken().into_iter().any(|it| {
            it.kind() == "ticket.repeated" && it.subject() == first && it.event["data"]["change"]["number"] == again
        });
        let late = async || {
            let ticket = ticket(gateway, again).await;
            ticket["repeat"]["of"] == first && !flagged(&ticket)
        };
        (at_once || late().await).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_full_or_a_replica_or_emptied_costs_nothing_that_is_not_made_up_for() {
    let redis = Redis::start().await;
    let mut site = Site::new().await;
    site.set("repeats.url", redis.url());
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    eventually("the advice", seconds(10), async || gateway.log().contains("no maxmemory").then_some(())).await;
    for (trouble, end) in [
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
        (["CONFIG", "SET", "min-replicas-to-write", "1"], ["CONFIG", "SET", "min-replicas-to-write", "0"]),
    ] {
        redis.ask(&trouble);
        let (again, _) = say(&gateway, "13800138000", LAMP_AGAIN).await;
        assert!(flagged(&told(&site, "ticket.created", &again).await.event["data"]["ticket"]), "{trouble:?}");
        redis.ask(&end);
        counted(&site, &gateway, &first, &again).await;
    }
    redis.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    let (again, _) = say(&gateway, "13800138000", LAMP_AGAIN).await;
    told(&site, "ticket.created", &again).await;
    redis.ask(&["REPLICAOF", "NO", "ONE"]);
    counted(&site, &gateway, &first, &again).await;
    // Emptied again and again under load: each has its outcome, and no number twice.
    let mut numbers = std::collections::HashSet::new();
    for turn in 0..60 {
        if turn % 10 == 5 {
            redis.ask(&["FLUSHALL"]);
        }
        assert!(numbers.insert(say(&gateway, &format!("139001390{turn:02}"), LAMP_OTHERS).await.0));
    }
    eventually("all were looked at", seconds(40), async || {
        let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
        let mut left = usize::from(account["total"]["pending"] != 0);
        for number in &numbers {
            left += usize::from(flagged(&ticket(&gateway, number).await));
        }
        (left == 0).then_some(())
    })
    .await;
    assert_eq!(get(gateway.admin, "/api/v1/reconciliation").await.json()["balanced"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_sentinels_a_failover_is_made_up_for() {
    let mut primary = Redis::start().await;
    let port = primary.address().rsplit_once(':').unwrap().1.to_owned();
    let replica = Redis::with(&["--replicaof", "127.0.0.1", &port]).await;
    let sentinels = [Redis::sentinel(&primary).await, Redis::sentinel(&primary).await, Redis::sentinel(&primary).await];
    let knows = |sentinel: &Redis, what: &str, value: &str| {
        let told = sentinel.ask(&["SENTINEL", "MASTER", "leshan"]);
        let lines: Vec<&str> = told.lines().collect();
        lines.windows(2).any(|pair| pair == [what, value])
    };
    eventually("the sentinels know each other and the replica", seconds(20), async || {
        let all = |it: &Redis| knows(it, "num-other-sentinels", "2") && knows(it, "num-slaves", "1");
        (sentinels.iter().all(all) && replica.ask(&["INFO", "replication"]).contains("master_link_status:up"))
            .then_some(())
    })
    .await;
    let mut site = Site::new().await;
    let addresses: Vec<String> = sentinels.iter().map(Redis::address).collect();
    site.set("repeats.url", format!("redis-sentinel://{}/leshan", addresses.join(",")));
    let gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    assert_eq!(primary.ask(&["EXISTS", "{jiesu:repeats:4}:n"]), "1", "it is the primary that was asked");
    primary.kill();
    let (again, _) = say(&gateway, "13800138000", LAMP_AGAIN).await;
    counted(&site, &gateway, &first, &again).await;
    assert!(replica.ask(&["INFO", "replication"]).contains("role:master"), "another one is the primary");
    let (third, _) = say(&gateway, "13800138000", LAMP).await;
    counted(&site, &gateway, &first, &third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_holds_the_index_and_a_node_that_comes_back_empty_is_filled_again() {
    let options =
        ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"];
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Redis::with(&options).await);
    }
    let addresses: Vec<String> = nodes.iter().map(Redis::address).collect();
    let mut create = vec!["--cluster", "create", "--cluster-yes"];
    create.extend(addresses.iter().map(String::as_str));
    let created = std::process::Command::new("redis-cli").args(&create).output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
    eventually("the cluster", seconds(20), async || {
        nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).then_some(())
    })
    .await;
    let mut site = Site::new().await;
    site.set("repeats.url", format!("redis-cluster://{}", addresses.join(",")));
    let checked = site.command("check", &["--connect"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.contains("no maxmemory"), "{said}");
    let mut gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", LAMP).await;
    told(&site, "ticket.created", &first).await;
    let (again, _) = say(&gateway, "13800138000", LAMP_AGAIN).await;
    told(&site, "ticket.repeated", &first).await;
    assert_ne!(first, again);
    let holds = |node: &Redis| node.ask(&["EXISTS", "{jiesu:repeats:4}:n"]) == "1";
    let holder = nodes.iter().position(holds).expect("one of them holds the index");
    nodes[holder].kill();
    let (missed, _) = say(&gateway, "13800138000", LAMP).await;
    assert!(flagged(&told(&site, "ticket.created", &missed).await.event["data"]["ticket"]));
    nodes[holder].again().await;
    counted(&site, &gateway, &first, &missed).await;
    let output = site.run_beside(&gateway, "reindex", &[]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    gateway.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_neither_a_hanging_nor_a_killed_nor_an_emptied_redis_slows_the_door_or_loses_anything() {
    let mut redis = Redis::start().await;
    let mut site = Site::new().await;
    site.set("repeats.url", redis.url());
    let gateway = site.start().await;
    let load = Load::start("redis", 8);
    load.aim(Some(gateway.public));
    load.advance(40, seconds(30)).await;
    redis.signal("-STOP");
    load.advance(80, seconds(30)).await;
    redis.signal("-CONT");
    load.advance(40, seconds(30)).await;
    redis.kill();
    load.advance(80, seconds(30)).await;
    redis.again().await;
    load.advance(40, seconds(30)).await;
    redis.ask(&["FLUSHALL"]);
    load.advance(40, seconds(30)).await;
    let tally = load.finish().await;
    let mut took = tally.took.clone();
    took.sort_unstable();
    assert!(took[took.len() * 99 / 100] < std::time::Duration::from_millis(1_500), "{took:?}");
    assert!(tally.cut.is_empty() && tally.statuses.keys().all(|status| *status == 201), "{:?}", tally.statuses);
    let numbers: std::collections::HashSet<&String> = tally.numbers.values().collect();
    assert_eq!(numbers.len(), tally.numbers.len(), "a number each");
    eventually("everything has its outcome, and all was looked at", seconds(60), async || {
        let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
        let mut left = usize::from(account["total"]["pending"] != 0);
        assert_eq!(account["balanced"], true, "{account}");
        for number in &numbers {
            left += usize::from(flagged(&ticket(&gateway, number).await));
        }
        (left == 0).then_some(())
    })
    .await;
    let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!(account["total"]["received"], numbers.len(), "{account}");
}
