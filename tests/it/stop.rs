//! SIGTERM ends the gateway cleanly: nobody is cut off, nothing is sent again.

use crate::{
    durable::one_number_each,
    harness::{Load, Site, random, seconds, setting},
};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_is_clean_every_time() {
    let mut site = Site::new().await;
    let load = Load::start("s", 32);
    for round in 0..setting("JIESU_TEST_STOPS", 20) {
        let mut gateway = site.start().await;
        load.aim(Some(gateway.public));
        load.advance(20, seconds(10)).await;
        tokio::time::sleep(Duration::from_millis(random(300))).await;
        let from = Instant::now();
        gateway.terminate();
        load.aim(None);
        let status = gateway.ended(seconds(11)).await;
        assert_eq!(status.code(), Some(0), "round {round}");
        assert!(from.elapsed() < seconds(10), "round {round} took {:?}", from.elapsed());
        let cut = load.tally().cut;
        assert!(cut.is_empty(), "round {round}: {} cut off without having been told: {:?}", cut.len(), cut[0]);
    }
    let gateway = site.start().await;
    load.aim(Some(gateway.public));
    let tally = load.finish().await;
    site.core.has_all(tally.numbers.values(), seconds(60)).await;
    one_number_each(&tally, &site.core);
    let again: Vec<_> = site.core.verify().into_iter().filter(|(_, times)| *times > 1).collect();
    assert!(again.is_empty(), "{} events were sent again after a clean stop", again.len());
    let odd: Vec<_> = tally.statuses.iter().filter(|(status, _)| ![200, 201, 503].contains(*status)).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_gateway_stops_at_once() {
    let mut site = Site::new().await;
    let mut gateway = site.start().await;
    gateway.accept("one", "一条").await;
    let from = Instant::now();
    gateway.terminate();
    assert_eq!(gateway.ended(seconds(5)).await.code(), Some(0));
    assert!(from.elapsed() < seconds(2), "{:?}", from.elapsed());
}
