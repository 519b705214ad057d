//! Nothing from outside makes the connector panic.

use crate::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use jiesu_connector::{Raw, Reception};
use jiesu_connector_testkit::hostile_bodies;
use serde_json::json;

const ROUNDS: usize = 20_000;

const SAMPLES: [&[u8]; 5] = [
    b"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName>oA</FromUserName><CreateTime>1</CreateTime>\
      <MsgType>text</MsgType><Content>20261122-000123-4 &amp; &#x4f60;</Content><MsgId>7</MsgId></xml>",
    br#"{"ToUserName":"gh_1","FromUserName":"oA","CreateTime":1,"MsgType":"location","Location_X":1e400,"L":[{"a":1}]}"#,
    b"<xml><MsgType>event</MsgType><Event>subscribe_msg_sent_event</Event>\
      <SubscribeMsgSentEvent><List><MsgID>1</MsgID></List></SubscribeMsgSentEvent></xml>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]><xml><?p i?><!-- - --><a b='c'/>&b;]]></xml>",
    b"<xml><MsgType>event</MsgType><Event>CLICK</Event><EventKey>*</EventKey></xml>",
];

#[test]
fn hostile_pushes_are_taken_or_refused_and_never_panic() {
    let parts = channel(json!({ "mode": "plain" }));
    let query = format!("signature={}&timestamp=1&nonce=2", sha1(&[TOKEN, "1", "2"]));
    let mut taken = 0;
    for body in hostile_bodies(20261122, &SAMPLES).take(ROUNDS) {
        match bare(webhook(&parts).receive(&request(Method::POST, &query, &body), now())) {
            Ok(Reception::Accept(accept)) => {
                taken += 1;
                let _ = parts.parser.parse(&accept.messages[0].raw);
                assert!(answered(accept).body.len() < 8_000);
            }
            Ok(_) => taken += 1,
            Err(_) => {}
        }
        let raw = Raw { media_type: "application/xml".into(), meta: Default::default(), body: body.into() };
        let _ = parts.parser.parse(&raw);
    }
    assert!(taken > 100, "the noise drowns everything: {taken} taken");
}

#[test]
fn correctly_signed_noise_in_place_of_a_ciphertext_is_refused() {
    let parts = channel(json!({}));
    for (round, mut bytes) in hostile_bodies(7, &[&[0; 64]]).take(ROUNDS).enumerate() {
        if round % 4 != 0 {
            // Whole blocks, so that the padding and the lengths inside are reached.
            bytes.truncate(bytes.len() / 16 * 16);
        }
        let encrypted = STANDARD.encode(bytes);
        let query = format!("timestamp=1&nonce=2&msg_signature={}", sha1(&[TOKEN, "1", "2", &encrypted]));
        let body = json!({ "Encrypt": encrypted }).to_string();
        assert!(webhook(&parts).receive(&request(Method::POST, &query, body.as_bytes()), now()).is_err());
    }
}
