//! One submit of the form, from what was sent to what is kept, or back to the citizen with everything that was typed.

use crate::{
    FORM, SUSPECT,
    desk::Desk,
    fields::{Decoded, HONEYPOT, KEPT, Typed, decode, read_pairs},
    form,
    guard::{Verdict, Visitor},
    kept::{Kept, META, size},
    token::Token,
};
use bytes::Bytes;
use http::{StatusCode, header};
use jiesu_connector::{
    Accept, DeliveryKey, FieldFault, Form, Incoming, OnOtherContent, Problem, Raw, Reception, Rejection, Request,
    Response, Submission, UploadFault, digest, one_receipt, receipt_answer,
};
use jiff::Timestamp;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

/// A form as it was sent.
pub(crate) struct Sent {
    typed: Typed,
    kept: Vec<Kept>,
    faults: Vec<FieldFault>,
    /// Too large, or not to be written now: more than a wrong field.
    status: Option<StatusCode>,
    /// What is kept of it, as [`FORM`].
    body: Bytes,
    /// A program is answered in JSON.
    json: bool,
}

impl Sent {
    /// Without files of its own.
    pub fn of_body(desk: &Desk, request: &Request, now: Timestamp) -> Self {
        Self::of(desk, decode(&request.body), request.body.clone(), request, now)
    }

