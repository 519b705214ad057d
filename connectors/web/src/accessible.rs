//! The page can be used by everybody (WCAG 2.2).

use crate::{
    colour::Colour,
    config::{Config, Limits, Line},
    fields::{FIELDS, HONEYPOT, decode},
    page::{Pages, Shown},
};
use http::StatusCode;
use jiesu_connector::FieldFault;
use std::collections::{HashMap, HashSet};

/// The fields that a person sees.
fn shown() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().filter(|field| !["token", "patience", "altcha", "datum", HONEYPOT].contains(field))
}

/// The form, blank and with every field at fault.
fn pages() -> [String; 2] {
    let line = |code: &str| Line { code: code.into(), name: "热线".into() };
    let config = Config { hotlines: vec![line("12345"), line("12319")], ..Config::default() };
    let limits = Limits::of(&config).map_err(|_| ()).expect("the configuration is right");
    let pages = Pages::new(&config, &limits, "https://12345.example.org");
    let fault = |field: &str| FieldFault { field: field.into(), detail: "不对".into() };
    let faults: Vec<_> = shown().map(fault).collect();
    let wrong = Shown {
        typed: decode(b"content=a&lat=1").typed,
        faults: &faults,
        notice: Some("请核对"),
        kept: vec![("reference".into(), "a.jpg".into())],
        challenge: None,
    };
    [Shown::default(), wrong].map(|shown| {
        let body = pages.form(StatusCode::OK, &shown).body;
        String::from_utf8(body.to_vec()).expect("pages are UTF-8")
    })
}

/// The values of `attribute` in `page`.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_label_hint_error_and_summary_link_leads_to_its_element() {
    for page in pages() {
        let ids = values(&page, "id");
        let known: HashSet<_> = ids.iter().copied().collect();
        assert_eq!(known.len(), ids.len(), "each id is there once");
        let described = values(&page, "aria-describedby").into_iter().flat_map(str::split_ascii_whitespace);
        let linked = values(&page, "href").into_iter().filter_map(|href| href.strip_prefix('#'));
        let labelled = values(&page, "for").into_iter().chain(values(&page, "aria-labelledby"));
        for id in described.chain(linked).chain(labelled) {
            assert!(known.contains(id), "nothing has the id {id}");
        }
        let labels: HashSet<_> = values(&page, "for").into_iter().collect();
        let controls = ids.iter().filter(|id| page.contains(&format!("id=\"{id}\" name=")));
        assert!(controls.clone().count() > 15 && controls.clone().all(|id| labels.contains(*id)), "all have labels");
    }
}

#[test]
fn every_field_at_fault_says_so_in_the_summary_and_beside_itself() {
    let [blank, wrong] = pages();
    assert!(!blank.contains("role=\"alert\"") && !blank.contains("aria-invalid=\"true\""));
    assert!(wrong.contains("role=\"alert\"") && wrong.contains("<title>错误："));
    assert_eq!(wrong.matches("<p class=\"error\"").count(), shown().count());
    assert_eq!(wrong.matches("<li><a href=\"#").count(), shown().count());
    assert!(wrong.contains("<details open>") && blank.contains("<details>"));
}

#[test]
fn text_stands_out_by_day_and_by_night() {
    let style = include_str!("page/style.css");
    let schemes: Vec<_> = style.lines().filter(|line| line.contains("--text:")).collect();
    assert_eq!(schemes.len(), 2);
    for scheme in schemes {
        let parts = scheme.split(['{', ';']).filter_map(|part| part.trim().strip_prefix("--")?.split_once(": "));
        let colours: HashMap<_, _> = parts.map(|(name, colour)| (name, Colour::read(colour.trim()))).collect();
        let contrast = |one: &str, other: &str| {
            let colour = |name| colours[name].expect("a colour");
            colour(one).contrast(colour(other))
        };
        for text in ["text", "soft", "good", "wrong"] {
            for ground in ["page", "card", "tint"] {
                assert!(contrast(text, ground) >= 4.5, "{text} on {ground} in {scheme}");
            }
        }
        assert!(contrast("line", "card") >= 3.0, "the frames of fields in {scheme}");
    }
}
