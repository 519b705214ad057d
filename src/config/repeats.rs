//! `[repeats]`: the repeat index and shared limits.

use super::values::text_value;
use jiesu_connector::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{fmt, str::FromStr};

/// The repeat index (重复诉求) and the limits that nodes share.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Repeats {
    /// The index: `memory:`, or Redis: `redis://…`, `rediss://…`, `redis-cluster://a,b,c`, `redis-sentinel://…`
    /// (as `env:NAME` or `file:PATH` when it carries a password).
    pub url: IndexUrl,
}

/// The home of the repeat index. Its `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IndexUrl {
    /// In this process, rebuilt from the store at the start.
    #[default]
    Memory,
    /// Redis, or a reference to its URL.
    Redis(SecretRef),
}

/// The schemes of Redis.
const SCHEMES: [&str; 4] = ["redis://", "rediss://", "redis-cluster://", "redis-sentinel://"];

impl IndexUrl {
    /// A password stands in the file itself.
    pub(super) fn has_literal_password(&self) -> bool {
        matches!(self, Self::Redis(url) if url.is_literal() && url.text().contains('@'))
    }

    /// Whether `url` is one of Redis.
    pub(super) fn is_redis(url: &str) -> bool {
        SCHEMES.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
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
