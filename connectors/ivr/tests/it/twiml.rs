//! No call comes to a dead end: whatever is pressed, each address that an answer names answers again, and it ends.

use crate::{channel, golden::menu};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use jiesu_connector::{Inbound, Parts, Reception, Request};
use jiesu_connector_testkit::FakeDoor;
use jiff::Timestamp;
use serde_json::json;
use sha1::Sha1;
use std::collections::BTreeSet;

const BASE: &str = "https://12345.example.org/channels/hotline";

/// What is answered at `address` (below the channel's), as text.
fn ask(parts: &Parts, path: &str, digits: Option<&str>) -> String {
    let mut fields = vec![("CallSid", "CA1"), ("From", "+8613900000000"), ("To", "12345")];
    fields.extend(digits.map(|digits| ("Digits", digits)));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    fields.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(b"twilio-auth-token").unwrap();
    mac.update(format!("{BASE}{path}").as_bytes());
    fields.iter().for_each(|(name, value)| mac.update(format!("{name}{value}").as_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert("x-twilio-signature", STANDARD.encode(mac.finalize().into_bytes()).parse().unwrap());
    let peer = [127, 0, 0, 1].into();
    let request = Request { method: Method::POST, path: path.into(), query: None, headers, body: body.into(), peer };
    let Inbound::Push(webhook) = &parts.inbound else { panic!("it is called") };
    let Ok(Reception::Accept(accept)) = webhook.receive(&request, Timestamp::UNIX_EPOCH) else { panic!("{path}") };
    let receipts = FakeDoor::default().take(accept.messages).unwrap();
    let response = (accept.answer)(Ok(&receipts));
    assert_eq!(response.status, 200, "{path}");
    assert!(response.headers["content-type"].to_str().unwrap().starts_with("text/xml"));
    String::from_utf8(response.body.to_vec()).unwrap()
}

/// The addresses in an answer, below the channel's.
fn named(twiml: &str) -> Vec<String> {
    let ends = ['"', '<'];
    twiml.split(BASE).skip(1).map(|rest| rest.split(ends).next().unwrap().to_owned()).collect()
}

#[test]
fn every_way_through_a_call_ends_and_every_address_answers() {
    for config in [
        json!({ "dialect": "twilio", "auth_token": "env:TOKEN", "menu": menu(), "transcribe": true }),
        json!({ "dialect": "twilio", "auth_token": "env:TOKEN" }),
        json!({ "dialect": "twilio", "auth_token": "env:TOKEN", "menu": menu(), "voicemail": false }),
    ] {
        let parts = channel(config);
        let mut open =
            vec![String::new(), "/unheard/of".into(), "/menu".into(), "/menu/main/x".into(), "/menu/gone/7".into()];
        let mut met = BTreeSet::new();
        while let Some(path) = open.pop() {
            for digits in
                [None, Some("1"), Some("2"), Some("9"), Some("*"), Some("#"), Some("12"), Some("一"), Some(" ")]
            {
                let twiml = ask(&parts, &path, digits);
                let callback = ["/status", "/recording", "/transcription"].contains(&path.as_str());
                let leads = ["<Hangup/>", "<Redirect"].iter().any(|verb| twiml.contains(verb));
                assert!(callback || leads, "{path} {digits:?} is a dead end: {twiml}");
                // An address leads on to others only, or a caller could go round for ever.
                assert!(!named(&twiml).contains(&path), "{path} leads to itself");
                for next in named(&twiml) {
                    if met.insert(next.clone()) {
                        open.push(next);
                    }
                }
            }
        }
        assert!(met.len() < 20, "{met:?}");
    }
}
