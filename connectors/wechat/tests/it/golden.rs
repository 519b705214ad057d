//! Each type of push against its golden file; `UPDATE_EXPECT=1` writes them anew.

use crate::support::*;
use bytes::Bytes;
use jiesu_connector_testkit::{Outcome, Specimen, goldens, push};
use jiesu_wechat::Wechat;
use serde_json::json;

/// Through an account in the mode that the sample's first line names.
fn run(file: &Bytes) -> Outcome {
    let first = file.split(|byte| *byte == b'\n').next().and_then(|line| line.strip_prefix(b"# mode: ")).unwrap();
    push(&channel(json!({ "mode": std::str::from_utf8(first).unwrap() })), file, now())
}

#[test]
fn pushes_of_the_specification_and_from_the_field_become_what_their_files_say() {
    goldens("tests/golden/spec", "http", |file| run(&file));
    goldens("tests/golden/vendor", "http", |file| run(&file));
}

#[test]
fn bad_requests_are_refused_and_nothing_is_stored() {
    goldens("tests/golden/malformed", "http", |file| {
        let outcome = run(&file);
        let status = outcome.json["answer"]["status"].as_u64().unwrap();
        assert!(outcome.json.get("rejected").is_some() && (400..500).contains(&status), "{}", outcome.json);
        outcome
    });
}

#[test]
fn the_connector_keeps_to_the_contract() {
    assert_eq!(Specimen::of::<Wechat>().faults(include_str!("../../../README.md")), [""; 0]);
}
