//! What the channel makes of requests; `UPDATE_EXPECT=1` writes the expectations anew.

use bytes::Bytes;
use jiesu_connector::{Connector, Inbound, Parts, Raw, Reception, Refusal, Rejection, Response, Sample};
use jiesu_connector_testkit::{FakeDoor, FakeSecrets, Specimen, goldens, hostile_bodies, push, settled};
use jiesu_web::{Config, Web};
use jiff::Timestamp;
use std::time::Duration;

const FORM: &str = "POST /channels/web HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n";

fn channel(config: serde_json::Value) -> Parts {
    let config: Config = serde_json::from_value(config).expect("the configuration is right");
    let secrets = FakeSecrets::default();
    Web::build(config, &secrets.setup("web")).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// Sends `file` through the channel and `door`.
fn send(parts: &Parts, door: &FakeDoor, file: impl Into<Bytes>) -> Response {
    let Inbound::Push(webhook) = &parts.inbound else { panic!("a push channel") };
    let sample = Sample::parse(&file.into()).expect("a sample");
    match settled(webhook.receive(&sample.request, Timestamp::UNIX_EPOCH)) {
        Ok(Reception::Accept(accept)) => {
            let receipts = door.take(accept.messages);
            (accept.answer)(receipts.as_deref().map_err(|refusal| *refusal))
        }
        Ok(Reception::Answer(response)) => response,
        Ok(_) => panic!("nobody asked"),
        Err(Rejection::Unauthenticated(response) | Rejection::Malformed { response, .. }) => response,
    }
}

fn page(response: &Response) -> &str {
    std::str::from_utf8(&response.body).expect("pages are UTF-8")
}

/// The token in a page, which is another one each time.
fn token(page: &str) -> Option<&str> {
    let (_, after) = page.split_once("name=\"token\" value=\"")?;
    after.split_once('"').map(|(token, _)| token)
}

/// Without what is random, and what has a file of its own.
fn tidy(page: &str) -> String {
    let files = [include_str!("../src/page/style.css"), include_str!("../src/page/form.js")];
    let page = files.iter().fold(page.to_owned(), |page, file| page.replace(file, "…"));
    let page = page.replace(include_str!("../src/page/receipt.js"), "…");
    token(&page).map_or(page.clone(), |token| page.replace(token, "TOKEN"))
}

#[test]
fn requests_become_appeals_and_answers_as_written_down() {
    let parts = channel(serde_json::json!({ "kinds": ["complaint", "help", "suggestion"] }));
    goldens("tests/golden", "http", |file| {
        let mut outcome = push(&parts, &file, Timestamp::UNIX_EPOCH);
        outcome.page = outcome.page.map(|text| tidy(&text));
        if let Some(policy) = outcome.json.pointer_mut("/answer/headers/content-security-policy") {
            let text = policy.as_str().unwrap_or_default();
            let parts = text.split('\'').map(|part| if part.starts_with("sha256-") { "…" } else { part });
            *policy = parts.collect::<Vec<_>>().join("'").into();
        }
        outcome
    });
}

#[test]
fn the_connector_keeps_to_the_contract() {
    let mut specimen = Specimen::of::<Web>();
    specimen.example = Some(serde_json::json!({}));
    assert_eq!(specimen.faults(include_str!("../../README.md")), [""; 0]);
}

#[test]
fn a_second_click_and_a_reload_give_the_same_receipt() {
    let (parts, door) = (channel(serde_json::json!({})), FakeDoor::default());
    let blank = send(&parts, &door, "GET /channels/web HTTP/1.1\n\n");
    let token = token(page(&blank)).expect("a form has a token").to_owned();
    let submit = |words: &str| send(&parts, &door, format!("{FORM}\ntoken={token}&content={words}"));
    let (first, again, other) = (submit("a"), submit("a"), submit("b"));
    assert_eq!([first.status, again.status, other.status].map(|status| status.as_u16()), [201, 200, 201]);
    assert!(page(&first).contains("20261122-000001-2") && page(&again).contains("20261122-000001-2"));
    assert_eq!(door.kept().len(), 2);
    let bare = || send(&parts, &door, format!("{FORM}\ncontent=a")).status.as_u16();
    assert_eq!((bare(), bare(), door.kept().len()), (201, 201, 4), "without a token every post is a new one");
}

#[test]
fn each_page_load_has_a_token_of_its_own() {
    let (parts, door) = (channel(serde_json::json!({})), FakeDoor::default());
    let load = || send(&parts, &door, "GET /channels/web HTTP/1.1\n\n");
    assert_ne!(token(page(&load())), token(page(&load())));
}

#[test]
fn what_was_typed_survives_a_store_that_cannot_write_and_comes_back_escaped() {
    let (parts, door) = (channel(serde_json::json!({})), FakeDoor::default());
    door.refuse(Some(Refusal::Unavailable { retry_after: Duration::from_secs(5) }));
    let words = "%0D%0A%3C%2Ftextarea%3E%3Cscript%3E&name=%22%3E%3Cb%3E&confidential=yes&kind=help";
    let response = send(&parts, &door, format!("{FORM}\ncontent={words}"));
    assert_eq!((response.status.as_u16(), &response.headers["retry-after"]), (503, &"5".parse().unwrap()));
    let page = page(&response);
    assert!(page.contains(">\n\n&lt;/textarea&gt;&lt;script&gt;</textarea>"), "{page}");
    assert!(page.contains(r#"value="&quot;&gt;&lt;b&gt;""#) && page.matches("<script").count() == 1);
    assert!(page.contains(r#"value="help" checked"#) && page.contains(r#"name="confidential" value="yes" checked"#));
    assert!(page.contains("role=\"alert\"") && page.contains("<title>错误："));
}

#[test]
fn a_form_posted_by_another_site_is_shown_to_be_confirmed() {
    let (parts, door) = (channel(serde_json::json!({})), FakeDoor::default());
    let response = send(&parts, &door, format!("{FORM}Origin: https://evil.example\nHost: a\n\ncontent=kept"));
    assert!(response.status == 403 && page(&response).contains("\nkept</textarea>") && door.kept().is_empty());
}

#[test]
fn no_status_code_is_ever_part_of_an_address() {
    let (parts, door) = (channel(serde_json::json!({})), FakeDoor::default());
    let html = send(&parts, &door, format!("{FORM}\ncontent=a"));
    let addresses: Vec<_> = page(&html).split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(page(&html).contains("7Q3M-K9TD") && !addresses.is_empty());
    assert!(addresses.iter().all(|address| !address.contains("7Q3M")), "{addresses:?}");
    assert!(!html.headers.contains_key("location"));
}

#[test]
fn no_body_makes_the_channel_panic() {
    let (parts, door) = (channel(serde_json::json!({})), FakeDoor::default());
    let form =
        "token=0123456789abcdef0123456789abcdef&kind=help&content=%E8%B7%AF&lat=1&lon=2&occurred_at=2026-11-22T08:00";
    for body in hostile_bodies(20261122, &[form.as_bytes(), br#"{"content":"a"}"#]).take(20_000) {
        for media_type in ["application/x-www-form-urlencoded", "application/json"] {
            let raw = Raw { media_type: media_type.into(), meta: Default::default(), body: body.clone().into() };
            if let Err(error) = parts.parser.parse(&raw) {
                assert!(!error.0.is_empty());
            }
        }
    }
    for body in hostile_bodies(7, &[form.as_bytes()]).take(500) {
        let mut file = format!("{FORM}Content-Length: {}\n\n", body.len()).into_bytes();
        file.extend(body);
        let status = send(&parts, &door, file).status.as_u16();
        assert!(matches!(status, 200 | 201 | 400 | 403), "{status}");
    }
}
