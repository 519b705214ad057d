//! The worker against a scripted transport, real sockets, and the stores.

// Guards are dropped by name before each await, which the lint does not see.
#![allow(clippy::await_holding_lock)]

mod fake;
mod http;
mod pool;
mod sockets;
mod sqlite;
mod tls;
mod worker;

use crate::{number::Number, store::Sequence};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// Waits until `holds`; fails after 10 s.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future).await.expect("in 10 s")
}

fn number(ticket: u32) -> Number {
    Number { day: 20_261_122, sequence: ticket }
}

fn body(sequence: i64) -> String {
    format!(
        r#"{{"id":"ev_{sequence}","data":{{"ticket":{{"appellant":{{"phone":"13800138000"}},"hotline":{{"code":"12345"}}}}}}}}"#
    )
}

fn sequence_of(id: &str) -> Sequence {
    Sequence(id.trim_start_matches("ev_").parse().unwrap())
}
