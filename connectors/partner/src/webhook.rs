//! One request of a partner.

use crate::{
    config::{NamedGateway, NamedKey},
    event::{self, Event},
};
use http::{HeaderMap, Method, StatusCode, header};
use jiesu_connector::{
    Accept, Callers, DeliveryKey, FieldFault, Incoming, OnOtherContent, Problem, Raw, Reception, Rejection, Request,
    Response, Webhook, digest, read_posted, receipt_answer,
};
use jiesu_signing::{ID, SIGNATURE, Signed, TIMESTAMP};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// The partners of one channel.
pub(crate) struct Partners {
    pub keys: Vec<NamedKey>,
    pub gateways: Vec<NamedGateway>,
    /// Our own, as events name it.
    pub source: String,
    pub public_url: Arc<str>,
}

impl Webhook for Partners {
    fn receive(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        if !request.path.is_empty() {
            let problem = Problem::new(StatusCode::NOT_FOUND, "there is nothing below the path of this channel");
            return Ok(Reception::Answer(problem.into()));
        }
        if request.method != Method::POST {
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "appeals are sent with POST");
            return Ok(Reception::Answer(Response::from(problem).with(header::ALLOW, "POST")));
        }
        if request.headers.contains_key(SIGNATURE) && !self.gateways.is_empty() {
            return self.event(request, now);
        }
        let partner = self.partner(&request.headers).ok_or_else(unauthenticated)?;
        let (submission, keys) = read_posted(request, Some(partner))?;
        let raw = Raw {
            media_type: "application/json".into(),
            meta: BTreeMap::from([("key".into(), partner.into())]),
            body: request.body.clone(),
        };
        Ok(Reception::Accept(Accept {
            messages: vec![Incoming::from_submission(submission, raw, keys)],
            caller: Some(partner.into()),
            answer: receipt_answer(self.public_url.clone()),
        }))
    }

    fn callers(&self) -> Callers {
        Callers::Keyed
    }
}

impl Partners {
    /// Whose token the request shows. Every key is looked at, so that the time taken tells nothing about any.
    fn partner(&self, headers: &HeaderMap) -> Option<&str> {
        let shown = headers.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, token) = shown.split_at_checked(b"Bearer ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return None;
        }
        let token = token.trim_ascii();
        self.keys.iter().fold(None, |found, key| if key.token.matches(token) { Some(key.name.as_str()) } else { found })
    }
}

impl Partners {
    /// An event of another gateway.
    fn event(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed = Signed { id: header(ID), timestamp: header(TIMESTAMP), signatures: header(SIGNATURE) };
        let mut why = None;
        let holds = |gateway: &&NamedGateway| {
            let mut verdicts = gateway.keys.iter().map(|key| key.verify(&signed, &request.body, now.as_second()));
            verdicts.any(|verdict| verdict.map_err(|fault| why = Some(fault)).is_ok())
        };
        let Some(gateway) = self.gateways.iter().find(holds) else {
            let detail = why.map_or_else(|| "the event is not signed".to_owned(), |why| why.to_string());
            return Err(Rejection::Unauthenticated(Problem::new(StatusCode::UNAUTHORIZED, detail).into()));
        };
        let fault =
            |fault: FieldFault| Rejection::Malformed { reason: "event", response: Problem::fields(vec![fault]).into() };
        let event = Event::read(&request.body).map_err(fault)?;
        if event.id != signed.id {
            let detail = "is not the webhook-id".into();
            return Err(fault(FieldFault { field: "id".into(), detail }));
        }
        if event.via().contains(&self.source) {
            // 409: whoever sends it has nothing to mend and nothing to send again.
            let detail = format!(
                "this event has come through {} already, and the ticket is here: a loop of gateways ends here",
                self.source
            );
            let response = Problem::new(StatusCode::CONFLICT, detail).into();
            return Err(Rejection::Malformed { reason: "loop", response });
        }
        let key = |kind: &str, value: String| DeliveryKey {
            scope: event::scope(kind, &gateway.name),
            value,
            on_other_content: OnOtherContent::NewAppeal,
        };
        let mut keys = vec![key("event", event.id.clone())];
        if event.opens() {
            keys.push(key("ticket", event.ticket_name()));
        }
        let raw = Raw {
            media_type: event::MEDIA_TYPE.into(),
            meta: BTreeMap::from([("gateway".into(), gateway.name.clone())]),
            body: request.body.clone(),
        };
        let incoming = Incoming {
            raw,
            keys,
            digest: digest([&request.body[..]]),
            sender: event.sender(),
            hotline: event.hotline(),
            joins: false,
            receipt: false,
        };
        Ok(Reception::Accept(Accept {
            messages: vec![incoming],
            caller: Some(gateway.name.clone()),
            answer: receipt_answer(self.public_url.clone()),
        }))
    }
}

/// RFC 6750, section 3.
fn unauthenticated() -> Rejection {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "show the token of a key: Authorization: Bearer …");
    Rejection::Unauthenticated(Response::from(problem).with(header::WWW_AUTHENTICATE, "Bearer"))
}
