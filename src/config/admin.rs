//! `[admin]`: the operators' listener.

use jiesu_connector::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::SocketAddr;

/// The operators' listener: console, admin API, `/metrics`, `/healthz`, `/readyz`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where operators and monitoring come in; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The bearer token that operators show (a secret); required unless `listen` is a loopback address.
    #[schemars(example = "env:JIESU_ADMIN_TOKEN")]
    pub token: Option<SecretRef>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8081)), token: None }
    }
}
