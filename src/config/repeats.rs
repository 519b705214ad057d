//! `[repeats]`: the repeat index and shared limits.

use super::{Duration, values::text_value};
use jiesu_connector::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{fmt, str::FromStr};

/// The repeat index (重复诉求) and the limits that nodes share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Repeats {
    /// The index, and what all nodes share (tokens, quotas): `memory:`, or Redis: `redis://…`, `rediss://…`,
    /// `redis-cluster://a,b,c`, `redis-sentinel://a,b,c/NAME` (as `env:NAME` or `file:PATH` when it carries a password).
    pub url: IndexUrl,
    /// How far back an appeal is compared with earlier ones. A million tickets in it take less than a gigabyte. `"off"`:
    /// nothing is compared, for a core dispatch system that sees to repeats by itself.
    pub window: Lookback,
    /// An incident that so many citizens join within an hour raises an alarm, and again each time it has doubled.
    pub surge: u32,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { url: IndexUrl::default(), window: Lookback::default(), surge: 5 }
    }
}

/// How far back an appeal is compared with earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookback {
    /// Not at all.
    Off,
    /// So far.
    Back(Duration),
}

impl Lookback {
    /// How far, if at all.
    pub fn get(self) -> Option<std::time::Duration> {
        match self {
            Self::Off => None,
            Self::Back(window) => Some(window.get()),
        }
    }
}

impl Default for Lookback {
    fn default() -> Self {
        Self::Back(Duration::seconds(366 * 24 * 3600))
    }
}

impl FromStr for Lookback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::Back).map_err(|what| format!("{what}; or \"off\"")),
        }
    }
}

impl fmt::Display for Lookback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Back(window) => window.fmt(f),
        }
    }
}
text_value!(Lookback, "Lookback");

/// The home of the repeat index. Its `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IndexUrl {
    /// In this process, rebuilt from the store at the start.
    #[default]
    Memory,
    /// Redis, or a reference to its URL.
    Redis(SecretRef),
}

/// The schemes of Redis: of a single one, and of several.
const SINGLE: [&str; 2] = ["redis://", "rediss://"];
const SEVERAL: [&str; 4] = ["redis-cluster://", "rediss-cluster://", "redis-sentinel://", "rediss-sentinel://"];

impl IndexUrl {
    /// A password stands in the file itself.
    pub(super) fn has_literal_password(&self) -> bool {
        matches!(self, Self::Redis(url) if url.is_literal() && url.text().contains('@'))
    }

    /// Whether `url` is one of Redis.
    pub(super) fn is_redis(url: &str) -> bool {
        let schemes = SINGLE.iter().chain(&SEVERAL);
        schemes.into_iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    }
}

impl FromStr for IndexUrl {
    type Err = String;

    /// Says nothing of the text itself in an error: it may carry a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let reference = SecretRef::new(text);
        match text {
            "memory:" => Ok(Self::Memory),
            _ if !reference.is_literal() || Self::is_redis(text) => Ok(Self::Redis(reference)),
            _ => Err("no index's URL; use \"memory:\", or for example \"redis://127.0.0.1:6379\"".into()),
        }
    }
}

/// For the schema's default only; a URL of Redis is not shown.
impl fmt::Display for IndexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory:",
            Self::Redis(_) => "redis:[secret]",
        })
    }
}
text_value!(IndexUrl, "IndexUrl");
