//! The menu: what keys mean. The national standard (GB/T 33358) prefers that callers need none, so there is none by itself.

use jiesu_connector::{Faults, Kind};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where a call begins.
pub(crate) const ROOT: &str = "main";
/// Menus one below the other, at most: nobody remembers more.
const MAX_DEPTH: usize = 5;

/// A menu that is read out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Menu {
    /// What is said: which key is for what.
    #[schemars(example = &"投诉请按 1，咨询请按 2。")]
    pub prompt: String,
    /// What each key is for: `0` to `9`, `*` or `#`.
    pub keys: BTreeMap<String, Choice>,
}

/// What a key is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Choice {
    /// What it is called in the ticket.
    #[schemars(example = &"投诉")]
    pub label: Option<String>,
    /// The kind of matter.
    pub kind: Option<Kind>,
    /// The category, by its code in the city's categories.
    pub category: Option<String>,
    /// The hotline.
    pub hotline: Option<String>,
    /// The menu that follows, by its name; without it, the caller speaks.
    pub then: Option<String>,
}

/// What was chosen, of all choices together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub labels: Vec<String>,
    pub kind: Option<Kind>,
    pub category: Option<String>,
    pub hotline: Option<String>,
}

impl Chosen {
    /// The later choice says it more closely.
    pub fn add(&mut self, choice: &Choice) {
        self.labels.extend(choice.label.clone());
        self.kind = choice.kind.or(self.kind);
        self.category = choice.category.clone().or(self.category.take());
        self.hotline = choice.hotline.clone().or(self.hotline.take());
    }
}

/// Every mistake in the menus.
pub(crate) fn check(menus: &BTreeMap<String, Menu>, faults: &mut Faults) {
    if menus.is_empty() {
        return;
    }
    if !menus.contains_key(ROOT) {
        faults.add("menu", format!("has no menu {ROOT:?}: the call begins there"));
    }
    for (name, menu) in menus {
        let key = format!("menu.{name}");
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            faults.add(&key, "a menu's name is letters, digits, - and _: it is part of an address");
        }
        if menu.prompt.trim().is_empty() {
            faults.add(&format!("{key}.prompt"), "is empty: say which key is for what");
        }
        if menu.keys.is_empty() {
            faults.add(
                &format!("{key}.keys"),
                "has no key: a caller could press nothing; name at least one, as 1 = { … }",
            );
        }
        for (pressed, choice) in &menu.keys {
            let place = format!("{key}.keys.{pressed}");
            if !is_key(pressed) {
                faults.add(&place, "is no key: it must be one of 0 to 9, * and #");
            } else if !menu.prompt.contains(pressed.as_str()) && !named(&menu.prompt, pressed) {
                faults.add(&format!("{key}.prompt"), format!("does not tell of key {pressed}: nobody would press it"));
            }
            check_choice(&place, choice, faults);
            if let Some(next) = choice.then.as_ref().filter(|next| !menus.contains_key(*next)) {
                let known: Vec<&str> = menus.keys().map(String::as_str).collect();
                faults.add(&format!("{place}.then"), format!("there is no menu {next:?}; known: {}", known.join(", ")));
            }
        }
    }
    let mut reached = BTreeSet::new();
    walk(menus, &mut vec![ROOT], &mut reached, faults);
    for name in menus.keys().filter(|name| menus.contains_key(ROOT) && !reached.contains(name.as_str())) {
        faults.add(&format!("menu.{name}"), "no key leads here; name it in a `then`, or leave it out");
    }
}

/// What digits mean elsewhere than in menus of ours.
pub(crate) fn check_digits(digits: &BTreeMap<String, Choice>, faults: &mut Faults) {
    for (pressed, choice) in digits {
        let place = format!("digits.{pressed}");
        if pressed.is_empty() || !pressed.chars().all(|key| is_key(&key.to_string())) {
            faults.add(&place, "are no keys: they must be of 0 to 9, * and #, as \"12\"");
        }
        if choice.then.is_some() {
            faults.add(&format!("{place}.then"), "has no meaning here: the platform has its own menus; leave it out");
        }
        check_choice(&place, choice, faults);
    }
}

