//! What a destination sees of an event: all of it, or with the citizen's contact data masked or left out.
//!
//! Only the appellant's object is written anew, and words that hold contact data ([`Veil`]); every other byte stays as it is
//! in the log, so that the same event is the same bytes each time it is sent.

use super::{destination::Contact, veil::Veil};
use bytes::Bytes;
use jiesu_connector::{mask_email, mask_name, mask_phone};
use memchr::memmem;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

/// The event cannot be read, so what it would show cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is no JSON with a ticket, so its contact data cannot be masked")]
pub struct Unreadable;

/// What is true, as the gateway writes it, of citizens who do not want to be known, or to the centre only.
const HIDDEN: [&[u8]; 2] = [b"\"confidential", b"\"anonymous"];

/// The body as `contact` allows it. Where nothing is to be hidden, the very same bytes.
///
/// # Errors
/// [`Unreadable`]: it must not be sent.
pub fn render(body: &Bytes, mut contact: Contact) -> Result<Bytes, Unreadable> {
    if contact == Contact::Full || contact == Contact::UnlessConfidential && !hides(body) {
        return Ok(body.clone());
    }
    let text = std::str::from_utf8(body).map_err(|_| Unreadable)?;
    let event: Event = serde_json::from_str(text).map_err(|_| Unreadable)?;
    let Data { ticket, change } = event.data;
    if contact == Contact::UnlessConfidential {
        let said = |part: Option<&RawValue>| part.is_some_and(|raw| hides(raw.get().as_bytes()));
        if !said(ticket.appellant) && !said(change.as_ref().and_then(|change| change.appellant)) {
            // The words stood in the citizen's own text.
            return Ok(body.clone());
        }
        contact = Contact::Masked;
    }
    let mut pieces: Vec<(usize, &str, Value)> = Vec::with_capacity(3);
    let mut veil = Veil::new(contact);
    // The name of a citizen's mail tells of whom it is.
    if let Some(raw) = ticket.channel.filter(|raw| raw.get().contains("\"message\"")) {
        let mut channel: Value = serde_json::from_str(raw.get()).map_err(|_| Unreadable)?;
        channel["message"] = Value::Null;
        pieces.push((raw.get().as_ptr() as usize - text.as_ptr() as usize, raw.get(), channel));
    }
    for (raw, twofold) in [(ticket.appellant, false), (change.and_then(|change| change.appellant), true)] {
        let Some(raw) = raw else { continue };
        let mut value: Value = serde_json::from_str(raw.get()).map_err(|_| Unreadable)?;
        if twofold {
            // A change of a field: { "old": …, "new": … }.
            for side in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                veil.hide(side);
                conceal(side, contact);
            }
        } else {
            veil.hide(&value);
            conceal(&mut value, contact);
        }
        // The raw value is a slice of the text.
        pieces.push((raw.get().as_ptr() as usize - text.as_ptr() as usize, raw.get(), value));
    }
    pieces.sort_by_key(|(at, ..)| *at);
    let mut rendered = Vec::with_capacity(text.len());
    let mut copied = 0;
    for (at, raw, value) in pieces {
        rendered.extend_from_slice(&body[copied..at]);
        serde_json::to_writer(&mut rendered, &value).map_err(|_| Unreadable)?;
        copied = at + raw.len();
    }
    rendered.extend_from_slice(&body[copied..]);
    let text = String::from_utf8(rendered).map_err(|_| Unreadable)?;
    Ok(veil.cover_json(&text).unwrap_or(text).into())
}

/// Whether a citizen wants to be hidden, by the words alone.
fn hides(json: &[u8]) -> bool {
    memmem::find_iter(json, b"\":true").any(|at| HIDDEN.into_iter().any(|name| json[..at].ends_with(name)))
}

