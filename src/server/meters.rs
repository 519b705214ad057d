//! What the listener counts.

use http::StatusCode;
use metrics::{Counter, Gauge, counter, gauge};
use std::sync::OnceLock;

/// The handles of one listener, looked up once each: counting a request is one atomic addition.
pub(super) struct Meters {
    listener: &'static str,
    connections: Gauge,
    requests: Box<[OnceLock<Counter>]>,
}

/// Lowest status code, and how many there are.
const STATUSES: std::ops::Range<u16> = 100..600;

impl Meters {
    pub fn new(listener: &'static str) -> Self {
        Self {
            listener,
            connections: gauge!("jiesu_http_connections", "listener" => listener),
            requests: STATUSES.map(|_| OnceLock::new()).collect(),
        }
    }

    /// Counts an answer.
    pub fn answered(&self, status: StatusCode) {
        let code = status.as_u16();
        if let Some(slot) = self.requests.get(usize::from(code.saturating_sub(STATUSES.start))) {
            slot.get_or_init(
                || counter!("jiesu_http_requests_total", "listener" => self.listener, "status" => code.to_string()),
            )
            .increment(1);
        }
    }

    /// Counts a connection for as long as the guard lives.
    pub fn connection(&self) -> Open {
        self.connections.increment(1.0);
        Open(self.connections.clone())
    }
}

/// An open connection.
pub(super) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
