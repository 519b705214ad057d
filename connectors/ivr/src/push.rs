//! Events in JSON: the gateway's own form, and vendors' pushes mapped onto it.

use crate::{
    auth::Auth,
    event::{Event, Wrong},
    profile::{Ack, Map, Traits},
};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiesu_connector::{
    Accept, Callers, DeliveryKey, FieldFault, Incoming, OnOtherContent, Problem, Raw, Receipt, Reception, Refusal,
    Rejection, Request, Response, Webhook, digest, receipt_answer,
};
use jiff::Timestamp;
use serde_json::{Map as Object, Value, json, value::RawValue};
use std::{collections::BTreeMap, sync::Arc};

/// The largest push, in bytes: a call is told in little.
const MAX_BODY: usize = 4 << 20;
/// Calls in one push, at most.
const MOST: usize = 500;
/// Events of one call in one push, at most.
const MOST_EVENTS: usize = 100;
/// Under this name the query is kept with the message, without its key.
const QUERY: &str = "query";
/// Under this name it is kept whether a message is only the rating in a push, or all but that.
const PART: &str = "part";

/// The pushes of one platform.
pub(crate) struct Push {
    pub auth: Auth,
    /// The vendor's; none for the gateway's own form.
    pub profile: Option<(&'static Traits, Map)>,
    /// For links in answers.
    pub public_url: Arc<str>,
}

/// The webhook of one platform; its reading is shared with the parser.
pub(crate) struct PushHook(pub Arc<Push>);

impl Webhook for PushHook {
    fn receive(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        let push = &self.0;
        if request.method == Method::GET && push.profile.is_some() && push.auth.holds_without_body(request) {
            // Consoles try an address when it is set.
            return Ok(Reception::Answer(push.taken()));
        }
        if request.method != Method::POST {
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "events are posted here");
            return Err(Rejection::Malformed { reason: "method", response: problem.into() });
        }
        push.auth.check(request, now)?;
        if request.body.len() > MAX_BODY {
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {MAX_BODY} bytes"));
            return Err(Rejection::Malformed { reason: "too-long", response: problem.into() });
        }
        match &push.profile {
            None => push.own(request),
            Some(_) => push.vendors(request),
        }
    }

    fn callers(&self) -> Callers {
        Callers::Platform
    }
}

impl Push {
    /// One event in the gateway's own form.
    fn own(&self, request: &Request) -> Result<Reception, Rejection> {
        let value: Value = serde_json::from_slice(&request.body)
            .map_err(|error| malformed("json", "body", &format!("is no JSON: {error}")))?;
        let event = Event::from_json(&value).map_err(|Wrong { field, detail }| malformed("fields", field, &detail))?;
        let raw = Raw { media_type: "application/json".into(), meta: BTreeMap::new(), body: request.body.clone() };
        let message = incoming(raw, &[event]);
        let answer = receipt_answer(Arc::clone(&self.public_url));
        Ok(Reception::Accept(Accept { messages: vec![message], caller: None, answer }))
    }

    /// A vendor's push: of one call, or of several.
    fn vendors(&self, request: &Request) -> Result<Reception, Rejection> {
        let bodies = elements(&request.body);
        if bodies.len() > MOST {
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {MOST} calls in one push"));
            return Err(Rejection::Malformed { reason: "too-many", response: problem.into() });
        }
        let mut meta = self.kept_headers(request);
        if let Some(query) = request.query.as_deref() {
            meta.insert(QUERY.into(), without_key(query));
        }
        let declared = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = declared.unwrap_or("application/json").chars().take(100).collect::<String>();
        let mut messages = Vec::with_capacity(bodies.len());
        for body in bodies {
            let raw = Raw { media_type: media_type.clone(), meta: meta.clone(), body };
            match self.events(&raw) {
                // Nothing of a call that a ticket could use: an agent's log-in, an outgoing call.
                Ok(events) if events.is_empty() => {}
                Ok(events) => messages.extend(parts(raw, events)),
                // Nobody can read it now; it is kept, seen, and can be read again.
                Err(_) => {
                    let digest = digest([&raw.body[..]]);
                    messages.push(Incoming {
                        raw,
                        keys: Vec::new(),
                        digest,
                        sender: None,
                        hotline: None,
                        joins: false,
                        receipt: false,
                    });
                }
            }
        }
        if messages.is_empty() {
            return Err(Rejection::Malformed { reason: "no-call", response: self.taken() });
        }
        let taken = self.taken();
        let answer = Box::new(move |stored: Result<&[Receipt], Refusal>| match stored {
            Ok(_) => taken,
            Err(refusal) => refusal.into(),
        });
        Ok(Reception::Accept(Accept { messages, caller: None, answer }))
    }

