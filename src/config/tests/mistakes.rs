//! Mistakes, and the line about each.

use super::*;

/// Each mistake, and the line about it.
#[test]
fn each_mistake_is_told_with_its_key_and_what_would_be_right() {
    const POSTGRES: &str = "[store]\nkey = \"k\"\nurl = \"postgres://u:hidden@h/d";
    const CORE: &str = "[core]\nurl = \"http://c/\"\n";
    const SUBSCRIBER: &str = "[[subscribers]]\nname = \"a\"\nurl = \"http://a/\"\n";
    const APP: &str = "[channels.app]\ntype = \"api\"\n";
    let sections = "server, admin, store, repeats, limits, core, reconciliation, policy";
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
        ("[store]\nurl = \"mysql://u:hidden@h/d\"", "store.url: no store's URL; use \"sqlite:data/jiesu.db\", or for several nodes \"postgres://jiesu@127.0.0.1:5432/jiesu\"".into()),
        ("[store]\nurl = \"postgres://u:hidden@h/d\"", "store.key: missing, and all nodes must have the same; make one with `head -c 32 /dev/urandom | base64 > FILE`, give it to each node, and write key = \"file:FILE\"".into()),
        (&format!("{POSTGRES}?x=1\""), "store.url: unknown parameter `x`; known are application_name, host, sslmode, sslrootcert".into()),
        (&format!("{POSTGRES}?sslmode=prefer\""), "store.url: `sslmode` must be disable, require or verify-full".into()),
        (&format!("{POSTGRES}?sslrootcert=/x\""), "store.url: `sslrootcert` without TLS; add sslmode=verify-full".into()),
        (&format!("{POSTGRES}?sslmode=require&sslrootcert=/nonexistent\""), "store.url: `sslrootcert` /nonexistent (No such file or directory (os error 2)); it must be a file of certificates in PEM".into()),
        (&format!("{POSTGRES}\"\npassword = \"hidden\""), "store.url: carries a password, and `store.password` is another; leave one of them out".into()),
        ("[store]\nkey = \"k\"\nurl = \"postgres://u:hidden@h\"", "store.url: names no database; it must be such as postgres://jiesu@127.0.0.1:5432/jiesu".into()),
        ("[store]\nkey = \"k\"\nurl = \"postgres:///d\"", "store.url: names no host; it must be such as postgres://jiesu@127.0.0.1:5432/jiesu".into()),
        ("[store]\nkey = \"k\"\nurl = \"postgres://u:hidden@h:port/d\"", "store.url: no URL of PostgreSQL; it must be such as postgres://jiesu@127.0.0.1:5432/jiesu".into()),
        ("[store]\nkey = \"k\"\nurl = \"env:JIESU_TEST_UNSET\"", "store.url: the environment variable JIESU_TEST_UNSET is not set; set it, or use file:PATH".into()),
        ("[store]\npassword = \"hidden\"", "store.password: an SQLite file has none; leave it out".into()),
        ("[store]\nurl = \"sqlite::memory:\"", "store.url: no file behind `sqlite:`; use a path, as in \"sqlite:data/jiesu.db\"".into()),
        ("[repeats]\nurl = \"mysql://hidden\"", "repeats.url: no index's URL; use \"memory:\", or for example \"redis://127.0.0.1:6379\"".into()),
        ("[limits]\nper_key = \"0/s\"", "limits.per_key: a rate of 0 would refuse everybody; use at least 1, or \"off\"".into()),
        ("[policy]\nhotlines = \"/nonexistent.toml\"", "policy.hotlines: /nonexistent.toml cannot be read (No such file or directory (os error 2)); it must be a readable TOML file".into()),
        // The core.
        (&format!("{CORE}timeout = \"0s\""), "core.timeout: a duration of nothing; it must be at least \"1ms\"".into()),
        (&format!("{CORE}retry = {{ first = \"10m\" }}"), "core.retry.first: 10m is longer than `max`; it must be at most 5m".into()),
        (&format!("{CORE}retry = {{ frist = \"1m\" }}"), "core.retry.frist: unknown key `frist`; did you mean `first`? the known ones are: first, max, give_up".into()),
        (&format!("{CORE}success = \".code ==\""), "core.success: not a jq filter: term expected, but the filter ends (line 1, column 9: the end); write \"status\", or a jq predicate such as \".code == 0\"".into()),
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
        (&format!("{APP}key = 1"), "channels.app.key: unknown key `key`; did you mean `keys`? the known ones are: type, hotline, assembly, unsubscribe, repeats, keys, listen, challenge".into()),
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
