//! Which events a destination gets (`events`, `where`, and the register of hotlines).

use crate::config::{Glob, Mode};
use serde::Deserialize;
use std::borrow::Cow;

/// Every condition given must hold, and of each one of its patterns; an empty list is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Event types, as `ticket.created`; `None` is all.
    pub events: Option<Vec<Glob>>,
    /// Administrative divisions.
    pub regions: Vec<Glob>,
    /// Category codes, as `05*`.
    pub categories: Vec<Glob>,
    /// Hotline codes.
    pub hotlines: Vec<Glob>,
    /// Kinds of matters, as `complaint`.
    pub kinds: Vec<Glob>,
    /// Lines whose tickets the register sends here while they are parallel or a sub-centre, whatever the conditions on
    /// tickets say.
    pub lines: Vec<String>,
    /// Nothing but these.
    pub registered: bool,
    /// No complaints against officials: nobody of a unit may read in its own system what is said of them.
    pub spares_officials: bool,
}

/// The flag of a complaint against an official (`deadlines.toml`).
const AGAINST_OFFICIAL: &str = "against_official";

impl Filter {
    /// Whether an event of `kind` with this body is wanted. A body that cannot be read is: better one too many.
    pub fn wants(&self, kind: &str, body: &[u8]) -> bool {
        if self.events.as_ref().is_some_and(|events| !events.iter().any(|pattern| pattern.matches(kind))) {
            return false;
        }
        let unconditional = !self.registered && self.conditions().iter().all(|patterns| patterns.is_empty());
        if unconditional && !self.spares_officials {
            return true;
        }
        let Ok(Event { data: Data { ticket } }) = serde_json::from_slice(body) else { return !self.registered };
        if self.spares_officials && ticket.flags.iter().any(|flag| flag == AGAINST_OFFICIAL) {
            return false;
        }
        let hotline = ticket.hotline.unwrap_or_default();
        let code = hotline.code.as_deref();
        // The ticket's own mode, so that its later events go where its first one went.
        let sent_here = hotline.mode.is_some_and(|mode| mode != Mode::Absorbed)
            && code.is_some_and(|code| self.lines.iter().any(|line| line == code));
        if sent_here || self.registered {
            return sent_here;
        }
        let region = ticket.location.and_then(|location| location.region);
        let category = ticket.category.and_then(|category| category.code);
        let values = [region.as_deref(), category.as_deref(), code, ticket.kind.as_deref()];
        self.conditions().into_iter().zip(values).all(|(patterns, value)| any_fits(patterns, value))
    }

    fn conditions(&self) -> [&[Glob]; 4] {
        [&self.regions, &self.categories, &self.hotlines, &self.kinds]
    }
}

fn any_fits(patterns: &[Glob], value: Option<&str>) -> bool {
    patterns.is_empty() || value.is_some_and(|value| patterns.iter().any(|pattern| pattern.matches(value)))
}

// Only what is asked for: the rest of the event is skipped unread.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    ticket: Ticket<'a>,
}

#[derive(Deserialize)]
struct Ticket<'a> {
    #[serde(borrow, default)]
    hotline: Option<Line<'a>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    category: Option<Coded<'a>>,
    #[serde(borrow, default)]
    location: Option<Place<'a>>,
    #[serde(borrow, default)]
    flags: Vec<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
    #[serde(default)]
    mode: Option<Mode>,
}

