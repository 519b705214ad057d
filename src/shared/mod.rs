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
