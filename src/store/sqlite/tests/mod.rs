//! The store against real files.

mod accept;
mod contacts;
mod damage;
mod in_place;
mod line;
mod opening;
mod pieces;
mod records;
mod reports;
mod waiting;

use super::SqliteStore;
use crate::{
    number::Number,
    store::{Accepted, EventLog, MessageId, NewEvent, NewMessage, NewTicket, Outcome, Pace, Pass, Sequence, Store},
};
use bytes::Bytes;
use jiesu_connector::{DeliveryKey, Incoming, OnOtherContent, Raw, digest};
use jiff::Timestamp;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use tempfile::TempDir;

pub(super) const DAY: u32 = 20_261_122;
pub(super) const NOW: &str = "2026-11-22T08:00:00Z";

pub(super) struct Place {
    directory: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("jiesu.db")
    }

    pub(super) fn wal(&self) -> PathBuf {
        self.directory.path().join("jiesu.db-wal")
    }

    pub(super) fn open(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&self.path()).unwrap())
    }

    /// Names of the files there, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(super) fn message(body: impl Into<Bytes>, key: Option<(&str, OnOtherContent)>) -> NewMessage {
    let body: Bytes = body.into();
    let keys =
        key.map(|(value, on_other_content)| DeliveryKey { scope: "id".into(), value: value.into(), on_other_content });
    NewMessage {
        channel: "app".into(),
        hotline: "12345".into(),
        received_at: now(),
        day: DAY,
        window: None,
        pace: Pace::Usual,
        piece: None,
        contact: None,
        incoming: Incoming {
            digest: digest([&body[..]]),
            raw: Raw { media_type: "application/json".into(), meta: BTreeMap::new(), body },
            keys: keys.into_iter().collect(),
            sender: None,
            hotline: None,
            joins: true,
            receipt: false,
        },
    }
}

pub(super) async fn accept(store: &SqliteStore, message: NewMessage) -> Number {
    match &store.accept(vec![message]).await.unwrap()[..] {
        [Accepted::New { number, .. }] => *number,
        other => panic!("{other:?}"),
    }
}

pub(super) fn document(number: Number, text: &str) -> String {
    format!(r#"{{"schema":"jiesu.ticket/1","number":"{number}","content":"{text}"}}"#)
}

pub(super) fn event(number: Number, text: &str) -> NewEvent {
    let head = r#"{"specversion":"1.0","source":"jiesu/test","sequence":""#;
    let body = format!(r#"{head}0000000000000000","data":{{"ticket":{}}}}}"#, document(number, text));
    NewEvent {
        id: format!("ev_{number}"),
        kind: "ticket.created",
        number,
        body: body.into_bytes(),
        sequence_at: head.len(),
    }
}

pub(super) fn ticket(message: MessageId, number: Number, text: &str) -> Outcome {
    let ticket = NewTicket {
        number,
        code_hash: [7; 16],
        channel: "app".into(),
        hotline: "12345".into(),
        kind: "complaint",
        appellant: "ap_1".into(),
        sender: None,
        received_at: now(),
        receipt: None,
        document: document(number, text),
        repeats: None,
        joins: None,
        unchecked: false,
    };
    Outcome::Ticket {
        messages: vec![message],
        media: Vec::new(),
        ticket: Box::new(ticket),
        events: vec![event(number, text)],
    }
}

/// Everything in the line, as the issuer reads it.
pub(super) async fn pending(store: &SqliteStore) -> Vec<crate::store::Message> {
    let mut all = Vec::new();
    let mut after = Pass::default();
    loop {
        let some = store.pending(after, jiff::Timestamp::now(), 512).await.unwrap();
        if some.is_empty() {
            return all;
        }
        after = after.behind(&some);
        all.extend(some);
    }
}

pub(super) async fn events(store: &SqliteStore) -> Vec<crate::store::StoredEvent> {
    let mut all = Vec::new();
    let mut after = Sequence(0);
    loop {
        let some = store.events(after, 512).await.unwrap();
        let Some(last) = some.last() else { return all };
        after = last.sequence;
        all.extend(some);
    }
}
