//! A channel to test, and requests as the platform signs them.

use http::{HeaderMap, Method};
use jiesu_connector::{
    Accept, BuildError, Connector, Inbound, Parts, Receipt, Reception, Rejection, Request, Response, Webhook,
};
use jiesu_connector_testkit::FakeSecrets;
use jiesu_wechat::Wechat;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

pub const APP: &str = "wxba5fad812f8e6fb9";
pub const TOKEN: &str = "AAAAA";

/// The smallest configuration, with `more` on top.
pub fn config(more: Value) -> Value {
    let mut config =
        json!({ "app_id": APP, "app_secret": "s", "token": TOKEN, "encoding_aes_key": "A".repeat(43), "mode": "safe" });
    let (Some(all), Value::Object(more)) = (config.as_object_mut(), more) else { panic!("objects") };
    all.extend(more);
    config
}

pub fn try_build(config: Value) -> Result<Parts, Vec<BuildError>> {
    Wechat::build(serde_json::from_value(config).unwrap(), &FakeSecrets::default().setup("mp"))
}

pub fn channel(more: Value) -> Parts {
    try_build(config(more)).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub fn webhook(parts: &Parts) -> &dyn Webhook {
    match &parts.inbound {
        Inbound::Push(webhook) => webhook.as_ref(),
        _ => panic!("WeChat calls us"),
    }
}

pub fn now() -> Timestamp {
    Timestamp::from_second(1_714_112_450).unwrap()
}

pub fn request(method: Method, query: &str, body: &[u8]) -> Request {
    let (path, headers, peer) = (String::new(), HeaderMap::new(), [127, 0, 0, 1].into());
    Request { method, path, query: Some(query.to_owned()), headers, body: body.to_vec().into(), peer }
}

pub fn sha1(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A plain push, signed.
pub fn plain(body: &str) -> Request {
    let query = format!("signature={}&timestamp=1&nonce=2", sha1(&[TOKEN, "1", "2"]));
    request(Method::POST, &query, body.as_bytes())
}

pub fn receipt() -> Receipt {
    let code = Some("7Q3M-K9TD".to_owned());
    let received_at = Timestamp::from_second(1_714_112_446).unwrap();
    Receipt { number: "20261122-000123-4".into(), code, redelivery: false, received_at }
}

/// What was received, without what is done beside it.
pub fn bare(reception: Result<Reception, Rejection>) -> Result<Reception, Rejection> {
    match reception {
        Ok(Reception::With(reception, _)) => Ok(*reception),
        other => other,
    }
}

/// What was to be kept.
pub fn accepted(reception: Result<Reception, Rejection>) -> Accept {
    match reception {
        Ok(Reception::Accept(accept)) => accept,
        Ok(Reception::Answer(response)) => panic!("answered {:?}", response.body),
        Ok(Reception::With(reception, _)) => accepted(Ok(*reception)),
        Ok(Reception::LookUp(_) | Reception::Ask(_)) => panic!("a look-up"),
        Err(rejection) => panic!("{rejection:?}"),
    }
}

/// What the platform gets once the message is stored.
pub fn answered(accept: Accept) -> Response {
    (accept.answer)(Ok(&[receipt()]))
}
