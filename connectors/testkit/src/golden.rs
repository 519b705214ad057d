//! Golden files: what goes in beside what must come out.

use crate::{FakeDoor, settled};
use bytes::Bytes;
use jiesu_connector::{
    Accept, Inbound, Incoming, LookUp, OnOtherContent, Parts, Progress, Reception, Rejection, Response, Sample,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What came out of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Kept beside the sample as `.json`.
    pub json: Value,
    /// A page, kept beside the sample as `.html`.
    pub page: Option<String>,
}

impl From<Value> for Outcome {
    fn from(json: Value) -> Self {
        Self { json, page: None }
    }
}

/// Runs every file below `folder` that ends in `.extension` and compares what comes out with the files beside it.
/// With `UPDATE_EXPECT=1` in the environment those are written instead.
///
/// # Panics
/// Something else came out, an expectation has no sample, or there is no sample at all.
pub fn goldens(folder: impl AsRef<Path>, extension: &str, run: impl Fn(Bytes) -> Outcome) {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let (mut samples, mut expected) = (Vec::new(), Vec::new());
    for file in files(folder.as_ref()) {
        match file.extension().and_then(|ending| ending.to_str()) {
            Some(ending) if ending == extension => samples.push(file),
            Some("json" | "html") => expected.push(file),
            _ => {}
        }
    }
    assert!(!samples.is_empty(), "no .{extension} file below {}", folder.as_ref().display());
    let mut faults = Vec::new();
    for sample in &samples {
        let outcome = run(fs::read(sample).expect("a sample can be read").into());
        let json = serde_json::to_string_pretty(&outcome.json).expect("values are JSON") + "\n";
        for (ending, text) in [("json", Some(json)), ("html", outcome.page)] {
            let file = sample.with_extension(ending);
            expected.retain(|known| *known != file);
            compare(&file, text.as_deref(), update, &mut faults);
        }
    }
    faults.extend(expected.iter().map(|file| format!("{}: its sample is gone", file.display())));
    assert!(faults.is_empty(), "{}\n(UPDATE_EXPECT=1 writes them anew)", faults.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn compare(file: &Path, now: Option<&str>, update: bool, faults: &mut Vec<String>) {
    let before = fs::read_to_string(file).ok();
    if before.as_deref() == now {
        return;
    }
    match (update, now) {
        (true, Some(text)) => fs::write(file, text).expect("an expectation can be written"),
        (true, None) => fs::remove_file(file).expect("an expectation can be removed"),
        (false, _) => {
            let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
            let line = before.lines().zip(now.lines()).take_while(|(one, other)| one == other).count();
            let at = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
            let (before, now) = (at(&before), at(now));
            faults.push(format!("{}:{}:\n  expected {before}\n  found    {now}", file.display(), line + 1));
        }
    }
}

/// Runs a `.http` sample through a push channel and a [`FakeDoor`]: what was received, the appeals parsed from it, and
/// the answer.
///
/// # Panics
/// The file is no sample, or the channel does not push.
pub fn push(parts: &Parts, file: &Bytes, now: Timestamp) -> Outcome {
    let Inbound::Push(webhook) = &parts.inbound else { panic!("the channel is not called over HTTP") };
    let sample = Sample::parse(file).unwrap_or_else(|error| panic!("{error}"));
    let mut seen = Map::new();
    let response = outcome(webhook.receive(&sample.request, now), parts, &mut seen);
    let (answer, page) = answered(&response);
    seen.insert("answer".into(), answer);
    Outcome { json: Value::Object(seen), page }
}

fn outcome(received_as: Result<Reception, Rejection>, parts: &Parts, seen: &mut Map<String, Value>) -> Response {
    match received_as {
        Err(Rejection::Unauthenticated(response)) => {
            seen.insert("rejected".into(), json!("unauthenticated"));
            response
        }
        Err(Rejection::Malformed { reason, response }) => {
            seen.insert("rejected".into(), json!({ "malformed": reason }));
            response
        }
        Ok(reception) => received(reception, parts, seen),
    }
}

fn received(reception: Reception, parts: &Parts, seen: &mut Map<String, Value>) -> Response {
    match reception {
        Reception::Answer(response) => response,
        Reception::LookUp(LookUp { sender, number, answer }) => {
            seen.insert("look_up".into(), json!({ "sender": sender, "number": number }));
            answer(Ok(&[found()]))
        }
        Reception::Accept(Accept { messages, caller, answer }) => {
            seen.insert("caller".into(), json!(caller));
            let shown: Vec<_> = messages.iter().map(|message| shown(message, parts)).collect();
            seen.insert("messages".into(), json!(shown));
            let receipts = FakeDoor::default().take(messages);
            answer(receipts.as_deref().map_err(|refusal| *refusal))
        }
        Reception::With(reception, _) => received(*reception, parts, seen),
        Reception::Ask(asked) => outcome(settled(Ok(Reception::Ask(asked))), parts, seen),
    }
}

/// What every look-up finds.
fn found() -> Progress {
    let (unit, reply) = (Some("市城管局".into()), Some("已安排维修。".into()));
    Progress { number: "20261122-000123-4".into(), status: "in_progress".into(), unit, reply }
}

fn shown(message: &Incoming, parts: &Parts) -> Value {
    let keys = message.keys.iter().map(|key| {
        let other_content = match key.on_other_content {
            OnOtherContent::Refuse => "refused",
            OnOtherContent::NewAppeal => "new appeal",
        };
        json!({ "scope": key.scope, "value": key.value, "other_content": other_content })
    });
    let digest: String = message.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let appeal = match parts.parser.parse(&message.raw) {
        Ok(appeal) => appeal.to_json(),
        Err(error) => json!({ "quarantined": error.to_string() }),
    };
    json!({
        "raw": { "media_type": message.raw.media_type, "meta": message.raw.meta, "bytes": message.raw.body.len() },
        "keys": keys.collect::<Vec<_>>(),
        "digest": digest,
        "sender": message.sender,
        "hotline": message.hotline,
        "appeal": appeal,
    })
}

/// The answer, and the page if it is one: a line for each element, so that a difference can be read.
fn answered(response: &Response) -> (Value, Option<String>) {
    let headers = response.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").into()));
    let headers: Map<String, Value> = headers.collect();
    let body = String::from_utf8_lossy(&response.body);
    let mut answer = json!({ "status": response.status.as_u16(), "headers": headers });
    let html = response.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if html {
        return (answer, Some(body.replace("><", ">\n<") + "\n"));
    }
    answer["body"] = serde_json::from_str(&body).unwrap_or_else(|_| json!(body));
    (answer, None)
}
