//! A channel that calls us.

use super::{NoConfig, message, parts};
use http::{Method, StatusCode};
use jiesu_connector::{
    Accept, BuildError, Connector, Inbound, Parts, Problem, Reception, Rejection, Request, Response, Setup, Webhook,
    one_receipt,
};
use jiff::Timestamp;

/// A channel that calls us: GET is a handshake that echoes the query, POST brings words. The header `X-Name` names the
/// message; `X-Forged` fails authentication; no words are malformed. The answer is the receipt's number as text.
pub struct ScriptedPush;

impl Connector for ScriptedPush {
    const NAME: &'static str = "scripted-push";
    type Config = NoConfig;

    fn build(_: NoConfig, _: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        Ok(parts(Inbound::Push(Box::new(Self))))
    }
}

impl Webhook for ScriptedPush {
    fn receive(&self, request: &Request, _: Timestamp) -> Result<Reception, Rejection> {
        if request.headers.contains_key("x-forged") {
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "forged");
            return Err(Rejection::Unauthenticated(problem.into()));
        }
        if request.method == Method::GET {
            let echo = request.query.clone().unwrap_or_default();
            return Ok(Reception::Answer(Response::new(StatusCode::OK, "text/plain", echo)));
        }
        if request.body.is_empty() {
            let response = Problem::new(StatusCode::BAD_REQUEST, "no words").into();
            return Err(Rejection::Malformed { reason: "empty", response });
        }
        let name = request.headers.get("x-name").and_then(|name| name.to_str().ok());
        Ok(Reception::Accept(Accept {
            messages: vec![message(name, request.body.clone())],
            caller: None,
            answer: Box::new(|outcome| match one_receipt(outcome) {
                Ok(receipt) => Response::new(StatusCode::OK, "text/plain", receipt.number.clone()),
                Err(refusal) => refusal.into(),
            }),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FakeSecrets, push};
    use bytes::Bytes;

    #[test]
    fn push_fits_the_contract() {
        let secrets = FakeSecrets::default();
        let parts = ScriptedPush::build(NoConfig {}, &secrets.setup("script")).map_err(|_| ()).unwrap();
        let run = |file: &'static str| push(&parts, &Bytes::from_static(file.as_bytes()), Timestamp::UNIX_EPOCH).json;

        let kept = run("POST /channels/script\nX-Name: 1\n\n路灯坏了");
        assert_eq!(kept["messages"][0]["appeal"]["content"], "路灯坏了");
        assert_eq!(kept["messages"][0]["keys"][0]["value"], "1");
        assert_eq!(kept["answer"]["body"], "20261122-000001-2");
        assert_eq!(
            run("POST /channels/script\n\n!unparsable")["messages"][0]["appeal"]["quarantined"],
            "not an appeal"
        );
        assert_eq!(run("GET /channels/script?echo=1\n\n")["answer"]["body"], "echo=1");
        assert_eq!(run("POST /channels/script\nX-Forged: 1\n\nwords")["rejected"], "unauthenticated");
        assert_eq!(run("POST /channels/script\n\n")["rejected"]["malformed"], "empty");
    }
}