    /// With files, which the gateway has taken out.
    pub fn of_form(desk: &Desk, request: &Request, form: Form, now: Timestamp) -> Self {
        let pairs = || form.fields.iter().map(|(name, value)| (name.as_str(), value));
        let decoded =
            read_pairs(pairs().map(|(name, value)| (Cow::Borrowed(name.as_bytes()), Cow::Borrowed(&value[..]))));
        let mut body = String::new();
        for (name, value) in pairs().filter(|(name, _)| !["altcha", "patience", KEPT].contains(name)) {
            let encoded =
                |bytes: &[u8]| percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC).to_string();
            let and = if body.is_empty() { "" } else { "&" };
            body.push_str(&format!("{and}{}={}", encoded(name.as_bytes()), encoded(value)));
        }
        let mut sent = Self::of(desk, decoded, body.into(), request, now);
        let limits = &desk.limits;
        for upload in form.files {
            let name = if upload.name.is_empty() { "（没有名称的文件）" } else { &upload.name };
            let (detail, status) = match upload.kept {
                Ok(file) => {
                    sent.kept.push(Kept { file, name: upload.name });
                    continue;
                }
                Err(UploadFault::TooLarge) => {
                    let most = size(limits.max_file as u64);
                    (format!("“{name}”超过 {most}，没有上传"), Some(StatusCode::PAYLOAD_TOO_LARGE))
                }
                Err(UploadFault::TooMany) => (format!("最多 {} 个，“{name}”没有上传", limits.max_files), None),
                Err(UploadFault::Empty) => (format!("“{name}”是空文件，没有上传"), None),
                Err(UploadFault::Unavailable) => {
                    (format!("系统暂时无法保存“{name}”，请稍后再传"), Some(StatusCode::SERVICE_UNAVAILABLE))
                }
            };
            sent.fault(detail, status);
        }
        if form.cut {
            let (files, most) = (limits.max_files, size(limits.max_file as u64));
            let detail = format!("附件太大，没有上传：最多 {files} 个，每个不超过 {most}");
            sent.fault(detail, Some(StatusCode::PAYLOAD_TOO_LARGE));
        }
        if sent.kept.len() > limits.max_files {
            let names: Vec<_> = sent.kept.drain(limits.max_files..).map(|kept| kept.label()).collect();
            sent.fault(format!("最多 {} 个，没有保留：{}", limits.max_files, names.join("、")), None);
        }
        sent
    }

    fn of(desk: &Desk, decoded: Decoded, body: Bytes, request: &Request, now: Timestamp) -> Self {
        let Decoded { typed, kept, faults } = decoded;
        let mut sent = Self { typed, kept: Vec::new(), faults, status: None, body, json: wants_json(request) };
        for reference in kept {
            match desk.references.read(&reference, now) {
                Some(kept) if sent.kept.contains(&kept) => {}
                Some(kept) => sent.kept.push(kept),
                None => sent.fault("有的附件已经过期，请重新选择".into(), None),
            }
        }
        sent
    }

    /// One fault of the files; the first is the one that is told.
    fn fault(&mut self, detail: String, status: Option<StatusCode>) {
        self.status = self.status.or(status);
        match self.faults.iter_mut().find(|fault| fault.field == "files") {
            Some(fault) if !fault.detail.contains(&detail) => fault.detail = format!("{}；{detail}", fault.detail),
            Some(_) => {}
            None => self.faults.push(FieldFault { field: "files".into(), detail }),
        }
    }

    /// The answer to a file that was sent by itself: a reference to it.
    pub fn reference(mut self, desk: &Desk, now: Timestamp) -> Result<Reception, Rejection> {
        let Some(kept) = self.kept.pop() else {
            let fault = self.faults.into_iter().find(|fault| fault.field == "files");
            let detail = fault.map_or_else(|| "没有收到文件".into(), |fault| fault.detail);
            let problem = Problem::new(self.status.unwrap_or(StatusCode::BAD_REQUEST), detail);
            return Ok(Reception::Answer(problem.into()));
        };
        let body = serde_json::json!({ "kept": desk.references.to(&kept, now), "name": kept.name,
            "bytes": kept.file.bytes, "media_type": kept.file.media_type });
        let response = Response::new(StatusCode::OK, "application/json", body.to_string());
        Ok(Reception::Answer(response.with(header::CACHE_CONTROL, "no-store")))
    }

    /// What becomes of it.
    pub fn receive(mut self, desk: &Arc<Desk>, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        if desk.is_foreign(request) {
            let notice = "这次提交来自别的网页。请核对下面的内容，再点一次“提交诉求”。";
            return Err(self.refuse(desk, now, Refused::new("cross-origin", StatusCode::FORBIDDEN).because(notice)));
        }
        let faults = std::mem::take(&mut self.faults);
        let submission = match form::read(&self.typed, faults).and_then(|submission| desk.offered(submission)) {
            Ok(submission) => submission,
            Err(faults) => {
                self.faults = faults;
                let status = self.status.unwrap_or(StatusCode::BAD_REQUEST);
                return Err(self.refuse(desk, now, Refused::new("fields", status)));
            }
        };
        let token = desk.tokens.read(self.typed.get("token"), now);
        if token == Token::Stale {
            let notice = "这个页面打开得太久了。您填写的内容都还在，请核对后再点一次“提交诉求”。";
            return Err(self.refuse(desk, now, Refused::new("token", StatusCode::FORBIDDEN).because(notice)));
        }
        let message = self.incoming(submission, &token);
        let visitor = Visitor {
            address: request.peer,
            phone: phone_digits(self.typed.get("phone")),
            submit: match &token {
                Token::Good(name) => name.clone(),
                _ => crate::token::hex(&message.digest),
            },
            solution: self.typed.said("altcha"),
            patience: self.typed.said("patience").map(|patience| (self.typed.get("token").to_owned(), patience)),
        };
        let desk = desk.clone();
        if !desk.guard.is_needed(&visitor) {
            return Ok(self.accept(desk, message, now));
        }
        Ok(Reception::Ask(Box::pin(async move {
            match desk.guard.judge(visitor, now).await {
                Verdict::Pass => Ok(self.accept(desk, message, now)),
                Verdict::Work => {
                    let notice = "您这里刚才提交了很多次，需要做一次安全验证。";
                    let refused = Refused::new("challenge", StatusCode::TOO_MANY_REQUESTS).because(notice);
                    let wait = Duration::from_secs(crate::challenge::WAIT.unsigned_abs());
                    Err(self.refuse(&desk, now, Refused { work: true, retry: Some(wait), ..refused }))
                }
                Verdict::Wait(wait) => {
                    let minutes = wait.as_secs().div_ceil(60);
                    let phone = desk.pages.look.phone();
                    let notice = format!(
                        "提交次数太多，请 {minutes} 分钟后再点“提交诉求”，或者直接拨打 {phone}。您填写的内容都还在。"
                    );
                    let refused = Refused::new("limit", StatusCode::TOO_MANY_REQUESTS).because(&notice);
                    Err(self.refuse(&desk, now, Refused { retry: Some(wait), ..refused }))
                }
            }
        })))
    }

    fn incoming(&self, submission: Submission, token: &Token) -> Incoming {
        let mut meta = BTreeMap::new();
        if !self.kept.is_empty() {
            meta.insert(META.to_owned(), serde_json::to_string(&self.kept).unwrap_or_default());
        }
        if self.typed.said(HONEYPOT).is_some() {
            meta.insert(SUSPECT.to_owned(), format!("the field {HONEYPOT:?}, which nobody sees, was filled in"));
        }
        let keys = match token {
            Token::Good(name) => Some(DeliveryKey {
                scope: "form".into(),
                value: name.clone(),
                on_other_content: OnOtherContent::NewAppeal,
            }),
            Token::Absent | Token::Stale => None,
        };
        let raw = Raw { media_type: FORM.into(), meta, body: self.body.clone() };
        let mut message = Incoming::from_submission(submission, raw, keys.into_iter().collect());
        let files = self.kept.iter().map(|kept| kept.file.sha256.as_bytes());
        message.digest = digest(std::iter::once(&message.digest[..]).chain(files));
        message
    }

    fn accept(self, desk: Arc<Desk>, message: Incoming, now: Timestamp) -> Reception {
        if self.json {
            let answer = receipt_answer(desk.pages.public_url.as_str().into());
            return Reception::Accept(Accept { messages: vec![message], caller: None, answer });
        }
        let answer = Box::new(move |outcome: Result<&[_], _>| match one_receipt(outcome) {
            Ok(receipt) => desk.pages.receipt(receipt, &self.typed, &self.kept),
            Err(refusal) => {
                let phone = desk.pages.look.phone();
                let notice =
                    format!("系统暂时无法保存，您填写的内容都还在。请稍后再点一次“提交诉求”，或者直接拨打 {phone}。");
                let problem = Response::from(refusal);
                let shown = self.shown(&desk, now, false);
                let mut page = desk.pages.form(problem.status, &shown.because(&notice));
                page.headers
                    .extend(problem.headers.get(header::RETRY_AFTER).map(|wait| (header::RETRY_AFTER, wait.clone())));
                page
            }
        });
        Reception::Accept(Accept { messages: vec![message], caller: None, answer })
    }

    /// Everything again, and why it was not taken.
    fn refuse(mut self, desk: &Desk, now: Timestamp, refused: Refused) -> Rejection {
        let Refused { reason, status, notice, work, retry } = refused;
        if self.json {
            let faults = std::mem::take(&mut self.faults);
            let problem = match notice {
                Some(notice) => Problem::new(status, notice),
                None => Problem { status, ..Problem::fields(faults) },
            };
            return Rejection::Malformed { reason, response: Problem { retry_after: retry, ..problem }.into() };
        }
        let shown = self.shown(desk, now, work);
        let notice = notice.unwrap_or_default();
        let shown = if notice.is_empty() { shown } else { shown.because(&notice) };
        let mut response = desk.pages.form(status, &shown);
        if let Some(wait) = retry {
            response = response.with(header::RETRY_AFTER, &wait.as_secs().max(1).to_string());
        }
        Rejection::Malformed { reason, response }
    }

    fn shown(&self, desk: &Desk, now: Timestamp, work: bool) -> crate::page::Shown<'_> {
        let mut typed = self.typed.clone().visible().with(HONEYPOT, None).with("altcha", None);
        if !matches!(desk.tokens.read(typed.get("token"), now), Token::Good(_)) {
            typed = typed.with("token", desk.tokens.issue(now));
        }
        let challenges = desk.guard.challenges.as_ref().filter(|_| work);
        let patience = challenges.map(|challenges| challenges.patience(typed.get("token"), now));
        // Who waits already need not begin anew.
        let patience = typed.said("patience").or(patience);
        let challenge = challenges.and_then(|challenges| challenges.issue(now)).map(|challenge| challenge.to_json());
        let kept = self.kept.iter().map(|kept| (desk.references.to(kept, now), kept.label())).collect();
        let typed = typed.with("patience", patience);
        crate::page::Shown { typed, faults: &self.faults, notice: None, kept, challenge }
    }
}

/// Why a submit is not taken.
struct Refused {
    /// For metrics.
    reason: &'static str,
    status: StatusCode,
    /// In words, if no field is at fault.
    notice: Option<String>,
    /// Work is wanted.
    work: bool,
    retry: Option<Duration>,
}

impl Refused {
    fn new(reason: &'static str, status: StatusCode) -> Self {
        Self { reason, status, notice: None, work: false, retry: None }
    }

    fn because(self, notice: &str) -> Self {
        Self { notice: Some(notice.to_owned()), ..self }
    }
}

/// Digits, if there are enough to tell numbers apart.
pub(crate) fn phone_digits(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= 5).then_some(digits)
}

/// It asks for JSON, and not for a page.
fn wants_json(request: &Request) -> bool {
    let accepted = request.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<&str> = accepted.flat_map(|line| line.split(',')).filter_map(|it| it.split(';').next()).collect();
    let asks = |kinds: &[&str]| accepted.iter().any(|it| kinds.iter().any(|kind| it.trim().eq_ignore_ascii_case(kind)));
    asks(&["application/json", "application/problem+json"]) && !asks(&["text/html", "application/xhtml+xml"])
}
