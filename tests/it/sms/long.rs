//! Long messages: put together from the store, with visible gaps where a part never came.

use super::{
    IMMEDIATE,
    carrier::Carrier,
    citizens::{mo, ucs2},
    site, ticket, tickets,
};
use crate::harness::{eventually, get, seconds, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_in_pieces_counts_once_for_its_citizens_limit() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    site.set("limits.per_citizen", "3/m");
    site.set("channels.sms.receipts", false);
    let gateway = site.start().await;
    // Six parts, and two messages: all within the limit, so nothing is put together.
    carrier.deliver(ucs2(&carrier, "13800000001", &"路".repeat(400), 7));
    let whole = until("all parts", seconds(10), || (carrier.state().answered.len() == 6).then_some(()));
    whole.await;
    carrier.deliver(ucs2(&carrier, "13800000001", "井盖丢了", 0));
    carrier.deliver(ucs2(&carrier, "13800000001", "小区停水", 0));
    assert_eq!(tickets(&gateway, 3).await.len(), 3);
    assert!(!get(gateway.admin, "/metrics").await.text().lines().any(|line| {
        line.starts_with("jiesu_collapsed_total") && line.contains("\"sms\"") && !line.ends_with(" 0")
    }));
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_came_is_a_visible_gap_and_what_comes_late_an_addition() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    site.set("channels.sms.wait_for_parts", "1s");
    site.set("channels.sms.receipts", false);
    let gateway = site.start().await;
    let text = format!("{}{}{}", "一".repeat(67), "二".repeat(67), "三".repeat(20));
    let parts = ucs2(&carrier, "13800000001", &text, 77);
    carrier.deliver([parts[2].clone(), parts[0].clone()]);
    let created = tickets(&gateway, 1).await.remove(0);
    assert_eq!(created["content"], format!("{}[缺失第2/3段]{}", "一".repeat(67), "三".repeat(20)));
    carrier.deliver([parts[1].clone()]);
    let added = eventually("the addition", seconds(10), async || {
        let ticket = ticket(&gateway, &created["number"]).await;
        ticket["content"].as_str().is_some_and(|content| content.contains('二')).then_some(ticket)
    });
    assert!(added.await["content"].as_str().unwrap().ends_with(&format!("[第2/3段]{}", "二".repeat(67))));
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_used_again_is_another_message() {
    let carrier = Carrier::start(false).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    site.set("channels.sms.receipts", false);
    let gateway = site.start().await;
    let texts = ["甲", "乙"].map(|sign| sign.repeat(100));
    // The first one's second part is lost for good; the second one uses the same reference.
    let (first, second) = (ucs2(&carrier, "13800000001", &texts[0], 9), ucs2(&carrier, "13800000001", &texts[1], 9));
    carrier.deliver([first[0].clone()]);
    carrier.deliver(second);
    let contents: Vec<String> =
        tickets(&gateway, 2).await.iter().map(|ticket| ticket["content"].as_str().unwrap().to_owned()).collect();
    assert!(contents.contains(&texts[1]), "{contents:?}");
    assert!(contents.contains(&format!("{}[缺失第2/2段]", "甲".repeat(67))), "{contents:?}");
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_a_minute_long_and_short_messages_of_a_citizen_are_one_matter() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, "{ idle = \"1s\", max = \"20s\" }").await;
    let gateway = site.start().await;
    let long = "嘉州大道的路灯".repeat(20);
    let parts = ucs2(&carrier, "13800000001", &long, 5);
    carrier.deliver([parts[1].clone(), parts[0].clone()]);
    carrier.deliver([mo(&carrier, "13800000001", 0, b"No. 123".to_vec(), false)]);
    // Longer than the window, but not longer than its end: the last part is waited for.
    tokio::time::sleep(seconds(2)).await;
    carrier.deliver([parts[2].clone()]);
    let ticket = tickets(&gateway, 1).await.remove(0);
    assert_eq!(ticket["content"], format!("{long}\nNo. 123"));
    let receipts = carrier.said();
    assert_eq!(receipts.len(), 1, "one number, said once: {receipts:?}");
    assert!(receipts[0].2.contains(ticket["number"].as_str().unwrap()));
    carrier.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_urgent_goes_when_its_last_part_is_there_and_an_end_ends_the_waiting() {
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, "{ idle = \"100s\", max = \"600s\" }").await;
    site.set("channels.sms.wait_for_parts", "100s");
    let gateway = site.start().await;
    let urgent = format!("滨江花园小区三楼着火了，{}", "请快一点来人。".repeat(12));
    let parts = ucs2(&carrier, "13800000001", &urgent, 5);
    carrier.deliver([parts[0].clone(), parts[1].clone()]);
    assert_eq!(tickets(&gateway, 1).await[0]["content"], urgent.as_str());
    carrier.deliver(ucs2(&carrier, "13800000002", "嘉州大道的路灯坏了", 6));
    carrier.deliver(ucs2(&carrier, "13800000002", "完毕", 7));
    assert_eq!(tickets(&gateway, 2).await[1]["content"], "嘉州大道的路灯坏了");
    // The word itself is cut in two.
    let urgent = format!("{:路<66}着火了，快来人", "滨江花园小区三楼");
    let parts = ucs2(&carrier, "13800000003", &urgent, 8);
    carrier.deliver([parts[1].clone(), parts[0].clone()]);
    assert_eq!(tickets(&gateway, 3).await[2]["content"], urgent.as_str());
    carrier.verify();
}
