//! A declared webhook: any bytes as JSON, as XML, as a form and as text, through a map that looks everywhere.
#![no_main]

use jiesu_connector::{Connector, Parts, Raw};
use jiesu_connector_testkit::FakeSecrets;
use jiesu_webhook::Webhook;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static CHANNEL: LazyLock<Parts> = LazyLock::new(|| {
    let config = serde_json::json!({ "map": "{content: ([.body | .. | strings] | join(\" \"))}" });
    let config = serde_json::from_value(config).expect("a configuration");
    Webhook::build(config, &FakeSecrets::default().setup("hook")).unwrap_or_else(|faults| panic!("{faults:?}"))
});

fuzz_target!(|data: &[u8]| {
    for media_type in ["application/json", "text/xml", "application/x-www-form-urlencoded", "text/plain; charset=gbk", ""] {
        let raw = Raw { media_type: media_type.into(), meta: Default::default(), body: data.to_vec().into() };
        let _ = CHANNEL.parser.parse(&raw);
    }
});
