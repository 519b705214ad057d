//! Changing a ticket that is there: read, change, write if nobody else did meanwhile, else again.

use crate::{
    clock::Clock,
    event::{Events, kind},
    number::Number,
    store::{Changed, Sequence, Store, StoreError, TicketChange, TicketRow},
    ticket,
};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::watch;

/// Rounds against others who change the same ticket.
const ROUNDS: usize = 32;

/// What changes tickets.
#[derive(Clone)]
pub struct Reviser {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Makes events.
    pub events: Events,
    /// Tells of new events.
    pub issued: watch::Sender<Sequence>,
    /// The city's time.
    pub zone: TimeZone,
    /// What time it is.
    pub clock: Clock,
}

/// A ticket's document under change, and what has changed in it so far.
pub struct Draft {
    /// The document.
    pub ticket: Value,
    changed: Map<String, Value>,
}

impl Draft {
    /// Reads a ticket's document.
    pub fn new(row: &TicketRow) -> Self {
        Self { ticket: serde_json::from_str(&row.document).unwrap_or_default(), changed: Map::new() }
    }

    /// Sets a field, and remembers old and new if they differ.
    pub fn set(&mut self, field: &str, new: Value) {
        let old = self.ticket[field].take();
        if old != new {
            self.changed.insert(field.to_owned(), json!({ "old": old, "new": new }));
        }
        self.ticket[field] = new;
    }

    /// Changes the entries of a list.
    pub fn edit_list(&mut self, field: &str, edit: impl FnOnce(&mut Vec<Value>)) {
        let mut list = self.ticket[field].as_array().cloned().unwrap_or_default();
        edit(&mut list);
        self.set(field, Value::Array(list));
    }

    /// What has changed: `{ FIELD: { old, new } }`.
    pub fn changed(&self) -> &Map<String, Value> {
        &self.changed
    }
}

impl Reviser {
    /// The change that makes `draft` of `row`, told as `ticket.updated` if there is something to tell.
    pub fn updated(&self, row: &TicketRow, draft: &Draft) -> TicketChange {
        let mut change = Self::plain(row, draft);
        if !draft.changed.is_empty() {
            change.events.push(self.events.event(
                kind::UPDATED,
                row.number,
                &self.now(),
                &change.document,
                &draft.changed,
            ));
        }
        change
    }

    /// The change that makes `draft` of `row`, told as an event of `kind`.
    pub fn told(&self, row: &TicketRow, draft: &Draft, kind: &'static str, change: Value) -> TicketChange {
        let plain = Self::plain(row, draft);
        let event = self.events.event(kind, row.number, &self.now(), &plain.document, change);
        TicketChange { events: vec![event], ..plain }
    }

    fn plain(row: &TicketRow, draft: &Draft) -> TicketChange {
        TicketChange {
            number: row.number,
            version: row.version,
            status: draft.ticket["status"].as_str().unwrap_or(&row.status).to_owned(),
            document: draft.ticket.to_string(),
            ..TicketChange::default()
        }
    }

    /// Now, as tickets and events say it.
    pub fn now(&self) -> String {
        ticket::rfc3339(self.clock.now(), &self.zone)
    }

    /// Changes a ticket; `None` if there is no such ticket.
    ///
    /// # Errors
    /// The store cannot read or write.
    pub async fn revise(
        &self,
        number: Number,
        mut change: impl FnMut(&TicketRow) -> TicketChange + Send,
    ) -> Result<Option<Changed>, StoreError> {
        for _ in 0..ROUNDS {
            let Some(row) = self.store.ticket(number).await? else { return Ok(None) };
            match self.store.change_ticket(change(&row)).await? {
                Changed::Stale => {}
                changed => {
                    self.tell().await;
                    return Ok(Some(changed));
                }
            }
        }
        Err(StoreError::Unavailable("too many others change this ticket".into()))
    }

    /// Tells of the newest event, if it was not told of yet. Where the store cannot say which it is, a later look finds it.
    pub async fn tell(&self) {
        let _ = self.look().await;
    }

    /// As [`Self::tell`].
    ///
    /// # Errors
    /// The store cannot read.
    pub async fn look(&self) -> Result<(), StoreError> {
        let newest = self.store.last_event().await?;
        self.issued.send_if_modified(|told| {
            let newer = newest > *told;
            *told = newest.max(*told);
            newer
        });
        Ok(())
    }
}