fn check_choice(place: &str, choice: &Choice, faults: &mut Faults) {
    for (name, value) in [("category", &choice.category), ("hotline", &choice.hotline), ("label", &choice.label)] {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            faults.add(&format!("{place}.{name}"), "is empty: leave it out");
        }
    }
}

fn is_key(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9' | b'*' | b'#'])
}

/// A prompt may name a key in words.
fn named(prompt: &str, pressed: &str) -> bool {
    let words: &[&str] = match pressed {
        "0" => &["零", "０"],
        "1" => &["一", "１"],
        "2" => &["二", "２"],
        "3" => &["三", "３"],
        "4" => &["四", "４"],
        "5" => &["五", "５"],
        "6" => &["六", "６"],
        "7" => &["七", "７"],
        "8" => &["八", "８"],
        "9" => &["九", "９"],
        "*" => &["星", "＊"],
        "#" => &["井", "＃"],
        _ => &[],
    };
    words.iter().any(|word| prompt.contains(word))
}

fn walk<'a>(
    menus: &'a BTreeMap<String, Menu>,
    path: &mut Vec<&'a str>,
    reached: &mut BTreeSet<&'a str>,
    faults: &mut Faults,
) {
    let Some((name, menu)) = path.last().and_then(|name| menus.get_key_value(*name)) else { return };
    let again = !reached.insert(name);
    if path.len() > MAX_DEPTH {
        faults.add(&format!("menu.{name}"), format!("lies deeper than {MAX_DEPTH} menus: {}", path.join(" → ")));
        return;
    }
    // From a menu that was walked through before, everything has been said.
    if again {
        return;
    }
    for (pressed, choice) in &menu.keys {
        let Some(next) = choice.then.as_deref() else { continue };
        if path.contains(&next) {
            let way = format!("{} → {next}", path.join(" → "));
            faults.add(
                &format!("menu.{name}.keys.{pressed}.then"),
                format!("leads back, so that a caller could go round for ever: {way}"),
            );
            continue;
        }
        path.push(next);
        walk(menus, path, reached, faults);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(menus: serde_json::Value) -> Vec<String> {
        let menus: BTreeMap<String, Menu> = serde_json::from_value(menus).unwrap();
        let mut faults = Faults::default();
        check(&menus, &mut faults);
        faults.0.into_iter().map(|fault| fault.to_string()).collect()
    }

    #[test]
    fn a_loop_a_missing_menu_and_a_missing_key_are_each_explained() {
        let good = json!({ "main": { "prompt": "投诉请按 1", "keys": { "1": { "kind": "complaint", "then": "what" } } },
            "what": { "prompt": "噪声请按 1", "keys": { "1": { "category": "0503" } } } });
        assert_eq!(faults(good.clone()), [""; 0]);
        let mut circle = good.clone();
        circle["what"]["keys"]["1"]["then"] = json!("main");
        assert!(faults(circle)[0].contains("main → what → main"));
        let mut gone = good.clone();
        gone["main"]["keys"]["1"]["then"] = json!("elsewhere");
        assert!(faults(gone.clone())[0].contains("there is no menu \"elsewhere\"; known: main, what"));
        assert!(faults(gone)[1].contains("no key leads here"));
        let mut empty = good.clone();
        empty["what"]["keys"] = json!({});
        assert!(faults(empty)[0].starts_with("menu.what.keys: has no key"));
        let mut silent = good.clone();
        silent["what"]["prompt"] = json!("请选择");
        assert!(faults(silent)[0].contains("does not tell of key 1"));
        let mut odd = good;
        odd["what"]["keys"]["12"] = json!({});
        assert!(faults(odd)[0].contains("is no key"));
        assert!(
            faults(json!({ "other": { "prompt": "请按 1", "keys": { "1": {} } } }))[0].contains("no menu \"main\"")
        );
    }
}
