//! Twilio's messaging webhook: <https://www.twilio.com/docs/messaging/guides/webhook-request>.

use crate::{
    number::{Line, Number},
    short::Short,
    text::Coding,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiesu_connector::{Request, Secret};
use sha1::Sha1;
use std::borrow::Cow;
use subtle::ConstantTimeEq;

/// Fields in one form.
const MOST: usize = 200;

fn form(body: &[u8]) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(body).take(MOST).collect()
}

pub(super) fn read(body: &[u8]) -> Result<Short, String> {
    let form = form(body);
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_string());
    let id = field("MessageSid").or_else(|| field("SmsSid")).filter(|id| !id.is_empty());
    let from = field("From").filter(|from| !from.is_empty()).ok_or("From is missing")?;
    let content = field("Body").ok_or("Body is missing")?;
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

/// The signature over the whole address and the sorted fields, raw as they were decoded
/// (<https://www.twilio.com/docs/usage/security>).
pub(super) fn is_signed(token: &Secret, address: &str, request: &Request) -> bool {
    let claimed = request.headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    let Some(claimed) = claimed.and_then(|text| STANDARD.decode(text).ok()) else { return false };
    let mut fields = form(&request.body);
    fields.sort();
    fields.dedup();
    let query = request.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()) else { return false };
    mac.update(format!("{address}{}{query}", request.path).as_bytes());
    for (name, value) in &fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac.finalize().into_bytes().as_slice().ct_eq(&claimed).into()
}

/// TwiML: with words for the citizen, or without.
pub(super) fn answer(text: Option<&str>) -> String {
    let escaped = |text: &str| {
        let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    };
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Message>{}</Message></Response>",
            escaped(text)
        ),
        None => "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>".into(),
    }
}
