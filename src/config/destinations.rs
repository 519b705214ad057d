//! `[core]` and `[[subscribers]]`: who is told.

use super::{Duration, Glob, HttpUrl, values::clip};
use crate::{delivery::predicate::Predicate, event};
use jiesu_connector::SecretRef;
use jiesu_mapping::{Caps, Filter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
    /// The event types it wants, `*` for any run of characters; all unless given.
    #[schemars(example = ["ticket.created", "ticket.re*"])]
    pub events: Option<Vec<EventTypes>>,
    /// The tickets it wants; all unless given. What the register of hotlines sends it comes besides.
    #[serde(default, rename = "where")]
    #[schemars(example = Where::example())]
    pub filter: Where,
    /// What it learns of the citizen. Of who wants to be known to the centre only, never more than `masked`.
    #[serde(default)]
    pub contact: ContactPolicy,
    /// A jq filter that makes its own form of an event, for systems that take no other (`{ id: .subject }`): it is given
    /// the event as the subscriber may see it, and what it yields is posted as `application/json`. Null leaves the event
    /// out. Unless given, the event itself is posted.
    #[schemars(example = "{ gdbh: .subject, nr: .data.ticket.content }")]
    pub map: Option<EventMap>,
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

/// A jq filter that makes a subscriber's own form of an event.
#[derive(Debug, Clone)]
pub struct EventMap(Filter);

impl EventMap {
    /// What is posted in the place of `event`; nothing where the filter yields null.
    ///
    /// # Errors
    /// Why there is nothing to post, without anything of the event.
    pub fn form(&self, event: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let failed = |what: &str| format!("the subscriber's map failed: {what}");
        let event: Value = serde_json::from_slice(event).map_err(|_| failed("the event is no JSON"))?;
        match self.0.first(event, Caps::default()).map_err(|error| failed(&error.to_string()))? {
            None => Err(failed("it yields nothing; let it yield null for what is to be left out")),
            Some(Value::Null) => Ok(None),
            Some(form) => serde_json::to_vec(&form).map(Some).map_err(|error| failed(&error.to_string())),
        }
    }
}

impl FromStr for EventMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |error: jiesu_mapping::CompileError| format!("{error}; write a jq filter such as \"{{ id: .subject }}\"");
        Filter::map(text).map(Self).map_err(wrong)
    }
}

impl fmt::Display for EventMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.source())
    }
}
super::values::text_value!(EventMap, "EventMap");

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
    /// Kinds of matters, such as `complaint`.
    pub kinds: Option<Vec<Glob>>,
    /// Only tickets of lines that the register of hotlines sends it (`subscriber` there), while they are parallel or a
    /// sub-centre.
    pub registered: bool,
    /// Whether it gets complaints against officials (the flag `against_official`): set it to false for the system of a unit, for
    /// who is complained about must not read it. With `registered` it is a line's own system, and gets none unless this is
    /// true. The core has them all.
    pub against_officials: Option<bool>,
}

impl Where {
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

/// Types of events: one, or several by a pattern (`ticket.re*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTypes(Glob);

impl EventTypes {
    /// The pattern.
    pub fn pattern(&self) -> &Glob {
        &self.0
    }
}

impl FromStr for EventTypes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || format!("write a pattern such as \"ticket.*\", or one of: {}", event::KINDS.join(", "));
        let glob: Glob = text.parse().map_err(|_| format!("`{}` is no type of event; {}", clip(text), known()))?;
        match event::KINDS.iter().any(|kind| glob.matches(kind)) {
            true => Ok(Self(glob)),
            false => Err(format!("`{}` is no type of event; {}", clip(text), known())),
        }
    }
}

impl fmt::Display for EventTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
super::values::text_value!(EventTypes, "EventTypes");