#[derive(Deserialize)]
struct Coded<'a> {
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow, default)]
    region: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"ev","data":{"ticket":{"number":"1","hotline":{"code":"12319","name":"城管","mode":"parallel"},
        "kind":"complaint","category":{"code":"0503"},"location":{"text":"x","region":"511102"},"content":"噪声"}}}"#;
    const BARE: &str = r#"{"data":{"ticket":{"hotline":{"code":"12345"},"category":null,"location":{"region":null}}}}"#;

    fn list(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().map(|pattern| pattern.parse().unwrap()).collect()
    }

    #[test]
    fn an_empty_filter_wants_everything() {
        assert!(Filter::default().wants("ticket.created", b"no json"));
    }

    #[test]
    fn only_the_named_types_are_wanted() {
        let filter = Filter { events: Some(list(&["ticket.created", "ticket.re*"])), ..Filter::default() };
        assert!(filter.wants("ticket.created", BODY.as_bytes()));
        assert!(filter.wants("ticket.repeated", BODY.as_bytes()));
        assert!(!filter.wants("ticket.created2", BODY.as_bytes()));
        let none = Filter { events: Some(vec![]), ..Filter::default() };
        assert!(!none.wants("ticket.created", BODY.as_bytes()));
    }

    #[test]
    fn every_condition_must_hold_and_one_of_its_patterns() {
        let filter = |regions: &[&str], categories: &[&str], hotlines: &[&str], kinds: &[&str], body: &str| {
            let (regions, categories) = (list(regions), list(categories));
            Filter { regions, categories, hotlines: list(hotlines), kinds: list(kinds), ..Filter::default() }
                .wants("ticket.created", body.as_bytes())
        };
        assert!(filter(&["511102"], &["05*"], &["12319", "12345"], &["compl*"], BODY));
        assert!(filter(&["5111*"], &[], &[], &[], BODY) && filter(&["5111??"], &[], &[], &[], BODY));
        assert!(!filter(&["5111"], &[], &[], &[], BODY), "without * the whole code");
        assert!(!filter(&["511102"], &["06*"], &[], &[], BODY));
        assert!(!filter(&[], &[], &["12345"], &[], BODY));
        assert!(!filter(&[], &[], &[], &["praise"], BODY));
        assert!(filter(&[], &[], &["12345"], &[], BARE));
        assert!(!filter(&["*"], &[], &[], &[], BARE), "no region fits no region pattern");
        assert!(!filter(&[], &["*"], &[], &[], BARE));
    }

    #[test]
    fn a_units_system_is_not_told_of_complaints_against_its_officials() {
        let body = BODY.replace("\"content\"", "\"flags\":[\"sensitive\",\"against_official\"],\"content\"");
        let hotlines = Filter { hotlines: list(&["12319"]), ..Filter::default() };
        let registered = Filter { registered: true, lines: vec!["12319".into()], ..Filter::default() };
        for feed in [Filter::default(), hotlines, registered] {
            assert!(feed.wants("ticket.created", body.as_bytes()));
            let unit = Filter { spares_officials: true, ..feed };
            assert!(unit.wants("ticket.created", BODY.as_bytes()) && !unit.wants("ticket.created", body.as_bytes()));
        }
    }

    #[test]
    fn the_register_sends_a_lines_tickets_beyond_where_but_not_beyond_events_nor_once_it_is_absorbed() {
        let filter = Filter { regions: list(&["9*"]), lines: vec!["12319".into()], ..Filter::default() };
        assert!(filter.wants("ticket.created", BODY.as_bytes()));
        assert!(!filter.wants("ticket.created", BODY.replace("parallel", "absorbed").as_bytes()));
        assert!(filter.wants("ticket.created", BODY.replace("parallel", "subcentre").as_bytes()));
        assert!(!filter.wants("ticket.created", BODY.replace("12319", "12345").as_bytes()));
        let few = Filter { events: Some(list(&["ticket.created"])), ..filter.clone() };
        assert!(few.wants("ticket.created", BODY.as_bytes()) && !few.wants("ticket.updated", BODY.as_bytes()));
        let only = Filter { registered: true, lines: vec!["12319".into()], ..Filter::default() };
        assert!(only.wants("ticket.created", BODY.as_bytes()));
        assert!(!only.wants("ticket.created", BODY.replace("12319", "12345").as_bytes()));
        assert!(!only.wants("ticket.created", BARE.as_bytes()) && !only.wants("ticket.created", b"no json"));
    }
}
