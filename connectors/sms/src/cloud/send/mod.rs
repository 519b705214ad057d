//! The clouds' own interfaces for sending: one request a message. What the cloud says is told apart: taken, refused, to be
//! tried again, or not known.

mod aliyun;
mod answer;
mod config;
mod tencent;
mod twilio;

pub use config::Sending;

use super::Cloud;
use crate::{
    budget::{Budget, NO_BUDGET},
    courier::receipt_text,
    number::{Line, Number},
};
use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use jiesu_connector::{
    Appellant, Failure, HttpClient, OutRequest, OutResponse, Probe, Replier, Reply, Secret, SendError, Sent, Words,
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

/// For the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer; all of them are short.
const LONGEST: u64 = 64 << 10;
/// Clouds report within three days at most (72 hours, as Aliyun says).
const REPORTS: Duration = Duration::from_secs(72 * 3_600);

/// One account that sends.
pub(crate) struct Account {
    /// Whose.
    pub cloud: Cloud,
    /// AccessKey ID, SecretId, Account SID.
    pub id: String,
    /// What requests are signed with.
    pub secret: Secret,
    /// Where the interface is, without a trailing slash.
    pub api_base: String,
    /// The signature (签名) as registered, without 【】.
    pub sign_name: String,
    /// Tencent: SmsSdkAppId.
    pub app_id: String,
    /// Tencent: the region.
    pub region: String,
    /// The template of answers.
    pub reply_template: String,
    /// The template of receipts; without one none go out.
    pub receipt_template: Option<String>,
    /// Characters of an answer that a template's variable takes.
    pub max_text: usize,
    /// Twilio: the number that messages come from, where the citizen wrote to none.
    pub from: Option<String>,
    /// Twilio: where it tells what became of a message.
    pub callback: String,
    /// The code that citizens write to.
    pub service_code: String,
    /// The cloud tells what became of messages.
    pub reports: bool,
}

/// One message that goes out.
pub(crate) struct Message<'a> {
    /// To whom (E.164), and from which code.
    pub number: &'a str,
    /// The code that the citizen wrote to.
    pub code: &'a str,
    /// Our own name for it.
    pub id: &'a str,
    /// All words, where there is no template.
    pub text: String,
    /// The template.
    pub template: &'a str,
    /// Its variables, in their order.
    pub variables: Vec<(&'static str, String)>,
}

/// Carries answers and receipts over a cloud.
#[derive(Clone)]
pub(crate) struct Sender {
    /// The account.
    pub account: Arc<Account>,
    /// The way out.
    pub http: Arc<dyn HttpClient>,
    /// What is said.
    pub words: Arc<Words>,
    /// How many receipts.
    pub budget: Arc<Budget>,
}

impl Account {
    fn request(&self, message: &Message<'_>, now: Timestamp) -> Result<OutRequest, Failure> {
        match self.cloud {
            Cloud::Aliyun => aliyun::send(self, message, now),
            Cloud::Tencent => tencent::send(self, message, now),
            Cloud::Twilio => twilio::send(self, message),
        }
    }

    fn answer(&self, response: &OutResponse) -> Result<Sent, Failure> {
        match self.cloud {
            Cloud::Aliyun => aliyun::answer(response),
            Cloud::Tencent => tencent::answer(response),
            Cloud::Twilio => twilio::answer(response),
        }
    }

    /// What follows the service code in what the citizen wrote to.
    fn extension<'a>(&self, code: &'a str) -> Option<&'a str> {
        code.strip_prefix(self.service_code.as_str())
            .filter(|rest| !self.service_code.is_empty() && !rest.is_empty() && is_digits(rest))
    }

    /// As much of `text` as fits.
    fn cut(&self, text: &str) -> String {
        match text.chars().count() > self.max_text {
            true => text.chars().take(self.max_text.saturating_sub(1)).chain(['…']).collect(),
            false => text.to_owned(),
        }
    }
}

