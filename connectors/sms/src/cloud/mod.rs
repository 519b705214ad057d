//! The clouds' callbacks: one request, one or many messages, each by its own fields.

mod aliyun;
mod body;
mod send;
mod tencent;
mod twilio;

pub(crate) use send::Sender;
pub use send::Sending;

use crate::{
    budget::Budget,
    courier::receipt_text,
    number::{Line, Number},
    short::{INTENT, Report, Rules, Short, hex, keys},
    text::Coding,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use jiesu_connector::{
    Accept, Ask, Callers, Incoming, LookUp, Problem, Raw, Receipt, Reception, Refusal, Rejection, Request, Response,
    Secret, Webhook, Words, digest,
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// Messages in one request.
const MOST: usize = 1_000;
/// Bytes of an answer to 进度.
const LONGEST: usize = 1_200;

/// Which cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// SmsUp: a JSON array, unsigned.
    Aliyun,
    /// A JSON object, unsigned.
    Tencent,
    /// A form, signed.
    Twilio,
}

impl Cloud {
    /// One stored message.
    ///
    /// # Errors
    /// Why it is none, for an operator.
    pub(crate) fn read(self, body: &[u8]) -> Result<Short, String> {
        match self {
            Self::Aliyun => aliyun::read(body),
            Self::Tencent => tencent::read(body),
            Self::Twilio => twilio::read(body),
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Aliyun | Self::Tencent => "application/json",
            Self::Twilio => "application/x-www-form-urlencoded",
        }
    }
}

/// How citizens are told the number of what they sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipts {
    /// Not at all.
    None,
    /// In the answer to the callback.
    Answered,
    /// In a message of their own.
    Sent,
}

/// What a cloud tells of a message of ours: that it arrived, or why not; nothing while it goes on.
fn told(phone: &str, name: String, settled: Option<Result<(), String>>) -> Short {
    let status = match settled {
        Some(Ok(())) => "DELIVRD".to_owned(),
        // Words that leave it open where a carrier says them.
        Some(Err(why)) if ["", "ACCEPTD", "ENROUTE", "UNKNOWN"].contains(&why.as_str()) => "UNDELIV".to_owned(),
        Some(Err(why)) => why,
        None => "ENROUTE".to_owned(),
    };
    Short {
        line: Line { citizen: Number::of(phone, false), code: String::new() },
        id: Some(format!("report {name}/{status}")),
        coding: Coding::Utf8,
        segment: None,
        text: Bytes::new(),
        report: Some(Report { id: name, status }),
        link_id: None,
    }
}

/// The callback of one account.
pub(crate) struct Callback {
    /// Whose.
    pub cloud: Cloud,
    /// What unsigned callbacks show in their address (`?key=…`).
    pub query_secret: Option<Secret>,
    /// What Twilio signs with.
    pub auth_token: Option<Secret>,
    /// The callback's address without its query, as the cloud was told it.
    pub address: String,
    /// What the configuration says of messages.
    pub rules: Rules,
    /// What is said, and what citizens say.
    pub words: Arc<Words>,
    /// Citizens are told the number of what they sent.
    pub receipts: Receipts,
    /// How many of those.
    pub budget: Arc<Budget>,
}

/// An element of a request on its way through the door.
struct Heard {
    incoming: Incoming,
    /// Its sender may be.
    may_be_answered: bool,
    /// What it asks of the gateway itself.
    asked: Option<(Short, Ask)>,
}

impl Webhook for Callback {
    fn receive(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        self.authenticate(request)?;
        match request.method {
            // The cloud tries the address when it is set; 700 ms are enough.
            Method::GET | Method::HEAD => Ok(Reception::Answer(self.taken(None))),
            Method::POST => self.messages(request, now),
            _ => Err(malformed("method", StatusCode::METHOD_NOT_ALLOWED, "only GET and POST are answered here")),
        }
    }

    fn callers(&self) -> Callers {
        Callers::Platform
    }
}

impl Callback {
    fn authenticate(&self, request: &Request) -> Result<(), Rejection> {
        let forbidden = |detail| Err(Rejection::Unauthenticated(Problem::new(StatusCode::FORBIDDEN, detail).into()));
        if let Some(secret) = &self.query_secret {
            let query = request.query.as_deref().unwrap_or_default();
            let shown = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key");
            if !shown.is_some_and(|(_, key)| secret.matches(key.as_bytes())) {
                return forbidden("the address lacks the right ?key=…");
            }
        }
        if let Some(token) = &self.auth_token
            && !jiesu_twilio::is_signed(jiesu_twilio::Algorithm::Sha1, token, &self.address, request)
        {
            return forbidden("the request is not signed with this account's token (X-Twilio-Signature)");
        }
        Ok(())
    }

