//! From us to the platform: answers, media, the log-in.

mod api;
mod errcode;
mod media;
mod notice;
mod reply;
mod token;

pub use notice::{Notice, NoticeKind};

pub(crate) use api::Api;
pub(crate) use media::UserMedia;
pub(crate) use reply::Replies;

use async_trait::async_trait;
use jiesu_connector::Probe;
use std::sync::Arc;

/// Logs in, for `jiesu check --connect`.
pub(crate) struct LogIn(pub Arc<Api>);

#[async_trait]
impl Probe for LogIn {
    async fn probe(&self) -> Result<(), String> {
        self.0.log_in().await.map_err(|failure| failure.to_string())
    }
}