#[async_trait]
impl Replier for Sender {
    async fn reply(&self, reply: &Reply) -> Result<Sent, Failure> {
        let line = Line::of_name(&reply.to, &self.account.service_code);
        let Number::Subscriber(number) = &line.citizen else {
            return Err(Failure::Refused { why: "only a subscriber's number is written to".into() });
        };
        if !self.takes(&line) {
            return Err(Failure::Refused { why: "this account does not write to that number".into() });
        }
        let numbered = ("number", reply.number.clone());
        let (text, template, variables) = match &reply.code {
            Some(code) => {
                let text = receipt_text(&self.words, &reply.number, Some(code));
                (text, self.account.receipt_template.as_deref(), vec![numbered, ("code", code.clone())])
            }
            None => {
                let text = self.words.fill("sms.reply", &[("number", &reply.number), ("text", &reply.text)]);
                let variables = vec![numbered, ("text", self.account.cut(&reply.text))];
                (text, Some(self.account.reply_template.as_str()), variables)
            }
        };
        let template = template.unwrap_or_default();
        let message = Message { number, code: &line.code, id: &reply.id, text, template, variables };
        if reply.code.is_none() {
            return self.send(&message).await;
        }
        if !self.budget.take(&line.name(""), Timestamp::now()) {
            return Err(Failure::Refused { why: NO_BUDGET.into() });
        }
        let sent = self.send(&message).await;
        if let Err(Failure::Retry { .. }) = sent {
            self.budget.give_back(&line.name(""));
        }
        sent
    }

    fn reaches(&self, citizen: &Appellant) -> Option<String> {
        let line = Line { citizen: Number::of(citizen.phone.as_deref()?, false), code: String::new() };
        (line.citizen.is_mobile() && self.takes(&line)).then(|| line.name(&self.account.service_code))
    }

    fn reports_within(&self) -> Option<Duration> {
        self.account.reports.then_some(REPORTS)
    }
}

impl Sender {
    async fn send(&self, message: &Message<'_>) -> Result<Sent, Failure> {
        let request = self.account.request(message, Timestamp::now())?;
        let response = self.http.send(request).await.map_err(unanswered)?;
        let sent = self.account.answer(&response)?;
        // Without reports what was taken is delivered, as far as anybody will know.
        Ok(if self.account.reports { sent } else { Sent::default() })
    }

    /// Templates and signatures of Aliyun and Tencent are for China's numbers.
    fn takes(&self, line: &Line) -> bool {
        let Number::Subscriber(number) = &line.citizen else { return false };
        line.may_be_answered() && (self.account.cloud == Cloud::Twilio || number.starts_with("+86"))
    }
}

/// Asks for something that sends nothing and needs the same rights.
#[async_trait]
impl Probe for Sender {
    async fn probe(&self) -> Result<(), String> {
        let account = &*self.account;
        let request = match account.cloud {
            Cloud::Aliyun => aliyun::look(account, Timestamp::now()),
            Cloud::Tencent => tencent::look(account, Timestamp::now()),
            Cloud::Twilio => twilio::look(account),
        };
        let request = request.map_err(|failure| failure.to_string())?;
        let response = self.http.send(request).await.map_err(|error| format!("{}: {error}", account.api_base))?;
        match account.cloud {
            Cloud::Aliyun => aliyun::looked(&response),
            Cloud::Tencent => tencent::looked(&response),
            Cloud::Twilio => twilio::looked(&response),
        }
    }
}

fn unanswered(error: SendError) -> Failure {
    let why = error.to_string();
    match error {
        SendError::NotSent(_) => Failure::Retry { after: None, why },
        SendError::Unknown(_) | SendError::TooLarge(_) => Failure::Unknown { why },
        SendError::Forbidden(_) => Failure::Refused { why },
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The host of an address as it stands in the `Host` header.
fn host(api_base: &str) -> &str {
    let rest = api_base.split_once("://").map_or(api_base, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

fn sha256(bytes: &[u8]) -> String {
    crate::short::hex(&Sha256::digest(bytes))
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length is right for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
