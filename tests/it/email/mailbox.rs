//! A mailbox at a provider: nothing is lost and nothing comes twice, whatever becomes of the session, the server, the
//! folder and the gateway, and whoever else reads the mailbox.

use super::{dovecot::Dovecot, log_is_clean, mail, settled, wait_for};
use crate::harness::{Site, eventually, get, random, seconds, setting, until};
use std::{collections::HashMap, time::Instant};

async fn site(dovecot: &Dovecot, processed: Option<&str>) -> Site {
    let mut site = Site::new().await;
    dovecot.configure(&mut site, processed);
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_that_somebody_has_read_already_is_taken_and_moved_and_new_mail_comes_at_once() {
    let dovecot = Dovecot::start().await;
    let mut site = site(&dovecot, Some("已处理")).await;
    dovecot.deliver("read", &mail("a@citizen.example", "read", "路灯", "路灯坏了"), true);
    let gateway = site.start().await;
    let ticket = wait_for(&gateway, "ticket.created", 1).await.remove(0)["data"]["ticket"].clone();
    assert_eq!((&ticket["title"], &ticket["content"]), (&"路灯".into(), &"路灯坏了".into()));
    assert_eq!(ticket["appellant"]["email"], "a@citizen.example");
    until("the move", seconds(5), || (dovecot.count("") == 0).then_some(())).await;
    let moved = dovecot.count("&XfJZBHQG-");
    assert_eq!(moved, 1, "in the folder 已处理, as IMAP writes it");
    // The session is idle by now: the server tells of it, nobody asks.
    let start = Instant::now();
    dovecot.deliver("new", &mail("b@citizen.example", "new", "井盖", "井盖丢了"), false);
    wait_for(&gateway, "ticket.created", 2).await;
    assert!(start.elapsed() < seconds(10), "{:?}", start.elapsed());
    log_is_clean(&gateway, &["citizen.example", "路灯", "井盖", "王小明", "the-code-of"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_that_stays_is_marked_and_a_restored_mailbox_makes_no_second_ticket() {
    let dovecot = Dovecot::start().await;
    let mut site = site(&dovecot, None).await;
    for number in 0..5 {
        dovecot.deliver(&format!("m{number}"), &mail("a@citizen.example", &number.to_string(), "路灯", "坏了"), false);
    }
    let mut gateway = site.start().await;
    wait_for(&gateway, "ticket.created", 5).await;
    assert_eq!(dovecot.count(""), 5, "they stay");
    // Once the last batch is marked, a new session sees nothing new.
    let marked = || std::fs::read_to_string(dovecot.maildir().join("dovecot-keywords")).is_ok();
    until("the keyword", seconds(5), || marked().then_some(())).await;
    gateway.terminate();
    gateway.ended(seconds(10)).await;
    let gateway = site.start().await;
    dovecot.deliver("after", &mail("a@citizen.example", "after", "井盖", "丢了"), false);
    wait_for(&gateway, "ticket.created", 6).await;
    let before = settled(&gateway).await;
    assert_eq!((&before["received"], &before["redelivery"]), (&6.into(), &0.into()), "{before}");

    dovecot.forget_uids();
    dovecot.deliver("last", &mail("a@citizen.example", "last", "垃圾", "没人清运"), false);
    wait_for(&gateway, "ticket.created", 7).await;
    let sums = eventually("all of them again, as redeliveries", seconds(20), async || {
        let sums = settled(&gateway).await;
        (sums["redelivery"] == 6).then_some(sums)
    })
    .await;
    assert_eq!(sums["ticketed"], 7, "{sums}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_can_neither_move_nor_wait_is_enough() {
    let dovecot = Dovecot::with("imap_capability = IMAP4rev1 UIDPLUS LITERAL+").await;
    let mut site = site(&dovecot, Some("Done")).await;
    dovecot.deliver("first", &mail("a@citizen.example", "first", "路灯", "坏了"), false);
    let gateway = site.start().await;
    wait_for(&gateway, "ticket.created", 1).await;
    let marked = || std::fs::read_to_string(dovecot.maildir().join("dovecot-keywords"));
    until("the keyword", seconds(5), || marked().ok().filter(|known| known.contains("$JiesuStored"))).await;
    assert_eq!((dovecot.count(""), dovecot.count("Done")), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_mail_that_is_too_large_the_beginning_is_taken() {
    let dovecot = Dovecot::start().await;
    let mut site = site(&dovecot, Some("Done")).await;
    site.set("channels.mail.max_size", "64KiB");
    let words = format!("路灯坏了。\r\n{}", "很长很长\r\n".repeat(20_000));
    dovecot.deliver("large", &mail("a@citizen.example", "large", "路灯", &words), false);
    dovecot.deliver("small", &mail("a@citizen.example", "small", "井盖", "丢了"), false);
    let gateway = site.start().await;
    let tickets = wait_for(&gateway, "ticket.created", 2).await;
    let large = &tickets.iter().find(|event| event["data"]["ticket"]["title"] == "路灯").unwrap()["data"]["ticket"];
    assert!(large["content"].as_str().unwrap().starts_with("路灯坏了。\n很长很长\n"));
    assert_eq!(large["flags"], serde_json::json!(["incomplete"]));
    until("the move", seconds(5), || (dovecot.count("Done") == 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_logs_in_and_says_what_is_wrong_and_takes_nothing() {
    let dovecot = Dovecot::start().await;
    let mut site = site(&dovecot, Some("Done")).await;
    dovecot.deliver("first", &mail("a@citizen.example", "first", "路灯", "坏了"), false);
    let checked = |site: &mut Site| {
        let output = site.command("check", &["--connect"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = tokio::task::block_in_place(|| checked(&mut site));
    assert!(code == Some(0) && said.contains("channels.mail: ok"), "{said}");
    site.set("channels.mail.folder", "没有这个文件夹");
    let (code, said) = tokio::task::block_in_place(|| checked(&mut site));
    assert!(code == Some(2) && said.contains("没有这个文件夹"), "{said}");
    site.set("channels.mail.password", "wrong");
    let (code, said) = tokio::task::block_in_place(|| checked(&mut site));
    assert!(code == Some(2) && said.contains("授权码") && !said.contains("wrong"), "{said}");
    assert_eq!((dovecot.count(""), dovecot.count("Done")), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_move_loses_nothing_and_repeats_nothing() {
    let dovecot = Dovecot::start().await;
    let mut site = site(&dovecot, Some("Done")).await;
    dovecot.deliver("first", &mail("a@citizen.example", "first", "路灯", "坏了"), false);
    // Where the folder would be is a file.
    std::fs::write(dovecot.maildir().join(".Done"), "").unwrap();
    let gateway = site.start().await;
    wait_for(&gateway, "ticket.created", 1).await;
    until("the warning", seconds(10), || gateway.log().contains("it is marked instead").then_some(())).await;
    dovecot.deliver("second", &mail("a@citizen.example", "second", "井盖", "丢了"), false);
    wait_for(&gateway, "ticket.created", 2).await;
    assert_eq!(dovecot.count(""), 2);
    let sums = settled(&gateway).await;
    assert_eq!((&sums["received"], &sums["redelivery"]), (&2.into(), &0.into()), "{sums}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mail_is_one_appeal_though_sessions_are_kicked_and_the_gateway_is_killed() {
    let (mails, kicks, kills) =
        (setting("JIESU_TEST_MAILS", 400), setting("JIESU_TEST_KICKS", 10), setting("JIESU_TEST_MAIL_KILLS", 3));
    let dovecot = Dovecot::start().await;
    let mut site = site(&dovecot, Some("Done")).await;
    let name = |number: usize| format!("第 {number} 号");
    let deliver = |from: usize, to: usize| {
        for number in from..to {
            let words = format!("{}路灯坏了", name(number));
            dovecot.deliver(
                &format!("m{number:05}"),
                &mail("a@citizen.example", &format!("k{number}"), "路灯", &words),
                false,
            );
        }
    };
    let mut gateway = site.start().await;
    let rounds = kicks + kills;
    for round in 0..rounds {
        deliver(mails * round / rounds, mails * (round + 1) / rounds);
        tokio::time::sleep(std::time::Duration::from_millis(random(400))).await;
        // The kills are spread among the kicks.
        if (round + 1) * kills / rounds > round * kills / rounds {
            gateway.kill();
            gateway = site.start().await;
        } else {
            dovecot.kick();
        }
    }
    // The rest comes without hindrance.
    eventually("an empty inbox", seconds(90), async || (dovecot.count("") == 0).then_some(())).await;
    let sums = eventually("a ticket each", seconds(60), async || {
        let sums = settled(&gateway).await;
        (sums["ticketed"] == mails).then_some(sums)
    })
    .await;
    let mut tickets: HashMap<String, usize> = HashMap::new();
    for event in super::events(&gateway, "ticket.created").await {
        *tickets.entry(event["data"]["ticket"]["content"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(tickets.len(), mails, "{sums}");
    assert!(tickets.values().all(|times| *times == 1), "{sums}");
    assert_eq!(dovecot.count("Done"), mails);
    assert_eq!(get(gateway.admin, "/readyz").await.status, 200);
}
