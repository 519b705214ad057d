//! What we write: answers and receipts, as mails that programs know for what they are.

use crate::{
    config::Outbound,
    marks::{self, Mark},
    read::words::one_line,
};
use jiesu_connector::{Failure, Reply};
use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Mailbox,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};

/// The name of a ticket's receipt among its replies.
pub const RECEIPT: &str = "receipt";
/// Characters of a title in a subject.
const MAX_TITLE: usize = 60;

/// A mail, ready to go.
pub struct Letter {
    /// From whom and to whom the server is told that it goes.
    pub envelope: Envelope,
    /// The mail.
    pub bytes: Vec<u8>,
    /// Its mark: what a bounce will name.
    pub mark: String,
}

impl Letter {
    /// Writes the answer, the same under the same Message-ID at every attempt.
    ///
    /// # Errors
    /// The recipient's address is none: it can never be sent.
    pub fn write(out: &Outbound, reply: &Reply) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::Refused { why: why.to_owned() };
        let to: Address = reply.to.parse().map_err(|_| refused("the citizen's address is no mail address"))?;
        let from: Address = out.from.parse().map_err(|_| refused("smtp.from is no mail address"))?;
        let name = reply.id.rsplit('/').next().unwrap_or(RECEIPT);
        let mark = Mark { number: reply.number.clone(), name: Some(name.to_owned()), proof: reply.proof.clone() };
        let plain = Mark { name: None, ..mark.clone() };
        let title: String = one_line(&reply.title).chars().take(MAX_TITLE).collect();
        let (subject, text) = match &reply.code {
            Some(code) => {
                let values = [
                    ("number", reply.number.as_str()),
                    ("code", code),
                    ("status_url", &out.status_url),
                    ("title", &title),
                ];
                (out.words.fill("email.receipt_subject", &values), out.words.fill("email.receipt", &values))
            }
            None => {
                let values = [
                    ("number", reply.number.as_str()),
                    ("text", &reply.text),
                    ("status_url", &out.status_url),
                    ("title", &title),
                ];
                (out.words.fill("email.reply_subject", &values), out.words.fill("email.reply", &values))
            }
        };
        let answers_to = if out.subaddresses { marks::sub_address(&out.from, false, &plain) } else { out.from.clone() };
        let answers_to: Address = answers_to.parse().map_err(|_| refused("smtp.from is too long for answers"))?;
        let mut message = Message::builder()
            .from(Mailbox::new(Some(out.name.clone()), from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .reply_to(Mailbox::new(Some(out.name.clone()), answers_to))
            .subject(one_line(&subject))
            .message_id(Some(format!("<{}@{}>", mark.to_text(), from.domain())))
            .date_now();
        if let Some(id) = &reply.message {
            message = message.in_reply_to(id.clone()).references(id.clone());
        }
        let kind = if reply.code.is_some() { "auto-replied" } else { "auto-generated" };
        for (name, value) in [
            (HeaderName::new_from_ascii_str("Auto-Submitted"), kind),
            (HeaderName::new_from_ascii_str("X-Auto-Response-Suppress"), "All"),
            (HeaderName::new_from_ascii_str("X-Gateway-Id"), "jiesu"),
        ] {
            message = message.raw_header(HeaderValue::new(name, value.to_owned()));
        }
        let sender = match (&reply.code, &out.server.login, out.subaddresses) {
            // A receipt that cannot be delivered comes back to nobody. Providers want their account as the sender.
            (Some(_), None, _) => None,
            (_, _, true) => marks::sub_address(&out.from, true, &mark).parse().ok().or(Some(from)),
            _ => Some(from),
        };
        let envelope = Envelope::new(sender, vec![to]).map_err(|_| refused("there is no recipient"))?;
        let message = message
            .envelope(envelope.clone())
            .header(ContentType::TEXT_PLAIN)
            .header(ContentTransferEncoding::Base64)
            .body(text)
            .map_err(|error| refused(&error.to_string()))?;
        Ok(Self { envelope, bytes: message.formatted(), mark: mark.to_text() })
    }
}
