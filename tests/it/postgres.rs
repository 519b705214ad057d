//! The gateway on PostgreSQL: the same promises, with a database that crashes and hangs, and with two gateways on one.

use crate::{
    durable::one_number_each,
    email::tls::Authority,
    harness::{Load, Site, get, post, random, seconds, setting, until},
};
use serde_json::json;
use std::time::{Duration, Instant};

/// A gateway's key, as every node must have it.
const KEY: &str = "one and the same for every node";

async fn site() -> Site {
    let mut site = Site::on_postgres(&[]).await;
    site.set("store.key", KEY);
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load_loses_nothing_that_was_acknowledged() {
    let mut site = site().await;
    let load = Load::start("k", 32);
    for _ in 0..setting("JIESU_TEST_KILLS", 20).div_ceil(5) {
        let mut gateway = site.start().await;
        load.aim(Some(gateway.public));
        load.advance(50, seconds(20)).await;
        tokio::time::sleep(Duration::from_millis(random(500))).await;
        load.aim(None);
        gateway.kill();
    }
    let gateway = site.start().await;
    load.aim(Some(gateway.public));
    let tally = load.finish().await;
    site.core.has_all(tally.numbers.values(), seconds(120)).await;
    one_number_each(&tally, &site.core);
    site.core.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_and_hangs_under_load_costs_only_time() {
    let mut site = site().await;
    let gateway = site.start().await;
    let load = Load::start("c", 16);
    load.aim(Some(gateway.public));
    load.advance(200, seconds(30)).await;
    for _ in 0..2 {
        site.postgres().crash();
        load.advance(200, seconds(30)).await;
    }
    // Away for good, and then back.
    site.postgres().stop();
    let refused = |load: &Load| load.tally().statuses.get(&503).copied().unwrap_or_default();
    let before = refused(&load);
    until("refusals", seconds(20), || (refused(&load) > before + 16).then_some(())).await;
    let ready = get(gateway.admin, "/readyz").await;
    assert!(ready.status == 503 && ready.text().contains("the store cannot write"), "{}", ready.text());
    site.postgres().resume_after_stop();
    load.advance(100, seconds(30)).await;

    // It takes bytes, and does nothing.
    site.postgres().hang();
    let hung = Instant::now();
    let before = refused(&load);
    until("refusals", seconds(30), || (refused(&load) > before + 8).then_some(())).await;
    let last = load.tally().last.unwrap();
    assert!(last.saturating_duration_since(hung) < seconds(1), "acknowledged by a database that hangs");
    site.postgres().go_on();
    load.advance(100, seconds(60)).await;

    let tally = load.finish().await;
    assert!(tally.statuses.keys().all(|status| matches!(status, 200 | 201 | 409 | 503)), "{:?}", tally.statuses);
    site.core.has_all(tally.numbers.values(), seconds(120)).await;
    one_number_each(&tally, &site.core);
    site.core.verify();
    let ready = get(gateway.admin, "/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
    gateway.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_on_one_database_make_one_message_of_the_same_delivery() {
    let mut site = site().await;
    let (one, other) = (site.start().await, site.start().await);
    let mut numbers = Vec::new();
    for index in 0..60 {
        let body = json!({ "id": format!("same-{index}"), "content": format!("噪声扰民，第 {index} 号") });
        let offer = |address| post(address, "/channels/app", Some(crate::harness::TOKEN), &body);
        let (first, second) = tokio::join!(offer(one.public), offer(other.public));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{} {}", first.text(), second.text());
        assert_eq!(first.json(), second.json(), "the same receipt, with the same code");
        numbers.push(first.json()["number"].as_str().unwrap().to_owned());
    }
    site.core.has_all(&numbers, seconds(30)).await;
    site.core.verify();
    let counted =
        "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM ticket), (SELECT sum(redelivery) FROM tally)";
    assert_eq!(site.postgres().ask("store0", counted), "60|60|60");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_work_on_the_database_and_beside_a_gateway_and_no_password_is_shown() {
    let mut site = Site::on_postgres(&[]).await;
    let said = |output: &std::process::Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let refused = site.run_alone("check", &[]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("store.key: missing, and all nodes must have the same"), "{}", said(&refused));
    site.set("store.key", KEY);
    site.set("store.password", "not to be seen");
    let checked = site.run_alone("check", &["--connect"]).await;
    let text = said(&checked);
    assert!(text.contains("store.url: ok") && text.contains("warning") && text.contains("repeats.url"), "{text}");
    assert!(!text.contains("not to be seen"), "{text}");
    assert_eq!(site.postgres().ask("store0", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");

    let gateway = site.start().await;
    let number = gateway.accept("a", "路灯不亮").await;
    site.core.has_all([&number], seconds(20)).await;
    for (command, arguments, expected) in [
        ("chain", vec![], "还没有已结的日子"),
        ("replay", vec!["--dead"], "0"),
        ("replay", vec!["--destination", "core", "--after", "0"], "core"),
        ("hotlines", vec![], "12345"),
        ("reindex", vec![], ""),
    ] {
        let beside = site.run_beside(&gateway, command, &arguments).await;
        assert!(beside.status.success() && said(&beside).contains(expected), "{command}: {}", said(&beside));
    }
    let again = site.core.count() + 1;
    until("the event goes out again", seconds(20), || (site.core.attempts() >= again).then_some(())).await;
    drop(gateway);
    for (command, arguments, expected) in [
        ("chain", vec![], "还没有已结的日子"),
        ("replay", vec!["--dead"], "0 dead letters"),
        ("hotlines", vec![], "12345"),
    ] {
        let alone = site.run_alone(command, &arguments).await;
        assert!(alone.status.success() && said(&alone).contains(expected), "{command}: {}", said(&alone));
        assert!(!said(&alone).contains("not to be seen"));
    }
    site.postgres().stop();
    let away = site.run_alone("serve", &[]).await;
    let text = said(&away);
    assert!(
        !away.status.success() && text.contains("store.url: postgres://") && text.contains("is it running"),
        "{text}"
    );
    assert!(!text.contains("not to be seen"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_network_the_certificate_is_checked_and_only_the_password_lets_in() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut site = site().await;
    site.postgres().lock(authority.directory(), "open sesame");
    for (parameters, password, expected) in [
        (String::new(), "open sesame", "no encryption"),
        ("sslmode=verify-full".into(), "open sesame", "UnknownIssuer"),
        (format!("sslmode=verify-full&sslrootcert={}", stranger.file()), "open sesame", "certificate"),
        (
            format!("sslmode=require&sslrootcert={}", authority.file()),
            "open the door",
            "password authentication failed",
        ),
        (format!("sslmode=verify-full&sslrootcert={}", authority.file()), "open sesame", "store.url: ok"),
    ] {
        site.postgres_parameters(&parameters);
        site.set("store.password", password);
        let output = site.run_alone("check", &["--connect"]).await;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains(expected), "{parameters}: {said}");
        assert!(!said.contains(password), "{said}");
        assert_eq!(said.contains("store.url: ok"), output.status.success(), "{said}");
    }
    let gateway = site.start().await;
    let number = gateway.accept("a", "路灯不亮").await;
    site.core.has_all([&number], seconds(20)).await;
    let open =
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'jiesu'";
    assert_eq!(site.postgres().ask("store0", open), "t");
}
