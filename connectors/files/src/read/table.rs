//! Records under a header, as rows.

use super::{Row, Rows};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// Records that are looked at for the header: titles stand above it.
const HEAD: usize = 10;
/// Columns, at most.
const MAX_COLUMNS: usize = 1_000;

/// One record of cells.
pub(super) struct Record {
    pub line: u64,
    pub cells: Vec<String>,
    /// Why it cannot be read.
    pub fault: Option<String>,
}

/// Reads records.
pub(super) trait Records: Send {
    /// The next record; none at the end.
    fn next(&mut self) -> Result<Option<Record>, String>;

    /// Records have so many cells; `true` if one with fewer is complete all the same.
    fn expect(&mut self, columns: usize) -> bool;
}

/// Records under a header.
pub(super) struct Table<R> {
    records: R,
    columns: Vec<String>,
    /// Up to the last column with a name, a row must have them all.
    named: usize,
    padded: bool,
    begun: VecDeque<Record>,
}

impl<R: Records> Table<R> {
    /// Reads up to the header: the first record with two cells or more, so that a title above it is passed over; the
    /// first one at all in a table of one column.
    pub fn new(mut records: R) -> Result<Self, String> {
        let mut begun = VecDeque::new();
        let filled = |record: &Record| record.cells.iter().filter(|cell| !cell.trim().is_empty()).count();
        while begun.len() < HEAD {
            let Some(record) = records.next()? else { break };
            let many = record.fault.is_none() && filled(&record) > 1;
            begun.push_back(record);
            if many {
                break;
            }
        }
        let found = begun.iter().rposition(|record| record.fault.is_none() && filled(record) > 1);
        let found = found.or_else(|| begun.iter().position(|record| record.fault.is_none() && filled(record) > 0));
        let header = found.and_then(|place| begun.drain(..=place).next_back());
        let header = header.ok_or("the file has no header: its first row must name the columns")?;
        let mut cells = header.cells;
        // A header of two rows: what is merged over both is in both.
        let next = match begun.pop_front() {
            Some(next) => Some(next),
            None => records.next()?,
        };
        match next {
            Some(next) if next.fault.is_none() && goes_on(&cells, &next.cells) => below(&mut cells, next.cells),
            Some(next) => begun.push_front(next),
            None => {}
        }
        let header = Record { cells, ..header };
        let columns = names(&header.cells);
        if columns.len() > MAX_COLUMNS {
            return Err(format!("the file has more than {MAX_COLUMNS} columns"));
        }
        let named = header.cells.iter().rposition(|name| !name.trim().is_empty()).map_or(0, |last| last + 1);
        let padded = records.expect(columns.len());
        Ok(Self { records, columns, named, padded, begun })
    }
}

/// Whether `next` is the second row of a header. The first then has a name over several columns, and some of the second's
/// cells, but not all, say what is above them.
fn goes_on(header: &[String], next: &[String]) -> bool {
    let pairs = || header.iter().zip(next).filter(|(_, below)| !below.trim().is_empty());
    let over_several =
        header.windows(2).any(|pair| !pair[0].trim().is_empty() && (pair[1].trim().is_empty() || pair[0] == pair[1]));
    over_several && pairs().any(|(above, below)| above == below) && pairs().any(|(above, below)| above != below)
}

/// The names in the lower row of a header; where it has none, those above.
fn below(header: &mut Vec<String>, lower: Vec<String>) {
    header.resize(header.len().max(lower.len()), String::new());
    for (name, lower) in header.iter_mut().zip(lower).filter(|(_, lower)| !lower.trim().is_empty()) {
        *name = lower;
    }
}

/// The columns' names: trimmed, each its own; a column without a name is called by its place.
fn names(header: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (place, name) in header.iter().enumerate() {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = if name.is_empty() { nameless(place) } else { name };
        let mut own = name.clone();
        let mut count = 2;
        while names.contains(&own) {
            own = format!("{name}_{count}");
            count += 1;
        }
        names.push(own);
    }
    names
}

fn nameless(place: usize) -> String {
    format!("column_{}", place + 1)
}

impl<R: Records> Rows for Table<R> {
    fn next(&mut self) -> Result<Option<Row>, String> {
        loop {
            let record = match self.begun.pop_front() {
                Some(record) => Some(record),
                None => self.records.next()?,
            };
            let Some(Record { line, cells, fault }) = record else { return Ok(None) };
            if fault.is_none() && cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let fields = match fault {
                Some(fault) => Err(fault),
                None => self.fields(&cells),
            };
            return Ok(Some(Row { line, cells, fields }));
        }
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }
}

impl<R> Table<R> {
    fn fields(&self, cells: &[String]) -> Result<Map<String, Value>, String> {
        let (found, expected) = (cells.len(), self.columns.len());
        let beyond = cells.iter().skip(expected).any(|cell| !cell.trim().is_empty());
        if !self.padded && (beyond || found < self.named) {
            return Err(format!("the row has {found} columns, the header {expected}"));
        }
        // Exports that were put behind one another.
        let again = |(cell, name): (&String, &String)| cell.trim().is_empty() || cell.trim() == name;
        if expected > 1 && cells.iter().zip(&self.columns).all(again) {
            return Err("the row is the header again".into());
        }
        if cells.iter().any(|cell| cell.contains('\0')) {
            return Err("the row has U+0000 in it, which is no text".into());
        }
        let names = self.columns.iter().cloned().chain((expected..).map(nameless));
        let text = |place: usize| Value::String(cells.get(place).cloned().unwrap_or_default());
        Ok(names.take(expected.max(found)).enumerate().map(|(place, name)| (name, text(place))).collect())
    }
}
