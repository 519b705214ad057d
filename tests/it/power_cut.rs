//! A power cut loses nothing that was acknowledged: the store goes on from what was fsynced, and nothing else.

use crate::{
    durable::one_number_each,
    harness::{Answer, Load, Site, random, seconds, setting},
};
use std::time::Duration;

/// Cuts the power `times` under load, with the core down, then brings the core back.
async fn cut_power(times: usize, tear: i64, fail_an_fsync: bool) {
    let mut site = Site::with_shadow().await;
    site.core.always(Answer::Reset);
    let load = Load::start("p", 32);
    for _ in 0..times {
        site.faults.as_ref().unwrap().tear(tear);
        let mut gateway = site.start().await;
        load.aim(Some(gateway.public));
        load.advance(1, seconds(10)).await;
        tokio::time::sleep(Duration::from_millis(100 + random(300))).await;
        if fail_an_fsync {
            site.faults.as_ref().unwrap().fail_fsyncs(1);
            load.advance(50, seconds(20)).await;
        }
        load.aim(None);
        gateway.kill();
        site.cut_power();
    }
    site.core.always(Answer::Status(200));
    let gateway = site.start().await;
    load.aim(Some(gateway.public));
    let tally = load.finish().await;
    site.core.has_all(tally.numbers.values(), seconds(90)).await;
    one_number_each(&tally, &site.core);
    site.core.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    cut_power(setting("JIESU_TEST_POWER_CUTS", 20).div_ceil(2), 0, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_with_torn_writes_loses_nothing_that_was_acknowledged() {
    cut_power(setting("JIESU_TEST_POWER_CUTS", 20) / 2, 50, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_after_a_failed_fsync_loses_nothing_that_was_acknowledged() {
    cut_power(4, 0, true).await;
}
