//! Events: CloudEvents 1.0 in structured JSON, appended to the log in the transaction that makes them true.

use crate::{number::Number, store::NewEvent};
use serde::Serialize;
use ulid::Ulid;

/// What happened, as the event's `type`.
pub mod kind {
    /// A new matter.
    pub const CREATED: &str = "ticket.created";
    /// More words, photos, a place for a ticket that is there.
    pub const SUPPLEMENTED: &str = "ticket.supplemented";
    /// The same citizen raises the same matter again (重复诉求).
    pub const REPEATED: &str = "ticket.repeated";
    /// The ticket was found to be of the same incident as others (同一事件).
    pub const JOINED: &str = "ticket.joined";
    /// The citizen asks for haste (催办).
    pub const URGED: &str = "ticket.urged";
    /// The citizen answered the satisfaction question (评价).
    pub const RATED: &str = "ticket.rated";
    /// The citizen takes it back (撤回).
    pub const WITHDRAWN: &str = "ticket.withdrawn";
    /// Triage, priority, status or replies changed.
    pub const UPDATED: &str = "ticket.updated";
}

/// All of them.
pub const KINDS: [&str; 8] = [
    kind::CREATED,
    kind::SUPPLEMENTED,
    kind::REPEATED,
    kind::JOINED,
    kind::URGED,
    kind::RATED,
    kind::WITHDRAWN,
    kind::UPDATED,
];

/// Sixteen digits that the store replaces by the sequence.
const SEQUENCE: &str = "0000000000000000";

/// What an event begins with; its data follow.
#[derive(Serialize)]
struct Head<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: &'a str,
    datacontenttype: &'static str,
    sequence: &'static str,
}

/// Bytes of a head, about.
const HEAD: usize = 384;

/// Makes events of one source.
#[derive(Debug, Clone)]
pub struct Events {
    /// The CloudEvents `source`: `jiesu` or `jiesu/CITY`.
    pub source: String,
}

impl Events {
    /// An event about a ticket, as it is after the `change`; `ticket` is its JSON, which is not read again.
    pub fn event<C: Serialize>(
        &self,
        kind: &'static str,
        number: Number,
        time: &str,
        ticket: &str,
        change: C,
    ) -> NewEvent {
        let id = format!("ev_{}", Ulid::generate());
        let head = Head {
            specversion: "1.0",
            id: &id,
            source: &self.source,
            kind,
            subject: &number.to_string(),
            time,
            datacontenttype: "application/json",
            sequence: SEQUENCE,
        };
        let mut body = Vec::with_capacity(HEAD + ticket.len());
        // Strings and numbers only: nothing in it can fail to be JSON.
        let _ = serde_json::to_writer(&mut body, &head);
        // The head ends with the sequence, a quotation mark and a brace.
        body.pop();
        let sequence_at = body.len().saturating_sub(SEQUENCE.len() + 1);
        for piece in [",\"data\":{\"ticket\":", ticket, ",\"change\":"] {
            body.extend_from_slice(piece.as_bytes());
        }
        let _ = serde_json::to_writer(&mut body, &change);
        body.extend_from_slice(b"}}");
        NewEvent { id, kind, number, body: body.into(), sequence_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_goes_where_the_field_is_whatever_the_citizen_wrote() {
        let events = Events { source: "jiesu/leshan".into() };
        let number = Number { day: 20_261_122, sequence: 1 };
        let ticket = serde_json::json!({ "content": "\"sequence\":\"0000000000000000\"" });
        let event = events.event(kind::CREATED, number, "2026-11-22T08:00:00.000+08:00", &ticket.to_string(), ());
        let json: serde_json::Value = serde_json::from_slice(&event.body).expect("JSON");
        assert_eq!(json["subject"], number.to_string());
        assert_eq!((&json["data"]["ticket"], &json["data"]["change"]), (&ticket, &serde_json::Value::Null));
        let place = event.sequence_at..event.sequence_at + 16;
        let mut body = event.body.to_vec();
        body[place].copy_from_slice(b"0000000000001234");
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(json["sequence"], "0000000000001234");
    }
}
