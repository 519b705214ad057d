//! A history as a file: one message a line, oldest first.

use anyhow::{Context, bail};
pub use jiesu_linking::quality::Ambiguous;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;
use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

/// A message of the history.
pub struct Entry {
    /// Its id, as text.
    pub id: String,
    /// Its id, as given.
    pub raw_id: Value,
    pub user: String,
    pub at: Timestamp,
    pub subject: String,
    pub text: String,
    pub event: Option<String>,
    pub label: Option<String>,
}

/// In order of time: what is not is told once and put where it belongs.
pub fn read(path: &Path, zone: &TimeZone) -> anyhow::Result<Vec<Entry>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
    let mut entries: Vec<Entry> = Vec::new();
    let (mut lines, mut late) = (HashMap::new(), 0);
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("{name} cannot be read beyond line {index}"))?;
        if line.trim().is_empty() {
            continue;
        }
        // Programs under Windows begin a file with a mark.
        let json = line.strip_prefix('\u{feff}').filter(|_| index == 0).unwrap_or(&line);
        let value: Value = serde_json::from_str(json).with_context(|| format!("{name}:{}: no JSON", index + 1))?;
        let text = |key: &str| match &value[key] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let Some(id) = text("id") else { bail!("{name}:{}: \"id\" is missing", index + 1) };
        if let Some(first) = lines.insert(id.clone(), index + 1) {
            bail!(
                "{name}:{}: \"id\" {id:?} stands in line {first} already; each message needs one of its own",
                index + 1
            );
        }
        let time = text("time").unwrap_or_default();
        let Some(at) = at(&time, zone) else {
            bail!("{name}:{}: \"time\" is {time:?}; it must be as 2026-11-22T08:00:00 or with an offset", index + 1);
        };
        late += usize::from(entries.last().is_some_and(|before| at < before.at));
        entries.push(Entry {
            id,
            raw_id: value["id"].clone(),
            user: text("user").unwrap_or_default(),
            at,
            subject: text("subject").unwrap_or_default(),
            text: text("text").unwrap_or_default(),
            event: text("event_id"),
            label: text("label"),
        });
    }
    if late > 0 {
        eprintln!("{name}: {late} messages are older than the one before them; they are taken in order of time");
        entries.sort_by_key(|entry| entry.at);
    }
    Ok(entries)
}

/// With an offset, or the city's local time.
fn at(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    let local = || text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok().map(|at| at.timestamp());
    text.parse().ok().or_else(local)
}

pub fn ambiguous(path: &Path, stream: &[Entry]) -> anyhow::Result<Ambiguous> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
    let places: HashMap<&str, usize> =
        stream.iter().enumerate().map(|(place, entry)| (entry.id.as_str(), place)).collect();
    let mut pairs = Ambiguous::default();
    for (index, line) in text.lines().enumerate() {
        let pair: [String; 2] =
            serde_json::from_str(line).with_context(|| format!("{name}:{}: it must be [\"a\",\"b\"]", index + 1))?;
        if let (Some(one), Some(other)) = (places.get(pair[0].as_str()), places.get(pair[1].as_str())) {
            pairs.add(*one, *other);
        }
    }
    Ok(pairs)
}
