//! Reads a configuration: TOML, types, channels, secrets, and what must agree with what.

use super::{
    ChannelConfig, Config, Fault, Hotlines, Judgement, Subscriber, SystemSecrets,
    channels::{COMMON_KEYS, Common},
    check,
    faults::{Report, below, quoted},
    hotlines::Known,
    outside::Outside,
    typed::typed,
    values::clip,
    walk,
};
use crate::{registry::Registry, store::Home};
use jiesu_connector::{BuildError, Parts, Secret, Setup, Words};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, fs::File, io::Read, path::Path};

/// The longest file, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// The longest model, in bytes.
const MAX_MODEL: u64 = 64 << 20;

/// A configuration without a fault, and what was made of it.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The secrets behind its references.
    pub secrets: Resolved,
    /// The channels' parts, by id: built, nothing opened.
    pub parts: BTreeMap<String, Parts>,
    /// The register of hotlines.
    pub hotlines: Hotlines,
    /// The register's file, as it is named in faults.
    pub hotlines_file: String,
    /// What matters are judged by.
    pub judgement: Judgement,
    /// What every channel was given of the world outside.
    pub outside: Outside,
    /// What is allowed and yet unwise, one line each.
    pub warnings: Vec<Fault>,
    file: String,
}

impl Loaded {
    /// Builds the channels again, now that the public address is known: with `listen` on port 0 and no `public_url`
    /// it is not before the port is bound. See [`Server::public_url`](super::Server::public_url).
    ///
    /// # Errors
    /// Every fault that a connector finds, as in [`load`]: a secret may have gone meanwhile.
    pub fn rebuild(&mut self, registry: &Registry, public_url: &str) -> Result<(), Vec<Fault>> {
        let mut report = Report::new(self.file.clone());
        let secrets = SystemSecrets::default();
        for (id, channel) in &self.config.channels {
            let Some(registration) = registry.get(&channel.kind) else { continue };
            let setup = self.outside.setup(id, public_url, &secrets);
            match (registration.build)(channel.settings.clone(), &setup) {
                Ok(parts) => _ = self.parts.insert(id.clone(), parts),
                Err(errors) => refused(id, errors, &mut report),
            }
        }
        if report.faults.is_empty() { Ok(()) } else { Err(report.faults) }
    }
}

/// A connector's faults, under the channel's key.
fn refused(id: &str, errors: Vec<BuildError>, report: &mut Report) {
    let key = format!("channels.{}", quoted(id));
    for error in errors {
        let name = if error.key.is_empty() { key.clone() } else { below(&key, &error.key) };
        report.fault(name, error.what);
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("config", &self.config).field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

/// The values behind the configuration's references.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// `admin.token`.
    pub admin_token: Option<Secret>,
    /// `store.url`, with `store.password`.
    pub store: Home,
    /// `store.key`.
    pub store_key: Option<Secret>,
    /// `repeats.url`, if it names a single Redis.
    pub repeats_url: Option<Secret>,
    /// `core.secret`: a valid Standard Webhooks secret, see [`webhook_key`](super::webhook_key).
    pub core_secret: Option<Secret>,
    /// `core.token`.
    pub core_token: Option<Secret>,
    /// `subscribers[].secret` by the subscriber's name: valid Standard Webhooks secrets.
    pub subscriber_secrets: BTreeMap<String, Secret>,
}

/// Loads the configuration in `path`, for the connectors of `registry`. Their ways out open when they are first used.
///
/// # Errors
/// Every fault found.
pub fn load(path: &Path, registry: &Registry) -> Result<Loaded, Vec<Fault>> {
    load_with(path, registry, Outside::of)
}

/// Like [`load`], with no way out for any channel: whatever they do, nothing leaves this machine.
///
/// # Errors
/// Every fault found.
pub fn load_offline(path: &Path, registry: &Registry) -> Result<Loaded, Vec<Fault>> {
    load_with(path, registry, |words, config, _| Outside::offline(words, config))
}

fn load_with(
    path: &Path,
    registry: &Registry,
    outside: impl FnOnce(Words, &Config, &Resolved) -> Outside,
) -> Result<Loaded, Vec<Fault>> {
    let mut report = Report::new(path.display().to_string());
    let mut document =
        match read_file(path).map_err(|what| vec![(String::new(), what)]).and_then(|text| read_toml(&text)) {
            Ok(document) => document,
            Err(faults) => {
                faults.into_iter().for_each(|(key, what)| report.fault(key, what));
                return Err(report.faults);
            }
        };
    let secrets = SystemSecrets::default();
    let subscribers = document.as_object_mut().and_then(|document| document.shift_remove("subscribers"));
    let channels = document.as_object_mut().and_then(|document| document.shift_remove("channels"));

    let (config, faults) = typed::<Config>(document, &["subscribers", "channels"]);
    faults.into_iter().for_each(|(key, what)| report.fault(key, what));
    let mut config = config.unwrap_or_default();
    let words = config.policy.words(path, &mut report);
    let judgement = config.policy.judgement(path, &mut report);
    let subscribers = read_subscribers(subscribers, &mut report);
    let known = Known {
        subscribers: subscribers.iter().map(|(_, subscriber)| subscriber.name.as_str()).collect(),
        profiles: judgement.policy.profiles.keys().map(String::as_str).collect(),
        categories: judgement.categories.iter().map(|category| category.code.as_str()).collect(),
    };
    let hotlines = config.policy.hotlines(path, &known, &mut report);
    let resolved = check::all(&config, &subscribers, &secrets, &mut report);
    config.subscribers = subscribers.into_iter().map(|(_, subscriber)| subscriber).collect();

    let outside = outside(words, &config, &resolved);
    let mut parts = BTreeMap::new();
    let public_url = config.server.public_url(config.server.listen);
    for (id, table) in read_channels(channels, &mut report) {
        let setup = outside.setup(&id, &public_url, &secrets);
        if let Some((channel, built)) = read_channel(&id, table, registry, &setup, &mut report) {
            check::channel(&id, &channel, &hotlines, &secrets, &mut report);
            config.channels.insert(id.clone(), channel);
            parts.extend(built.map(|built| (id, built)));
        }
    }
    check::ports(&config, &parts, &mut report);

    if report.faults.is_empty() {
        if config.channels.is_empty() {
            report.warning("channels", "no channel: nobody can send anything; add a table such as [channels.form]");
        }
        let file = path.display().to_string();
        let hotlines_file = config.policy.hotlines_file(path);
        let warnings = report.warnings;
        Ok(Loaded { config, secrets: resolved, parts, hotlines, hotlines_file, judgement, outside, warnings, file })
    } else {
        Err(report.faults)
    }
}

pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let bytes = read_limited(path, MAX_FILE, "a TOML file")?;
    String::from_utf8(bytes)
        .map_err(|error| format!("no UTF-8 from byte {} on; save it as UTF-8", error.utf8_error().valid_up_to()))
}

