//! What types cannot say: what must be unique, agree, or be had.

use super::{
    Assembly, ChannelConfig, Config, Hotlines, IndexUrl, Resolved, Retry, StoreUrl, Subscriber, SystemSecrets,
    faults::{Report, below, quoted},
    hotlines::is_code,
    secrets::webhook_key,
};
use crate::{
    shared,
    store::{Home, postgres::Address},
};
use jiesu_connector::{Inbound, Parts, Secret, SecretRef, Secrets};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

/// The largest body that makes sense: it is held in memory.
const MAX_BODY: u64 = 256 << 20;

/// Said of every literal.
const LITERAL: &str = "the secret stands in this file; refer to it as env:NAME or file:PATH";

/// Checks all but the channels, and resolves the secrets. Subscribers come with their index in the file.
pub(super) fn all(
    config: &Config,
    subscribers: &[(usize, Subscriber)],
    secrets: &SystemSecrets,
    report: &mut Report,
) -> Resolved {
    let resolve = |key: &str, reference: &Option<SecretRef>, report: &mut Report| -> Option<Secret> {
        let secret = secrets.resolve(reference.as_ref()?);
        if !secrets.take_literals().is_empty() {
            report.warning(key, LITERAL);
        }
        secret.map_err(|error| report.fault(key, error.to_string())).ok()
    };
    let mut resolved = Resolved {
        admin_token: resolve("admin.token", &config.admin.token, report),
        store_key: resolve("store.key", &config.store.key, report),
        ..Resolved::default()
    };
    store(config, secrets, &mut resolved, report);
    repeats(config, secrets, &mut resolved, report);
    server(config, report);
    match &config.core {
        None => report.warning("core", "no core dispatch system: tickets wait in the feed; add [core] with its `url`"),
        Some(core) => {
            resolved.core_secret = resolve("core.secret", &core.secret, report);
            signing("core.secret", resolved.core_secret.as_ref(), core.secret.is_some(), report);
            resolved.core_token = resolve("core.token", &core.token, report);
            retry("core.retry", &core.retry, report);
        }
    }
    let mut names = BTreeSet::new();
    for (index, subscriber) in subscribers {
        let key = format!("subscribers[{index}]");
        check_subscriber(&key, subscriber, &mut names, report);
        let secret = resolve(&below(&key, "secret"), &subscriber.secret, report);
        signing(&below(&key, "secret"), secret.as_ref(), subscriber.secret.is_some(), report);
        resolved.subscriber_secrets.extend(secret.map(|secret| (subscriber.name.clone(), secret)));
    }
    resolved
}

fn store(config: &Config, secrets: &SystemSecrets, resolved: &mut Resolved, report: &mut Report) {
    const KEY: &str = "store.url";
    let reference = match &config.store.url {
        StoreUrl::Sqlite(path) => {
            resolved.store = Home::Sqlite(path.clone());
            if config.store.password.is_some() {
                report.fault("store.password", "an SQLite file has none; leave it out");
            }
            return;
        }
        StoreUrl::Postgres(reference) => reference,
    };
    let url = secrets.resolve(reference).map_err(|error| report.fault(KEY, error.to_string())).ok();
    secrets.take_literals();
    if config.store.url.has_literal_password() {
        report.warning(KEY, LITERAL);
    }
    let password = match &config.store.password {
        None => None,
        Some(password) => match secrets.resolve(password) {
            Ok(password) => Some(password),
            Err(error) => return report.fault("store.password", error.to_string()),
        },
    };
    if !secrets.take_literals().is_empty() {
        report.warning("store.password", LITERAL);
    }
    if config.store.key.is_none() {
        report.fault(
            "store.key",
            "missing, and all nodes must have the same; make one with `head -c 32 /dev/urandom | base64 > FILE`, give it to \
             each node, and write key = \"file:FILE\"",
        );
    }
    if matches!(config.repeats.url, IndexUrl::Memory) {
        report.warning(
            "repeats.url",
            "\"memory:\" is each node's own: with several nodes, limits and the platforms' tokens are counted by each alone, \
             and repeats are found by the node that issues; use redis://HOST:6379 unless there is one node only",
        );
    }
    match url.map(|url| Address::new(&url, password.as_ref())) {
        Some(Ok(address)) => {
            if address.is_in_the_clear() {
                report.warning(KEY, "what goes to the database can be read on the way; add ?sslmode=verify-full");
            }
            resolved.store = Home::Postgres(address);
        }
        Some(Err(error)) => report.fault(KEY, error.to_string()),
        None => {}
    }
}

fn repeats(config: &Config, secrets: &SystemSecrets, resolved: &mut Resolved, report: &mut Report) {
    const KEY: &str = "repeats.url";
    let IndexUrl::Redis(reference) = &config.repeats.url else { return };
    let url = secrets.resolve(reference).map_err(|error| report.fault(KEY, error.to_string())).ok();
    secrets.take_literals();
    if config.repeats.url.has_literal_password() {
        report.warning(KEY, LITERAL);
    }
    match url {
        Some(url) if !IndexUrl::is_redis(url.expose()) => {
            report.fault(KEY, "what it refers to is no URL of Redis; it must be such as redis://127.0.0.1:6379");
        }
        Some(url) => match shared::Redis::new(&url) {
            Ok(_) => resolved.repeats_url = Some(url),
            Err(error) => report.fault(KEY, error.to_string()),
        },
        None => {}
    }
}

