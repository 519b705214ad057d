//! The page can be used by everybody (WCAG 2.2).

use crate::{
    config::Config,
    fields::{FIELDS, decode},
    page::{Pages, Shown},
};
use http::StatusCode;
use jiesu_connector::FieldFault;
use std::collections::{HashMap, HashSet};

/// The form, blank and with every field at fault.
fn pages() -> [String; 2] {
    let pages = Pages::new("热线".into(), Config::default().kinds, "https://12345.example.org");
    let fault = |field: &str| FieldFault { field: field.into(), detail: "不对".into() };
    let shown_fields = FIELDS.into_iter().filter(|field| !["token", "files"].contains(field));
    let faults: Vec<_> = shown_fields.map(fault).collect();
    let wrong = Shown { typed: decode(b"content=a&lat=1").0, faults: &faults, notice: Some("请核对") };
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
    assert!(!blank.contains("role=\"alert\"") && !blank.contains("aria-invalid"));
    assert!(wrong.contains("role=\"alert\"") && wrong.contains("<title>错误：热线</title>"));
    assert_eq!(wrong.matches("<p class=\"error\"").count(), FIELDS.len() - 2);
    assert_eq!(wrong.matches("<a href=\"#").count(), FIELDS.len() - 2);
    assert!(wrong.contains("<details open>") && blank.contains("<details>"));
}

/// Relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let digits: Vec<_> = colour.trim_start_matches('#').chars().filter_map(|digit| digit.to_digit(16)).collect();
    let channel = |index: usize| {
        let byte = if digits.len() == 3 { digits[index] * 17 } else { digits[2 * index] * 16 + digits[2 * index + 1] };
        let part = f64::from(byte) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
}

#[test]
fn text_stands_out_by_day_and_by_night() {
    let style = include_str!("style.css");
    let schemes: Vec<_> = style.lines().filter(|line| line.contains("--text:")).collect();
    assert_eq!(schemes.len(), 2);
    for scheme in schemes {
        let parts = scheme.split(['{', ';']).filter_map(|part| part.trim().strip_prefix("--")?.split_once(": "));
        let colours: HashMap<_, _> = parts.map(|(name, colour)| (name, luminance(colour.trim()))).collect();
        let contrast = |one: &str, other: &str| {
            let (one, other) = (colours[one], colours[other]);
            (one.max(other) + 0.05) / (one.min(other) + 0.05)
        };
        for text in ["text", "soft", "accent", "wrong"] {
            assert!(contrast(text, "page") >= 4.5 && contrast(text, "card") >= 4.5, "{text} in {scheme}");
        }
        assert!(contrast("on-accent", "accent") >= 4.5, "buttons in {scheme}");
        assert!(contrast("line", "card") >= 3.0, "the frames of fields in {scheme}");
    }
}