fn conceal(appellant: &mut Value, contact: Contact) {
    let Some(appellant) = appellant.as_object_mut() else { return };
    for field in ["name", "phone", "email", "wechat_openid"] {
        let Some(value) = appellant.get_mut(field) else { continue };
        let masked = match (field, value.as_str().filter(|_| contact == Contact::Masked)) {
            ("name", Some(name)) => Some(mask_name(name)),
            ("phone", Some(phone)) => Some(mask_phone(phone)),
            ("email", Some(email)) => Some(mask_email(email)),
            // Nothing of an openid can be shown without showing whose it is.
            _ => None,
        };
        *value = masked.map_or(Value::Null, Value::String);
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    ticket: Part<'a>,
    #[serde(borrow, default)]
    change: Option<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    appellant: Option<&'a RawValue>,
    #[serde(borrow, default)]
    channel: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{ "id":"ev_1", "data":{"ticket":{"channel":{"id":"mail","message":"<1@wang.example>"},"appellant":{"key":"ap_1","name":"王小明","phone":"13800138000",
        "email":"wang@example.com","wechat_openid":"oABC","anonymous":false},"location":{"lat":29.550}, "content":"\u566a声"},
        "change":{"appellant":{"old":{"phone":null},"new":{"phone":"13800138000"}}} } }"#;

    fn rendered(contact: Contact) -> String {
        let body = Bytes::from_static(BODY.as_bytes());
        let first = render(&body, contact).unwrap();
        assert_eq!(first, render(&body, contact).unwrap(), "the same bytes each time");
        String::from_utf8(first.into()).unwrap()
    }

    #[test]
    fn full_is_the_stored_bytes_without_a_copy() {
        let body = Bytes::from_static(BODY.as_bytes());
        assert_eq!(render(&body, Contact::Full).unwrap().as_ptr(), body.as_ptr());
        assert!(render(&Bytes::from_static(b"no json"), Contact::Full).is_ok());
    }

    #[test]
    fn who_wants_to_be_known_to_the_centre_only_is_masked_for_everybody_else() {
        let open = |body: &str| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            String::from_utf8(render(&body, Contact::UnlessConfidential).unwrap().into()).unwrap()
        };
        assert_eq!(open(BODY), BODY);
        let quoted = BODY.replace("\\u566a声", "\\\"confidential\\\":true");
        assert_eq!(open(&quoted), quoted, "a citizen may write it");
        let anonymous = BODY.replace("\"anonymous\":false", "\"anonymous\":true");
        assert!(!open(&anonymous).contains("13800138000"), "who does not want to be known is not told either");
        let confidential = BODY.replace("\"anonymous\":false", "\"anonymous\":false,\"confidential\":true");
        let shown = open(&confidential);
        assert!(shown.contains("138****8000") && !shown.contains("13800138000") && !shown.contains("小明"), "{shown}");
    }

    #[test]
    fn masked_shows_enough_to_recognise_and_changes_no_other_byte() {
        let masked = rendered(Contact::Masked);
        let expected = BODY
            .replace("王小明", "王**")
            .replace("13800138000", "138****8000")
            .replace("wang@", "w***@")
            .replace("\"oABC\"", "null")
            .replace("\"<1@wang.example>\"", "null")
            .replace("\n        \"email", "\"email");
        assert_eq!(masked, expected);
    }

    #[test]
    fn none_shows_nothing_and_keeps_the_key() {
        let body = rendered(Contact::None);
        let event: Value = serde_json::from_str(&body).unwrap();
        let expected = serde_json::json!({ "key": "ap_1", "name": null, "phone": null, "email": null,
            "wechat_openid": null, "anonymous": false });
        assert_eq!(event["data"]["ticket"]["appellant"], expected);
        assert!(!body.contains("138"), "{body}");
    }

    #[test]
    fn what_cannot_be_read_is_not_sent_masked() {
        for body in ["", "[]", r#"{"data":{}}"#, r#"{"data":{"ticket":{"appellant":{"name":"王"}"#] {
            assert_eq!(render(&Bytes::from(body), Contact::Masked), Err(Unreadable), "{body}");
        }
        let without = Bytes::from_static(br#"{"data":{"ticket":{"appellant":null}}}"#);
        assert_eq!(render(&without, Contact::Masked).unwrap(), without);
    }
}
