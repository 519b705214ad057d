//! The WeChat callback: any bytes as a signed plain push, as a signed ciphertext, and as a stored message.
#![no_main]

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method};
use jiesu_connector::{Connector, Inbound, Parts, Raw, Reception, Refusal, Request};
use jiesu_connector_testkit::FakeSecrets;
use jiesu_wechat::Wechat;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use sha1::{Digest, Sha1};
use std::{sync::LazyLock, time::Duration};

static CHANNEL: LazyLock<Parts> = LazyLock::new(|| {
    let config = serde_json::json!({ "app_id": "wxba5fad812f8e6fb9", "token": "AAAAA",
        "encoding_aes_key": "A".repeat(43), "mode": "compatible" });
    let config = serde_json::from_value(config).expect("a configuration");
    Wechat::build(config, &FakeSecrets::default().setup("mp")).unwrap_or_else(|faults| panic!("{faults:?}"))
});

fn signature(parts: &mut [&str]) -> String {
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn push(query: String, body: Vec<u8>) {
    let Inbound::Push(webhook) = &CHANNEL.inbound else { unreachable!("WeChat calls us") };
    let (path, headers, peer) = (String::new(), HeaderMap::new(), [192, 0, 2, 1].into());
    let request = Request { method: Method::POST, path, query: Some(query), headers, body: body.into(), peer };
    if let Ok(Reception::Accept(accept)) = webhook.receive(&request, Timestamp::UNIX_EPOCH) {
        let _ = CHANNEL.parser.parse(&accept.messages[0].raw);
        let refusal = Refusal::Unavailable { retry_after: Duration::from_secs(1) };
        assert!(!(accept.answer)(Err(refusal)).status.is_success());
    }
}

fuzz_target!(|data: &[u8]| {
    push(format!("timestamp=1&nonce=2&signature={}", signature(&mut ["AAAAA", "1", "2"])), data.to_vec());

    let encrypted = STANDARD.encode(data);
    let signed = signature(&mut ["AAAAA", "1", "2", &encrypted]);
    let body = serde_json::json!({ "Encrypt": encrypted }).to_string();
    push(format!("timestamp=1&nonce=2&encrypt_type=aes&msg_signature={signed}"), body.into_bytes());

    let raw = Raw { media_type: String::new(), meta: Default::default(), body: data.to_vec().into() };
    let _ = CHANNEL.parser.parse(&raw);
});
