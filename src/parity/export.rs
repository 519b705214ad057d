//! An old system's export: CSV in any Chinese encoding, XLSX or NDJSON, its columns by their names.

use super::Row;
use crate::{config::Hotline, triage};
use jiesu_connector::digest;
use jiesu_files::{read, usual};
use serde_json::{Map, Value};
use std::{collections::HashSet, path::Path, sync::Arc};

/// Rows of one export, at most.
const MAX: usize = 2_000_000;

/// The fields of the register's `columns`, and the first of the names that their columns usually have.
const USUAL: [(&str, &str); 9] = [
    ("id", "编号"),
    ("time", "时间"),
    ("phone", "电话"),
    ("name", "姓名"),
    ("title", "标题"),
    ("content", "诉求内容"),
    ("category", "分类"),
    ("location", "地址"),
    ("kind", "诉求类型"),
];

/// The export cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadExport(
    /// What is wrong, and what would be right.
    pub String,
);

/// What is in an export.
#[derive(Debug, Default, PartialEq)]
pub struct Export {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Rows that nobody can read: the line, and why.
    pub unreadable: Vec<(u64, String)>,
    /// Rows that are equal in every field to one before.
    pub twice: usize,
}

/// Reads the export of `line`.
///
/// # Errors
/// [`BadExport`]: none of it can be read, or there is too much.
pub fn read(path: &Path, line: &Hotline) -> Result<Export, BadExport> {
    let bad = |what: String| BadExport(format!("{}: {what}", path.display()));
    let mut source = read::open(path, &Arc::default()).map_err(&bad)?;
    let seen = source.columns().iter().map(|column| clip(column)).collect::<Vec<_>>().join(", ");
    for (field, name) in &line.columns {
        if !source.columns().is_empty() && !source.columns().contains(name) {
            let what = format!("there is no column {name:?}, which the register names for `{field}`; it has: {seen}");
            return Err(bad(what));
        }
    }
    let (mut export, mut useful, mut known) = (Export::default(), false, HashSet::new());
    while let Some(found) = source.next().map_err(&bad)? {
        let at = found.line;
        let fields = match found.fields {
            Ok(fields) => fields,
            Err(what) => {
                export.unreadable.push((at, what));
                continue;
            }
        };
        if fields.values().all(|value| value.as_str().is_some_and(|text| text.trim().is_empty())) {
            continue;
        }
        let (submission, faults) = usual::read(&renamed(fields, line));
        if let Some(fault) = faults.first() {
            export.unreadable.push((at, format!("{} {}", fault.field, fault.detail)));
            continue;
        }
        let who = submission.appellant.unwrap_or_default();
        useful |= submission.id.is_some() || who.phone.is_some() || submission.content.is_some();
        let row = Row {
            place: String::new(),
            ids: submission.id.into_iter().collect(),
            times: submission.occurred_at.and_then(|at| at.parse().ok()).into_iter().collect(),
            phone: who.phone,
            name: who.name,
            title: submission.title,
            content: submission.content,
            // A code that the register does not translate can be compared with nothing.
            category: submission.category.and_then(|code| line.categories.get(&code).cloned()),
            location: submission.location.and_then(|place| place.text),
            kind: submission.kind.map(|kind| triage::name(kind).to_owned()),
        };
        if !known.insert(digest([serde_json::to_vec(&row).unwrap_or_default().as_slice()])) {
            export.twice += 1;
            continue;
        }
        export.rows.push(Row { place: at.to_string(), ..row });
        if export.rows.len() + export.unreadable.len() > MAX {
            return Err(bad(format!("more than {MAX} rows; split it by days")));
        }
    }
    if let (true, Some((at, what))) = (export.rows.is_empty(), export.unreadable.first()) {
        return Err(bad(format!("line {at}: {what}; no row of it can be read")));
    }
    match useful || export.rows.is_empty() {
        true => Ok(export),
        false => Err(bad(format!(
            "no column for the number, the telephone or the words; name them in the register, as \
             columns = {{ id = \"工单编号\" }}; it has: {seen}"
        ))),
    }
}

/// With the columns that the register names under their usual names, before any of that name.
fn renamed(mut fields: Map<String, Value>, line: &Hotline) -> Map<String, Value> {
    let mut row = Map::new();
    for (field, usual) in USUAL {
        let named = line.columns.get(field).and_then(|name| fields.shift_remove(name));
        row.extend(named.map(|value| (usual.to_owned(), value)));
    }
    for (name, value) in fields {
        row.entry(name).or_insert(value);
    }
    row
}

fn clip(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(30).collect()
}
