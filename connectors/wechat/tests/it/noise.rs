//! Nothing from outside makes the connector panic.

use crate::support::*;
use http::Method;
use jiesu_connector::{Raw, Reception};
use serde_json::json;

const ROUNDS: u32 = 20_000;

/// A small generator (xorshift64*): the same noise at every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

const SEEDS: [&str; 4] = [
    "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName>oA</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>20261122-000123-4 &amp; &#x4f60;</Content><MsgId>7</MsgId></xml>",
    r#"{"ToUserName":"gh_1","FromUserName":"oA","CreateTime":1,"MsgType":"location","Location_X":1e400,"Location_Y":-3,"Label":"\u4f60","L":[{"a":1}]}"#,
    "<xml><MsgType>event</MsgType><Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent><List><MsgID>1</MsgID></List></SubscribeMsgSentEvent></xml>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]><xml><?p i?><!-- - --><a b='c'/>&b;]]></xml>",
];

fn mutate(noise: &mut Noise) -> Vec<u8> {
    let mut bytes = SEEDS[noise.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..noise.below(4) {
        let at = noise.below(bytes.len());
        match noise.below(5) {
            0 => bytes[at] = noise.next() as u8,
            1 => bytes.truncate(at.max(1)),
            2 => bytes.insert(at, b"<>&;]['\"{}\\0"[noise.below(12)]),
            3 => drop(bytes.remove(at).min(1)),
            _ => {
                let piece = bytes[at..(at + 12).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(b'<');
        }
    }
    bytes
}

#[test]
fn mutated_pushes_are_taken_or_refused_and_never_panic() {
    let (webhook, parts) = channel(json!({ "mode": "plain" }));
    let mut noise = Noise(0x6a69_6573_7521);
    let query = format!("signature={}&timestamp=1&nonce=2", sha1(&[TOKEN, "1", "2"]));
    let mut taken = 0;
    for _ in 0..ROUNDS {
        let body = mutate(&mut noise);
        match webhook.receive(&request(Method::POST, &query, &body), now()) {
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
    assert!(taken > ROUNDS / 50, "the noise is too loud: {taken} taken");
}

#[test]
fn correctly_signed_noise_in_place_of_a_ciphertext_is_refused() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (webhook, _) = channel(json!({}));
    let mut noise = Noise(7);
    for round in 0..ROUNDS {
        // Mostly whole blocks, so that the padding and the lengths inside are reached.
        let length = if round % 4 == 0 { noise.below(200) } else { 16 * noise.below(12) };
        let bytes: Vec<u8> = (0..length).map(|_| noise.next() as u8).collect();
        let encrypted = STANDARD.encode(bytes);
        let query = format!("timestamp=1&nonce=2&msg_signature={}", sha1(&[TOKEN, "1", "2", &encrypted]));
        let body = json!({ "Encrypt": encrypted }).to_string();
        assert!(webhook.receive(&request(Method::POST, &query, body.as_bytes()), now()).is_err());
    }
}