fn server(config: &Config, report: &mut Report) {
    let (server, admin) = (&config.server, &config.admin);
    if server.max_body.bytes() > MAX_BODY {
        report.fault("server.max_body", "larger than 256MiB, and held in memory; use for example \"10MiB\"");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if server.name.as_ref().is_some_and(|name| name.is_empty() || name.len() > 64 || !name.chars().all(plain)) {
        report
            .fault("server.name", "cannot stand in an event's source; use 1 to 64 of A-Z, a-z, 0-9, `-`, `_` and `.`");
    }
    if server.public_url.as_ref().is_some_and(|url| url.url().query().is_some()) {
        report.fault("server.public_url", "a URL with a query; leave out the `?` and what follows");
    }
    if admin.token.is_none() && !admin.listen.ip().to_canonical().is_loopback() {
        report.fault(
            "admin.token",
            format!("missing, though {} is no loopback address; set it, or listen on 127.0.0.1", admin.listen),
        );
    }
}

fn signing(key: &str, secret: Option<&Secret>, given: bool, report: &mut Report) {
    match secret.map(webhook_key) {
        Some(Err(what)) => report.fault(key, what),
        None if !given => {
            report.warning(key, "no secret: events go out unsigned; set it, such as env:JIESU_CORE_SECRET")
        }
        _ => {}
    }
}

fn retry(key: &str, retry: &Retry, report: &mut Report) {
    if retry.first > retry.max {
        report.fault(
            below(key, "first"),
            format!("{} is longer than `max`; it must be at most {}", retry.first, retry.max),
        );
    }
    if retry.max > retry.give_up {
        report.fault(
            below(key, "max"),
            format!("{} is longer than `give_up`; it must be at most {}", retry.max, retry.give_up),
        );
    }
}

fn check_subscriber<'a>(key: &str, subscriber: &'a Subscriber, names: &mut BTreeSet<&'a str>, report: &mut Report) {
    let name = subscriber.name.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        report.fault(below(key, "name"), "no name; it must be 1 to 64 of A-Z, a-z, 0-9, `-` and `_`");
    } else if name == "core" {
        report.fault(below(key, "name"), "`core` is the core dispatch system itself; choose another name");
    } else if !names.insert(name) {
        report.fault(below(key, "name"), format!("`{name}` is the name of an earlier subscriber; each needs its own"));
    }
    if subscriber.events.as_ref().is_some_and(Vec::is_empty) {
        report.fault(below(key, "events"), "empty, so that nothing would be sent; leave it out for all events");
    }
    let filter = &subscriber.filter;
    for (name, list) in [
        ("regions", &filter.regions),
        ("categories", &filter.categories),
        ("hotlines", &filter.hotlines),
        ("kinds", &filter.kinds),
    ] {
        if list.as_ref().is_some_and(Vec::is_empty) {
            report.fault(below(key, &format!("where.{name}")), "empty, so that no ticket fits; leave it out for all");
        }
    }
    retry(&below(key, "retry"), &subscriber.retry, report);
}

/// Checks one channel, once its connector has looked at it.
pub(super) fn channel(
    id: &str,
    channel: &ChannelConfig,
    hotlines: &Hotlines,
    secrets: &SystemSecrets,
    report: &mut Report,
) {
    let key = format!("channels.{}", quoted(id));
    if !is_code(&channel.hotline) {
        report.fault(below(&key, "hotline"), "no hotline's number; it must be 3 to 16 digits, such as \"12345\"");
    } else if hotlines.get(&channel.hotline).is_none() {
        let what = format!("{} is not in the register of hotlines; add it to hotlines.toml", channel.hotline);
        report.warning(below(&key, "hotline"), what);
    }
    if let Some(Assembly::Window(window)) = channel.assembly
        && window.idle > window.max
    {
        let what = format!("{} is longer than `max`; it must be at most {}", window.idle, window.max);
        report.fault(below(&key, "assembly.idle"), what);
    }
    for literal in secrets.take_literals() {
        let mut places = Vec::new();
        find(&channel.settings, literal.text(), &key, &mut places);
        for place in if places.is_empty() { vec![key.clone()] } else { places } {
            report.warning(place, LITERAL);
        }
    }
}

/// Where in `value` the text stands.
fn find(value: &Value, text: &str, key: &str, places: &mut Vec<String>) {
    match value {
        Value::String(found) if found == text => places.push(key.into()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| find(item, text, &format!("{key}[{index}]"), places));
        }
        Value::Object(table) => {
            table.iter().for_each(|(name, item)| find(item, text, &below(key, &quoted(name)), places))
        }
        _ => {}
    }
}

/// No two listeners on one port.
pub(super) fn ports(config: &Config, parts: &BTreeMap<String, Parts>, report: &mut Report) {
    let mut taken: Vec<(String, SocketAddr)> = Vec::new();
    let channels = parts.iter().filter_map(|(id, parts)| match &parts.inbound {
        Inbound::Listen(listener) => Some((format!("channels.{id}.listen"), listener.address())),
        _ => None,
    });
    let own = [("server.listen".to_string(), config.server.listen), ("admin.listen".to_string(), config.admin.listen)];
    for (key, address) in own.into_iter().chain(channels) {
        let overlaps = |other: &SocketAddr| {
            other.port() == address.port()
                && (other.ip() == address.ip() || other.ip().is_unspecified() || address.ip().is_unspecified())
        };
        if address.port() != 0
            && let Some((first, _)) = taken.iter().find(|(_, other)| overlaps(other))
        {
            report.fault(key.as_str(), format!("{address} is taken by `{first}`; choose another port"));
        }
        taken.push((key, address));
    }
}
