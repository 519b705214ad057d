//! What the configuration gives every channel of the world outside.

use super::{Config, Resolved};
use crate::{network::GatewayClient, shared};
use jiesu_connector::{HttpClient, LocalMemory, Offline, Secrets, Setup, Shared, Words};
use std::sync::Arc;

/// What every channel is given besides its own keys. Nothing of it is opened before it is used.
#[derive(Clone)]
pub struct Outside {
    /// The CloudEvents `source` of this gateway.
    pub source: String,
    /// What is said to citizens, and what they say to the gateway.
    pub words: Words,
    /// The way out over HTTP.
    pub http: Arc<dyn HttpClient>,
    /// What all nodes remember together.
    pub shared: Arc<dyn Shared>,
}

impl Outside {
    /// As configured.
    pub(super) fn of(words: Words, config: &Config, secrets: &Resolved) -> Self {
        // The check has told of a URL that is none; the memory of this process then stands in until it is corrected.
        let shared = shared::memory(secrets.repeats_url.as_ref()).unwrap_or_else(|_| Arc::new(LocalMemory::default()));
        let source = config.server.source();
        Self { source, words, http: Arc::new(GatewayClient::new(&config.server.allow_fetch)), shared }
    }

    /// Nothing leaves this machine.
    pub(super) fn offline(words: Words, config: &Config) -> Self {
        let source = config.server.source();
        Self { source, words, http: Arc::new(Offline), shared: Arc::new(LocalMemory::default()) }
    }

    /// What the channel `id` is built with.
    pub fn setup<'a>(&self, id: &'a str, public_url: &'a str, secrets: &'a dyn Secrets) -> Setup<'a> {
        let Self { source, words, http, shared } = self.clone();
        Setup { source, words, http, shared, ..Setup::new(id, public_url, secrets) }
    }
}
