//! What the phone makes of requests, and of the events of a call in any order.

// A test has nobody to hand an error to: what cannot go on panics with the reason.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod golden;
mod order;
mod twiml;

use jiesu_connector::{BuildError, Connector, Parts};
use jiesu_connector_testkit::FakeSecrets;
use jiesu_ivr::Ivr;
use serde_json::Value;

fn secrets() -> FakeSecrets {
    FakeSecrets::new([
        ("env:TOKEN", "twilio-auth-token"),
        ("env:SIGNING", "a-signing-key"),
        ("env:SECRET", "ivr-secret"),
        ("env:BASIC", "pusher:a-password"),
        ("env:QUERY", "a-long-query-secret"),
        ("env:HUAWEI", "hw-secret"),
    ])
}

fn build(config: Value) -> Result<Parts, Vec<BuildError>> {
    Ivr::build(serde_json::from_value(config).expect("the shapes are right"), &secrets().setup("hotline"))
}

fn channel(config: Value) -> Parts {
    build(config).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// A configuration with a secret wherever one goes.
pub(crate) fn example() -> Value {
    let secret = jiesu_connector_testkit::SECRET;
    serde_json::json!({ "dialect": "twilio", "auth_token": secret, "signing_secret": secret, "secret": secret, "basic": secret,
        "query_secret": secret, "recording_login": secret })
}
