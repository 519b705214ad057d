//! Every message is exactly one appeal, whatever happens to links, processes and disks.

use super::{
    IMMEDIATE,
    carrier::{Carrier, ids},
    citizens::{mo, parts, shuffled, ucs2},
    configured, patience, site, tickets,
    wire::Mo,
};
use crate::harness::{Gateway, Site, eventually, get, seconds, setting, until};
use encoding_rs::GB18030;
use std::{collections::HashMap, time::Duration};

/// So many messages of as many citizens, some of them long, in several alphabets: the texts, and their parts.
fn crowd(carrier: &Carrier, count: usize) -> (Vec<String>, Vec<Mo>) {
    let (mut texts, mut all) = (Vec::new(), Vec::new());
    for index in 0..count {
        let from = format!("138{index:08}");
        let long = match index % 10 {
            3 | 6 => "😀路灯不亮".repeat(20 + index % 17),
            // An odd number of bytes before characters of two and four.
            9 => format!("a{}", "井盖丢失🀄".repeat(15 + index % 11)),
            _ => String::new(),
        };
        let text = format!("第{index}件：路灯坏了{long}");
        all.extend(match index % 10 {
            9 => parts(carrier, &from, 15, &GB18030.encode(&text).0, index as u8),
            _ => ucs2(carrier, &from, &text, index as u8),
        });
        texts.push(text);
    }
    (texts, all)
}

/// Each text is the content of exactly one ticket.
async fn one_each(gateway: &Gateway, texts: &[String]) {
    let tickets = tickets(gateway, texts.len()).await;
    let mut found: HashMap<&str, usize> = HashMap::new();
    tickets.iter().for_each(|ticket| *found.entry(ticket["content"].as_str().unwrap()).or_default() += 1);
    let wrong: Vec<_> = texts.iter().filter(|text| found.get(text.as_str()) != Some(&1)).collect();
    assert!(wrong.is_empty() && found.len() == texts.len(), "{} of {}: {wrong:#?}", wrong.len(), found.len());
}

