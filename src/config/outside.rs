//! What the configuration gives every channel of the world outside.

use super::{Config, Resolved};
use crate::{network::GatewayClient, number::ReceiptKey, shared};
use jiesu_connector::{HttpClient, LocalMemory, LocalSeal, Offline, Seal, Secrets, Setup, Shared, Words};
use std::sync::{Arc, OnceLock};

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
    /// Marks what citizens' browsers bring back.
    pub seal: Arc<GatewaySeal>,
}

/// The gateway's seal. Its key is the store's, which is opened after the channels are built.
#[derive(Default)]
pub struct GatewaySeal {
    key: OnceLock<ReceiptKey>,
    /// Stands in where there is no store.
    own: LocalSeal,
}

impl GatewaySeal {
    /// From now on marks with the store's key.
    pub fn set(&self, key: ReceiptKey) {
        let _ = self.key.set(key);
    }
}

impl Seal for GatewaySeal {
    fn mark(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        match self.key.get() {
            Some(key) => key.mac(&format!("seal: {purpose}"), parts),
            None => self.own.mark(purpose, parts),
        }
    }
}

impl Outside {
    /// As configured.
    pub(super) fn of(words: Words, config: &Config, secrets: &Resolved) -> Self {
        // The check has told of a URL that is none; the memory of this process then stands in until it is corrected.
        let shared = shared::memory(secrets.repeats_url.as_ref()).unwrap_or_else(|_| Arc::new(LocalMemory::default()));
        let (source, http) = (config.server.source(), Arc::new(GatewayClient::new(&config.server.allow_fetch)));
        Self { source, words, http, shared, seal: Arc::default() }
    }

    /// Nothing leaves this machine.
    pub(super) fn offline(words: Words, config: &Config) -> Self {
        let (source, shared) = (config.server.source(), Arc::new(LocalMemory::default()));
        Self { source, words, http: Arc::new(Offline), shared, seal: Arc::default() }
    }

    /// What the channel `id` is built with.
    pub fn setup<'a>(&self, id: &'a str, public_url: &'a str, secrets: &'a dyn Secrets) -> Setup<'a> {
        let Self { source, words, http, shared, seal } = self.clone();
        Setup { source, words, http, shared, seal, ..Setup::new(id, public_url, secrets) }
    }
}
