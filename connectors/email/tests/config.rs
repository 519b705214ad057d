//! What is wrong in a configuration is said, each fault by its key.

#![allow(clippy::unwrap_used)]

use jiesu_connector::{Connector, Inbound, Parts};
use jiesu_connector_testkit::FakeSecrets;
use jiesu_email::Email;
use serde_json::{Value, json};

fn build(config: Value) -> Result<Parts, Vec<String>> {
    let secrets = FakeSecrets::default();
    Email::build(serde_json::from_value(config).unwrap(), &secrets.setup("mail"))
        .map_err(|faults| faults.into_iter().map(|fault| fault.key).collect())
}

fn faults(config: Value) -> Vec<String> {
    build(config).err().unwrap_or_default()
}

#[test]
fn a_mailbox_and_a_port_are_built_from_what_they_need() {
    let imap = json!({ "transport": "imap", "host": "h", "username": "u@b.cn", "password": "p" });
    let parts = build(imap).ok().unwrap();
    assert!(matches!(parts.inbound, Inbound::Pull(_)) && parts.replier.is_none() && parts.probe.is_some());
    let smtp = json!({ "host": "h", "tls": "none", "from": "热线 <12345@b.cn>" });
    let lmtp = json!({ "transport": "lmtp", "listen": "127.0.0.1:0", "smtp": smtp });
    let parts = build(lmtp).ok().unwrap();
    assert!(matches!(parts.inbound, Inbound::Listen(_)) && parts.replier.is_some() && !parts.converses);
}

#[test]
fn every_fault_is_named() {
    assert_eq!(faults(json!({ "transport": "imap" })), ["host", "username", "password"]);
    assert_eq!(faults(json!({ "transport": "lmtp", "host": "h" })), ["host", "listen"]);
    let lmtp = |key: &str, value: Value| {
        let mut config = json!({ "transport": "lmtp", "listen": "127.0.0.1:0" });
        config[key] = value;
        faults(config)
    };
    assert_eq!(lmtp("max_size", json!("1GB")), ["max_size"]);
    let both = json!({ "transport": "lmtp", "listen": "127.0.0.1:0", "border": "mx", "authserv_id": "mx" });
    assert_eq!(faults(both), ["border"]);
    assert_eq!(lmtp("recipients", json!(["12345"])), ["recipients[0]"]);
    assert_eq!(lmtp("words", json!({ "email": { "receipt": "{nummer}" } })), ["words.email.receipt"]);
    assert_eq!(
        lmtp("smtp", json!({ "host": "", "from": "12345", "username": "u" })),
        ["smtp.host", "smtp.from", "smtp.password"]
    );
    let same =
        json!({ "transport": "imap", "host": "h", "username": "u", "password": "p", "processed_folder": "INBOX" });
    assert_eq!(faults(same), ["processed_folder"]);
    let hasty = json!({ "transport": "imap", "host": "h", "username": "u", "password": "p", "silent_alarm": "1s" });
    assert_eq!(faults(hasty), ["silent_alarm"]);
}
