//! Answers of the authorities (答复) and receipts (受理回执): in parts, in order, each taken by the carrier before the next
//! one goes.

use crate::{
    budget::NO_BUDGET,
    courier::{Courier, receipt_text},
    number::{Line, Number},
    session::{Exchange, Outcome, Taken},
};
use async_trait::async_trait;
use jiesu_connector::{Appellant, Failure, Replier, Reply, Sent, Words};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// The carrier reports within 48 hours (CMPP 3.0, 7.4.5).
const REPORTS: Duration = Duration::from_secs(48 * 3_600);
/// After the carrier asked to go slower, doubled each time.
const SLOWER: Duration = Duration::from_secs(1);
/// While no link is open.
const NO_LINK: Duration = Duration::from_secs(5);
/// How long one answer may take with all of that.
const PATIENCE: Duration = Duration::from_secs(45);

/// Carries answers out.
pub(crate) struct Answers {
    /// The open links.
    pub exchange: Arc<Exchange>,
    /// Knows how the channel speaks.
    pub courier: Arc<Courier>,
    /// The phrase around an answer.
    pub words: Arc<Words>,
    /// The channel's own code.
    pub service_code: String,
}

#[async_trait]
impl Replier for Answers {
    async fn reply(&self, reply: &Reply) -> Result<Sent, Failure> {
        let line = Line::of_name(&reply.to, &self.service_code);
        if !line.may_be_answered() {
            return Err(Failure::Refused { why: "a short code or a service number is never written to".into() });
        }
        let Some(code) = &reply.code else {
            let text = self.words.fill("sms.reply", &[("number", &reply.number), ("text", &reply.text)]);
            return self.send(&line, &text).await;
        };
        if !self.courier.take(&line) {
            return Err(Failure::Refused { why: NO_BUDGET.into() });
        }
        let sent = self.send(&line, &receipt_text(&self.words, &reply.number, Some(code))).await;
        if let Err(Failure::Retry { .. }) = sent {
            self.courier.give_back(&line);
        }
        sent
    }

    async fn ready(&self) -> Result<(), Failure> {
        match self.exchange.is_open() {
            true => Ok(()),
            false => Err(Failure::Retry { after: Some(NO_LINK), why: "there is no open link to the carrier".into() }),
        }
    }

    fn reaches(&self, citizen: &Appellant) -> Option<String> {
        let line = Line { citizen: Number::of(citizen.phone.as_deref()?, false), code: self.service_code.clone() };
        line.citizen.is_mobile().then(|| line.name(&self.service_code))
    }

    fn by_session(&self) -> bool {
        true
    }

    fn reports_within(&self) -> Option<Duration> {
        Some(REPORTS)
    }
}

impl Answers {
    async fn send(&self, line: &Line, text: &str) -> Result<Sent, Failure> {
        let Some(parts) = self.courier.parts(line, text, true) else {
            return Err(Failure::Refused { why: "the answer is longer than 255 short messages".into() });
        };
        let (total, until) = (parts.len(), Instant::now() + PATIENCE);
        let mut names = Vec::with_capacity(total);
        for part in parts {
            let mut wait = SLOWER;
            let ended = loop {
                let (why, later) = match self.exchange.submit(part.clone()).await {
                    Outcome::Said(Taken::Yes(name)) => {
                        names.push(name);
                        break None;
                    }
                    Outcome::Said(Taken::No(why)) => break Some(Failure::Refused { why }),
                    Outcome::Unknown(why) => return Err(Failure::Unknown { why }),
                    Outcome::Said(Taken::Later(why)) => (why, Duration::from_secs(30)),
                    Outcome::Unsent(why) => (why, NO_LINK),
                };
                // Before the first part the gateway's own back-off is better; in the middle the citizen waits for the rest.
                if Instant::now() + wait > until || (names.is_empty() && wait > SLOWER * 4) {
                    break Some(Failure::Retry { after: Some(later), why });
                }
                sleep(wait).await;
                wait *= 2;
            };
            match ended {
                None => {}
                Some(failure) if names.is_empty() => return Err(failure),
                Some(failure) => {
                    return Err(Failure::Partial {
                        why: format!("{} of {total} parts were taken: {failure}", names.len()),
                    });
                }
            }
        }
        Ok(Sent { message: Some(names.join(" ")) })
    }
}
