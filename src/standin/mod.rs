//! A stand-in core dispatch system (替身核心系统), for trials: takes events, checks their signatures, prints each in
//! one line, shows the tickets on a page, and answers them as a clerk of the core would.
//!
//! It keeps nothing on disk and knows no clerks. It is a counterpart for trying the gateway, not a core.

mod answer;
mod arguments;
mod board;
pub mod conform;
mod event;
mod page;
mod receive;
mod serve;

pub use answer::Callback;
pub use arguments::Arguments;

use crate::delivery::signature::{BadSecret, SigningKey};
use jiesu_connector::Secret;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How the stand-in runs.
#[derive(Debug)]
pub struct Options {
    /// Where it listens: `/events` for the gateway, `/` for people. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The Standard Webhooks secret of the gateway's `core.secret`. Without one nothing is verified.
    pub secret: Option<Secret>,
    /// How to answer tickets. Without one the page only shows them.
    pub callback: Option<Callback>,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 9000).into(), secret: None, callback: None }
    }
}

/// Why the stand-in does not run.
#[derive(Debug, thiserror::Error)]
pub enum StandInError {
    /// The secret is unusable.
    #[error("secret {0}")]
    Secret(#[from] BadSecret),
    /// The callback cannot be called.
    #[error("callback: {0}")]
    Callback(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A stand-in whose port answers.
pub struct StandIn {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<receive::Desk>,
}

/// Runs a stand-in until `stop`, and says on stderr where it listens.
///
/// # Errors
/// [`StandInError`], before anything is taken in.
pub async fn run(options: Options, stop: CancellationToken) -> Result<(), StandInError> {
    let signed = options.secret.is_some();
    let stand_in = StandIn::bind(options).await?;
    tracing::info!(signatures = if signed { "verified" } else { "not verified" }, "stand-in core dispatch system");
    tracing::info!("listening on {}", stand_in.address());
    stand_in.serve(stop).await;
    Ok(())
}

impl StandIn {
    /// Opens the port. Connections wait until [`StandIn::serve`].
    ///
    /// # Errors
    /// [`StandInError`].
    pub async fn bind(options: Options) -> Result<Self, StandInError> {
        let key = options.secret.as_ref().map(SigningKey::new).transpose()?;
        let answers = options.callback.map(answer::Answers::new).transpose().map_err(StandInError::Callback)?;
        let at = |source| StandInError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(at)?;
        let address = listener.local_addr().map_err(at)?;
        Ok(Self { listener, address, desk: Arc::new(receive::Desk::new(key, answers)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; requests under way are finished, within a second.
    pub async fn serve(self, stop: CancellationToken) {
        serve::serve(self.listener, page::router(self.desk), stop).await;
    }
}

#[cfg(test)]
mod tests;
