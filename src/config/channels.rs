//! `[channels.ID]`: one table per channel instance.

use super::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use std::fmt;

/// One channel: the keys that all have in common, and its connector's own.
#[derive(Clone)]
pub struct ChannelConfig {
    /// The connector's name.
    pub kind: String,
    /// The hotline of what comes in here, unless the sender names another.
    pub hotline: String,
    /// How several messages of one citizen become one appeal; the connector's own default if absent.
    pub assembly: Option<Assembly>,
    /// What becomes of the tickets of a citizen who leaves the channel.
    pub unsubscribe: Unsubscribe,
    /// What a repeat becomes; the connector's own default if absent.
    pub repeats: Option<RepeatsBecome>,
    /// The connector's own keys, as they stand in the file: literal secrets among them.
    pub settings: Value,
}

/// The names of the connector's keys only: a value may be a secret.
impl fmt::Debug for ChannelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.settings.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
        f.debug_struct("ChannelConfig")
            .field("type", &self.kind)
            .field("hotline", &self.hotline)
            .field("assembly", &self.assembly)
            .field("unsubscribe", &self.unsubscribe)
            .field("repeats", &self.repeats)
            .field("settings", &keys)
            .finish()
    }
}

/// The keys that all channels have in common.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    /// The kind of channel.
    #[serde(rename = "type")]
    pub kind: String,
    /// The default hotline of what comes in here.
    #[serde(default = "default_hotline")]
    pub hotline: String,
    /// How several messages of one citizen become one appeal: `immediate`, or a window that closes after `idle` or `max`.
    #[schemars(example = &"immediate")]
    pub assembly: Option<Assembly>,
    /// What becomes of the tickets of a citizen who leaves the channel, where citizens can (WeChat): `keep` them as they are;
    /// `flag` the open ones as `unreachable`, until the citizen is back; `unlink` them from the channel's name for the citizen.
    /// They are not written to in any case.
    #[serde(default)]
    pub unsubscribe: Unsubscribe,
    /// What becomes of a matter that the same citizen has raised before (重复诉求): `count` it to the first ticket, or make it a
    /// `ticket` of its own that names the first. What comes here may be another system's work orders, each with a life of
    /// its own: so `ticket` is the default of type `files`, `count` that of all others.
    pub repeats: Option<RepeatsBecome>,
}

/// What becomes of the tickets of a citizen who leaves the channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Unsubscribe {
    /// Nothing.
    #[default]
    Keep,
    /// The open ones get the flag `unreachable`, so that the core looks for another way, until the citizen is back.
    Flag,
    /// The channel's name for the citizen is taken off all of them.
    Unlink,
}

/// What becomes of a matter that the same citizen has raised before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RepeatsBecome {
    /// It counts to the first ticket, and gets none of its own.
    #[default]
    Count,
    /// It is a ticket of its own, that names the first; the first one's count goes up all the same.
    Ticket,
}

/// The names of the keys in [`Common`].
pub(crate) const COMMON_KEYS: [&str; 5] = ["type", "hotline", "assembly", "unsubscribe", "repeats"];

fn default_hotline() -> String {
    "12345".into()
}

/// How several messages of one citizen become one appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assembly {
    /// Each message is an appeal.
    Immediate,
    /// What one citizen sends until the window closes is one appeal.
    Window(Window),
}

/// When the window closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Window {
    /// After so long without a further message.
    pub idle: Duration,
    /// After so long in any case.
    pub max: Duration,
}

impl Default for Window {
    fn default() -> Self {
        Self { idle: Duration::seconds(60), max: Duration::seconds(600) }
    }
}

/// By hand rather than `untagged`, so that a fault within the window names its key.
impl<'de> Deserialize<'de> for Assembly {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Assembly;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"immediate\" or { idle, max }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Assembly, E> {
                match text {
                    "immediate" => Ok(Assembly::Immediate),
                    _ => Err(E::custom("neither; write \"immediate\" or { idle = \"60s\", max = \"10m\" }")),
                }
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Assembly, A::Error> {
                Window::deserialize(de::value::MapAccessDeserializer::new(map)).map(Assembly::Window)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Assembly {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Assembly".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let window = generator.subschema_for::<Window>();
        schemars::json_schema!({ "oneOf": [{ "const": "immediate" }, window] })
    }
}
