//! One request: the page, its submit, or JSON.

use crate::{
    FORM,
    config::Limits,
    fields::{Typed, decode},
    form, origin,
    page::{Pages, Shown},
};
use http::{Method, StatusCode, header};
use jiesu_connector::{
    Accept, DeliveryKey, FieldFault, Incoming, OnOtherContent, Problem, Raw, Reception, Rejection, Request, Response,
    Submission, Webhook, one_receipt, read_posted, receipt_answer,
};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// One channel of type `web`.
pub(crate) struct Web {
    pub pages: Arc<Pages>,
    pub limits: Limits,
}

impl Webhook for Web {
    fn receive(&self, request: &Request, _: Timestamp) -> Result<Reception, Rejection> {
        if !request.path.is_empty() {
            let problem = Problem::new(StatusCode::NOT_FOUND, "there is nothing below the path of this channel");
            return Ok(Reception::Answer(problem.into()));
        }
        match request.method {
            Method::GET | Method::HEAD => Ok(Reception::Answer(self.blank_form())),
            Method::POST => match media_type(request).as_str() {
                FORM => self.receive_form(request),
                "multipart/form-data" => Err(no_multipart()),
                _ => self.receive_json(request),
            },
            _ => {
                let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "GET the form, or POST an appeal");
                Ok(Reception::Answer(Response::from(problem).with(header::ALLOW, "GET, HEAD, POST")))
            }
        }
    }
}

impl Web {
    fn blank_form(&self) -> Response {
        self.pages.form(StatusCode::OK, &Shown { typed: Typed::default().with_token(), ..Shown::default() })
    }

    fn receive_json(&self, request: &Request) -> Result<Reception, Rejection> {
        let (submission, keys) = read_posted(request, None)?;
        let faults = self.limits.faults(&submission);
        if !faults.is_empty() {
            return Err(Rejection::Malformed { reason: "fields", response: Problem::fields(faults).into() });
        }
        Ok(Reception::Accept(Accept {
            messages: vec![incoming(submission, "application/json", request, keys)],
            caller: None,
            answer: receipt_answer(self.pages.public_url.as_str().into()),
        }))
    }

    fn receive_form(&self, request: &Request) -> Result<Reception, Rejection> {
        let (typed, faults) = decode(&request.body);
        if origin::is_foreign(&request.headers, &self.pages.public_url) {
            return Err(self.refused("cross-origin", StatusCode::FORBIDDEN, typed, Vec::new()));
        }
        let submission = match form::read(&typed, faults) {
            Ok(submission) => submission,
            Err(faults) => return Err(self.refused("fields", StatusCode::BAD_REQUEST, typed, faults)),
        };
        if !self.limits.faults(&submission).is_empty() {
            let fault = FieldFault { field: "kind".into(), detail: "请从列出的诉求类型中选择".into() };
            return Err(self.refused("fields", StatusCode::BAD_REQUEST, typed, vec![fault]));
        }
        let keys = typed.token().map(|token| DeliveryKey {
            scope: "form".into(),
            value: token.into(),
            on_other_content: OnOtherContent::NewAppeal,
        });
        let message = incoming(submission, FORM, request, keys.into_iter().collect());
        let pages = self.pages.clone();
        Ok(Reception::Accept(Accept {
            messages: vec![message],
            caller: None,
            answer: Box::new(move |outcome| match one_receipt(outcome) {
                Ok(receipt) => pages.receipt(receipt),
                Err(refusal) => {
                    let notice = "系统暂时无法保存，您填写的内容都还在。请稍后再点一次“提交诉求”，或者直接拨打 12345。";
                    let problem = Response::from(refusal);
                    let shown = Shown { typed, notice: Some(notice), ..Shown::default() };
                    let mut page = pages.form(problem.status, &shown);
                    page.headers.extend(
                        problem.headers.get(header::RETRY_AFTER).map(|wait| (header::RETRY_AFTER, wait.clone())),
                    );
                    page
                }
            }),
        }))
    }

    /// The form again, with everything typed and why it was not taken.
    fn refused(&self, reason: &'static str, status: StatusCode, typed: Typed, faults: Vec<FieldFault>) -> Rejection {
        let foreign = "这次提交来自别的网页。请核对下面的内容，再点一次“提交诉求”。";
        let typed = typed.visible().with_token();
        let notice = (reason == "cross-origin").then_some(foreign);
        Rejection::Malformed { reason, response: self.pages.form(status, &Shown { typed, faults: &faults, notice }) }
    }
}

fn incoming(submission: Submission, media_type: &str, request: &Request, keys: Vec<DeliveryKey>) -> Incoming {
    let raw = Raw { media_type: media_type.into(), meta: BTreeMap::new(), body: request.body.clone() };
    Incoming::from_submission(submission, raw, keys)
}

/// The declared media type in lower case, without parameters: a form is always UTF-8 (URL standard, section 5).
fn media_type(request: &Request) -> String {
    let declared = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn no_multipart() -> Rejection {
    let detail = "uploads by a form are not taken yet: post application/x-www-form-urlencoded or application/json";
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    let response = Response::from(problem).with(header::ACCEPT, "application/x-www-form-urlencoded, application/json");
    Rejection::Malformed { reason: "media-type", response }
}
