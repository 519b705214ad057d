//! Requests beside what comes of them; `UPDATE_EXPECT=1` writes the expectations anew.

use crate::{build, channel};
use jiesu_connector_testkit::{Specimen, goldens, hostile_bodies, push};
use jiesu_ivr::Ivr;
use jiff::Timestamp;
use serde_json::{Value, json};

/// When the samples were signed.
const NOW: i64 = 1_795_305_600;

pub(crate) fn menu() -> Value {
    json!({
        "main": { "prompt": "投诉请按 1，咨询请按 2。", "keys": {
            "1": { "label": "投诉", "kind": "complaint", "then": "what" },
            "2": { "label": "咨询", "kind": "consultation" },
        } },
        "what": { "prompt": "噪声请按 1，占道请按 2。", "keys": {
            "1": { "label": "噪声", "category": "0503" },
            "2": { "label": "占道", "hotline": "12319" },
        } },
    })
}

fn run(folder: &str, config: Value) {
    let parts = channel(config);
    let now = Timestamp::from_second(NOW).unwrap();
    goldens(format!("tests/golden/{folder}"), "http", |file| push(&parts, &file, now));
}

#[test]
fn twilio_is_answered_in_twiml() {
    run("twilio", json!({ "dialect": "twilio", "auth_token": "env:TOKEN", "transcribe": true }));
    run("twilio-menu", json!({ "dialect": "twilio", "auth_token": "env:TOKEN", "menu": menu() }));
    run("twilio-callback", json!({ "dialect": "twilio", "auth_token": "env:TOKEN", "voicemail": false }));
    run(
        "twilio-sha256",
        json!({ "dialect": "twilio", "auth_token": "env:TOKEN", "signature": "sha256", "signing_secret": "env:SIGNING" }),
    );
}

#[test]
fn events_are_read_and_signed_ones_only() {
    let digits = json!({ "1": { "label": "投诉", "kind": "complaint" }, "12": { "category": "0503" } });
    let numbers = json!({ "12319": "12319" });
    run("json", json!({ "dialect": "json", "secret": "env:SECRET", "digits": digits, "numbers": numbers }));
}

#[test]
fn vendors_pushes_are_mapped_and_acknowledged_in_their_own_way() {
    let with = |profile: &str, key: &str, secret: &str| {
        run(profile, json!({ "dialect": "json", "profile": profile, key: secret }));
    };
    with("tccc", "basic", "env:BASIC");
    with("aliyun-ccc", "query_secret", "env:QUERY");
    with("aliyun-voice", "query_secret", "env:QUERY");
    with("huawei", "secret", "env:HUAWEI");
    with("trclink", "query_secret", "env:QUERY");
    with("freeswitch", "basic", "env:BASIC");
}

#[test]
fn the_connector_keeps_to_the_contract() {
    let readme = include_str!("../../../README.md");
    let specimen = Specimen { example: Some(super::example()), ..Specimen::of::<Ivr>() };
    assert_eq!(specimen.faults(readme), [""; 0]);
}

#[test]
fn mistakes_in_the_configuration_are_named_with_what_would_be_right() {
    let of = |config: Value, key: &str| {
        let faults = build(config).err().unwrap_or_default();
        assert!(faults.iter().any(|fault| fault.to_string().starts_with(key)), "{key}: {faults:?}");
    };
    let twilio = |more: Value| {
        let mut config = json!({ "dialect": "twilio", "auth_token": "env:TOKEN" });
        more.as_object().unwrap().iter().for_each(|(key, value)| config[key] = value.clone());
        config
    };
    of(json!({ "dialect": "twilio" }), "auth_token: is required");
    of(json!({ "dialect": "json" }), "secret: is required");
    of(json!({ "dialect": "json", "secret": "env:NOWHERE" }), "secret: ");
    of(json!({ "dialect": "json", "profile": "tccc" }), "profile: one of `basic` and `query_secret`");
    of(
        json!({ "dialect": "json", "profile": "tccc", "basic": "env:BASIC", "secret": "env:SECRET" }),
        "secret: is only for",
    );
    of(json!({ "dialect": "json", "secret": "env:SECRET", "basic": "env:BASIC" }), "basic: is only for");
    of(json!({ "dialect": "json", "secret": "env:SECRET", "menu": menu() }), "menu: is only for");
    of(twilio(json!({ "signing_secret": "env:SIGNING" })), "signing_secret: is only for signature");
    of(twilio(json!({ "digits": { "1": {} } })), "digits: is only for dialect = \"json\"");
    of(twilio(json!({ "wait": { "settle": "soon" } })), "wait.settle: must be");
    of(twilio(json!({ "longest_message": "1d" })), "longest_message: must be");
    of(twilio(json!({ "recording_hosts": ["https://x/"] })), "recording_hosts: ");
    of(twilio(json!({ "words": { "ivr": { "thanks": "{nummer}" } } })), "words.ivr.thanks");
    of(json!({ "dialect": "json", "secret": "env:SECRET", "digits": { "x": {} } }), "digits.x: are no keys");
    let mut circle = menu();
    circle["what"]["keys"]["1"]["then"] = json!("main");
    of(twilio(json!({ "menu": circle })), "menu.what.keys.1.then: leads back");
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let samples: Vec<Vec<u8>> = ["json", "tccc", "aliyun-ccc", "huawei", "trclink", "freeswitch", "twilio"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(format!("tests/golden/{folder}")).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "http"))
        .map(|path| std::fs::read(path).unwrap())
        .map(|file| file.windows(2).position(|two| two == b"\n\n").map_or(Vec::new(), |at| file[at + 2..].to_vec()))
        .collect();
    let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
    for body in hostile_bodies(2_026, &samples).take(3_000) {
        jiesu_ivr::fuzzing::read(&body);
    }
}
