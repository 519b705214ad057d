mod desk;
mod files;
mod mistakes;
mod outside;
mod register;

use super::*;
use crate::registry::{Registration, Registry};
use desk::Desk;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The standard registry, with stand-ins for the connectors that the files in `config/` need.
fn registry() -> Registry {
    let mut registry = Registry::standard();
    for registration in [Registration::of::<Desk<false>>(), Registration::of::<Desk<true>>()] {
        if registry.get(registration.name).is_none() {
            registry.0.push(registration);
        }
    }
    registry
}

/// Only the stand-ins.
fn desks() -> Registry {
    Registry(vec![Registration::of::<Desk<false>>(), Registration::of::<Desk<true>>()])
}

fn load_text(text: &str) -> Result<Loaded, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    fs::write(&path, text).unwrap();
    let prefix = format!("{}: ", path.display());
    load(&path, &desks()).map_err(|faults| {
        faults
            .iter()
            .map(|fault| {
                let line = fault.to_string();
                assert!(!line.contains('\n'), "{line}");
                line.strip_prefix(&prefix).map(String::from).unwrap_or(line)
            })
            .collect()
    })
}

fn faults(text: &str) -> Vec<String> {
    load_text(text).expect_err(text)
}

fn config_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

#[test]
fn an_empty_file_has_the_documented_defaults() {
    let loaded = load_text("").unwrap();
    let config = &loaded.config;
    let listen = config.server.listen;
    assert_eq!(listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url(listen), "http://127.0.0.1:8080");
    assert_eq!(config.server.source(), "jiesu");
    assert_eq!(config.server.max_body.to_string(), "10MiB");
    assert_eq!(config.server.max_connections.get(), 10_000);
    assert_eq!(config.server.timezone.to_string(), "Asia/Shanghai");
    assert!(config.server.allow_fetch.is_empty() && config.server.trusted_proxies.is_empty());
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.store.url.to_string(), "sqlite:data/jiesu.db");
    assert_eq!(config.store.files.to_string(), "data/files");
    assert_eq!(config.repeats.url, IndexUrl::Memory);
    assert_eq!(config.limits.address().to_string(), "20/s");
    assert_eq!(config.limits.per_key.to_string(), "200/s");
    assert_eq!(config.limits.per_citizen.to_string(), "30/m");
    assert!(config.core.is_none() && config.channels.is_empty());
    assert_eq!(loaded.hotlines, Hotlines::built_in());
}

#[test]
fn a_core_needs_only_its_url_and_is_warned_about_without_a_secret() {
    let loaded = load_text("[core]\nurl = \"http://127.0.0.1:9000/events\"").unwrap();
    let core = loaded.config.core.unwrap();
    assert_eq!(core.timeout.to_string(), "10s");
    assert_eq!(core.concurrency.get(), 32);
    assert_eq!(core.retry, Retry::default());
    assert_eq!((core.retry.first.to_string(), core.retry.max.to_string()), ("1s".into(), "5m".into()));
    assert_eq!(core.retry.give_up.to_string(), "72h");
    assert!(core.success.agrees(b"anything"));
    assert!(loaded.warnings.iter().any(|warning| warning.key == "core.secret"), "{:?}", loaded.warnings);
}

#[test]
fn the_whole_of_a_configuration_is_read() {
    let text = r#"
        [server]
        listen = "0.0.0.0:0"
        public_url = "https://12345.example.cn/"
        name = "leshan"
        allow_fetch = ["media.example.cn", "10.0.0.0/8"]
        trusted_proxies = ["192.0.2.1"]
        [admin]
        listen = "0.0.0.0:8081"
        token = "operators"
        [limits]
        per_key = "off"
        [core]
        url = "https://core.example.cn/events"
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        success = ".code == 0"
        retry = { first = "2s" }
        [[subscribers]]
        name = "urban-management"
        url = "https://tickets.example.cn/events"
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        events = ["ticket.created", "ticket.repeated"]
        where = { regions = ["511102"], categories = ["05*"], hotlines = ["12319"] }
        contact = "none"
        [channels.app]
        type = "api"
        hotline = "12319"
        keys = [{ name = "trial", token = "partners" }]
        assembly = { idle = "30s" }
    "#;
    let loaded = load_text(text).unwrap();
    let config = &loaded.config;
    assert_eq!(config.server.public_url(config.server.listen), "https://12345.example.cn");
    assert_eq!(config.server.source(), "jiesu/leshan");
    assert_eq!(config.limits.per_key, Rate::Off);
    let core = config.core.as_ref().unwrap();
    assert!(core.success.agrees(br#"{"code":0}"#) && !core.success.agrees(br#"{"code":500}"#));
    assert_eq!((core.retry.first.to_string(), core.retry.max.to_string()), ("2s".into(), "5m".into()));
    let subscriber = &config.subscribers[0];
    assert!(subscriber.events.is_some() && subscriber.filter.regions.is_some() && !subscriber.filter.registered);
    assert_eq!(subscriber.contact, ContactPolicy::None);
    let channel = &config.channels["app"];
    let Some(Assembly::Window(window)) = channel.assembly else { panic!("a window") };
    assert_eq!((window.idle.to_string(), window.max.to_string()), ("30s".into(), "10m".into()));
    assert!(channel.settings.get("keys").is_some() && channel.settings.get("type").is_none());
    assert!(loaded.parts.contains_key("app") && loaded.secrets.admin_token.is_some());
    assert!(loaded.secrets.subscriber_secrets.contains_key("urban-management"));

    let warned: Vec<&str> = loaded.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, ["admin.token", "core.secret", "subscribers[0].secret", "channels.app.keys[0].token"]);
    let shown = format!("{loaded:?} {:?} {:?} {:?}", loaded.config, loaded.secrets, loaded.warnings);
    for secret in ["operators", "whsec_", "partners"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn the_register_beside_the_file_counts_and_its_faults_are_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    fs::write(&path, "").unwrap();
    let register = directory.path().join("hotlines.toml");
    fs::write(&register, "[[hotlines]]\ncode = \"12399\"\nname = \"某热线\"\nmode = \"parallel\"\n").unwrap();
    let loaded = load(&path, &desks()).unwrap();
    assert!(loaded.hotlines.get("12399").is_some() && loaded.hotlines.get("12319").is_none());
    fs::write(&register, "[[hotlines]]\ncode = \"12399\"\n").unwrap();
    let faults = load(&path, &desks()).unwrap_err();
    assert_eq!(faults[0].key, "hotlines[0].name");
    assert_eq!(faults[0].file, register.display().to_string());
}

#[test]
fn channels_can_be_built_again_once_the_port_is_known() {
    let mut loaded = load_text("[server]\nlisten = \"0.0.0.0:0\"\n[channels.app]\ntype = \"api\"").unwrap();
    let bound = "0.0.0.0:4711".parse().unwrap();
    let url = loaded.config.server.public_url(bound);
    assert_eq!(url, "http://127.0.0.1:4711");
    loaded.rebuild(&desks(), &url).unwrap();
    assert!(loaded.parts.contains_key("app"));
}
