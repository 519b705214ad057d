//! What was found, for the log and for the file beside the damaged one.

use crate::number::Number;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// Numbers named one by one at most.
pub(super) const NAMED: usize = 1000;

/// What the salvage found and did.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What was wrong.
    pub(super) damage: String,
    /// Where the damaged files are now.
    pub(super) kept: Vec<PathBuf>,
    /// Pages looked at.
    pub(super) pages: usize,
    /// Rows found and carried over, per table.
    pub(super) rows: BTreeMap<&'static str, (u64, u64)>,
    /// Tables that could not be read whole.
    pub(super) incomplete: Vec<&'static str>,
    /// Numbers whose message lacks its end.
    pub(super) torn: Vec<i64>,
    /// Numbers of which neither message nor ticket is left, the first of them by name.
    pub(super) lost: Vec<i64>,
    /// How many those are.
    pub(super) lost_count: u64,
    /// Messages put back into the line.
    pub(super) again: u64,
    /// Tickets whose first event was written anew.
    pub(super) rebuilt: u64,
    /// Other things that were set right.
    pub(super) notes: Vec<String>,
}

impl Report {
    /// A row of `table` was found; `new` if it was not there yet.
    pub(super) fn found(&mut self, table: &'static str, new: bool) {
        let (found, carried) = self.rows.entry(table).or_default();
        *found += 1;
        *carried += u64::from(new);
    }

    /// `message 2000/2000, ticket 1990/1990`.
    pub(super) fn counts(&self) -> String {
        let count = |(table, (found, carried)): (&&str, &(u64, u64))| format!("{table} {carried}/{found}");
        self.rows.iter().map(count).collect::<Vec<_>>().join(", ")
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |what: &str, value: &str| {
            let _ = writeln!(text, "{what}: {value}");
        };
        line("damage", &self.damage);
        for kept in &self.kept {
            line("kept", &kept.display().to_string());
        }
        line("pages read", &self.pages.to_string());
        line("rows carried over/found", &self.counts());
        let incomplete = if self.incomplete.is_empty() { "none".to_owned() } else { self.incomplete.join(", ") };
        line("tables that could not be read whole", &incomplete);
        line("messages put back into the line", &self.again.to_string());
        line("first events written anew", &self.rebuilt.to_string());
        line("messages that lack their end", &numbers(&self.torn, self.torn.len() as u64));
        line("numbers given of which neither message nor ticket is left", &numbers(&self.lost, self.lost_count));
        self.notes.iter().for_each(|note| line("note", note));
        text
    }
}

fn numbers(keys: &[i64], count: u64) -> String {
    if count == 0 {
        return "none".into();
    }
    let named = keys.iter().take(NAMED).map(|key| Number::from_key(*key).to_string()).collect::<Vec<_>>();
    match count.saturating_sub(named.len() as u64) {
        0 => format!("{count} ({})", named.join(" ")),
        more => format!("{count} ({} and {more} more)", named.join(" ")),
    }
}
