//! The platform calls us: who it is, what it says, and what to answer once that is on disk.

use crate::{
    answer::{self, Envelope, Seal},
    config::{Account, Mode},
    crypto::{AesKey, signed},
    delivery::incoming,
    event::{Effect, effect},
    fields::{Fields, Unreadable},
    parse::{ABOUT, CLICKED, INTENT},
    quota::Trigger,
    windows::Windows,
};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiesu_connector::{
    Accept, Aside, Ask, Callers, Incoming, Intent, LookUp, Problem, Receipt, Reception, Rejection, Request, Response,
    Said, Webhook,
};
use jiff::Timestamp;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// Larger than any push: a text has at most 2,048 bytes, and compatible mode carries everything twice.
const MAX_BODY: usize = 1 << 20;

/// The callback of one account.
pub struct Callback {
    pub(crate) account: Arc<Account>,
    /// Where it is noted that a citizen did something, if that is counted.
    pub(crate) windows: Option<Arc<Windows>>,
}

/// A push that is what it claims to be.
struct Authentic {
    fields: Fields,
    /// The message itself, decrypted.
    message: Bytes,
    /// How to encrypt the answer.
    seal: Option<Seal>,
}

impl Webhook for Callback {
    fn receive(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection> {
        if !matches!(request.path.as_str(), "" | "/") {
            return Err(unauthenticated(StatusCode::NOT_FOUND, "there is nothing at this address"));
        }
        let query = Query::read(request.query.as_deref().unwrap_or_default());
        match request.method {
            Method::GET => self.verification(&query),
            Method::POST => {
                let push = self.authenticate(&query, &request.body)?;
                let note = self.note(&push.fields, now);
                let reception = self.sort(push, now.as_second());
                Ok(match note {
                    Some(note) => Reception::With(Box::new(reception), note),
                    None => reception,
                })
            }
            _ => {
                let refused = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only GET and POST are known here");
                Err(Rejection::Unauthenticated(Response::from(refused).with(header::ALLOW, "GET, POST")))
            }
        }
    }

    fn callers(&self) -> Callers {
        Callers::Platform
    }
}

impl Callback {
    /// The console checks that the address is ours: its `echostr` goes back as it came, as plain text, because a
    /// page would let whoever learns the token run scripts under this host.
    fn verification(&self, query: &Query) -> Result<Reception, Rejection> {
        match &query.echostr {
            Some(echo) if self.query_signed(query) => {
                let response = Response::new(StatusCode::OK, "text/plain; charset=utf-8", echo.clone());
                Ok(Reception::Answer(response.with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")))
            }
            _ => Err(forbidden()),
        }
    }

    /// `signature`: covers the query, not the body.
    fn query_signed(&self, query: &Query) -> bool {
        match (&query.signature, &query.timestamp, &query.nonce) {
            (Some(claimed), Some(time), Some(nonce)) => {
                signed(claimed, &mut [self.account.token.expose(), time, nonce])
            }
            _ => false,
        }
    }

    fn authenticate(&self, query: &Query, body: &Bytes) -> Result<Authentic, Rejection> {
        if body.len() > MAX_BODY {
            return Err(unauthenticated(StatusCode::PAYLOAD_TOO_LARGE, "the body has more than 1 MiB"));
        }
        let plain_is_welcome = self.account.mode != Mode::Safe && self.query_signed(query);
        let outer = Fields::read(body);
        let encrypted = outer.as_ref().ok().and_then(|fields| fields.get("Encrypt"));
        if self.account.mode == Mode::Plain || (encrypted.is_none() && query.encrypt_type.as_deref() != Some("aes")) {
            if !plain_is_welcome {
                return Err(forbidden());
            }
            let fields = outer.map_err(unreadable)?;
            if fields.get("Encrypt").is_some() && fields.get("MsgType").is_none() {
                let hint = "the push is encrypted, but mode is \"plain\": set it as in the account's console";
                return Err(malformed("encrypted", hint));
            }
            return Ok(Authentic { fields, message: body.clone(), seal: None });
        }
        // Whatever is wrong from here to the decrypted message, the answer is one and the same.
        let (key, message) = encrypted.and_then(|text| self.decrypt(query, text)).ok_or_else(forbidden)?;
        let fields = Fields::read(&message).map_err(unreadable)?;
        let (app_id, token) = (self.account.app_id.clone(), self.account.token.clone());
        let seal = Seal { key, app_id, token, nonce: query.nonce.clone().unwrap_or_default() };
        Ok(Authentic { fields, message: message.into(), seal: Some(seal) })
    }

    /// Checks `msg_signature` over the ciphertext, then tries the keys; the outer fields are not looked at.
    fn decrypt(&self, query: &Query, encrypted: &str) -> Option<(AesKey, Vec<u8>)> {
        // A proxy that took the body for a form has turned each `+` into a space.
        let encrypted: Cow<'_, str> = match encrypted.trim() {
            text if text.contains(' ') => text.replace(' ', "+").into(),
            text => text.into(),
        };
        let (claimed, time, nonce) = (query.msg_signature.as_ref()?, query.timestamp.as_ref()?, query.nonce.as_ref()?);
        if !signed(claimed, &mut [self.account.token.expose(), time, nonce, &encrypted]) {
            return None;
        }
        self.account
            .keys
            .iter()
            .find_map(|key| Some((key.clone(), key.decrypt(&encrypted, &self.account.app_id).ok()?)))
    }

    /// Notes that the citizen did something after which they may be written to.
    fn note(&self, fields: &Fields, now: Timestamp) -> Option<Aside> {
        let windows = Arc::clone(self.windows.as_ref()?);
        let openid = fields.get("FromUserName")?.to_owned();
        let trigger = Trigger::of(fields.get("MsgType")?, fields.get("Event").unwrap_or_default())?;
        Some(Box::pin(async move { windows.heard(&openid, trigger, now.as_millisecond()).await }))
    }

    /// What an authentic push asks for.
    fn sort(&self, push: Authentic, now: i64) -> Reception {
        let Authentic { fields, message, seal } = push;
        let envelope = Envelope::to_sender(&fields, seal);
        let words = &self.account.words;
        let kind = fields.get("MsgType").unwrap_or_default().to_ascii_lowercase();
        let say = |phrase: &str| words.fill(phrase, &[]);
        match kind.as_str() {
            "text" => {
                let said = Said::new(fields.get("Content").unwrap_or_default(), words);
                match said.asks() {
                    Some(ask) => self.ask(ask, None, &fields, message, envelope, now),
                    None if said.rating().is_some() => self.rate(&fields, message, envelope),
                    None => self.appeal(&fields, message, envelope),
                }
            }
            "image" | "voice" | "video" | "shortvideo" | "location" | "link" => self.appeal(&fields, message, envelope),
            "event" => match effect(fields.get("Event").unwrap_or_default()) {
                Effect::Menu => self.clicked(&fields, message, envelope, now),
                Effect::Greet => keep(&fields, message, envelope, say("wechat.greeting")),
                Effect::Guide => keep(&fields, message, envelope, say("wechat.menu.*")),
                Effect::Keep => keep(&fields, message, envelope, String::new()),
                Effect::Ignore => Reception::Answer(answer::success()),
            },
            // Kept raw for an operator to see, and the platform need not send it again.
            _ => keep(&fields, message, envelope, String::new()),
        }
    }

    /// A menu click: words by its key; words that are a keyword act as if typed.
    fn clicked(&self, fields: &Fields, message: Bytes, envelope: Envelope, now: i64) -> Reception {
        let words = &self.account.words;
        let key = fields.get("EventKey").unwrap_or_default();
        let said = words.phrase(&format!("wechat.menu.{key}")).or_else(|| words.phrase("wechat.menu.*"));
        let said = said.unwrap_or_default();
        match Said::new(said, words).asks() {
            Some(ask) => self.ask(ask, Some(said), fields, message, envelope, now),
            None => Reception::Answer(envelope.text(said, now)),
        }
    }

    /// `clicked` are the words of the menu item, where nothing was typed.
    fn ask(
        &self,
        ask: Ask,
        clicked: Option<&str>,
        fields: &Fields,
        message: Bytes,
        envelope: Envelope,
        now: i64,
    ) -> Reception {
        let account = Arc::clone(&self.account);
        match (ask, fields.get("FromUserName")) {
            (Ask::Progress { number }, Some(sender)) => Reception::LookUp(LookUp {
                sender: sender.to_owned(),
                number,
                answer: Box::new(move |found| match found {
                    Ok(found) => envelope.text(&answer::progress(&account.words, found), now),
                    Err(refusal) => refusal.into(),
                }),
            }),
            (Ask::Progress { .. }, None) => Reception::Answer(answer::success()),
            (Ask::Act { intent, number }, _) => {
                let (name, phrase) = match intent {
                    Intent::Withdraw => ("withdraw", "wechat.withdrawn"),
                    _ => ("urge", "wechat.urged"),
                };
                let mut meta = BTreeMap::from([(INTENT.to_owned(), name.to_owned())]);
                meta.extend(number.map(|number| (ABOUT.to_owned(), number)));
                meta.extend(clicked.map(|said| (CLICKED.to_owned(), said.to_owned())));
                accept(incoming(fields, message, meta), move |receipt| {
                    let said = account.words.fill(phrase, &[("number", &receipt.number)]);
                    envelope.text(&said, receipt.received_at.as_second())
                })
            }
        }
    }

    fn rate(&self, fields: &Fields, message: Bytes, envelope: Envelope) -> Reception {
        let account = Arc::clone(&self.account);
        let meta = BTreeMap::from([(INTENT.to_owned(), "rate".to_owned())]);
        accept(incoming(fields, message, meta), move |receipt| {
            envelope.text(&account.words.fill("wechat.rated", &[]), receipt.received_at.as_second())
        })
    }

    fn appeal(&self, fields: &Fields, message: Bytes, envelope: Envelope) -> Reception {
        let account = Arc::clone(&self.account);
        accept(incoming(fields, message, BTreeMap::new()), move |receipt| {
            envelope.text(&answer::receipt(&account.words, receipt), receipt.received_at.as_second())
        })
    }
}

/// Keeps a push that is no appeal, and says `words`.
fn keep(fields: &Fields, message: Bytes, envelope: Envelope, words: String) -> Reception {
    accept(incoming(fields, message, BTreeMap::new()), move |receipt| {
        envelope.text(&words, receipt.received_at.as_second())
    })
}

/// The answer takes its time from the receipt, so that a redelivery gets the same answer again.
fn accept(message: Incoming, answer: impl FnOnce(&Receipt) -> Response + Send + 'static) -> Reception {
    Reception::Accept(Accept {
        messages: vec![message],
        caller: None,
        answer: Box::new(|stored| match stored {
            Ok([receipt, ..]) => answer(receipt),
            Ok([]) => answer::success(),
            // Never `success`: the platform must send it again.
            Err(refusal) => refusal.into(),
        }),
    })
}

#[derive(Default)]
struct Query {
    signature: Option<String>,
    timestamp: Option<String>,
    nonce: Option<String>,
    echostr: Option<String>,
    encrypt_type: Option<String>,
    msg_signature: Option<String>,
}

impl Query {
    /// Empty values are as good as none: scanners send them all day.
    fn read(query: &str) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            let slot = match &*name {
                "signature" => &mut read.signature,
                "timestamp" => &mut read.timestamp,
                "nonce" => &mut read.nonce,
                "echostr" => &mut read.echostr,
                "encrypt_type" => &mut read.encrypt_type,
                "msg_signature" => &mut read.msg_signature,
                _ => continue,
            };
            slot.get_or_insert_with(|| value.into_owned());
        }
        read
    }
}

/// One answer for every way in which a request is not the platform's.
fn forbidden() -> Rejection {
    unauthenticated(StatusCode::FORBIDDEN, "the request is not signed as this account's pushes are")
}

fn unauthenticated(status: StatusCode, detail: &str) -> Rejection {
    Rejection::Unauthenticated(Problem::new(status, detail).into())
}

fn malformed(reason: &'static str, detail: &str) -> Rejection {
    Rejection::Malformed { reason, response: Problem::new(StatusCode::BAD_REQUEST, detail).into() }
}

fn unreadable(why: Unreadable) -> Rejection {
    let reason = match why {
        Unreadable::Encoding => "encoding",
        Unreadable::Syntax => "syntax",
        Unreadable::Doctype => "doctype",
        Unreadable::TooLarge => "too-large",
    };
    malformed(reason, &why.to_string())
}
