//! What is said to citizens, and the words that citizens say to the gateway: data, so that a city can change them.

use crate::FieldFault;
use jiesu_folding::fold;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const STANDARD: &str = include_str!("../../../config/words.zh-CN.toml");

/// The words of one channel: phrases and lists of keywords under dotted names, as `wechat.receipt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(BTreeMap<String, Phrase>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phrase {
    One(String),
    Any(Vec<String>),
}

/// The standard words, in Chinese.
impl Default for Words {
    fn default() -> Self {
        let table = toml::from_str(STANDARD).unwrap_or_default();
        let mut words = BTreeMap::new();
        // The file is part of the program; a test reads it.
        let _ = flatten("", &table, &mut words);
        Self(words)
    }
}

impl Words {
    /// These words, with those of `table` instead where it has any. A table of the standard words that has a phrase
    /// `"*"` takes any further name.
    ///
    /// # Errors
    /// Every fault: names that do not exist (with the known ones), a list for a phrase, a `{placeholder}` that this
    /// phrase does not know.
    pub fn with(&self, table: &Map<String, Value>) -> Result<Self, Vec<FieldFault>> {
        let mut changes = BTreeMap::new();
        let mut faults = Vec::new();
        if let Err(fault) = flatten("", table, &mut changes) {
            faults.push(fault);
        }
        let mut words = self.0.clone();
        for (name, phrase) in changes {
            let known = self.0.get(&name).or_else(|| {
                let (group, _) = name.rsplit_once('.')?;
                self.0.get(&format!("{group}.*"))
            });
            match known.ok_or_else(|| self.unknown(&name)).and_then(|known| fits(known, &phrase)) {
                Ok(()) => drop(words.insert(name, phrase)),
                Err(detail) => faults.push(FieldFault { field: name, detail }),
            }
        }
        if faults.is_empty() { Ok(Self(words)) } else { Err(faults) }
    }

    /// The phrase `name`, with each `{placeholder}` filled.
    pub fn fill(&self, name: &str, values: &[(&str, &str)]) -> String {
        let mut rest = self.phrase(name).unwrap_or_default();
        let mut filled = String::with_capacity(rest.len() + 32);
        // One pass: what is filled in is not searched again, whatever it holds.
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let value = after.split_once('}').and_then(|(key, after)| {
                values.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value, after))
            });
            match value {
                Some((value, after)) => {
                    filled.push_str(value);
                    rest = after;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The phrase `name`, if there is one.
    pub fn phrase(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Phrase::One(text)) => Some(text),
            _ => None,
        }
    }

    /// The keywords `name`.
    pub fn keywords(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Phrase::Any(words)) => words,
            _ => &[],
        }
    }

    fn unknown(&self, name: &str) -> String {
        let group = name.rsplit_once('.').map_or("", |(group, _)| group);
        let known = self.0.keys().filter(|key| key.starts_with(group)).map(String::as_str).collect::<Vec<_>>();
        let known = if known.is_empty() { self.0.keys().map(String::as_str).collect() } else { known };
        format!("is not known; known are {}", known.join(", "))
    }
}

/// The same shape, and no placeholder that would be said as it stands.
fn fits(known: &Phrase, new: &Phrase) -> Result<(), String> {
    match (known, new) {
        (Phrase::Any(_), Phrase::Any(words)) if words.iter().any(|word| word.trim().is_empty()) => {
            Err("has an empty word: every message would match it".into())
        }
        (Phrase::Any(_), Phrase::Any(_)) => Ok(()),
        (Phrase::One(known), Phrase::One(new)) => {
            let known = placeholders(known);
            match placeholders(new).into_iter().find(|name| !known.contains(name)) {
                None => Ok(()),
                Some(name) => Err(format!("has {{{name}}}, which nothing fills; there are: {}", known.join(", "))),
            }
        }
        (Phrase::One(_), Phrase::Any(_)) => Err("is a phrase: give one text".into()),
        (Phrase::Any(_), Phrase::One(_)) => Err("is a list of keywords: give [\"…\", \"…\"]".into()),
    }
}

fn placeholders(text: &str) -> Vec<&str> {
    let names = text.split('{').skip(1).filter_map(|after| after.split_once('}')).map(|(name, _)| name);
    names
        .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect()
}

fn flatten(prefix: &str, table: &Map<String, Value>, into: &mut BTreeMap<String, Phrase>) -> Result<(), FieldFault> {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let fault = |detail: &str| FieldFault { field: name.clone(), detail: detail.into() };
        match value {
            Value::String(text) => drop(into.insert(name, Phrase::One(text.clone()))),
            Value::Array(words) => {
                // Citizens' words are compared in folded form.
                let known = |word: &str| if name.starts_with("keywords.") { fold(word) } else { word.to_owned() };
                let words = words.iter().map(|word| word.as_str().map(known)).collect::<Option<_>>();
                let words = words.ok_or_else(|| fault("is a list of texts"))?;
                into.insert(name, Phrase::Any(words));
            }
            // Two levels are enough for everything; a deeper table is a slip.
            Value::Object(inner) if prefix.matches('.').count() < 2 => flatten(&name, inner, into)?,
            _ => return Err(fault("is neither a text nor a list of texts")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(json: &str) -> Result<Words, Vec<String>> {
        let table = serde_json::from_str(json).unwrap();
        Words::default()
            .with(&table)
            .map_err(|faults| faults.iter().map(|f| format!("{}: {}", f.field, f.detail)).collect())
    }

    #[test]
    fn the_standard_words_are_there() {
        let words = Words::default();
        assert!(words.keywords("keywords.urge").contains(&"催办".to_owned()));
        assert!(words.phrase("wechat.receipt").is_some_and(|text| text.contains("{number}")));
    }

    #[test]
    fn a_city_may_say_it_in_its_own_words() {
        let words = with(r#"{"wechat":{"greeting":"您好","menu":{"HELP":"拨打 12345"}}}"#).unwrap();
        assert_eq!(words.phrase("wechat.greeting"), Some("您好"));
        assert_eq!(words.phrase("wechat.menu.HELP"), Some("拨打 12345"));
    }

    #[test]
    fn slips_are_told_with_what_would_be_right() {
        let fault = |json: &str| with(json).unwrap_err().remove(0);
        assert!(fault(r#"{"wechat":{"greting":"a"}}"#).contains("wechat.greeting"));
        assert!(fault(r#"{"wechat":{"receipt":"编号 {numer}"}}"#).contains("{numer}"));
        assert!(fault(r#"{"wechat":{"receipt":["a"]}}"#).contains("one text"));
        assert!(fault(r#"{"keywords":{"urge":"催"}}"#).contains("list"));
        assert!(fault(r#"{"keywords":{"urge":[""]}}"#).contains("empty word"));
        assert!(fault(r#"{"wechat":7}"#).contains("neither"));
    }

    #[test]
    fn what_is_filled_in_is_not_searched_again() {
        let words = with(r#"{"wechat":{"receipt":"{number} {code} {"}}"#).unwrap();
        assert_eq!(words.fill("wechat.receipt", &[("number", "{code}"), ("code", "C")]), "{code} C {");
    }
}
