//! The configuration: one TOML file, typed, its faults all told at once.
//!
//! Each section is a struct of its own with documented fields; the reference page, the JSON schema and the example
//! file are made from them. Every section may be left out, and so may the file's whole content. [`load()`] reads,
//! checks and resolves; nothing here opens a connection.

mod addresses;
mod admin;
mod channels;
mod check;
mod destinations;
mod example;
mod faults;
mod gazetteer;
mod hotlines;
mod judgement;
mod limits;
mod load;
mod outside;
mod policy;
mod reconciliation;
mod repeats;
mod secrets;
mod server;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod typed;
mod values;
mod walk;

pub use addresses::{Cidr, FetchRule, Glob, HttpUrl};
pub use admin::Admin;
pub(crate) use channels::COMMON_KEYS;
pub use channels::{Assembly, ChannelConfig, RepeatsBecome, Unsubscribe, Window};
pub use destinations::{ContactPolicy, Core, EventMap, EventTypes, Retry, Subscriber, Success, Where};
pub use example::{example, schema};
pub use faults::Fault;
pub use hotlines::{Held, Hotline, Hotlines, Mode, Stage};
pub use judgement::Judgement;
pub use limits::Limits;
pub use load::{Loaded, Resolved, load, load_offline};
pub use outside::Outside;
pub use policy::Policy;
pub use reconciliation::Reconciliation;
pub use repeats::{IndexUrl, Lookback, Repeats};
pub use secrets::{SystemSecrets, webhook_key};
pub use server::Server;
pub use store::{FilesHome, Store, StoreUrl};
pub use values::{ByteSize, Day, Duration, Rate, TimeOfDay, TimeZone};

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The gateway's configuration. Its `Debug` holds no secret.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub server: Server,
    /// The operators' listener.
    pub admin: Admin,
    /// The durable truth.
    pub store: Store,
    /// The repeat index and shared limits.
    pub repeats: Repeats,
    /// How much one caller may ask.
    pub limits: Limits,
    /// The core dispatch system; without it tickets wait in the feed.
    pub core: Option<Core>,
    /// The downstream ticket systems, in the order of the file.
    #[serde(skip)]
    pub subscribers: Vec<Subscriber>,
    /// The channels, by id.
    #[serde(skip)]
    pub channels: BTreeMap<String, ChannelConfig>,
    /// What became of a day's appeals.
    pub reconciliation: Reconciliation,
    /// The files that hold what differs between cities.
    pub policy: Policy,
}
