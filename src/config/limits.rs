//! `[limits]`: how much one caller may ask.

use super::Rate;
use schemars::JsonSchema;
use serde::Deserialize;
use std::num::NonZeroU32;

/// How much one caller may ask: `"N/s"`, `"N/m"`, or `"off"`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// On the public listener, each client address (a /64 for IPv6). Set here, it holds for the holders of api keys too;
    /// unset, it is 20/s for everybody else. Signed pushes of a platform count only when their signature is wrong.
    #[schemars(example = "20/s")]
    pub per_address: Option<Rate>,
    /// Each api key; counted by all nodes together where `repeats.url` names a Redis.
    pub per_key: Rate,
    /// Each citizen of a channel that itself knows who speaks (WeChat, SMS). What comes beyond it is kept like the rest, but
    /// collapsed: it joins one ticket, until the citizen pauses for 5 seconds, for a minute, or for 200 messages. Counted by
    /// all nodes together where `repeats.url` names a Redis.
    pub per_citizen: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        let count = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self { per_address: None, per_key: Rate::PerSecond(count(200)), per_citizen: Rate::PerMinute(count(30)) }
    }
}

impl Limits {
    /// The limit of one client address.
    pub fn address(&self) -> Rate {
        self.per_address.unwrap_or(Rate::PerSecond(NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN)))
    }
}