/// Reads a model.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    read_limited(path, MAX_MODEL, "a model")
}

fn read_limited(path: &Path, most: u64, what: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(|error| {
        format!("cannot be read ({error}); it must be a readable {}", what.trim_start_matches("a "))
    })?;
    if bytes.len() as u64 > most {
        return Err(format!("longer than {most} bytes; it must be {what} of a sensible length"));
    }
    Ok(bytes)
}

/// Reads TOML; faults are lines and columns, and what is wrong there.
pub(super) fn read_toml(text: &str) -> Result<Value, Vec<(String, String)>> {
    let place = |span: Option<std::ops::Range<usize>>| {
        let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}")
    };
    let (_, mut errors) = toml::de::DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    let mut faults: Vec<(String, String)> = errors
        .iter()
        .map(|error| (place(error.span()), format!("no TOML: {}; see https://toml.io", error.message())))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    match toml::from_str::<toml::Table>(text) {
        Ok(table) => Ok(Value::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect())),
        Err(error) => {
            faults.push((place(error.span()), format!("no TOML: {}; see https://toml.io", error.message())));
            Err(faults)
        }
    }
}

/// TOML in terms of JSON; a date becomes its text.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}

/// Each with its index in the file, for naming it.
fn read_subscribers(value: Option<Value>, report: &mut Report) -> Vec<(usize, Subscriber)> {
    let items = match value {
        None => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => {
            report.fault("subscribers", "no array of tables; write [[subscribers]] before each");
            return Vec::new();
        }
    };
    let mut subscribers = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let (subscriber, faults) = typed::<Subscriber>(item, &[]);
        let table = format!("subscribers[{index}]");
        faults.into_iter().for_each(|(key, what)| report.fault(below(&table, &key), what));
        subscribers.extend(subscriber.map(|subscriber| (index, subscriber)));
    }
    subscribers
}

fn read_channels(value: Option<Value>, report: &mut Report) -> Vec<(String, Map<String, Value>)> {
    let mut channels = Vec::new();
    let tables = match value {
        None => return channels,
        Some(Value::Object(tables)) => tables,
        Some(_) => {
            report.fault("channels", "no table; write [channels.ID] before each channel");
            return channels;
        }
    };
    for (id, table) in tables {
        let key = format!("channels.{}", quoted(&id));
        let mut letters = id.bytes();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let good = letters.next().is_some_and(plain) && letters.all(|byte| plain(byte) || b"_-".contains(&byte));
        if !good || id.len() > 64 {
            report.fault(
                key.as_str(),
                "no channel id; it must be 1 to 64 of a-z, 0-9, `_` and `-`, and begin with a letter or digit",
            );
        }
        match table {
            Value::Object(table) => channels.push((id, table)),
            _ => report.fault(key, "no table; write [channels.ID] before each channel"),
        }
    }
    channels
}

/// The common keys, then the connector's own. The parts are missing where the connector found a fault.
fn read_channel(
    id: &str,
    mut table: Map<String, Value>,
    registry: &Registry,
    setup: &Setup<'_>,
    report: &mut Report,
) -> Option<(ChannelConfig, Option<Parts>)> {
    let key = format!("channels.{}", quoted(id));
    let common: Map<String, Value> = COMMON_KEYS.iter().filter_map(|name| table.shift_remove_entry(*name)).collect();
    let known = registry.names();
    if !common.contains_key("type") {
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        report.fault(format!("{key}.type"), format!("missing; it must be one of the known types: {known}"));
        return None;
    }
    let (common, faults) = typed::<Common>(Value::Object(common), &[]);
    faults.into_iter().for_each(|(name, what)| report.fault(below(&key, &name), what));
    let Common { kind, hotline, assembly, unsubscribe, repeats } = common?;
    let Some(registration) = registry.get(&kind) else {
        report.fault(format!("{key}.type"), walk::unknown("type", &clip(&kind), &known));
        return None;
    };
    let settings = Value::Object(table);
    let built = (registration.build)(settings.clone(), setup);
    setup.warnings.take().into_iter().for_each(|warning| report.warning(below(&key, &warning.key), warning.what));
    let parts = match built {
        Ok(parts) => Some(parts),
        Err(errors) => {
            refused(id, errors, report);
            None
        }
    };
    Some((ChannelConfig { kind, hotline, assembly, unsubscribe, repeats, settings }, parts))
}
