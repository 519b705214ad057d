//! One request: the page, its submit, a file for it, or JSON.

use crate::{
    FORM,
    desk::Desk,
    guard::{Verdict, Visitor},
    submit::{Sent, phone_digits},
    token::{Token, hex},
};
use http::{HeaderName, Method, StatusCode, header};
use jiesu_connector::{
    Accept, Form, Incoming, Problem, Raw, Reception, Rejection, Request, Response, UploadCaps, Webhook, read_posted,
    receipt_answer,
};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Below the channel: where a page sends a file before its form.
const FILES: &str = "/files";
/// Below the channel: where a program gets work to do.
const CHALLENGE: &str = "/challenge";
/// The page's token, beside a file that is sent by itself.
const FORM_TOKEN: HeaderName = HeaderName::from_static("x-form-token");
/// A program's answer to a challenge.
const SOLUTION: HeaderName = HeaderName::from_static("altcha");
/// Bytes of all fields, at most.
const FIELDS: u64 = 1 << 20;

/// One channel of type `web`.
pub(crate) struct Web(pub Arc<Desk>);

impl Webhook for Web {
    fn receive(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        match (request.path.as_str(), &request.method) {
            ("", &Method::GET | &Method::HEAD) => Ok(Reception::Answer(self.0.blank_form(now))),
            ("", &Method::POST) => match media_type(request).as_str() {
                FORM => Sent::of_body(&self.0, request, now).receive(&self.0, request, now),
                "multipart/form-data" => {
                    Err(malformed("media-type", StatusCode::BAD_REQUEST, "the boundary is missing"))
                }
                _ => self.receive_json(request, now),
            },
            ("", _) => Ok(Reception::Answer(not_allowed("GET the form, or POST an appeal", "GET, HEAD, POST"))),
            (FILES, &Method::POST) => {
                let detail = "post one file as multipart/form-data, with the page's token as X-Form-Token";
                Err(malformed("files", StatusCode::FORBIDDEN, detail))
            }
            (FILES, _) => Ok(Reception::Answer(not_allowed("POST a file", "POST"))),
            (CHALLENGE, &Method::GET) => Ok(Reception::Answer(self.challenge(now))),
            _ => {
                let problem = Problem::new(StatusCode::NOT_FOUND, "there is nothing below the path of this channel");
                Ok(Reception::Answer(problem.into()))
            }
        }
    }

    fn uploads(&self, request: &Request, now: Timestamp) -> Option<UploadCaps> {
        let (files, file) = (self.0.limits.max_files, self.0.limits.max_file as u64);
        match request.path.as_str() {
            "" if request.method == Method::POST => Some(UploadCaps { files, file, fields: FIELDS }),
            // Only pages of ours: nothing is taken in that no form could ever name.
            FILES if request.method == Method::POST && files > 0 => {
                let token = request.headers.get(FORM_TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default();
                let good = matches!(self.0.tokens.read(token, now), Token::Good(_));
                (good && !self.0.is_foreign(request)).then_some(UploadCaps { files: 1, file, fields: FIELDS })
            }
            _ => None,
        }
    }

    fn receive_form(&self, request: &Request, form: Form, now: Timestamp) -> Result<Reception, Rejection> {
        let sent = Sent::of_form(&self.0, request, form, now);
        match request.path.as_str() {
            FILES => sent.reference(&self.0, now),
            _ => sent.receive(&self.0, request, now),
        }
    }
}

impl Web {
    fn receive_json(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        let (submission, keys) = read_posted(request, None)?;
        let faults = self.0.limits.faults(&submission);
        if !faults.is_empty() {
            return Err(Rejection::Malformed { reason: "fields", response: Problem::fields(faults).into() });
        }
        let phone =
            submission.appellant.as_ref().and_then(|who| phone_digits(who.phone.as_deref().unwrap_or_default()));
        let raw = Raw { media_type: "application/json".into(), meta: BTreeMap::new(), body: request.body.clone() };
        let message = Incoming::from_submission(submission, raw, keys);
        let solution = request.headers.get(SOLUTION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let submit = hex(&message.digest);
        let visitor = Visitor { address: request.peer, phone, submit, solution, patience: None };
        let answer = receipt_answer(self.0.pages.public_url.as_str().into());
        let accept = Reception::Accept(Accept { messages: vec![message], caller: None, answer });
        if !self.0.guard.is_needed(&visitor) {
            return Ok(accept);
        }
        let guard = self.0.guard.clone();
        Ok(Reception::Ask(Box::pin(async move {
            let (reason, wait, detail) = match guard.judge(visitor, now).await {
                Verdict::Pass => return Ok(accept),
                Verdict::Work => {
                    let detail = "too many submits from here: GET the challenge below this address, and send it again \
                                  with the solution in the header Altcha";
                    ("challenge", Duration::from_secs(1), detail)
                }
                Verdict::Wait(wait) => ("limit", wait, "too many submits with this phone number; send it later"),
            };
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry(wait);
            Err(Rejection::Malformed { reason, response: problem.into() })
        })))
    }

    fn challenge(&self, now: Timestamp) -> Response {
        let challenge = self.0.guard.challenges.as_ref().and_then(|challenges| challenges.issue(now));
        match challenge {
            Some(challenge) => Response::new(StatusCode::OK, "application/json", challenge.to_json())
                .with(header::CACHE_CONTROL, "no-store"),
            None => Problem::new(StatusCode::NOT_FOUND, "this channel asks for no work").into(),
        }
    }
}

/// The declared media type in lower case, without parameters: a form is always UTF-8 (URL standard, section 5).
fn media_type(request: &Request) -> String {
    let declared = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn malformed(reason: &'static str, status: StatusCode, detail: &str) -> Rejection {
    Rejection::Malformed { reason, response: Problem::new(status, detail).into() }
}

fn not_allowed(detail: &str, allow: &str) -> Response {
    Response::from(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)).with(header::ALLOW, allow)
}
