//! One push.

use crate::{auth::Guard, message, reply::Template};
use http::{Method, StatusCode, header};
use jiesu_connector::{
    Accept, Callers, DeliveryKey, Incoming, OnOtherContent, Problem, Raw, Reception, Refusal, Rejection, Request,
    Response, Submission, Webhook, digest,
};
use jiesu_mapping::{Map, Mapped};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// A push channel declared in the configuration.
pub(crate) struct Declared {
    pub map: Arc<Map>,
    pub guard: Guard,
    pub reply: Arc<Template>,
}

impl Webhook for Declared {
    fn receive(&self, request: &Request, _: Timestamp) -> Result<Reception, Rejection> {
        if !request.path.is_empty() {
            let problem = Problem::new(StatusCode::NOT_FOUND, "there is nothing below the path of this channel");
            return Ok(Reception::Answer(problem.into()));
        }
        if ![Method::POST, Method::PUT, Method::GET].contains(&request.method) {
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "pushes come with POST, PUT or GET");
            return Ok(Reception::Answer(Response::from(problem).with(header::ALLOW, "POST, PUT, GET")));
        }
        self.guard.check(request)?;
        let query = self.guard.query(request.query.as_deref().unwrap_or_default());
        if request.body.is_empty() && query.is_empty() {
            let problem = Problem::new(StatusCode::BAD_REQUEST, "there is nothing in this push: no body and no query");
            return Err(Rejection::Malformed { reason: "empty", response: problem.into() });
        }
        let raw = message::raw(request, self.guard.header(), &query);
        let content = digest([request.body.as_ref(), query.as_bytes()]);
        let messages = match message::map(&self.map, &raw) {
            Ok(mapped) => incoming(mapped, &raw, content),
            // Kept all the same: in quarantine, until the map is mended.
            Err(_) => vec![unmapped(raw, content)],
        };
        if messages.is_empty() {
            return Err(Rejection::Malformed { reason: "skipped", response: self.reply.fill(&[]) });
        }
        let (reply, count) = (self.reply.clone(), messages.len());
        Ok(Reception::Accept(Accept {
            messages,
            caller: None,
            answer: Box::new(move |outcome| match outcome {
                Ok(receipts) if receipts.len() == count => reply.fill(receipts),
                Ok(_) => Refusal::Unavailable { retry_after: Duration::from_secs(1) }.into(),
                Err(refusal) => refusal.into(),
            }),
        }))
    }

    fn callers(&self) -> Callers {
        match self.guard {
            Guard::Open => Callers::Public,
            _ => Callers::Platform,
        }
    }
}

/// The messages of one push: the first keeps the push, the others themselves.
fn incoming(mapped: Vec<Mapped>, raw: &Raw, content: [u8; 16]) -> Vec<Incoming> {
    let submissions = mapped.into_iter().enumerate().filter_map(|(index, mapped)| match mapped {
        Mapped::Appeal(submission) => Some((index, *submission)),
        Mapped::Skip => None,
    });
    let made = submissions.enumerate().map(|(place, (index, submission))| {
        let raw = if place == 0 { message::with_index(raw, index) } else { message::mapped(&submission, index) };
        let keys = vec![name(&submission, content, index)];
        Incoming::from_submission(submission, raw, keys)
    });
    made.collect()
}

/// The vendor's own name for an appeal, else what was sent.
fn name(submission: &Submission, content: [u8; 16], index: usize) -> DeliveryKey {
    let (scope, value) = match &submission.id {
        Some(id) => ("id", id.clone()),
        None => ("content", format!("{}/{index}", hex(content))),
    };
    DeliveryKey { scope: scope.into(), value, on_other_content: OnOtherContent::NewAppeal }
}

fn unmapped(raw: Raw, content: [u8; 16]) -> Incoming {
    let key =
        DeliveryKey { scope: "unmapped".into(), value: hex(content), on_other_content: OnOtherContent::NewAppeal };
    Incoming { raw, keys: vec![key], digest: content, sender: None, hotline: None, joins: false, receipt: false }
}

fn hex(digest: [u8; 16]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
