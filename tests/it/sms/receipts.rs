//! Receipts (受理回执): stored together with the message, said once, whatever happens to the gateway.

use super::{
    IMMEDIATE,
    carrier::{Answer, Carrier},
    citizens::mo,
    site,
    wire::Mo,
};
use crate::harness::{Site, seconds, until};
use std::collections::HashMap;

/// Each receipt in the outbox: to whom, and where it stands.
fn outbox(site: &Site) -> Vec<(String, String)> {
    let store = rusqlite::Connection::open(site.database()).unwrap();
    let mut rows = store.prepare("SELECT recipient, state FROM reply WHERE name = 'receipt'").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_each_receipt_is_said_once_or_unknown_and_never_twice() {
    const CITIZENS: usize = 100;
    let carrier = Carrier::start(true).await;
    carrier.script(|_, before| if before < 10 { Answer::Result(0) } else { Answer::Silence });
    let mut site = site(&carrier, IMMEDIATE).await;
    let mut gateway = site.start().await;
    let phone = |index: usize| format!("138{index:08}");
    let appeals: Vec<Mo> = (0..CITIZENS).map(|index| mo(&carrier, &phone(index), 0, b"lamp".to_vec(), false)).collect();
    carrier.deliver(appeals);
    // All are taken, some receipts are out, some are on the wire, some wait.
    until("a full window", seconds(20), || {
        let state = carrier.state();
        (state.answered.len() == CITIZENS && state.submitted.len() == 26).then_some(())
    })
    .await;
    gateway.kill();
    let reporting = carrier.clone();
    carrier.script(|_, _| Answer::Result(0));
    carrier.report(move |mt, id| vec![Mo::report(reporting.next_id(), id, "DELIVRD", &mt.to, true)]);
    let _gateway = site.start().await;
    let settled = until("the end of all receipts", seconds(30), || {
        let receipts = outbox(&site);
        let open = |state: &str| state == "pending" || state == "sending";
        (receipts.len() == CITIZENS && !receipts.iter().any(|(_, state)| open(state))).then_some(receipts)
    })
    .await;
    let mut said: HashMap<String, usize> = HashMap::new();
    carrier.said().into_iter().for_each(|(to, ..)| *said.entry(to).or_default() += 1);
    let mut states: HashMap<String, usize> = HashMap::new();
    for (recipient, state) in settled {
        let times = said.get(recipient.trim_start_matches("+86")).copied().unwrap_or_default();
        match state.as_str() {
            // Killed while it was under way: nobody knows.
            "unknown" => assert!(times <= 1, "{times} times"),
            _ => assert_eq!(times, 1, "{state}"),
        }
        *states.entry(state).or_default() += 1;
    }
    assert!(states["unknown"] >= 16, "those on the wire: {states:?}");
    // Those that waited are said after the restart, and their fate is reported as any answer's is.
    until("their fate", seconds(20), || outbox(&site).iter().any(|(_, state)| state == "delivered").then_some(()))
        .await;
    carrier.verify();
}
