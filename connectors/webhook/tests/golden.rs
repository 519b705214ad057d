//! What the channel makes of pushes: the examples of docs/webhook.md, as they stand there, and what goes wrong.
//! `UPDATE_EXPECT=1` writes the expectations anew.

// A helper has nobody to hand an error to: what cannot go on panics with the reason.
#![allow(clippy::unwrap_used)]

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiesu_connector::{Connector, Inbound, Parts, Raw, Reception, Rejection, Sample};
use jiesu_connector_testkit::{FakeDoor, FakeSecrets, SECRET, Specimen, goldens, hostile_bodies, push};
use jiesu_webhook::{Config, Webhook};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRETS: [(&str, &str); 5] = [
    ("env:CITY_APP_SECRET", "city-app-secret"),
    ("env:URBAN_LOGIN", "urban:pass-word"),
    ("env:OLD_CENTRE_PAIR", "key=old-centre-key"),
    ("env:GRID_TOKEN", "grid-token-of-20-chr"),
    ("env:PAGER_SECRET", "pager-secret"),
];

fn build(config: Value) -> Result<Parts, Vec<String>> {
    let secrets = FakeSecrets::new(SECRETS);
    let config: Config = serde_json::from_value(config).expect("the shape is right");
    Webhook::build(config, &secrets.setup("hook")).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The channel of the cookbook that a sample is for.
fn channel(id: &str) -> Parts {
    let page = include_str!("../../../docs/webhook.md");
    let blocks = page.split("```toml\n").skip(1).filter_map(|block| block.split("```").next());
    let mut table = blocks
        .filter_map(|block| {
            toml::from_str::<Value>(block).unwrap_or_else(|error| panic!("{error}"))["channels"].get(id).cloned()
        })
        .next()
        .unwrap_or_else(|| panic!("docs/webhook.md has no channel {id}"));
    let keys = table.as_object_mut().expect("a table");
    keys.remove("type");
    keys.remove("hotline");
    build(table).unwrap_or_else(|faults| panic!("{faults:?}"))
}

#[test]
fn pushes_become_appeals_and_answers_as_written_down() {
    goldens("tests/golden", "http", |file| {
        let id = Sample::parse(&file).expect("a sample").channel;
        push(&channel(&id), &file, Timestamp::UNIX_EPOCH)
    });
}

#[test]
fn the_connector_keeps_to_the_contract() {
    let readme = include_str!("../../README.md");
    let example = Some(json!({ "auth": { "bearer": SECRET }, "map": "{content: .text}" }));
    assert_eq!(Specimen { example, ..Specimen::of::<Webhook>() }.faults(readme), [""; 0]);
}

fn sample(text: &str) -> Sample {
    Sample::parse(&text.to_owned().into()).expect("a sample")
}

fn status(parts: &Parts, door: &FakeDoor, text: &str) -> u16 {
    let Inbound::Push(webhook) = &parts.inbound else { panic!("a push channel") };
    match webhook.receive(&sample(text).request, Timestamp::UNIX_EPOCH) {
        Ok(Reception::Accept(accept)) => {
            let receipts = door.take(accept.messages);
            (accept.answer)(receipts.as_deref().map_err(|refusal| *refusal)).status.as_u16()
        }
        Ok(Reception::Answer(response)) => response.status.as_u16(),
        Ok(_) => panic!("nobody asked"),
        Err(Rejection::Unauthenticated(response) | Rejection::Malformed { response, .. }) => response.status.as_u16(),
    }
}

#[test]
fn every_way_to_show_who_one_is_takes_the_right_and_refuses_the_wrong() {
    let (door, body) = (FakeDoor::default(), "{\"text\":\"路灯坏了\"}");
    let mac = Hmac::<Sha256>::new_from_slice(b"a-secret-of-length").unwrap().chain_update(body).finalize().into_bytes();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = STANDARD.encode(mac);
    let hmac = |encoding: &str| json!({ "hmac_sha256": { "header": "X-Sign", "secret": "a-secret-of-length", "encoding": encoding } });
    let plain = STANDARD.encode("user:password1");
    let cases = [
        (hmac("hex"), "", format!("X-Sign: {hex}"), true),
        (hmac("hex"), "", format!("X-Sign: {}", hex.to_uppercase()), true),
        (hmac("hex"), "", format!("X-Sign: sha256={hex}"), false),
        (hmac("hex"), "", format!("X-Sign: {}", hex.replace(&hex[..1], "g")), false),
        (hmac("hex"), "", format!("X-Sign: {}", &hex[..62]), false),
        (hmac("hex"), "", String::new(), false),
        (hmac("sha256=hex"), "", format!("X-Sign: sha256={hex}"), true),
        (hmac("sha256=hex"), "", format!("X-Sign: {hex}"), false),
        (hmac("base64"), "", format!("X-Sign: {base64}"), true),
        (hmac("base64"), "", format!("X-Sign: {hex}"), false),
        (json!({ "bearer": "a-bearer-token" }), "", "Authorization: bearer a-bearer-token".into(), true),
        (json!({ "bearer": "a-bearer-token" }), "", "Authorization: Bearer another-token".into(), false),
        (json!({ "bearer": "a-bearer-token" }), "", "Authorization: a-bearer-token".into(), false),
        (json!({ "basic": "user:password1" }), "", format!("Authorization: Basic {plain}"), true),
        (json!({ "basic": "user:password1" }), "", "Authorization: Basic dXNlcjpx".into(), false),
        (json!({ "query": "key=value123" }), "?a=b&key=value123", String::new(), true),
        (json!({ "query": "key=v 路lue123" }), "?key=v+%E8%B7%AFlue123", String::new(), true),
        (json!({ "query": "key=value123" }), "?key=value124", String::new(), false),
        (json!({ "query": "key=value123" }), "", String::new(), false),
    ];
    for (auth, query, header, right) in cases {
        let parts = build(json!({ "auth": auth, "map": "{content: .body.text}" })).unwrap();
        let header = if header.is_empty() { header } else { header + "\n" };
        let text = format!("POST /channels/hook{query} HTTP/1.1\nContent-Type: application/json\n{header}\n{body}\n");
        assert_eq!(status(&parts, &door, &text), if right { 200 } else { 401 }, "{text}");
    }
}

#[test]
fn what_proves_the_sender_is_not_kept() {
    let parts = build(json!({ "auth": { "query": "key=value123" }, "map": "{content: .text}" })).unwrap();
    let Inbound::Push(webhook) = &parts.inbound else { panic!("a push channel") };
    let text =
        "POST /channels/hook?a=1&key=value123 HTTP/1.1\nAuthorization: Bearer t0psecret\nCookie: s=t0psecret\n\n路灯\n";
    let Ok(Reception::Accept(accept)) = webhook.receive(&sample(text).request, Timestamp::UNIX_EPOCH) else {
        panic!("accepted")
    };
    let kept = format!("{:?}", accept.messages[0].raw.meta);
    assert!(kept.contains("a=1") && !kept.contains("value123") && !kept.contains("t0psecret"), "{kept}");
}

#[test]
fn redeliveries_are_known_by_their_id_and_else_by_their_bytes() {
    let (parts, door) = (build(json!({ "map": ".body | {id, content}" })).unwrap(), FakeDoor::default());
    let taken = |body: &str| {
        let before = door.kept().len();
        assert_eq!(
            status(&parts, &door, &format!("POST /channels/hook HTTP/1.1\nContent-Type: application/json\n\n{body}\n")),
            200
        );
        door.kept().len() - before
    };
    assert_eq!(taken(r#"{"id":7,"content":"路灯坏了","time":1}"#), 1);
    assert_eq!(taken(r#"{"id":7,"content":"路灯坏了","time":2}"#), 0, "the same appeal, sent again");
    assert_eq!(taken(r#"{"id":7,"content":"井盖丢了"}"#), 1, "the id is used twice");
    assert_eq!(taken(r#"{"content":"噪声","time":1}"#), 1);
    assert_eq!(taken(r#"{"content":"噪声","time":1}"#), 0);
    assert_eq!(taken(r#"{"content":"噪声","time":2}"#), 1, "without an id only the same bytes are the same");
    assert_eq!(taken(r#"{"no":"content"}"#), 1, "kept, though the map cannot read it");
    assert_eq!(taken(r#"{"no":"content"}"#), 0);
    assert_eq!(taken(r#"{"content":"#), 1, "kept, though it is no JSON");
}

#[test]
fn faults_in_the_configuration_are_told_with_their_place() {
    let faults = |config: Value| build(config).err().unwrap_or_default().join("\n");
    let map = |map: &str| faults(json!({ "map": map }));
    assert!(map("{content: .body.").contains("map: not a jq filter"));
    assert!(map("def f: f; f").contains("map: `f` calls itself"));
    let all = faults(json!({ "map": "nope", "auth": { "basic": "nocolon!!" }, "reply": { "status": 500 } }));
    for fault in [
        "map: `nope` may not be used in a map (line 1, column 1: nope)",
        "auth.basic: has no colon",
        "reply.status: is no success",
    ] {
        assert!(all.contains(fault), "{fault} is missing in\n{all}");
    }
    assert!(faults(json!({ "map": ".", "auth": { "query": "novalue" } })).contains("auth.query: is no name=value"));
    assert!(faults(json!({ "map": ".", "auth": { "bearer": "env:NONE" } })).contains("auth.bearer"));
    assert!(faults(json!({ "map": ".", "auth": {} })).contains("auth: must be one of"));
    assert!(faults(json!({ "map": ".", "reply": { "content_type": "json" } })).contains("reply.content_type"));
}

#[test]
fn no_body_makes_the_channel_panic() {
    let parts = build(json!({ "map": ".body | {content: (.a.b // .xml.c // .)}" })).unwrap();
    let whole =
        [&br#"{"a":{"b":"x"}}"#[..], "<?xml version='1.0' encoding='gbk'?><xml><c k='1'>y</c></xml>".as_bytes()];
    for (index, body) in hostile_bodies(20261122, &whole).take(6_000).enumerate() {
        let media_type = ["application/json", "text/xml", "application/x-www-form-urlencoded", ""][index % 4];
        let raw = Raw { media_type: media_type.into(), meta: Default::default(), body: body.into() };
        if let Err(error) = parts.parser.parse(&raw) {
            assert!(!error.0.is_empty());
        }
    }
}
