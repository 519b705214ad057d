//! Waiting for something to be so, instead of sleeping and hoping.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `check` gives something; panics with `what` when it does not `within` the time.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut check: impl FnMut() -> Option<T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        loop {
            if let Some(value) = check() {
                return value;
            }
            assert!(start.elapsed() < within, "{caller}: not within {within:?}: {what}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The same with a check that itself waits (a request).
pub async fn eventually<T>(what: &str, within: Duration, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(PAUSE * 4).await;
    }
}
