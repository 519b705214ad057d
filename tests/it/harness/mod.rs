//! What the tests share: the gateway as a process, the core it delivers to, clients, load and faults.

mod client;
mod core;
mod faults;
mod gateway;
mod http;
mod load;
mod peer;
mod postgres;
mod site;
mod wait;

pub use self::{
    client::{Broken, Connection, Reply, get, post, request},
    core::{Answer, Core, Delivery},
    faults::{Faults, copy_directory, set_clock_ahead},
    gateway::Gateway,
    http::read as read_message,
    load::{Load, Tally, post_all},
    peer::{Peer, python},
    postgres::Postgres,
    site::{Site, TOKEN, today},
    wait::{eventually, until},
};

use std::time::Duration;

/// A number of the environment, for longer runs than the everyday one.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Seconds, short.
pub const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// The middle one of `values`.
pub fn median(values: &[Duration]) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

/// A random number below `end`, for moments that nobody chose.
pub fn random(end: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() % end
}
