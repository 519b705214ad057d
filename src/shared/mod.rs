//! The little memory that all nodes of one gateway share: in this process, or in Redis.

mod advice;
mod limit;
mod place;
mod redis;
#[cfg(test)]
mod tests;

pub use limit::SharedLimiter;
pub use redis::{BadUrl, Redis};

use jiesu_connector::{LocalMemory, Secret, Shared};
use std::sync::Arc;

/// Of the repeat index's keys in Redis, between braces, so that one node of a cluster has them all. It changes with the layout:
/// what an earlier version has left is not taken for an index, and expires with the window.
pub(crate) const INDEX: &str = "jiesu:repeats:4";

/// The memory behind `[repeats] url`; `None` stands for `memory:`. Opens nothing.
///
/// # Errors
/// [`BadUrl`]
pub fn memory(url: Option<&Secret>) -> Result<Arc<dyn Shared>, BadUrl> {
    Ok(match url {
        None => Arc::new(LocalMemory::default()),
        Some(url) => Arc::new(Redis::new(url)?),
    })
}
