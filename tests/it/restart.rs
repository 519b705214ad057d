//! Starting again: after a flood, on a damaged file, beside another process, under an older program.

use crate::harness::{Answer, Gateway, Site, eventually, get, post_all, seconds, setting, until};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    time::Instant,
};

fn appeals(name: &str, count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({ "id": format!("{name}-{number}"), "content": format!("{name} {number}") }))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_pending_events_survive_a_restart_in_order_and_in_little_memory() {
    let count = setting("JIESU_TEST_PENDING", 20_000);
    let mut site = Site::new().await;
    site.core.always(Answer::Reset);
    let mut gateway = site.start().await;
    let numbers = post_all(gateway.public, appeals("pending", count), 64).await;
    gateway.kill();
    let from = Instant::now();
    let gateway = site.start().await;
    gateway.accept("first", "重启后第一条").await;
    assert!(from.elapsed() < seconds(10), "accepting after {:?}", from.elapsed());
    site.core.always(Answer::Status(200));
    let mut most = 0;
    until("all of them at the core", seconds(120.max(count as u64 / 250)), || {
        most = most.max(gateway.memory());
        (site.core.has(&numbers) == count).then_some(())
    })
    .await;
    assert!(most < 512 << 20, "{} MiB", most >> 20);
    let mut last: HashMap<String, String> = HashMap::new();
    for delivery in site.core.taken() {
        let sequence = delivery.event["sequence"].as_str().unwrap().to_owned();
        let before = last.insert(delivery.subject().to_owned(), sequence.clone());
        assert!(before.is_none_or(|before| before <= sequence), "{} out of order", delivery.subject());
    }
    site.core.verify();
}

/// A store that holds 300 tickets that the core has not got, of a gateway that was killed.
async fn killed_store() -> (Site, Vec<String>) {
    let mut site = Site::new().await;
    site.core.always(Answer::Reset);
    let mut gateway = site.start().await;
    let numbers = post_all(gateway.public, appeals("old", 300), 1).await;
    eventually("the tickets", seconds(30), async || {
        let page = get(gateway.admin, "/api/v1/events?after=0&limit=300").await.json();
        (page["events"].as_array().unwrap().len() == numbers.len()).then_some(())
    })
    .await;
    gateway.kill();
    (site, numbers)
}

/// Starts on a damaged store: new appeals are taken and come out. Gives the log.
async fn works(site: &mut Site) -> (Gateway, String) {
    let gateway = site.start().await;
    site.core.always(Answer::Status(200));
    let number = gateway.accept("new", "新的").await;
    site.core.has_all([&number], seconds(15)).await;
    let log = gateway.log();
    (gateway, log)
}

fn write_ahead_log(site: &Site) -> File {
    let mut name = site.database().into_os_string();
    name.push("-wal");
    File::options().read(true).append(true).open(name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_log_tail_costs_only_what_was_torn() {
    let (mut site, numbers) = killed_store().await;
    let log = write_ahead_log(&site);
    let length = log.metadata().unwrap().len();
    assert!(length > 100_000, "the log holds what was written last");
    log.set_len(length - 700).unwrap();
    let (_gateway, _) = works(&mut site).await;
    // Each appeal was a transaction of its own, and its ticket came after it: only the very last may be gone.
    site.core.has_all(&numbers[..298], seconds(15)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_after_the_log_is_ignored() {
    let (mut site, numbers) = killed_store().await;
    write_ahead_log(&site).write_all(&[0xa5; 10_000]).unwrap();
    let (_gateway, _) = works(&mut site).await;
    site.core.has_all(&numbers, seconds(15)).await;
}

/// Folds the log into the file, as a clean stop does.
fn fold(path: &Path) {
    let database = rusqlite::Connection::open(path).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// Starts on a store whose folded file `damage` has been done to. What is intact comes out by itself; what is not is
/// taken again when its sender sends it again: nobody is told that a lost appeal is known. Gives how many came out.
async fn outlives(damage: impl FnOnce(&File, u64)) -> usize {
    let (mut site, numbers) = killed_store().await;
    fold(&site.database());
    let file = File::options().write(true).open(site.database()).unwrap();
    damage(&file, file.metadata().unwrap().len() / 4096);
    let (gateway, log) = works(&mut site).await;
    assert!(damage_is_named(&log), "{log}");
    let mut again = HashMap::new();
    for appeal in appeals("old", 300) {
        let reply = gateway.appeal(&appeal).await;
        assert!([200, 201].contains(&reply.status), "{}", reply.text());
        let number = reply.json()["number"].as_str().unwrap().to_owned();
        again.insert(number, appeal["content"].as_str().unwrap().to_owned());
    }
    assert_eq!(again.len(), 300, "a number was given out twice");
    site.core.has_all(again.keys(), seconds(20)).await;
    for delivery in site.core.taken() {
        let expected = again.get(delivery.subject());
        assert!(expected.is_none_or(|content| content == delivery.content()), "a number of two appeals");
    }
    site.core.has(&numbers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_file_is_said_so_and_what_is_intact_goes_on() {
    let come = outlives(|file, pages| file.set_len((pages - 3) * 4096 - 100).unwrap()).await;
    assert!(come > 200, "only {come} came out");
    let come = outlives(|file, pages| file.set_len(pages / 2 * 4096).unwrap()).await;
    assert!(come > 50, "only {come} came out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_garbage_is_said_so_and_what_is_intact_goes_on() {
    for page in [0.0, 0.35, 0.5, 0.8] {
        let garbage = |file: &File, pages: u64| {
            file.write_all_at(&[0xa5; 4096], (page * pages as f64) as u64 * 4096).unwrap();
        };
        let come = outlives(garbage).await;
        assert!(come > 200, "only {come} came out with page {page} gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_file_is_said_so_and_its_log_is_kept() {
    let (mut site, _) = killed_store().await;
    File::options().write(true).open(site.database()).unwrap().set_len(0).unwrap();
    let (_gateway, log) = works(&mut site).await;
    assert!(log.contains("THE STORE FILE IS DAMAGED"), "{log}");
    let kept = fs::read_dir(&site.data).unwrap().any(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.contains(".damaged-") && name.ends_with("-wal")
    });
    assert!(kept, "the log is kept");
}

fn damage_is_named(log: &str) -> bool {
    let mut loud = log.lines().filter(|line| line.contains("ERROR") || line.contains("WARN"));
    loud.any(|line| ["damage", "malformed", "corrupt", "truncated", "torn"].iter().any(|word| line.contains(word)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_store_is_refused() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let (status, log) = Gateway::fails(site.command("serve", &[])).await;
    assert!(!status.success(), "{status}");
    assert!(log.contains("in use"), "{log}");
    gateway.accept("one", "照常").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_a_newer_program_is_refused_without_a_write() {
    let (mut site, _) = killed_store().await;
    fold(&site.database());
    rusqlite::Connection::open(site.database()).unwrap().pragma_update(None, "user_version", 9999).unwrap();
    let before = fs::read(site.database()).unwrap();
    let (status, log) = Gateway::fails(site.command("serve", &[])).await;
    assert!(!status.success(), "{status}");
    assert!(log.contains("9999"), "{log}");
    assert!(fs::read(site.database()).unwrap() == before, "the file was changed");
}
