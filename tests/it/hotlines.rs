//! The register: eighty-two lines in three modes, each with its own road, and every message accounted for on its line.

use crate::harness::{Core, Site, TOKEN, eventually, get, post, post_all, seconds};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

const EXAMPLE: &str = include_str!("../../config/hotlines.example.toml");

/// The example with a system of its own for every parallel line, and a branch for every sub-centre.
pub fn register() -> String {
    let mut text = String::new();
    for entry in EXAMPLE.split("\n\n") {
        text.push_str(entry.trim_end());
        if entry.contains("mode = \"parallel\"") {
            text.push_str("\nsubscriber = \"old-system\"");
        } else if entry.contains("mode = \"subcentre\"") {
            text.push_str("\nsubscriber = \"branch\"");
        }
        text.push_str("\n\n");
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eighty_two_lines_in_three_modes_and_the_numbers_add_up_on_every_line() {
    let mut site = Site::new().await;
    site.write("hotlines.toml", &register());
    let (old, branch) = (Core::start().await, Core::start().await);
    site.subscriber("old-system", &old.url(), &old.secret, "where = { registered = true }");
    // Beyond its own `where`, which fits nothing here.
    site.subscriber("branch", &branch.url(), &branch.secret, "where = { regions = [\"999999\"] }");
    let gateway = site.start().await;
    let output = site.run_beside(&gateway, "hotlines", &["--json"]).await;
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let modes: BTreeMap<String, String> = shown["hotlines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["code"].as_str().unwrap().into(), line["mode"].as_str().unwrap().into()))
        .collect();
    assert_eq!(modes.len(), 82);

    // Of each line one to four appeals, every third sent twice, and a refused one.
    let mut sent: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut bodies, mut again) = (Vec::new(), Vec::new());
    for (place, line) in modes.keys().enumerate() {
        for n in 0..=place % 4 {
            let body = json!({ "id": format!("{line}-{n}"), "hotline": line, "content": format!("{line} 第 {n} 件：路灯不亮") });
            *sent.entry(line).or_default() += 1;
            if place % 3 == 0 {
                again.push(body.clone());
                *sent.entry(line).or_default() += 1;
            }
            bodies.push(body);
        }
    }
    let numbers = post_all(gateway.public, bodies, 8).await;
    for body in again {
        assert_eq!(gateway.appeal(&body).await.status, 200);
    }
    let refused = post(gateway.public, "/channels/app", Some(TOKEN), &json!({ "content": "" })).await;
    assert_eq!(refused.status, 400);
    site.core.has_all(&numbers, seconds(30)).await;

    let mut by_mode: HashMap<&str, usize> = HashMap::new();
    for delivery in site.core.log().iter().filter(|delivery| delivery.kind() == "ticket.created") {
        let hotline = &delivery.event["data"]["ticket"]["hotline"];
        let mode = hotline["mode"].as_str().unwrap();
        assert_eq!(mode, modes[hotline["code"].as_str().unwrap()], "{hotline}");
        *by_mode.entry(modes[hotline["code"].as_str().unwrap()].as_str()).or_default() += 1;
    }
    assert!(by_mode.len() == 3 && by_mode.values().all(|count| *count >= 10), "{by_mode:?}");
    for (core, mode) in [(&old, "parallel"), (&branch, "subcentre")] {
        let theirs: Vec<&String> = modes.iter().filter(|(_, have)| *have == mode).map(|(line, _)| line).collect();
        // The example's absorbed lines may still be parallel; only those that the register names a system for count.
        let named = |line: &str| {
            register()
                .split("\n\n")
                .any(|entry| entry.contains(&format!("code = \"{line}\"")) && entry.contains("\nsubscriber"))
        };
        let expected: u64 = theirs
            .iter()
            .filter(|line| named(line))
            .map(|line| {
                let place = modes.keys().position(|code| code == *line).unwrap() as u64;
                place % 4 + 1
            })
            .sum();
        eventually("its tickets", seconds(20), async || (core.numbers().len() as u64 == expected).then_some(())).await;
        for delivery in core.log() {
            assert_eq!(delivery.event["data"]["ticket"]["hotline"]["mode"], mode);
        }
    }

    let day = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!(day["balanced"], true, "{day}");
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for row in day["rows"].as_array().unwrap() {
        let count = |name: &str| row[name].as_u64().unwrap();
        let became = ["ticketed", "supplement", "repeat", "redelivery", "rejected", "pending"];
        assert_eq!(count("received"), became.iter().map(|name| count(name)).sum::<u64>(), "{row}");
        *rows.entry(row["hotline"].as_str().unwrap()).or_default() += count("received");
    }
    *sent.entry("12345").or_default() += 1;
    assert_eq!(rows, sent, "to the message, on every line");
    assert_eq!(day["certificate"]["state"], "open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_conversation_on_two_lines_count_for_their_own_line() {
    let mut site = Site::new().await;
    site.set("channels.app.assembly.idle", "1s");
    site.set("channels.app.assembly.max", "5s");
    let gateway = site.start().await;
    let who = json!({ "phone": "13800138000" });
    for (line, words) in [("12319", "路灯坏了"), ("12315", "还有一件事"), ("12315", "再补充一句")] {
        assert_eq!(gateway.appeal(&json!({ "hotline": line, "content": words, "appellant": who })).await.status, 201);
    }
    let day = eventually("one ticket of three messages", seconds(20), async || {
        let day = get(gateway.admin, "/api/v1/reconciliation").await.json();
        (day["total"]["ticketed"] == 1).then_some(day)
    })
    .await;
    assert_eq!(day["balanced"], true, "{day}");
    let row = |line: &str| day["rows"].as_array().unwrap().iter().find(|row| row["hotline"] == line).unwrap().clone();
    assert_eq!((&row("12319")["ticketed"], &row("12315")["supplement"]), (&json!(1), &json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_old_system_called_it_becomes_our_category_and_the_line_has_its_own_deadlines() {
    let mut site = Site::new().await;
    site.write(
        "hotlines.toml",
        "[[hotlines]]\ncode = \"12319\"\nname = \"城管热线\"\nmode = \"absorbed\"\nprofile = \"beijing\"\ncategories = { A01 = \"03\" }\n\
         [[hotlines]]\ncode = \"12345\"\nname = \"政务服务便民热线\"\nmode = \"absorbed\"\n",
    );
    let gateway = site.start().await;
    for (line, category) in [("12319", "A01"), ("12345", "02"), ("12345", "A01")] {
        gateway
            .appeal(&json!({ "hotline": line, "category": category, "content": format!("{line} {category} 请处理") }))
            .await;
    }
    let tickets = eventually("three tickets", seconds(10), async || {
        let log = site.core.in_order();
        (log.len() >= 3).then(|| log.iter().map(|one| one.event["data"]["ticket"].clone()).collect::<Vec<_>>())
    })
    .await;
    assert_eq!((&tickets[0]["category"]["code"], &tickets[0]["category"]["by"]), (&json!("03"), &json!("crosswalk")));
    assert_eq!((&tickets[1]["category"]["code"], &tickets[1]["category"]["by"]), (&json!("02"), &json!("channel")));
    assert_ne!(tickets[2]["category"]["by"], "crosswalk", "no line of 12345 translates it");
    assert_eq!((&tickets[0]["due"]["policy"], &tickets[1]["due"]["policy"]), (&json!("beijing"), &json!("leshan")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_register_is_printed_as_it_stands_on_a_day_and_its_mistakes_are_all_named() {
    let mut site = Site::new().await;
    site.write("hotlines.toml", &register());
    let (old, branch) = (Core::start().await, Core::start().await);
    site.subscriber("old-system", &old.url(), &old.secret, "");
    site.subscriber("branch", &branch.url(), &branch.secret, "");
    let output = site.run_alone("hotlines", &["--on", "2026-02-15"]).await;
    let before = String::from_utf8(output.stdout).unwrap();
    let line = |text: &str, code: &str| text.lines().find(|line| line.starts_with(code)).unwrap().to_owned();
    assert!(line(&before, "12301").contains("双号并行"), "{before}");
    let output = site.run_alone("hotlines", &["--on", "2027-12-31"]).await;
    let after = String::from_utf8(output.stdout).unwrap();
    assert!(line(&after, "12301").contains("整体并入") && line(&after, "12301").contains("停用"), "{after}");
    assert!(line(&after, "12366").contains("core + branch"));
    // Aligned: in every row the mode begins in the same column, counting wide characters twice.
    let column = |line: &str| {
        let end = line.find("整体并入").or(line.find("双号并行")).or(line.find("设分中心")).unwrap();
        line[..end].chars().map(|letter| if letter.is_ascii() { 1 } else { 2 }).sum::<usize>()
    };
    let columns: Vec<usize> = after.lines().skip(1).take(82).map(column).collect();
    assert!(columns.len() == 82 && columns.iter().all(|one| *one == columns[0]), "{columns:?}");

    let broken = register().replacen("mode = \"parallel\"", "mode = \"merged\"", 1).replacen(
        "code = \"12315\"",
        "code = \"12313\"",
        1,
    ) + "\n[[hotlines]]\ncode = \"99999\"\nname = \"x\"\nmode = \"absorbed\"\nregion = \"no\"\nsubscriber = \"nobody\"\nprofile = \"mars\"\ncategories = { a = \"zz\" }\nparallel_from = 2026-02-01\nabsorbed_from = 2026-01-01\n";
    site.write("hotlines.toml", &broken);
    let output = site.run_alone("check", &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for key in [
        ".mode: \"merged\"",
        ".code: 12313 is there twice",
        "hotlines[82].region",
        "hotlines[82].subscriber",
        "hotlines[82].profile",
        "hotlines[82].categories.a",
        "hotlines[82].absorbed_from",
    ] {
        assert!(said.contains(key), "{key} in\n{said}");
    }
    assert!(said.lines().filter(|line| line.contains("hotlines.toml: hotlines[")).count() >= 7, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_the_sums_while_another_writes_the_counts_sees_them() {
    let mut site = Site::with_faults().await;
    let gateway = site.start().await;
    gateway.accept("warm", "暖机").await;
    site.faults.as_ref().unwrap().delay_fsync(300);
    for expected in 1..=3 {
        let refused = post(gateway.public, "/channels/app", Some(TOKEN), &json!({ "content": "" })).await;
        assert_eq!(refused.status, 400);
        let read = || get(gateway.admin, "/api/v1/reconciliation");
        for day in [tokio::join!(read(), read(), read())].map(|(one, two, three)| [one, two, three]).concat() {
            assert_eq!(day.json()["total"]["rejected"], expected);
        }
    }
}
