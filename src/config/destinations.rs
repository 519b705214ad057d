//! `[core]` and `[[subscribers]]`: who is told.

use super::{Duration, Glob, HttpUrl};
use crate::delivery::predicate::Predicate;
use jiesu_connector::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU16, str::FromStr};

/// The core dispatch system (核心派单系统): every event goes to it, with full contact data.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// Where its events are posted.
    #[schemars(example = "http://127.0.0.1:9000/events")]
    pub url: HttpUrl,
    /// The secret that signs them (Standard Webhooks, `whsec_…`).
    #[schemars(example = "env:JIESU_CORE_SECRET")]
    pub secret: Option<SecretRef>,
    /// The bearer token that the core shows on its callbacks (a secret); without it callbacks are refused.
    #[schemars(example = "env:JIESU_CORE_TOKEN")]
    pub token: Option<SecretRef>,
    /// How long one request may take.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// How many requests may be under way at a time.
    #[serde(default = "default_concurrency")]
    pub concurrency: NonZeroU16,
    /// When to try again.
    #[serde(default)]
    pub retry: Retry,
    /// What a success is: `status` (any 2xx), or a jq predicate on the answer, for cores that say 200 {"code":500}:
    /// `.code == 0`.
    #[serde(default)]
    pub success: Success,
}

/// A downstream ticket system, on its own cursor.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscriber {
    /// Its name, unique: letters, digits, `-` and `_`.
    #[schemars(example = "urban-management")]
    pub name: String,
    /// Where its events are posted.
    #[schemars(example = "https://tickets.example.cn/events")]
    pub url: HttpUrl,
    /// The secret that signs them (Standard Webhooks, `whsec_…`).
    #[schemars(example = "env:JIESU_URBAN_MANAGEMENT_SECRET")]
    pub secret: Option<SecretRef>,
    /// The event types it wants; all unless given.
    #[schemars(example = ["ticket.created", "ticket.repeated"])]
    pub events: Option<Vec<EventType>>,
    /// The tickets it wants; all unless given.
    #[serde(default, rename = "where")]
    #[schemars(example = Where::example())]
    pub filter: Where,
    /// What it learns of the citizen.
    #[serde(default)]
    pub contact: ContactPolicy,
    /// How long one request may take.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// How many requests may be under way at a time.
    #[serde(default = "default_concurrency")]
    pub concurrency: NonZeroU16,
    /// When to try again.
    #[serde(default)]
    pub retry: Retry,
    /// What a success is: `status` (any 2xx), or a jq predicate on the answer.
    #[serde(default)]
    pub success: Success,
}

fn default_timeout() -> Duration {
    Duration::seconds(10)
}

fn default_concurrency() -> NonZeroU16 {
    NonZeroU16::new(32).unwrap_or(NonZeroU16::MIN)
}

/// When to try again, as long as a destination is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Retry {
    /// After the first failure.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// When an event becomes a dead letter; never before.
    pub give_up: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Duration::seconds(1), max: Duration::seconds(300), give_up: Duration::seconds(72 * 3600) }
    }
}

/// What a success is.
#[derive(Debug, Clone, Default)]
pub enum Success {
    /// Any 2xx.
    #[default]
    Status,
    /// A 2xx whose body the predicate holds on.
    Predicate(Predicate),
}

impl Success {
    /// Whether a 2xx answer with this body is a success.
    pub fn agrees(&self, body: &[u8]) -> bool {
        match self {
            Self::Status => true,
            Self::Predicate(predicate) => predicate.holds(body),
        }
    }
}

impl FromStr for Success {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "status" => Ok(Self::Status),
            _ => Predicate::compile(text)
                .map(Self::Predicate)
                .map_err(|what| format!("{what}; write \"status\", or a jq predicate such as \".code == 0\"")),
        }
    }
}

impl fmt::Display for Success {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "status",
            Self::Predicate(predicate) => predicate.source(),
        })
    }
}
super::values::text_value!(Success, "Success");

/// Which tickets a subscriber wants: those that fit one pattern of every list given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Where {
    /// Codes of regions; `*` stands for any run of characters.
    pub regions: Option<Vec<Glob>>,
    /// Codes of categories.
    pub categories: Option<Vec<Glob>>,
    /// Codes of hotlines.
    pub hotlines: Option<Vec<Glob>>,
}

impl Where {
    /// Whether a ticket with these codes is wanted. A code that a ticket lacks fits no list.
    pub fn matches(&self, region: Option<&str>, category: Option<&str>, hotline: &str) -> bool {
        let fits = |list: &Option<Vec<Glob>>, code: Option<&str>| match list {
            None => true,
            Some(globs) => code.is_some_and(|code| globs.iter().any(|glob| glob.matches(code))),
        };
        fits(&self.regions, region) && fits(&self.categories, category) && fits(&self.hotlines, Some(hotline))
    }

    fn example() -> serde_json::Value {
        serde_json::json!({ "regions": ["511102"], "categories": ["05*"], "hotlines": ["12319"] })
    }
}

/// What a subscriber learns of the citizen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ContactPolicy {
    /// Name, telephone and address as given.
    Full,
    /// `王**`, `138****8000`.
    #[default]
    Masked,
    /// Nothing.
    None,
}

/// A type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum EventType {
    /// A new matter.
    #[serde(rename = "ticket.created")]
    Created,
    /// More words, photos, a place for an open ticket.
    #[serde(rename = "ticket.supplemented")]
    Supplemented,
    /// The same citizen raises the same matter again (重复诉求).
    #[serde(rename = "ticket.repeated")]
    Repeated,
    /// The citizen asks for haste (催办).
    #[serde(rename = "ticket.urged")]
    Urged,
    /// Found to be of the same incident as others.
    #[serde(rename = "ticket.joined")]
    Joined,
    /// Triage, priority or status changed.
    #[serde(rename = "ticket.updated")]
    Updated,
    /// The citizen answered the satisfaction question.
    #[serde(rename = "ticket.rated")]
    Rated,
    /// The citizen takes it back.
    #[serde(rename = "ticket.withdrawn")]
    Withdrawn,
}

impl EventType {
    /// As it stands in events and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "ticket.created",
            Self::Supplemented => "ticket.supplemented",
            Self::Repeated => "ticket.repeated",
            Self::Urged => "ticket.urged",
            Self::Joined => "ticket.joined",
            Self::Updated => "ticket.updated",
            Self::Rated => "ticket.rated",
            Self::Withdrawn => "ticket.withdrawn",
        }
    }
}

impl Subscriber {
    /// Whether it wants events of this type (`ticket.created`, …).
    pub fn wants(&self, event_type: &str) -> bool {
        self.events.as_ref().is_none_or(|events| events.iter().any(|event| event.as_str() == event_type))
    }
}
