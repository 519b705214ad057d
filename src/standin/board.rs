//! What the stand-in remembers: the last tickets and the ids of the last events, in bounded memory.

use super::event::{Event, Ticket};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Tickets kept for the page.
const MAX_TICKETS: usize = 500;
/// Events kept on one ticket.
const MAX_EVENTS: usize = 50;
/// Ids kept to drop repeats by: more than a gateway ever has under way.
const MAX_IDS: usize = 50_000;

/// The tickets and events received.
#[derive(Default)]
pub(super) struct Board {
    seen: HashSet<Box<str>>,
    seen_order: VecDeque<Box<str>>,
    entries: HashMap<Box<str>, Entry>,
    /// Numbers by arrival, oldest first.
    arrivals: BTreeMap<u64, Box<str>>,
    counts: Counts,
    version: u64,
}

/// How much came in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Events taken.
    pub events: u64,
    /// Tickets seen, also those that are no longer kept.
    pub tickets: u64,
    /// Events sent again although they were answered 200 before.
    pub repeats: u64,
    /// Requests answered with an error.
    pub refused: u64,
}

#[derive(Serialize)]
struct Entry {
    /// Its place by arrival.
    arrival: u64,
    /// The board's version when it last changed.
    changed: u64,
    ticket: Ticket,
    events: VecDeque<Step>,
    #[serde(skip)]
    sequence: String,
}

#[derive(Serialize)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    time: Option<String>,
}

/// What an event was to the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// New, and in order.
    New,
    /// New, but a later event of the same ticket came before it.
    OutOfOrder,
    /// Answered 200 before.
    Repeat,
}

/// What the page asks for: what changed since its last look.
#[derive(Serialize)]
pub(super) struct Changes<'a> {
    version: u64,
    counts: Counts,
    tickets: Vec<&'a Entry>,
}

impl Board {
    /// Takes an event in. From now on the same id is a repeat: call it only when the answer will be 200.
    pub fn take(&mut self, event: Event) -> Taken {
        self.version += 1;
        if self.seen.contains(event.id.as_str()) {
            self.counts.repeats += 1;
            return Taken::Repeat;
        }
        self.remember(event.id.into());
        self.counts.events += 1;
        let sequence = event.sequence.unwrap_or_default();
        let step = Step { kind: event.kind, time: event.time };
        let ticket = event.data.ticket.cut();
        let number: Box<str> = ticket.number.as_str().into();
        if let Some(entry) = self.entries.get_mut(&number) {
            // Equally long digits: their order as text is their order as numbers.
            let late = sequence < entry.sequence;
            if !late {
                entry.ticket = ticket;
                entry.sequence = sequence;
            }
            entry.changed = self.version;
            entry.events.push_back(step);
            if entry.events.len() > MAX_EVENTS {
                entry.events.pop_front();
            }
            return if late { Taken::OutOfOrder } else { Taken::New };
        }
        self.counts.tickets += 1;
        self.arrivals.insert(self.version, number.clone());
        let entry =
            Entry { arrival: self.version, changed: self.version, ticket, events: VecDeque::from([step]), sequence };
        self.entries.insert(number, entry);
        if self.arrivals.len() > MAX_TICKETS
            && let Some((_, oldest)) = self.arrivals.pop_first()
        {
            self.entries.remove(&oldest);
        }
        Taken::New
    }

    /// Counts a request that was answered with an error.
    pub fn refuse(&mut self) {
        self.version += 1;
        self.counts.refused += 1;
    }

    /// What changed after `version`, newest ticket first.
    pub fn changes(&self, version: u64) -> Changes<'_> {
        let newest = self.arrivals.values().rev().filter_map(|number| self.entries.get(number));
        let tickets = newest.filter(|entry| entry.changed > version).collect();
        Changes { version: self.version, counts: self.counts, tickets }
    }

    /// The ticket is on the board.
    pub fn knows(&self, number: &str) -> bool {
        self.entries.contains_key(number)
    }

    fn remember(&mut self, id: Box<str>) {
        self.seen.insert(id.clone());
        self.seen_order.push_back(id);
        if self.seen_order.len() > MAX_IDS
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: usize, number: usize, sequence: usize) -> Event {
        let json = serde_json::json!({
            "specversion": "1.0", "id": format!("ev_{id}"), "source": "jiesu/test", "type": "ticket.updated",
            "subject": number.to_string(), "sequence": format!("{sequence:016}"),
            "data": { "ticket": { "number": number.to_string(), "title": format!("title {sequence}"), "content": "字".repeat(9_000) } },
        });
        Event::read(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_board_keeps_the_last_500_tickets_and_what_changed_since_a_look() {
        let mut board = Board::default();
        for n in 1..=MAX_TICKETS + 20 {
            assert_eq!(board.take(event(n, n, n)), Taken::New);
        }
        let all = board.changes(0);
        assert_eq!((all.tickets.len(), all.counts.tickets), (MAX_TICKETS, 520));
        assert_eq!(all.tickets[0].ticket.number, "520", "newest first");
        assert!(!board.knows("20") && board.knows("21"));
        let version = all.version;
        board.take(event(9_999, 100, 9_999));
        let changes = board.changes(version);
        assert_eq!(changes.tickets.iter().map(|entry| entry.ticket.number.as_str()).collect::<Vec<_>>(), ["100"]);
        assert_eq!(changes.tickets[0].ticket.content.as_ref().unwrap().chars().count(), 2_001, "long texts are cut");
    }

    #[test]
    fn an_event_taken_is_a_repeat_afterwards_and_an_early_one_is_told_from_a_late_one() {
        let mut board = Board::default();
        assert_eq!(board.take(event(1, 7, 1)), Taken::New);
        assert_eq!(board.take(event(1, 7, 1)), Taken::Repeat);
        assert_eq!(board.take(event(3, 7, 3)), Taken::New);
        assert_eq!(board.take(event(2, 7, 2)), Taken::OutOfOrder);
        assert_eq!(board.changes(0).tickets[0].ticket.title.as_deref(), Some("title 3"), "the latest state is shown");
        assert_eq!(board.counts(), Counts { events: 3, tickets: 1, repeats: 1, refused: 0 });
    }

    #[test]
    fn ids_are_forgotten_oldest_first() {
        let mut board = Board::default();
        for n in 0..=MAX_IDS {
            board.take(event_lean(n));
        }
        assert_eq!(board.seen.len(), MAX_IDS);
        assert_eq!(board.take(event_lean(MAX_IDS)), Taken::Repeat);
        assert_eq!(board.take(event_lean(0)), Taken::New);
    }

    fn event_lean(id: usize) -> Event {
        let json = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"t","subject":"1","data":{{"ticket":{{"number":"1"}}}}}}"#
        );
        Event::read(json.as_bytes()).unwrap()
    }
}
