//! Each type of push against its golden file: `NAME[.MODE].http` gives `NAME[.MODE].json`.
//! `UPDATE_GOLDEN=1` writes them anew; the diff is for reading.

use crate::support::*;
use http::Method;
use jiesu_connector::{
    Appeal, Intent, Note, Parser, PartType, Payload, Progress, Reception, Rejection, Request, Response,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

#[test]
fn every_push_of_the_specification_becomes_what_its_golden_file_says() {
    compare("spec", 40);
}

#[test]
fn pushes_as_seen_in_the_field_become_what_their_golden_files_say() {
    compare("vendor", 15);
}

#[test]
fn bad_requests_are_refused_and_nothing_is_stored() {
    compare("malformed", 25);
    for (name, request, mode) in samples("malformed") {
        let (webhook, _) = channel(json!({ "mode": mode }));
        let (Err(Rejection::Unauthenticated(response)) | Err(Rejection::Malformed { response, .. })) =
            webhook.receive(&request, now())
        else {
            panic!("{name} was taken")
        };
        assert!(response.status.is_client_error(), "{name}");
    }
}

fn samples(set: &str) -> Vec<(String, Request, &'static str)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(set);
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    names.sort();
    let read = |path: std::path::PathBuf| {
        let bytes = fs::read(&path).unwrap();
        let gap = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..gap]).unwrap();
        let query = head.split(' ').nth(1).unwrap().split_once('?').map_or("", |(_, query)| query);
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mode = match name.rsplit_once('.').map(|(_, mode)| mode) {
            Some("safe") => "safe",
            Some("compatible") => "compatible",
            _ => "plain",
        };
        (folder.join(&name).to_str().unwrap().to_owned(), request(Method::POST, query, &bytes[gap + 4..]), mode)
    };
    names.into_iter().map(read).collect()
}

fn compare(set: &str, at_least: usize) {
    let samples = samples(set);
    assert!(samples.len() >= at_least, "{set} has {} samples", samples.len());
    for (name, request, mode) in samples {
        let (webhook, parts) = channel(json!({ "mode": mode }));
        let shown = show(webhook.receive(&request, now()), &*parts.parser);
        let file = format!("{name}.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, serde_json::to_string_pretty(&shown).unwrap() + "\n").unwrap();
        }
        let golden = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let golden: Value = serde_json::from_str(&golden).unwrap();
        assert_eq!(shown, golden, "{name}");
    }
}

fn show(reception: Result<Reception, Rejection>, parser: &dyn Parser) -> Value {
    match reception {
        Ok(Reception::Answer(response)) => json!({ "answer": said(&response) }),
        Ok(Reception::LookUp(look_up)) => {
            let found =
                [Progress { number: "20261122-000123-4".into(), status: "dispatched".into(), unit: None, reply: None }];
            let (sender, number) = (look_up.sender, look_up.number);
            json!({ "look_up": { "sender": sender, "number": number }, "answer": said(&(look_up.answer)(Ok(&found))) })
        }
        Ok(Reception::Accept(accept)) => {
            let message = &accept.messages[0];
            let parsed = match parser.parse(&message.raw) {
                Ok(appeal) => appeal_json(&appeal),
                Err(error) => json!({ "quarantine": error.to_string() }),
            };
            json!({
                "key": message.keys.first().map(|key| format!("{}:{}", key.scope, key.value)),
                "sender": message.sender,
                "meta": message.raw.meta, "parsed": parsed, "answer": said(&answered(accept)),
            })
        }
        Err(Rejection::Unauthenticated(response)) => json!({ "unauthenticated": response.status.as_u16() }),
        Err(Rejection::Malformed { reason, response }) => {
            json!({ "malformed": reason, "status": response.status.as_u16() })
        }
    }
}

/// The text of the answer, or the answer; encrypted ones only as that.
fn said(response: &Response) -> Value {
    let body = std::str::from_utf8(&response.body).unwrap();
    match body.split_once("<Content><![CDATA[").and_then(|(_, rest)| rest.split_once("]]></Content>")) {
        Some((text, _)) => text.into(),
        None if body.contains("Encrypt") => "(encrypted)".into(),
        None if body.starts_with('{') => serde_json::from_str::<Value>(body).unwrap()["Content"].clone(),
        None => body.into(),
    }
}

fn appeal_json(appeal: &Appeal) -> Value {
    let note = appeal.note.as_ref().map(|note| match note {
        Note::Reachable => json!("reachable"),
        Note::Unreachable => json!("unreachable"),
        Note::Fate { message, fate } => json!({ "message": message, "failed": fate.as_ref().err() }),
        Note::Event(name) => json!({ "event": name }),
    });
    let intent = match appeal.intent {
        Intent::Appeal => "appeal",
        Intent::Urge => "urge",
        Intent::Withdraw => "withdraw",
        Intent::Note => "note",
    };
    let parts: Vec<_> = appeal
        .transcript
        .iter()
        .map(|part| json!([serde_json::to_value::<PartType>(part.kind).unwrap(), part.text, part.attachment]))
        .collect();
    let files: Vec<_> = appeal
        .attachments
        .iter()
        .map(|file| match &file.payload {
            Payload::Remote(media) => json!([file.media_type, media.0]),
            Payload::Inline(_) => panic!("WeChat sends no bytes"),
        })
        .collect();
    let mut shown = json!({ "intent": intent, "openid": appeal.appellant.wechat_openid });
    let optional = [
        ("about", json!(appeal.about)),
        ("note", json!(note)),
        ("content", json!((!appeal.content.is_empty()).then_some(&appeal.content))),
        ("location", json!((appeal.location != Default::default()).then_some(&appeal.location))),
        ("transcript", json!((!parts.is_empty()).then_some(parts))),
        ("attachments", json!((!files.is_empty()).then_some(files))),
    ];
    for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_null()) {
        shown[name] = value;
    }
    shown
}
