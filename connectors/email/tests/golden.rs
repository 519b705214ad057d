//! Nasty mail, and what people read in it. The files are written for this project; none is a citizen's.

#![allow(clippy::unwrap_used)]

use jiesu_connector::{Connector, Raw};
use jiesu_connector_testkit::{FakeSecrets, Outcome, goldens};
use jiesu_email::Email;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn nasty_mail_is_read_as_people_read_it() {
    let config = json!({ "transport": "lmtp", "listen": "127.0.0.1:0", "recipients": ["12345@leshan.example"],
        "authserv_id": "mx.leshan.example",
        "smtp": { "host": "127.0.0.1", "tls": "none", "from": "12345@leshan.example" } });
    let secrets = FakeSecrets::default();
    let parts = Email::build(serde_json::from_value(config).unwrap(), &secrets.setup("mail")).ok().unwrap();
    goldens(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"), "eml", |body| {
        let start = Instant::now();
        let raw = Raw { media_type: "message/rfc822".into(), meta: Default::default(), body };
        let appeal = parts.parser.parse(&raw).unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "reading takes {:?}", start.elapsed());
        let mut shown = appeal.to_json();
        shown["receipt"] = json!(appeal.wants_receipt);
        Outcome::from(shown)
    });
}
