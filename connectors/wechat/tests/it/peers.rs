//! Against a third-party implementation of the platform's crypto and messages, in both directions.
//! Skipped, and said so, where `make setup` has not put it into `target/peers`.

use crate::support::*;
use http::Method;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

struct Peer {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let python = root.join("target/peers/bin/python");
        if !python.exists() {
            eprintln!("skipped: {} is missing; run `make setup`", python.display());
            return None;
        }
        let mut command = Command::new(python);
        command.arg(root.join("tests/peers/wechat.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Self { child, asks, answers })
    }

    fn ask(&mut self, ask: Value) -> Value {
        writeln!(self.asks, "{ask}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_the_peer_encrypts_we_read_and_what_we_encrypt_the_peer_reads() {
    let Some(mut peer) = Peer::start() else { return };
    let keys = ["A".repeat(43), "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C".into()];
    for (round, key) in keys.iter().cycle().take(70).enumerate() {
        // Every length modulo the block of 32.
        let content = format!("噪声]]&gt;{}", "x".repeat(round));
        let message = format!(
            "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1</CreateTime>\
             <MsgType>text</MsgType><Content>{content}</Content><MsgId>{round}</MsgId></xml>"
        );
        let (time, nonce) = ("1714112445", format!("{round}"));
        let made = peer.ask(json!({ "do": "encrypt", "key": key, "token": TOKEN, "app_id": APP, "message": message,
            "timestamp": time, "nonce": nonce }));
        let text = |name: &str| made[name].as_str().unwrap();
        let query = format!(
            "signature={}&timestamp={time}&nonce={nonce}&encrypt_type=aes&msg_signature={}",
            text("signature"),
            text("msg_signature")
        );
        // The key may be the current one or the one before.
        let more = if round % 3 == 0 {
            json!({ "encoding_aes_key": "B".repeat(42) + "A", "previous_encoding_aes_key": key })
        } else {
            json!({ "encoding_aes_key": key })
        };
        let parts = channel(more);
        let push = request(Method::POST, &query, text("body").as_bytes());
        let accept = accepted(webhook(&parts).receive(&push, now()));
        let appeal = parts.parser.parse(&accept.messages[0].raw).unwrap();
        assert_eq!(appeal.content, content.replace("&gt;", ">"));

        let body = String::from_utf8(answered(accept).body.to_vec()).unwrap();
        let read = peer.ask(json!({ "do": "decrypt", "key": key, "token": TOKEN, "app_id": APP, "body": body }));
        let message = read["message"].as_str().unwrap_or_else(|| panic!("{read}"));
        let parsed = peer.ask(json!({ "do": "parse", "message": message }));
        assert_eq!(
            (&parsed["type"], &parsed["source"], &parsed["target"]),
            (&json!("text"), &json!("gh_1"), &json!("oA"))
        );
        assert_eq!(parsed["time"], receipt().received_at.as_second());
        assert!(parsed["content"].as_str().unwrap().contains("7Q3M-K9TD"), "{parsed}");
    }
}

#[test]
fn the_peer_refuses_our_answer_with_another_token_or_app_id() {
    let Some(mut peer) = Peer::start() else { return };
    let parts = channel(json!({}));
    let official = include_str!("../golden/spec/official.safe.http").split_once("\n\n").unwrap();
    let query = official.0.split_once('?').unwrap().1.split(' ').next().unwrap();
    let push = request(Method::POST, query, official.1.as_bytes());
    assert_eq!(answered(accepted(webhook(&parts).receive(&push, now()))).body, "success");

    let text = peer.ask(json!({ "do": "encrypt", "key": "A".repeat(43), "token": TOKEN, "app_id": APP,
        "message": "<xml><ToUserName>g</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>a</Content><MsgId>1</MsgId></xml>",
        "timestamp": "1", "nonce": "2" }));
    let query = format!("timestamp=1&nonce=2&msg_signature={}", text["msg_signature"].as_str().unwrap());
    let push = request(Method::POST, &query, text["body"].as_str().unwrap().as_bytes());
    let body = String::from_utf8(answered(accepted(webhook(&parts).receive(&push, now()))).body.to_vec()).unwrap();
    let mut read = |token: &str, app_id: &str| {
        peer.ask(json!({ "do": "decrypt", "key": "A".repeat(43), "token": token, "app_id": app_id, "body": body }))
    };
    assert!(read(TOKEN, APP)["message"].is_string());
    assert_eq!(read("B", APP)["error"], "InvalidSignatureException");
    assert_eq!(read(TOKEN, "wx0")["error"], "InvalidAppIdException");
}
