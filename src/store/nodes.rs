//! What the nodes of one store leave for each other. Where one process has the store for itself there is nobody to leave
//! anything for, and nothing of this is kept.

use super::Result;
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// Something that the holder of a resource is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The store's name for it.
    pub id: i64,
    /// What.
    pub what: String,
}

/// The part of the store that is about several nodes.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// Keeps what a node says of itself, for `ttl`: any text.
    async fn say(&self, _node: &str, _standing: String, _ttl: Duration) -> Result<()> {
        Ok(())
    }

    /// What the nodes said of themselves that is still kept, in the order of their names.
    async fn said(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Leaves something to do for whoever holds `resource`, now or next.
    async fn order(&self, _resource: &str, _what: &str) -> Result<()> {
        Ok(())
    }

    /// What is still to be done, in the order in which it was left.
    async fn orders(&self, _resource: &str) -> Result<Vec<Order>> {
        Ok(Vec::new())
    }

    /// It is done.
    async fn order_done(&self, _id: i64) -> Result<()> {
        Ok(())
    }

    /// The time by the store's own clock.
    async fn clock(&self) -> Result<Timestamp> {
        Ok(Timestamp::now())
    }
}
