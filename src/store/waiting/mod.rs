//! When a message that waits for others goes on: the same in every home of the store, which only keeps what these say.

pub(super) mod contacts;
pub(super) mod pieces;
pub(super) mod talk;

use std::time::Duration;

/// `due` of what need not wait any more: before all others that have waited, however many they are.
pub(super) const FIRST: i64 = 1;
/// `due` of what comes after its others: they may have their ticket already.
pub(super) const LATE: i64 = -1;

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
