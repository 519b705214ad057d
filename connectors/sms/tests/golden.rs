//! What the channel makes of PDUs and requests; `UPDATE_EXPECT=1` writes the expectations anew.

use jiesu_connector::{Connector, Parts, Raw};
use jiesu_connector_testkit::{FakeSecrets, Outcome, Specimen, goldens, hostile_bodies, push};
use jiesu_sms::Sms;
use jiff::Timestamp;
use serde_json::{Value, json};

fn channel(mut config: Value) -> Parts {
    config["extensions"] = json!({ "01": "12319" });
    let config = serde_json::from_value(config).expect("the configuration is right");
    let secrets = FakeSecrets::new([("env:QUERY", "a-long-query-secret"), ("env:TOKEN", "twilio-auth-token")]);
    Sms::build(config, &secrets.setup("sms")).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn session(transport: &str) -> Parts {
    channel(json!({ "transport": transport, "host": "carrier.example", "username": "901234", "password": "secret",
        "service_code": "1065712345" }))
}

fn unhex(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> =
        text.iter().filter_map(|digit| char::from(*digit).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn raw(body: Vec<u8>) -> Raw {
    Raw { media_type: "application/octet-stream".into(), meta: Default::default(), body: body.into() }
}

#[test]
fn pdus_become_appeals_and_parts_as_written_down() {
    for transport in ["cmpp", "smpp"] {
        let parts = session(transport);
        goldens(format!("tests/golden/{transport}"), "pdu", |file| {
            let raw = raw(unhex(&file));
            let piece = parts
                .parser
                .piece(&raw)
                .map(|piece| json!({ "whole": piece.whole, "place": piece.place, "of": piece.of }));
            let appeal = match parts.parser.parse(&raw) {
                Ok(appeal) => appeal.to_json(),
                Err(error) => json!({ "quarantined": error.to_string() }),
            };
            Outcome::from(json!({ "piece": piece, "appeal": appeal }))
        });
    }
}

#[test]
fn callbacks_become_appeals_and_answers_as_written_down() {
    for cloud in ["aliyun", "tencent"] {
        let parts = channel(json!({ "transport": cloud, "query_secret": "env:QUERY" }));
        goldens(format!("tests/golden/{cloud}"), "http", |file| push(&parts, &file, Timestamp::UNIX_EPOCH));
    }
    let parts = channel(json!({ "transport": "twilio", "auth_token": "env:TOKEN" }));
    goldens("tests/golden/twilio", "http", |file| push(&parts, &file, Timestamp::UNIX_EPOCH));
}

#[test]
fn the_connector_keeps_to_the_contract() {
    let readme = include_str!("../../README.md");
    assert_eq!(Specimen::of::<Sms>().faults(readme), [""; 0]);
}

#[test]
fn mistakes_in_the_configuration_are_named_with_what_would_be_right() {
    let faults = |config: Value| {
        let config = serde_json::from_value(config).expect("the shapes are right");
        let secrets = FakeSecrets::default();
        match Sms::build(config, &secrets.setup("sms")) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.to_string()).collect::<Vec<_>>(),
        }
    };
    let of = |config: Value, key: &str| {
        let faults = faults(config);
        assert!(faults.iter().any(|fault| fault.starts_with(key)), "{key}: {faults:?}");
    };
    of(json!({ "transport": "cmpp" }), "host: is required");
    of(json!({ "transport": "cmpp" }), "username: is required");
    of(json!({ "transport": "cmpp", "host": "h", "username": "1234567", "password": "p" }), "username: must be 1 to 6");
    of(
        json!({ "transport": "smpp", "host": "h", "username": "a", "password": "123456789" }),
        "password: has more than 8",
    );
    of(json!({ "transport": "twilio" }), "auth_token: is required");
    of(json!({ "transport": "aliyun", "host": "h" }), "host: is only for transport cmpp and smpp");
    of(json!({ "transport": "aliyun", "wait_for_parts": "1d" }), "wait_for_parts: must be");
    of(json!({ "transport": "aliyun", "extensions": { "x": "12319" } }), "extensions.x");
    of(json!({ "transport": "aliyun", "words": { "sms": { "receipt": "{nummer}" } } }), "words.sms.receipt");
    assert_eq!(faults(json!({ "transport": "aliyun" })), [""; 0]);
}

#[test]
fn no_bytes_make_the_parser_or_a_protocol_panic() {
    let samples: Vec<Vec<u8>> = ["cmpp", "smpp"]
        .iter()
        .flat_map(|transport| std::fs::read_dir(format!("tests/golden/{transport}/spec")).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "pdu"))
        .map(|path| unhex(&std::fs::read(path).unwrap()))
        .collect();
    let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
    let clouds = ["aliyun", "tencent"].map(|cloud| channel(json!({ "transport": cloud, "query_secret": "env:QUERY" })));
    for body in hostile_bodies(2_026, &samples).take(4_000) {
        jiesu_sms::fuzzing::cmpp(&body);
        jiesu_sms::fuzzing::smpp(&body);
        for cloud in &clouds {
            let _ = (cloud.parser.parse(&raw(body.clone())), cloud.parser.piece(&raw(body.clone())));
        }
    }
}
