use super::*;
use crate::registry::{Registration, Registry};
use async_trait::async_trait;
use jiesu_connector::{
    Appeal, BuildError, Connector, Door, Inbound, Listener, ParseError, Parser, Parts, Raw, SecretRef, Setup, Stream,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// A connector with a secret, a list, and a choice, that listens.
struct Desk<const WEB: bool>;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeskConfig {
    /// Keys of those who may come.
    #[serde(default)]
    keys: Vec<Key>,
    /// Where to listen.
    listen: Option<SocketAddr>,
    /// How hard it is.
    challenge: Option<Challenge>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Key {
    /// Whose it is.
    name: String,
    /// The token.
    token: SecretRef,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only read, to be looked at by nobody")]
enum Challenge {
    /// Nothing.
    None,
    /// Some work.
    ProofOfWork,
}

struct Nothing(SocketAddr);

impl Parser for Nothing {
    fn parse(&self, _: &Raw) -> Result<Appeal, ParseError> {
        Err(ParseError("nothing".into()))
    }
}

#[async_trait]
impl Listener for Nothing {
    fn address(&self) -> SocketAddr {
        self.0
    }
    async fn talk(&self, _: Box<dyn Stream>, _: SocketAddr, _: &dyn Door) -> std::io::Result<()> {
        Ok(())
    }
}

impl<const WEB: bool> Connector for Desk<WEB> {
    const NAME: &'static str = if WEB { "web" } else { "api" };
    type Config = DeskConfig;

    fn build(config: DeskConfig, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let mut errors = Vec::new();
        for (index, key) in config.keys.iter().enumerate() {
            if let Err(error) = setup.secrets.resolve(&key.token) {
                errors.push(BuildError::new(format!("keys[{index}].token"), error.to_string()));
            }
            if key.name.is_empty() {
                errors.push(BuildError::new(format!("keys[{index}].name"), "empty; it must be the partner's name"));
            }
        }
        let _ = config.challenge;
        let address = config.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let inbound = Inbound::Listen(Box::new(Nothing(address)));
        let parser = Box::new(Nothing(address));
        if errors.is_empty() {
            Ok(Parts { inbound, parser, replier: None, media: None, probe: None })
        } else {
            Err(errors)
        }
    }
}

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
    assert_eq!(config.limits.per_address.to_string(), "20/s");
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
    assert!(subscriber.wants("ticket.created") && !subscriber.wants("ticket.rated"));
    assert!(subscriber.filter.matches(Some("511102"), Some("0503"), "12319"));
    assert!(!subscriber.filter.matches(None, Some("0503"), "12319"));
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

/// Each mistake, and the line about it.
#[test]
fn each_mistake_is_told_with_its_key_and_what_would_be_right() {
    const CORE: &str = "[core]\nurl = \"http://c/\"\n";
    const SUBSCRIBER: &str = "[[subscribers]]\nname = \"a\"\nurl = \"http://a/\"\n";
    const APP: &str = "[channels.app]\ntype = \"api\"\n";
    let sections = "server, admin, store, repeats, limits, core, policy";
    let mut wrong = Vec::new();
    for (text, expected) in [
        // The file.
        ("[server", "line 1, column 8: no TOML: unclosed table, expected `]`; see https://toml.io".to_string()),
        ("a = 1\na = 2", "line 2, column 1: no TOML: duplicate key; see https://toml.io".into()),
        // Keys.
        (
            "[sever]",
            format!("sever: unknown key `sever`; did you mean `server`? the known ones are: subscribers, channels, {sections}"),
        ),
        (
            "[limits]\nper_adress = \"1/s\"",
            "limits.per_adress: unknown key `per_adress`; did you mean `per_address`? the known ones are: per_address, per_key, per_citizen".into(),
        ),
        ("[core]", "core.url: missing; it must be a string, such as \"http://127.0.0.1:9000/events\"".into()),
        ("server = 3", "server: an integer; it must be a table".into()),
        ("[server]\nmax_body = 10", "server.max_body: an integer; it must be a string, such as \"10MiB\"".into()),
        ("[server]\nmax_connections = 0", "server.max_connections: 0 is out of range; it must be an integer from 1, such as 10000".into()),
        // Values.
        ("[server]\nlisten = \"localhost\"", "server.listen: invalid socket address syntax; it must be a string, such as \"127.0.0.1:8080\"".into()),
        ("[server]\npublic_url = \"ftp://a/\"", "server.public_url: a URL of scheme `ftp`; only http:// and https:// can be used".into()),
        ("[server]\npublic_url = \"http://a/?b\"", "server.public_url: a URL with a query; leave out the `?` and what follows".into()),
        ("[server]\ntimezone = \"Mars/Olympus\"", "server.timezone: `Mars/Olympus` is no time zone that this machine knows; write for example \"Asia/Shanghai\"".into()),
        ("[server]\nmax_body = \"1GiB\"", "server.max_body: larger than 256MiB, and held in memory; use for example \"10MiB\"".into()),
        ("[server]\nname = \"a b\"", "server.name: cannot stand in an event's source; use 1 to 64 of A-Z, a-z, 0-9, `-`, `_` and `.`".into()),
        ("[server]\nallow_fetch = [\"a\", \"10.0.0.0/99\"]", "server.allow_fetch[1]: `10.0.0.0/99` is neither a host nor a network; write for example \"media.example.cn\" or \"10.0.0.0/8\"".into()),
        ("[admin]\nlisten = \"0.0.0.0:8081\"", "admin.token: missing, though 0.0.0.0:8081 is no loopback address; set it, or listen on 127.0.0.1".into()),
        ("[admin]\nlisten = \"127.0.0.1:8080\"", "admin.listen: 127.0.0.1:8080 is taken by `server.listen`; choose another port".into()),
        ("[admin]\ntoken = \"env:JIESU_TEST_UNSET\"", "admin.token: the environment variable JIESU_TEST_UNSET is not set; set it, or use file:PATH".into()),
        ("[store]\nurl = \"postgres://u:hidden@h/d\"", "store.url: PostgreSQL, which this build cannot use yet; use \"sqlite:data/jiesu.db\"".into()),
        ("[store]\nurl = \"sqlite::memory:\"", "store.url: no file behind `sqlite:`; use a path, as in \"sqlite:data/jiesu.db\"".into()),
        ("[repeats]\nurl = \"mysql://hidden\"", "repeats.url: no index's URL; use \"memory:\", or for example \"redis://127.0.0.1:6379\"".into()),
        ("[limits]\nper_key = \"0/s\"", "limits.per_key: a rate of 0 would refuse everybody; use at least 1, or \"off\"".into()),
        ("[policy]\nhotlines = \"/nonexistent.toml\"", "policy.hotlines: /nonexistent.toml cannot be read (No such file or directory (os error 2)); it must be a readable TOML file".into()),
        // The core.
        (&format!("{CORE}timeout = \"0s\""), "core.timeout: a duration of nothing; it must be at least \"1ms\"".into()),
        (&format!("{CORE}retry = {{ first = \"10m\" }}"), "core.retry.first: 10m is longer than `max`; it must be at most 5m".into()),
        (&format!("{CORE}retry = {{ frist = \"1m\" }}"), "core.retry.frist: unknown key `frist`; did you mean `first`? the known ones are: first, max, give_up".into()),
        (&format!("{CORE}success = \".code ==\""), "core.success: not a jq filter; write \"status\", or a jq predicate such as \".code == 0\"".into()),
        (&format!("{CORE}secret = \"hidden\""), "core.secret: does not begin with `whsec_`; it must be `whsec_` and 24 to 64 random bytes in base64".into()),
        ("[core]\nurl = \"http://u:hidden@c/\"", "core.url: a URL with a user or password; leave out what stands before the `@`".into()),
        // Subscribers.
        ("[subscribers]\nname = \"a\"", "subscribers: no array of tables; write [[subscribers]] before each".into()),
        (&format!("{SUBSCRIBER}{SUBSCRIBER}"), "subscribers[1].name: `a` is the name of an earlier subscriber; each needs its own".into()),
        ("[[subscribers]]\nname = \"core\"\nurl = \"http://a/\"", "subscribers[0].name: `core` is the core dispatch system itself; choose another name".into()),
        (&format!("{SUBSCRIBER}contact = \"all\""), "subscribers[0].contact: \"all\" is not known; it must be one of \"full\", \"masked\", \"none\"".into()),
        (&format!("{SUBSCRIBER}where = {{ categories = [\"[05]\"] }}"), "subscribers[0].where.categories[0]: `[05]` is no pattern; write a code, or for example \"05*\" or \"5111??\"".into()),
        (&format!("{SUBSCRIBER}events = []"), "subscribers[0].events: empty, so that nothing would be sent; leave it out for all events".into()),
        // Channels.
        ("[channels.App]\ntype = \"api\"", "channels.App: no channel id; it must be 1 to 64 of a-z, 0-9, `_` and `-`, and begin with a letter or digit".into()),
        ("[channels.app]", "channels.app.type: missing; it must be one of the known types: api, web".into()),
        ("[channels.app]\ntype = \"fax\"", "channels.app.type: unknown type `fax`; the known ones are: api, web".into()),
        (&format!("{APP}key = 1"), "channels.app.key: unknown key `key`; did you mean `keys`? the known ones are: type, hotline, assembly, keys, listen, challenge".into()),
        (&format!("{APP}keys = [{{ name = \"n\" }}]"), "channels.app.keys[0].token: missing; it must be a string".into()),
        (&format!("{APP}keys = [{{ name = \"\", token = \"hidden\" }}]"), "channels.app.keys[0].name: empty; it must be the partner's name".into()),
        (&format!("{APP}keys = [{{ name = \"n\", token = 7 }}]"), "channels.app.keys[0].token: an integer; it must be a string".into()),
        (&format!("{APP}challenge = \"hard\""), "channels.app.challenge: \"hard\" is not known; it must be one of \"none\", \"proof-of-work\"".into()),
        (&format!("{APP}hotline = \"tax\""), "channels.app.hotline: no hotline's number; it must be 3 to 16 digits, such as \"12345\"".into()),
        (&format!("{APP}assembly = \"later\""), "channels.app.assembly: a string; it must be \"immediate\" or { idle, max }".into()),
        (&format!("{APP}assembly = {{ idle = \"1h\" }}"), "channels.app.assembly.idle: 1h is longer than `max`; it must be at most 10m".into()),
        (&format!("{APP}assembly = {{ idle = \"1x\" }}"), "channels.app.assembly.idle: `1x` is no duration; write for example \"90s\", \"5m\" or \"72h\"".into()),
        (&format!("{APP}listen = \"127.0.0.1:8080\""), "channels.app.listen: 127.0.0.1:8080 is taken by `server.listen`; choose another port".into()),
    ] {
        let lines = faults(text);
        assert!(!lines[0].contains("hidden"), "{lines:?}");
        if lines != [expected.as_str()] { wrong.push(format!("{text}\n  is {lines:?}\n  not {expected:?}")); }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_mistake_hides_no_other() {
    let text = r#"
        color = "blue"
        [server]
        listen = "nowhere"
        max_body = "0MiB"
        [admin]
        listen = "0.0.0.0:8081"
        [core]
        timeout = "1x"
        retry = { first = "x", max = "y" }
        [[subscribers]]
        name = "a"
        [[subscribers]]
        name = "core"
        url = "http://a/"
        secret = "env:JIESU_TEST_UNSET"
        contact = 3
        [channels.app]
        type = "api"
        hotlin = "12345"
        keys = [{ name = "", token = "env:JIESU_TEST_UNSET" }]
        [channels.fax]
        type = "fax"
    "#;
    let lines = faults(text);
    let mut keys: Vec<&str> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "admin.token",
            "channels.app.hotlin",
            "channels.app.keys[0].name",
            "channels.app.keys[0].token",
            "channels.fax.type",
            "color",
            "core.url",
            "server.listen",
            "server.max_body",
            "subscribers[0].url",
            "subscribers[1].contact",
            "subscribers[1].name",
            "subscribers[1].secret",
        ],
        "{lines:#?}"
    );
}

#[test]
fn a_file_that_is_not_there_or_no_text_is_told() {
    let lines = load(Path::new("nonexistent.toml"), &desks()).unwrap_err();
    assert!(lines[0].to_string().starts_with("nonexistent.toml: cannot be read ("), "{}", lines[0]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), b"a = \"\xff\"").unwrap();
    assert!(load(file.path(), &desks()).unwrap_err()[0].to_string().contains("no UTF-8 from byte 5 on"));
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
fn the_smallest_file_runs_without_any_environment() {
    let loaded = load(&config_file("gateway.toml"), &registry()).unwrap();
    assert_eq!(loaded.config.channels["form"].kind, "web");
    assert!(loaded.config.core.is_some());
}

/// Fails when `config/NAME` is not `expected`; writes it instead when `UPDATE_EXPECT` is set.
fn is_current(name: &str, expected: &str) {
    let path = config_file(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "config/{name} is stale; run the tests with UPDATE_EXPECT=1 to write it anew");
}

#[test]
fn the_example_file_is_current() {
    is_current("gateway.example.toml", &example(&Registry::standard()));
}

#[test]
fn the_schema_file_is_current() {
    let schema = serde_json::to_string_pretty(&schema(&Registry::standard())).unwrap();
    is_current("gateway.schema.json", &format!("{schema}\n"));
}

/// As it stands, and with every option that is commented out put in.
#[test]
fn the_example_is_without_a_fault_but_for_its_secrets() {
    for registry in [registry(), desks()] {
        let text = example(&registry);
        let full: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .collect();
        let whole = schema(&registry);
        let walk = walk::Walk { root: &whole, also: &[] };
        for text in [text.clone(), full.join("\n")] {
            let value = load::read_toml(&text).unwrap();
            let found = walk.faults(&value);
            assert!(found.is_empty(), "{found:?}\n{text}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        fs::write(&path, &text).unwrap();
        let loaded = load(&path, &registry).unwrap();
        assert!(loaded.config.core.is_some() && loaded.config.channels.is_empty());
    }
    let full = example(&desks());
    for option in ["#token = \"env:JIESU_ADMIN_TOKEN\"", "listen = \"127.0.0.1:8080\"", "#[channels.api]", "#where = {"]
    {
        assert!(full.contains(option), "{option} in {full}");
    }
}

/// A page of reference for every option: an option without a comment is a gap in it.
#[test]
fn every_option_is_described() {
    fn look(schema: &serde_json::Value, path: &str, gaps: &mut Vec<String>) {
        for (key, option) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if option.get("description").is_none() {
                gaps.push(path.clone());
            }
            look(option, &path, gaps);
        }
    }
    let schema = schema(&registry());
    let mut gaps = Vec::new();
    look(&schema, "", &mut gaps);
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        look(definition, name, &mut gaps);
    }
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn every_line_that_is_no_toml_is_told_without_its_words() {
    let lines = faults("[admin]\ntoken = hidden\nlisten = = \"hidden\"\n[core\n");
    let mut places: Vec<&str> = lines.iter().map(|line| line.split(',').next().unwrap()).collect();
    places.dedup();
    assert_eq!(places, ["line 2", "line 3", "line 4"], "{lines:#?}");
    assert!(!lines.concat().contains("hidden"), "{lines:#?}");
    for text in
        ["a = 'hidden\n", "a = \"hidden\n", "a = 2026-hidden", "hidden", "a = [hidden", "a.hidden = 1\na.hidden = 2"]
    {
        let lines = faults(text);
        assert!(lines[0].starts_with("line ") && !lines.concat().contains("hidden"), "{lines:#?}");
    }
}

#[test]
fn a_byte_order_mark_and_a_quoted_key_do_no_harm() {
    assert!(load_text("\u{feff}[limits]\nper_key = \"off\"").is_ok());
    let lines = faults("[channels.\"a b\"]\ntype = \"api\"\nx = 1");
    assert!(lines[1].starts_with("channels.\"a b\".x: unknown key `x`"), "{lines:?}");
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
