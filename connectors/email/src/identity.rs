//! What a mail is called: who sent it, and how it is recognised if it comes a second time.

use crate::read::{address, header::Header, transfer};
use bytes::Bytes;
use jiesu_connector::{DeliveryKey, Incoming, OnOtherContent, Raw, digest};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The media type under which mails are kept.
pub const MEDIA_TYPE: &str = "message/rfc822";
/// The scope of Message-IDs among delivery keys.
pub const MESSAGE_ID: &str = "message-id";
/// Beside the mail: MAIL FROM, empty for the null sender.
pub const ENVELOPE_FROM: &str = "envelope-from";
/// Beside the mail: the recipients, one a line.
pub const ENVELOPE_TO: &str = "envelope-to";
/// Beside the mail: its size on the server, if only the beginning was fetched.
pub const WHOLE_SIZE: &str = "whole-size";
/// Longer names are taken by their digest.
const MAX_KEY: usize = 300;

/// Fields that servers write on the way: the same mail may come with others.
const TRACE: [&str; 12] = [
    "received",
    "return-path",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-envelope-from",
    "received-spf",
    "authentication-results",
    "x-received",
    "x-delivered-to",
    "status",
];

/// A mail on its way in. Whatever is in it, it can be kept.
pub fn incoming(body: Bytes, meta: BTreeMap<String, String>, uid: Option<String>) -> Incoming {
    let read = catch_unwind(AssertUnwindSafe(|| Names::of(&body, meta.get(ENVELOPE_FROM).map(String::as_str))));
    let names = read.unwrap_or_else(|_| Names { sender: None, message_id: None, digest: digest([&body[..]]) });
    let key = |scope: &str, value: String| DeliveryKey {
        scope: scope.to_owned(),
        value,
        on_other_content: OnOtherContent::NewAppeal,
    };
    let content = names.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut keys = vec![key("content", content)];
    keys.extend(names.message_id.map(|id| key(MESSAGE_ID, id)));
    keys.extend(uid.map(|uid| key("uid", uid)));
    Incoming {
        raw: Raw { media_type: MEDIA_TYPE.into(), meta, body },
        keys,
        digest: names.digest,
        sender: names.sender,
        hotline: None,
        joins: true,
        receipt: false,
    }
}

struct Names {
    sender: Option<String>,
    message_id: Option<String>,
    digest: [u8; 16],
}

impl Names {
    fn of(mail: &[u8], envelope_from: Option<&str>) -> Self {
        let lines = transfer::line_ends(mail);
        let (header, body) = Header::split(&lines);
        let sender = Some(address::sender(&header, None).address).filter(|address| !address.is_empty());
        let sender = sender.or_else(|| address::address(envelope_from?.as_bytes()));
        let message_id = ids(header.get("message-id").unwrap_or_default()).into_iter().next().map(key_of);
        // Without a name of its own a mail is the same only byte for byte, as it lies in the server's queue or mailbox:
        // two short mails of the same words are two.
        let digest = if message_id.is_some() {
            let trace = |name: &[u8]| TRACE.iter().any(|trace| name.eq_ignore_ascii_case(trace.as_bytes()));
            let fields = header.fields().filter(|(name, _)| !trace(name));
            digest(fields.flat_map(|(name, value)| [name, value]).chain([body.trim_ascii_end()]))
        } else {
            digest([mail])
        };
        Self { sender: sender.map(|sender| sender.to_lowercase()), message_id, digest }
    }
}

/// The Message-IDs in a value: each with its angle brackets, so that it can be referred to.
pub fn ids(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    let mut found: Vec<String> = Vec::new();
    let mut rest = &*text;
    while let Some(open) = rest.find('<') {
        let Some(length) = rest[open..].find('>') else { break };
        let id: String = rest[open..=open + length].chars().filter(|character| !character.is_whitespace()).collect();
        if id.len() > 2
            && id.len() < 1_000
            && !id.contains(|character: char| character.is_control())
            && !found.contains(&id)
        {
            found.push(id);
        }
        rest = &rest[open + length + 1..];
        if found.len() == 100 {
            break;
        }
    }
    found
}

/// A Message-ID as a delivery key's value.
pub fn key_of(id: String) -> String {
    if id.len() <= MAX_KEY {
        return id;
    }
    digest([id.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(mail: &str) -> [u8; 16] {
        incoming(Bytes::from(mail.to_owned()), BTreeMap::new(), None).digest
    }

    #[test]
    fn the_same_mail_is_the_same_whatever_servers_wrote_on_it() {
        let mail = "From: a@b.cn\r\nMessage-ID: <1@b.cn>\r\n\r\nbody\r\n";
        let again = format!("Return-Path: <a@b.cn>\r\nDelivered-To: x\r\nReceived: by y\r\n\tat z\r\n{mail}");
        assert_eq!(digest_of(mail), digest_of(&again));
        assert_ne!(digest_of(mail), digest_of(&mail.replace("body", "other")));
        let nameless = "From: a@b.cn\r\n\r\nbody\r\n";
        assert_ne!(digest_of(nameless), digest_of(&format!("Received: by y; Monday\r\n{nameless}")));
    }

    #[test]
    fn a_mail_without_anything_is_kept_all_the_same() {
        for mail in ["", "\0", "From:", "Message-ID: <>\n\n"] {
            let incoming = incoming(Bytes::from(mail.to_owned()), BTreeMap::new(), None);
            assert_eq!((incoming.sender, incoming.keys.len()), (None, 1));
        }
        let keyed =
            incoming(Bytes::from_static(b"From: A@B.cn\nMessage-ID: < 1@b >\n\n"), BTreeMap::new(), Some("7/1".into()));
        assert_eq!(keyed.sender.as_deref(), Some("a@b.cn"));
        let keys: Vec<_> = keyed.keys.iter().map(|key| (key.scope.as_str(), key.value.as_str())).collect();
        assert_eq!(keys[1..], [("message-id", "<1@b>"), ("uid", "7/1")]);
    }
}
