//! The HTTP side: a hyper loop with time limits, caps and a drain, and what handlers need around it.
//!
//! `axum::serve` sets no timer, caps nothing and closes idle connections the moment it is told to stop; so the loop
//! is ours. Protections sit in the loop, not in the handlers: a handler that forgets them is still covered.
//!
//! A connection goes through turns (`turn`): *silent* (nothing of a request read), *head*, *body* (the handler waits
//! for the client), *handling*. Each has its time limit (`connection`), and one coarse timer a connection watches
//! all of them, so that a request costs no timer of its own. A client is told before it is cut wherever HTTP/1.1
//! allows that: 408, 413, 431, 503, and `Connection: close` on every answer from the moment the gateway stops.

mod accept;
mod body;
mod connection;
mod exchange;
mod host;
pub mod limits;
mod meters;
pub mod pages;
mod panics;
pub mod peer;
pub mod problem;
#[cfg(test)]
mod tests;
mod turn;
mod wire;

pub use accept::serve;
pub use body::{Room, next_piece, read_body, read_body_into};
pub use panics::log_panics;
pub use peer::Peer;

use std::time::Duration;

/// What one listener may take of the machine, and how long its clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Connections at a time; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// From the first byte of a request to the end of its head; for a new connection, from its acceptance.
    pub header_timeout: Duration,
    /// How long a connection may be kept without a request, or without taking the bytes of an answer.
    pub idle: Duration,
    /// How long a body may pause.
    pub body_gap: Duration,
    /// How long a whole body may take. Each 16 KiB received add a second, so that a photo over a slow mobile line
    /// arrives while a trickle is cut.
    pub body_timeout: Duration,
    /// After the order to stop: how long new connections and further requests are still answered.
    pub grace: Duration,
    /// After the grace: how long requests under way may take before they are cut.
    pub drain: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_timeout: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_gap: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(1),
            drain: Duration::from_secs(5),
        }
    }
}

/// One listener: its name in logs and metrics, its caps, and whom it believes about addresses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The label `listener` in logs and metrics: `public`, `admin`.
    pub name: &'static str,
    /// Its caps.
    pub caps: Caps,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<crate::config::Cidr>,
}