    /// What a stored push tells; nothing where it tells of no call.
    ///
    /// # Errors
    /// Why nobody can read it, for an operator.
    pub fn events(&self, raw: &Raw) -> Result<Vec<Event>, String> {
        let body = read(raw);
        let values = match &self.profile {
            None => vec![body.ok_or("it is no JSON")?],
            Some((traits, map)) => {
                let body = body.ok_or("it is neither JSON nor XML nor a form")?;
                let query = raw.meta.get(QUERY).map(String::as_str).unwrap_or_default();
                let headers: Object<String, Value> = traits
                    .headers
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), json!(raw.meta.get(*name)?))))
                    .collect();
                let input = json!({ "headers": headers, "query": form(query.as_bytes()), "body": body,
                    "text": String::from_utf8_lossy(&raw.body) });
                map.run(input)?
            }
        };
        let mut events = Vec::new();
        for value in values {
            match value {
                Value::Null => {}
                Value::Array(values) => {
                    for value in values.iter().filter(|value| !value.is_null()) {
                        events.push(event(value)?);
                    }
                }
                value => events.push(event(&value)?),
            }
            if events.len() > MOST_EVENTS {
                return Err(format!("more than {MOST_EVENTS} events of one call in one push"));
            }
        }
        if events.windows(2).any(|pair| pair[0].call != pair[1].call) {
            return Err("it tells of several calls at once".into());
        }
        let rates = |event: &Event| matches!(event.what, crate::event::What::Satisfaction { .. });
        match raw.meta.get(PART).map(String::as_str) {
            Some("rating") => events.retain(rates),
            Some(_) => events.retain(|event| !rates(event)),
            None => {}
        }
        Ok(events)
    }

    fn kept_headers(&self, request: &Request) -> BTreeMap<String, String> {
        let names = self.profile.as_ref().map_or(&[][..], |(traits, _)| traits.headers);
        let kept = names.iter().filter_map(|name| {
            let value = request.headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.chars().take(300).collect()))
        });
        kept.collect()
    }

    fn taken(&self) -> Response {
        let Ack { media_type, body } = self.profile.as_ref().map_or(Ack::EMPTY, |(traits, _)| traits.ack);
        Response::new(StatusCode::OK, media_type, body)
    }
}

fn event(value: &Value) -> Result<Event, String> {
    Event::from_json(value).map_err(|Wrong { field, detail }| format!("{field}: {detail}"))
}

/// A push may hold the rating beside the call: each is a message of its own, because the rating comes after the ticket.
fn parts(raw: Raw, events: Vec<Event>) -> Vec<Incoming> {
    let rates = |event: &Event| matches!(event.what, crate::event::What::Satisfaction { .. });
    let (ratings, others): (Vec<Event>, Vec<Event>) = events.into_iter().partition(rates);
    if ratings.is_empty() || others.is_empty() {
        let all = [ratings, others].concat();
        return vec![incoming(raw, &all)];
    }
    let marked = |part: &str| {
        let mut raw = raw.clone();
        raw.meta.insert(PART.into(), part.into());
        raw
    };
    vec![incoming(marked("call"), &others), incoming(marked("rating"), &ratings)]
}

fn incoming(raw: Raw, events: &[Event]) -> Incoming {
    let content = format!("{events:?}");
    let digest = digest([content.as_bytes()]);
    let call = events.first().map(|event| event.call.clone()).unwrap_or_default();
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    let key = DeliveryKey {
        scope: format!("call/{call}"),
        value: ids.join(" "),
        on_other_content: OnOtherContent::NewAppeal,
    };
    let sender = Some(format!("call:{call}"));
    Incoming { raw, keys: vec![key], digest, sender, hotline: None, joins: true, receipt: false }
}

fn malformed(reason: &'static str, field: &str, detail: &str) -> Rejection {
    let fault = FieldFault { field: field.into(), detail: detail.into() };
    Rejection::Malformed { reason, response: Problem::fields(vec![fault]).into() }
}

/// The elements of an array, each as it stands; else the whole.
fn elements(body: &Bytes) -> Vec<Bytes> {
    let elements: Option<Vec<&RawValue>> =
        std::str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok());
    match elements {
        Some(elements) => elements.into_iter().map(|element| body.slice_ref(element.get().as_bytes())).collect(),
        None => vec![body.clone()],
    }
}

/// JSON, XML or a form.
fn read(raw: &Raw) -> Option<Value> {
    let begins = raw.body.iter().find(|byte| !byte.is_ascii_whitespace()).copied().unwrap_or_default();
    let declared = raw.media_type.to_ascii_lowercase();
    match begins {
        b'{' | b'[' => jiesu_mapping::json::read(&raw.body).ok(),
        b'<' => jiesu_mapping::xml::read(&raw.body, None).ok(),
        _ if declared.contains("json") => jiesu_mapping::json::read(&raw.body).ok(),
        _ => form(&raw.body),
    }
}

fn form(bytes: &[u8]) -> Option<Value> {
    jiesu_mapping::form::to_json(bytes, None).ok()
}

/// The query as it is kept: never with the secret in it.
fn without_key(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.starts_with("key="));
    kept.collect::<Vec<_>>().join("&").chars().take(2_000).collect()
}
