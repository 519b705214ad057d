//! Twilio's messaging webhook: <https://www.twilio.com/docs/messaging/guides/webhook-request>, and what became of ours:
//! <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>.

use crate::{
    number::{Line, Number},
    short::Short,
    text::Coding,
};
use jiesu_twilio::{Element, Form};

pub(super) fn read(body: &[u8]) -> Result<Short, String> {
    let form = Form::parse(body);
    let field = |name: &str| form.get(name).map(str::to_owned);
    let id = field("MessageSid").or_else(|| field("SmsSid"));
    if let (Some(status), Some(name), false) = (field("MessageStatus"), &id, form.has("Body")) {
        let settled = match status.as_str() {
            "delivered" | "read" => Some(Ok(())),
            "failed" | "undelivered" | "canceled" => {
                Some(Err(field("ErrorCode").map_or(status.clone(), |code| format!("{status} {code}"))))
            }
            _ => None,
        };
        return Ok(super::told(&field("To").unwrap_or_default(), name.clone(), settled));
    }
    let from = field("From").ok_or("From is missing")?;
    let content = field("Body").or_else(|| form.has("Body").then(String::new)).ok_or("Body is missing")?;
    // Pictures come as addresses that need the account's log-in.
    let media = (0..10).filter_map(|index| field(&format!("MediaUrl{index}")));
    let content = std::iter::once(content).filter(|text| !text.is_empty()).chain(media).collect::<Vec<_>>().join("\n");
    // A channel of Twilio's writes `whatsapp:+86…`.
    let number = |text: String| text.rsplit_once(':').map_or(text.clone(), |(_, number)| number.to_owned());
    Ok(Short {
        line: Line { citizen: Number::of(&number(from), false), code: field("To").map(number).unwrap_or_default() },
        id,
        coding: Coding::Utf8,
        segment: None,
        text: content.into(),
        report: None,
        link_id: None,
    })
}

/// TwiML: with words for the citizen, or without.
pub(super) fn answer(text: Option<&str>) -> String {
    let message = text.filter(|text| !text.trim().is_empty()).map(|text| Element::new("Message").text(text));
    jiesu_twilio::response(message.as_slice())
}
