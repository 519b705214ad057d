//! A push on its way through the door: its names, by which it is known when it comes again.

use crate::{
    fields::{Fields, Format},
    parse::INTENT,
};
use bytes::Bytes;
use jiesu_connector::{DeliveryKey, Incoming, OnOtherContent, Raw, digest};
use std::collections::BTreeMap;

/// An authentic push, with what was recognised in it.
pub fn incoming(fields: &Fields, message: Bytes, meta: BTreeMap<String, String>) -> Incoming {
    let media_type = match fields.format {
        Format::Xml => "application/xml",
        Format::Json => "application/json",
    };
    Incoming {
        digest: content_digest(fields),
        keys: delivery_key(fields).into_iter().collect(),
        sender: fields.get("FromUserName").map(str::to_owned),
        hotline: None,
        // A word to the gateway, or an event of the platform, is no part of what the citizen tells.
        joins: !meta.contains_key(INTENT)
            && fields.get("MsgType").is_none_or(|kind| !kind.eq_ignore_ascii_case("event")),
        raw: Raw { media_type: media_type.to_owned(), meta, body: message },
        receipt: false,
    }
}

/// The MsgId repeats across citizens, and two events of a citizen can share a second: the key names everything.
/// A push without id and time has no name.
fn delivery_key(fields: &Fields) -> Option<DeliveryKey> {
    let field = |name: &str| fields.get_any_case(name).unwrap_or_default();
    let (account, sender) = (field("ToUserName"), field("FromUserName"));
    if field("MsgId").is_empty() && field("CreateTime").is_empty() {
        return None;
    }
    let event = field("MsgType").eq_ignore_ascii_case("event");
    let (scope, parts) = match fields.get_any_case("MsgId") {
        Some(id) if !event => ("message", vec![account, sender, id]),
        id => {
            let what = if event { field("Event") } else { field("MsgType") };
            ("event", vec![account, sender, field("CreateTime"), what, field("EventKey"), id.unwrap_or_default()])
        }
    };
    let value = parts.join("/");
    // An event's key may be a whole address.
    let value = if value.len() > 300 {
        digest(parts.iter().map(|part| part.as_bytes())).iter().map(|byte| format!("{byte:02x}")).collect()
    } else {
        value
    };
    Some(DeliveryKey { scope: scope.into(), value, on_other_content: OnOtherContent::NewAppeal })
}

/// Over the fields, whatever their spacing; the encryption differs at every delivery.
fn content_digest(fields: &Fields) -> [u8; 16] {
    digest(fields.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]))
}
