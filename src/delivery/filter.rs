//! Which events a destination gets (`events`, `where`).

use serde::Deserialize;
use std::borrow::Cow;

/// Every condition given must hold; in a pattern `*` stands for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Event types, as `ticket.created`; `None` is all.
    pub events: Option<Vec<String>>,
    /// Administrative divisions; empty is all, also tickets without one.
    pub regions: Vec<String>,
    /// Category codes, as `05*`; empty is all.
    pub categories: Vec<String>,
    /// Hotline codes; empty is all.
    pub hotlines: Vec<String>,
}

impl Filter {
    /// Whether an event of `kind` with this body is wanted. A body that cannot be read is: better one too many.
    pub fn wants(&self, kind: &str, body: &[u8]) -> bool {
        if self.events.as_ref().is_some_and(|events| !events.iter().any(|pattern| fits(pattern, kind))) {
            return false;
        }
        if self.regions.is_empty() && self.categories.is_empty() && self.hotlines.is_empty() {
            return true;
        }
        let Ok(Event { data: Data { ticket } }) = serde_json::from_slice(body) else { return true };
        any_fits(&self.regions, ticket.location.and_then(|location| location.region))
            && any_fits(&self.categories, ticket.category.and_then(|category| category.code))
            && any_fits(&self.hotlines, ticket.hotline.and_then(|hotline| hotline.code))
    }
}

fn any_fits(patterns: &[String], value: Option<Cow<'_, str>>) -> bool {
    patterns.is_empty() || value.is_some_and(|value| patterns.iter().any(|pattern| fits(pattern, &value)))
}

/// `*` stands for any run of characters.
fn fits(pattern: &str, value: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == value };
    let Some(mut value) = value.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place for each part is as good as any: only the tail is bound to the end.
    for part in middle.split('*') {
        let Some(at) = value.find(part) else { return false };
        value = &value[at + part.len()..];
    }
    value.ends_with(tail)
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
    hotline: Option<Coded<'a>>,
    #[serde(borrow, default)]
    category: Option<Coded<'a>>,
    #[serde(borrow, default)]
    location: Option<Place<'a>>,
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

    const BODY: &str = r#"{"id":"ev","data":{"ticket":{"number":"1","hotline":{"code":"12319","name":"城管"},
        "category":{"code":"0503"},"location":{"text":"x","region":"511102"},"content":"噪声"}}}"#;
    const BARE: &str = r#"{"data":{"ticket":{"hotline":{"code":"12345"},"category":null,"location":{"region":null}}}}"#;

    fn list(patterns: &[&str]) -> Vec<String> {
        patterns.iter().map(|pattern| (*pattern).to_owned()).collect()
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
    fn a_star_stands_for_any_run_of_characters() {
        for pattern in ["0503", "05*", "*", "*03", "0*3", "0503*", "*0503", "0*0*3", "**", "0*5*0*3"] {
            assert!(fits(pattern, "0503"), "{pattern}");
        }
        for pattern in ["", "05", "06*", "*04", "0503*3", "0*4*3", "0*03*3", "*05030"] {
            assert!(!fits(pattern, "0503"), "{pattern}");
        }
    }

    #[test]
    fn every_condition_must_hold_and_one_of_its_patterns() {
        let filter = |regions: &[&str], categories: &[&str], hotlines: &[&str], body: &str| {
            Filter { events: None, regions: list(regions), categories: list(categories), hotlines: list(hotlines) }
                .wants("ticket.created", body.as_bytes())
        };
        assert!(filter(&["511102"], &["05*"], &["12319", "12345"], BODY));
        assert!(filter(&["5111*"], &[], &[], BODY));
        assert!(!filter(&["5111"], &[], &[], BODY), "without * the whole code");
        assert!(!filter(&["511102"], &["06*"], &[], BODY));
        assert!(!filter(&[], &[], &["12345"], BODY));
        assert!(filter(&[], &[], &["12345"], BARE));
        assert!(!filter(&["*"], &[], &[], BARE), "no region fits no region pattern");
        assert!(!filter(&[], &["*"], &[], BARE));
    }
}
