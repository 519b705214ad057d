//! `[limits]`: how much one caller may ask.

use super::Rate;
use schemars::JsonSchema;
use serde::Deserialize;
use std::num::NonZeroU32;

/// How much one caller may ask: `"N/s"`, `"N/m"`, or `"off"`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// On the public listener, each client address (a /64 for IPv6).
    pub per_address: Rate,
    /// Each api key.
    pub per_key: Rate,
    /// Each citizen: what comes beyond it is still kept, but collapsed, never dropped.
    pub per_citizen: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        let count = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            per_address: Rate::PerSecond(count(20)),
            per_key: Rate::PerSecond(count(200)),
            per_citizen: Rate::PerMinute(count(30)),
        }
    }
}
