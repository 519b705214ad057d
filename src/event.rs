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

#[derive(Serialize)]
struct Envelope<'a, T, C> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: &'a str,
    datacontenttype: &'static str,
    sequence: &'static str,
    data: Data<T, C>,
}

#[derive(Serialize)]
struct Data<T, C> {
    ticket: T,
    change: C,
}

/// Makes events of one source.
#[derive(Debug, Clone)]
pub struct Events {
    /// The CloudEvents `source`: `jiesu` or `jiesu/CITY`.
    pub source: String,
}

impl Events {
    /// An event about `ticket`, as it is after the `change`.
    pub fn event<T: Serialize, C: Serialize>(
        &self,
        kind: &'static str,
        number: Number,
        time: &str,
        ticket: T,
        change: C,
    ) -> NewEvent {
        let id = format!("ev_{}", Ulid::generate());
        let envelope = Envelope {
            specversion: "1.0",
            id: &id,
            source: &self.source,
            kind,
            subject: &number.to_string(),
            time,
            datacontenttype: "application/json",
            sequence: SEQUENCE,
            data: Data { ticket, change },
        };
        let mut body = Vec::with_capacity(2048);
        // Strings and numbers only: nothing in it can fail to be JSON.
        let _ = serde_json::to_writer(&mut body, &envelope);
        // Everything before it is ours, so the first match is the field and no citizen's word.
        let field = format!("\"sequence\":\"{SEQUENCE}\"");
        let found = body.windows(field.len()).position(|window| window == field.as_bytes());
        let sequence_at = found.unwrap_or_default() + "\"sequence\":\"".len();
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
        let event = events.event(kind::CREATED, number, "2026-11-22T08:00:00.000+08:00", ticket, ());
        let json: serde_json::Value = serde_json::from_slice(&event.body).expect("JSON");
        assert_eq!(json["subject"], number.to_string());
        let place = event.sequence_at..event.sequence_at + 16;
        let mut body = event.body.to_vec();
        body[place].copy_from_slice(b"0000000000001234");
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(json["sequence"], "0000000000001234");
    }
}
