//! What the channel makes of requests; `UPDATE_EXPECT=1` writes the expectations anew.

use jiesu_connector::{Connector, Inbound, Parts, Raw, Reception, Refusal, Rejection, Response, Sample};
use jiesu_connector_testkit::{FakeDoor, FakeSecrets, Specimen, goldens, hostile_bodies, push};
use jiesu_partner::{Config, Partner};
use jiff::Timestamp;

const POST: &str = "POST /channels/app HTTP/1.1\nAuthorization: Bearer 4pp-token-of-16ch\n";

fn channel() -> Parts {
    let config: Config = serde_json::from_value(serde_json::json!({ "keys": [
        { "name": "city-app", "token": "env:APP" },
        { "name": "grid", "token": "a-literal-token!" },
    ] }))
    .expect("the configuration is right");
    let secrets = FakeSecrets::new([("env:APP", "4pp-token-of-16ch")]);
    Partner::build(config, &secrets.setup("app")).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// Sends `file` through the channel and `door`.
fn send(parts: &Parts, door: &FakeDoor, file: String) -> Response {
    let Inbound::Push(webhook) = &parts.inbound else { panic!("a push channel") };
    let sample = Sample::parse(&file.into()).expect("a sample");
    match webhook.receive(&sample.request, Timestamp::UNIX_EPOCH) {
        Ok(Reception::Accept(accept)) => {
            let receipts = door.take(accept.messages);
            (accept.answer)(receipts.as_deref().map_err(|refusal| *refusal))
        }
        Ok(Reception::Answer(response)) => response,
        Ok(_) => panic!("nobody asked"),
        Err(Rejection::Unauthenticated(response) | Rejection::Malformed { response, .. }) => response,
    }
}

#[test]
fn requests_become_appeals_and_answers_as_written_down() {
    let parts = channel();
    goldens("tests/golden", "http", |file| push(&parts, &file, Timestamp::UNIX_EPOCH));
}

#[test]
fn the_connector_keeps_to_the_contract() {
    let readme = include_str!("../../README.md");
    assert_eq!(Specimen::of::<Partner>().faults(readme), [""; 0]);
}

#[test]
fn redeliveries_get_the_first_receipt_and_reused_names_what_they_deserve() {
    let (parts, door) = (channel(), FakeDoor::default());
    let status = |headers: &str, body: &str| send(&parts, &door, format!("{POST}{headers}\n{body}\n")).status.as_u16();
    let (first, other) = (r#"{"id":"1","content":"路灯坏了"}"#, r#"{"id":"1","content":"井盖丢了"}"#);
    assert_eq!(status("", first), 201);
    assert_eq!(status("", r#"{ "content": "路灯坏了", "id": "1", "title": null }"#), 200);
    assert_eq!(status("", other), 201);
    assert_eq!(status("Idempotency-Key: k\n", first), 200, "known by its id");
    assert_eq!(status("Idempotency-Key: k2\n", r#"{"content":"噪声"}"#), 201);
    assert_eq!(status("Idempotency-Key: \"k2\"\n", r#"{"content":"噪声"}"#), 200);
    assert_eq!(status("Idempotency-Key: k2\n", r#"{"content":"积水"}"#), 422);
    assert_eq!(status("Idempotency-Key: k2\n", first), 422, "the header is looked at before the id");
    let grid = POST.replace("4pp-token-of-16ch", "a-literal-token!");
    assert_eq!(send(&parts, &door, format!("{grid}\n{first}")).status, 201, "each partner has names of its own");
}

#[test]
fn what_could_not_be_stored_is_told_and_never_acknowledged() {
    let (parts, door) = (channel(), FakeDoor::default());
    let refused = |refusal| {
        door.refuse(Some(refusal));
        send(&parts, &door, format!("{POST}\n{{\"content\":\"路灯坏了\"}}"))
    };
    assert_eq!(refused(Refusal::UnderWay).status, 409);
    let unavailable = refused(Refusal::Unavailable { retry_after: std::time::Duration::from_millis(1500) });
    assert_eq!((unavailable.status.as_u16(), &unavailable.headers["retry-after"]), (503, &"2".parse().unwrap()));
}

#[test]
fn no_body_makes_the_channel_panic() {
    let parts = channel();
    let whole = br#"{"id":"1","kind":"complaint","content":"a","appellant":{"phone":"1"},"location":{"lat":1,"lon":2},
        "occurred_at":"2026-11-22T08:00:00+08:00",
        "attachments":[{"name":"a","media_type":"image/png","base64":"AA=="}]}"#;
    for body in hostile_bodies(20261122, &[whole]).take(20_000) {
        let raw = Raw { media_type: "application/json".into(), meta: Default::default(), body: body.into() };
        if let Err(error) = parts.parser.parse(&raw) {
            assert!(!error.0.is_empty());
        }
    }
}