async fn all_answered(carrier: &Carrier, messages: &[Mo]) {
    until("an answer to every delivery", patience(messages.len()) * 3, || {
        let state = carrier.state();
        messages.iter().all(|mo| state.answered.contains_key(&mo.id)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_messages_shuffled_repeated_and_cut_is_one_appeal_each() {
    for v3 in [false, true] {
        let carrier = Carrier::start(v3).await;
        let mut site = site(&carrier, IMMEDIATE).await;
        site.set("channels.sms.links", 3);
        site.set("channels.sms.receipts", false);
        let (texts, all) = crowd(&carrier, setting("JIESU_TEST_MESSAGES", 800) / 2);
        let again: Vec<Mo> = all.iter().step_by(5).cloned().collect();
        let gateway = site.start().await;
        carrier.deliver(shuffled([all.clone(), again].concat(), 7));
        for _ in 0..setting("JIESU_TEST_CUTS", 10) {
            tokio::time::sleep(Duration::from_millis(60)).await;
            carrier.cut();
        }
        all_answered(&carrier, &all).await;
        one_each(&gateway, &texts).await;
        carrier.verify();
        assert!(carrier.state().log_ins > 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kills_and_power_cuts() {
    let carrier = Carrier::start(true).await;
    let mut site = configured(Site::with_shadow().await, &carrier, IMMEDIATE);
    site.set("channels.sms.receipts", false);
    let (texts, all) = crowd(&carrier, setting("JIESU_TEST_MESSAGES", 800) * 3 / 8);
    carrier.deliver(shuffled(all.clone(), 11));
    let kills = setting("JIESU_TEST_KILLS", 4);
    for round in 0..kills {
        let mut gateway = site.start().await;
        let enough = all.len() * (round + 1) / (2 * kills);
        until("progress", patience(all.len()), || (carrier.state().answered.len() > enough).then_some(())).await;
        gateway.kill();
        // Nothing but what was fsynced is left.
        site.cut_power();
    }
    let gateway = site.start().await;
    all_answered(&carrier, &all).await;
    one_each(&gateway, &texts).await;
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_that_the_disk_does_not_have_and_everything_once_it_can() {
    let carrier = Carrier::start(true).await;
    let mut site = configured(Site::with_faults().await, &carrier, IMMEDIATE);
    site.set("channels.sms.receipts", false);
    // Less than a message is offered to the store meanwhile: beyond it a citizen's messages would be one ticket.
    site.set("limits.per_citizen", "4/m");
    let gateway = site.start().await;
    until("the log-in", seconds(10), || (carrier.state().log_ins > 0).then_some(())).await;
    let faults = site.faults.as_ref().unwrap();
    faults.fail_fsyncs(-1);
    let (mut texts, mut all) = crowd(&carrier, 60);
    for words in ["井盖丢了", "小区停水"] {
        all.insert(0, ucs2(&carrier, "13900000001", words, 0).remove(0));
        texts.push(words.into());
    }
    carrier.deliver(all.clone());
    until("failing writes", seconds(20), || (faults.fsyncs_failed() > 4).then_some(())).await;
    assert!(carrier.state().answered.is_empty(), "no answer before the disk");
    faults.fail_fsyncs(0);
    all_answered(&carrier, &all).await;
    one_each(&gateway, &texts).await;
    carrier.verify();
    assert_eq!(carrier.state().log_ins, 1, "the link was never given up");
    assert!(carrier.state().answered.values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_is_waited_for_and_nothing_is_sent_twice() {
    let carrier = Carrier::start(true).await;
    let mut site = configured(Site::with_faults().await, &carrier, IMMEDIATE);
    site.set("channels.sms.receipts", false);
    let gateway = site.start().await;
    site.faults.as_ref().unwrap().delay_fsync(1_200);
    let (texts, all) = crowd(&carrier, 5);
    carrier.deliver(all.clone());
    let begun = std::time::Instant::now();
    all_answered(&carrier, &all).await;
    assert!(begun.elapsed() > seconds(1), "no answer before the disk");
    site.faults.as_ref().unwrap().delay_fsync(0);
    one_each(&gateway, &texts).await;
    assert!(carrier.state().answered.values().all(|times| *times == 1));
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_costs_a_link_and_nothing_else() {
    let carrier = Carrier::start(false).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    site.set("channels.sms.receipts", false);
    let gateway = site.start().await;
    let garbage: [&[u8]; 5] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0xFF; 64],
        &[0, 0, 0, 12, 0x80, 0, 0, 4, 0, 0, 0, 1],
        &[0, 0, 0, 13, 0, 0, 0, 5, 0, 0, 0, 1, 9],
        // Of a right length, and nothing in it that makes sense: kept for an operator to see.
        &[0, 0, 0, 20, 0, 0, 0, 5, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    for (round, bytes) in garbage.into_iter().enumerate() {
        carrier.spoil(bytes.to_vec());
        let message = mo(&carrier, &format!("1390000000{round}"), 0, format!("matter {round}").into_bytes(), false);
        carrier.deliver([message.clone()]);
        all_answered(&carrier, &[message]).await;
    }
    assert_eq!(tickets(&gateway, 5).await.len(), 5);
    let kept = get(gateway.admin, "/api/v1/quarantine").await;
    assert!(kept.text().contains("DELIVER"), "{}", kept.text());
    assert_eq!(ids(&[]).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hotline_by_its_extension_a_number_in_one_spelling_and_every_alphabet() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    let gateway = site.start().await;
    let mut said = Vec::new();
    for (index, (from, to, format, text)) in [
        ("8613800000001", "1065712345", 0, b"help".to_vec()),
        ("+8613800000002", "106571234501", 8, vec![0x8D, 0xEF, 0x70, 0x6F]),
        ("13800000003", "10657123450123", 15, vec![0xC2, 0xB7, 0xB5, 0xC6]),
        ("008613800000004", "1065712345", 25, vec![0xC2, 0xB7, 0xB5, 0xC6]),
        ("10086", "1065712345", 3, b"you have won".to_vec()),
        ("13800000006", "1065712345", 4, vec![1, 2, 3, 0xFF]),
    ]
    .into_iter()
    .enumerate()
    {
        let message = Mo { to: to.into(), ..mo(&carrier, from, format, text, false) };
        said.push(message.clone());
        carrier.deliver([message]);
        tickets(&gateway, index + 1).await;
    }
    let tickets = tickets(&gateway, said.len()).await;
    let of = |index: usize, field: &str| tickets[index].pointer(field).unwrap().as_str().unwrap().to_owned();
    let phones: Vec<String> = (0..6).map(|index| of(index, "/appellant/phone")).collect();
    let citizens: Vec<String> = (1..=4).map(|index| format!("+861380000000{index}")).collect();
    assert_eq!(phones[..4], citizens);
    assert_eq!(phones[4], "10086");
    let hotlines: Vec<String> = (0..3).map(|index| of(index, "/hotline/code")).collect();
    assert_eq!(hotlines, ["12345", "12319", "12315"]);
    let contents: Vec<String> = (0..5).map(|index| of(index, "/content")).collect();
    assert_eq!(contents, ["help", "路灯", "路灯", "路灯", "you have won"]);
    assert_eq!(tickets[5]["attachments"][0]["bytes"], 4, "bytes that are no text are a file");
    // Receipts went to citizens, from the code that they wrote to, and to nobody else.
    until("five receipts", seconds(10), || (carrier.said().len() >= 5).then_some(())).await;
    let told: Vec<(String, String)> = carrier.said().into_iter().map(|(to, from, _)| (to, from)).collect();
    let numbers = ["13800000001", "13800000002", "13800000003", "13800000004", "13800000006"];
    let codes = ["1065712345", "106571234501", "10657123450123", "1065712345", "1065712345"];
    let mut expected: Vec<(String, String)> =
        numbers.iter().zip(codes).map(|(number, code)| ((*number).to_owned(), code.to_owned())).collect();
    let mut told_sorted = told.clone();
    told_sorted.sort();
    expected.sort();
    assert_eq!(told_sorted, expected);
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_are_answered_and_leave_is_taken() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    let mut gateway = site.start().await;
    until("heartbeats", seconds(10), || (carrier.state().pongs > 1).then_some(())).await;
    gateway.terminate();
    assert!(gateway.ended(seconds(10)).await.success());
    assert_eq!(carrier.state().farewells, 1);
    let check = site.command("check", &["--connect"]);
    let (status, log) = Gateway::fails(check).await;
    assert!(status.success(), "{log}");
    site.set("channels.sms.password", "wrong");
    let check = site.command("check", &["--connect"]);
    let (status, log) = Gateway::fails(check).await;
    assert!(status.code() == Some(2) && log.contains("channels.sms") && log.contains("status 3"), "{log}");
    // The log names neither secrets nor citizens.
    assert!(!log.contains("the-secret-of"));
    eventually("nothing", seconds(1), async || Some(())).await;
}