    fn messages(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        let elements = match self.cloud {
            // What citizens say comes one by one from Tencent, what became of our messages in batches.
            Cloud::Aliyun | Cloud::Tencent => body::elements(&request.body),
            Cloud::Twilio => Ok(vec![request.body.clone()]),
        };
        let elements = elements.map_err(|what| malformed("json", StatusCode::BAD_REQUEST, &what))?;
        if self.cloud == Cloud::Tencent && elements.is_empty() {
            return Err(malformed("json", StatusCode::BAD_REQUEST, "no message is there"));
        }
        if elements.len() > MOST {
            let what = format!("more than {MOST} messages in one request");
            return Err(malformed("too-many", StatusCode::PAYLOAD_TOO_LARGE, &what));
        }
        let mut heard: Vec<Heard> = elements.into_iter().map(|element| self.incoming(element, now)).collect();
        if self.cloud == Cloud::Twilio
            && let Some((short, Ask::Progress { number })) = heard.first_mut().and_then(|heard| heard.asked.take())
        {
            return Ok(self.look_up(&short, number));
        }
        let (messages, receipts): (Vec<_>, Vec<bool>) =
            heard.into_iter().map(|heard| (heard.incoming, heard.may_be_answered)).unzip();
        let (cloud, words, budget) = (self.cloud, Arc::clone(&self.words), Arc::clone(&self.budget));
        let receipts_wanted = self.receipts == Receipts::Answered;
        let sender = messages.first().and_then(|message| message.sender.clone()).unwrap_or_default();
        let intent = messages.first().and_then(|message| message.raw.meta.get(INTENT).cloned());
        let answer = Box::new(move |stored: Result<&[Receipt], Refusal>| match stored {
            Err(refusal) => refusal.into(),
            Ok(stored) => {
                let text =
                    stored.first().zip(receipts.first()).filter(|_| receipts_wanted).and_then(|(receipt, may)| {
                        let text = match intent.as_deref() {
                            Some("urge") => words.fill("sms.urged", &[("number", &receipt.number)]),
                            Some("withdraw") => words.fill("sms.withdrawn", &[("number", &receipt.number)]),
                            Some("rate") => return None,
                            _ => receipt_text(&words, &receipt.number, receipt.code.as_deref()),
                        };
                        (*may && (receipt.redelivery || budget.take(&sender, receipt.received_at))).then_some(text)
                    });
                taken(cloud, text.as_deref())
            }
        });
        Ok(Reception::Accept(Accept { messages, caller: None, answer }))
    }

    /// One that cannot be read goes as it is, into quarantine, and costs its neighbours nothing.
    fn incoming(&self, element: Bytes, now: Timestamp) -> Heard {
        let media_type = self.cloud.media_type();
        let Ok(short) = self.cloud.read(&element) else {
            let digest = digest([&element[..]]);
            let raw = Raw { media_type: media_type.into(), meta: Default::default(), body: element };
            let keys = keys("element", Duration::from_secs(86_400), &hex(&digest), now);
            let incoming = Incoming { raw, keys, digest, sender: None, hotline: None, joins: false, receipt: false };
            return Heard { incoming, may_be_answered: false, asked: None };
        };
        let (mut incoming, ask) = short.incoming(&self.rules, &self.words, media_type, element, None, now);
        let may_be_answered = short.line.may_be_answered() && short.report.is_none();
        incoming.receipt = self.receipts == Receipts::Sent
            && may_be_answered
            && !incoming.raw.meta.contains_key(INTENT)
            && self.budget.has_room(&short.line.name(""), now);
        Heard { incoming, may_be_answered, asked: ask.map(|ask| (short, ask)) }
    }

    fn look_up(&self, short: &Short, number: Option<String>) -> Reception {
        let (cloud, words, may) = (self.cloud, Arc::clone(&self.words), short.line.may_be_answered());
        Reception::LookUp(LookUp {
            sender: short.line.name(&self.rules.service_code),
            number,
            answer: Box::new(move |found| match found {
                Ok(found) => taken(cloud, may.then(|| words.progress("sms", found, LONGEST)).as_deref()),
                Err(refusal) => refusal.into(),
            }),
        })
    }

    fn taken(&self, text: Option<&str>) -> Response {
        taken(self.cloud, text)
    }
}

/// The cloud's own word for "taken"; `text` goes to the citizen where the answer can carry it.
fn taken(cloud: Cloud, text: Option<&str>) -> Response {
    match cloud {
        Cloud::Aliyun => Response::new(StatusCode::OK, "application/json", r#"{"code":0,"msg":"接收成功"}"#),
        Cloud::Tencent => Response::new(StatusCode::OK, "application/json", r#"{"result":0,"errmsg":"OK"}"#),
        Cloud::Twilio => Response::new(StatusCode::OK, jiesu_twilio::MEDIA_TYPE, twilio::answer(text)),
    }
}

fn malformed(reason: &'static str, status: StatusCode, detail: &str) -> Rejection {
    Rejection::Malformed { reason, response: Problem::new(status, detail).into() }
}
