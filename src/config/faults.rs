//! What is wrong with a configuration, one line each.

use std::{collections::BTreeSet, fmt};

/// One fault, or one warning. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}{what}", place = Place(key))]
pub struct Fault {
    /// The file, as it was named.
    pub file: String,
    /// The dotted key (`core.retry.first`, `subscribers[1].url`), or a line and column; empty for the whole file.
    pub key: String,
    /// What is wrong; what would be right.
    pub what: String,
}

struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

/// Collects the faults and warnings of one file.
pub(super) struct Report {
    file: String,
    keys: BTreeSet<String>,
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

impl Report {
    pub fn new(file: String) -> Self {
        Self { file, keys: BTreeSet::new(), faults: Vec::new(), warnings: Vec::new() }
    }

    /// Notes a fault; only the first at a key or below it counts, the others follow from it.
    pub fn fault(&mut self, key: impl Into<String>, what: impl Into<String>) {
        let key = key.into();
        let within = |other: &String| other.strip_prefix(&key).is_some_and(|rest| rest.starts_with(['.', '[']));
        if key.is_empty() || (!self.keys.iter().any(within) && self.keys.insert(key.clone())) {
            self.faults.push(Fault { file: self.file.clone(), key, what: one_line(&what.into()) });
        }
    }

    pub fn warning(&mut self, key: impl Into<String>, what: impl Into<String>) {
        self.warnings.push(Fault { file: self.file.clone(), key: key.into(), what: one_line(&what.into()) });
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A key as it is written in TOML: quoted where it must be.
pub(super) fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.into() } else { format!("{:?}", super::values::clip(key)) }
}

/// `key` below `table`.
pub(super) fn below(table: &str, key: &str) -> String {
    match (table.is_empty(), key.starts_with('[')) {
        (true, _) => key.into(),
        (_, true) => format!("{table}{key}"),
        _ => format!("{table}.{key}"),
    }
}
