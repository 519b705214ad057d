//! Parts whose others never come: they cost room on the disk, and neither memory nor anybody else's time.

use super::{
    IMMEDIATE,
    carrier::Carrier,
    citizens::{mo, ucs2},
    site,
};
use crate::{
    harness::{Gateway, eventually, seconds, setting, until},
    wechat::feed,
};
use std::time::Instant;

/// The first parts of messages of so many citizens, from the `first` on.
async fn orphans(carrier: &Carrier, first: usize, count: usize) {
    let text = "路".repeat(100);
    for chunk in (first..first + count).collect::<Vec<_>>().chunks(1_000) {
        let parts = chunk.iter().map(|index| ucs2(carrier, &format!("139{index:08}"), &text, *index as u8).remove(0));
        let before = carrier.state().answered.len();
        carrier.deliver(parts.collect::<Vec<_>>());
        until("answers", seconds(60), || (carrier.state().answered.len() >= before + chunk.len()).then_some(())).await;
    }
}

async fn one_ticket(carrier: &Carrier, gateway: &Gateway, text: &str) {
    carrier.deliver([mo(carrier, "13800000001", 0, text.as_bytes().to_vec(), false)]);
    eventually("its ticket", seconds(20), async || {
        feed(gateway).await.iter().any(|event| event["data"]["ticket"]["content"] == text).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_leave_the_memory_flat_and_the_line_open() {
    let count = setting("JIESU_TEST_ORPHANS", 3_000);
    let carrier = Carrier::start(true).await;
    let mut site = site(&carrier, IMMEDIATE).await;
    site.set("channels.sms.receipts", false);
    let gateway = site.start().await;
    orphans(&carrier, 0, count / 3).await;
    one_ticket(&carrier, &gateway, "before").await;
    let before = gateway.memory();
    orphans(&carrier, count / 3, count * 2 / 3).await;
    let asked = Instant::now();
    one_ticket(&carrier, &gateway, "after").await;
    let (grown, waited) = (gateway.memory().saturating_sub(before), asked.elapsed());
    eprintln!("{count} orphans: {} KiB more, a ticket after {waited:?}", grown >> 10);
    assert!(grown < 48 << 20, "{grown} bytes more");
    assert!(waited < seconds(5), "{waited:?}");
}
