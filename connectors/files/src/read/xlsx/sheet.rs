//! The rows of a sheet (ECMA-376, part 1, 18.3).

use super::{
    package::Part,
    strings::Strings,
    xml::{Xml, attribute},
};
use crate::read::{MAX_LINE, table::Record};
use jiesu_mapping::said::serial_day;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Columns, at most: what lies beyond is not looked at.
const MAX_COLUMNS: usize = 1_000;
/// Bytes of one row, at most.
const MAX_ROW: usize = 4 << 20;
/// Merged ranges, at most.
const MAX_MERGED: usize = 10_000;

/// A range of merged cells: rows and columns from 0, both ends in it; its text, once it was met.
pub(super) struct Merged {
    rows: (u64, u64),
    columns: (usize, usize),
    text: String,
}

/// The merged ranges; they stand behind the rows, so this reads to the end.
pub(super) fn merged(part: Part) -> Result<Vec<Merged>, String> {
    let mut ranges = Vec::new();
    Xml::new(part).each(|event| {
        if let Event::Start(element) | Event::Empty(element) = event
            && element.local_name().into_inner() == "mergeCell"
            && let Some(range) = attribute(element, "ref")
            && let Some((from, to)) = range.split_once(':')
            && let (Some((top, left)), Some((bottom, right))) = (place(from), place(to))
        {
            ranges.push(Merged { rows: (top, bottom), columns: (left, right), text: String::new() });
        }
        ranges.len() < MAX_MERGED
    })?;
    // Titles over the table are merged from side to side; only what goes down says something of several rows.
    ranges.retain(|range| range.rows.1 > range.rows.0);
    ranges.sort_by_key(|range| std::cmp::Reverse(range.rows.0));
    Ok(ranges)
}

/// `B3` as (2, 1).
fn place(reference: &str) -> Option<(u64, usize)> {
    let digits = reference.find(|character: char| character.is_ascii_digit())?;
    let (letters, digits) = reference.split_at(digits);
    let column = letters.bytes().try_fold(0_usize, |column, letter| {
        let letter = letter.to_ascii_uppercase().checked_sub(b'A').filter(|letter| *letter < 26)?;
        column.checked_mul(26)?.checked_add(usize::from(letter) + 1)
    })?;
    Some((digits.parse::<u64>().ok()?.checked_sub(1)?, column.checked_sub(1)?))
}

/// Reads rows.
pub(super) struct Sheet {
    xml: Xml,
    strings: Strings,
    dates: Vec<bool>,
    epoch_1904: bool,
    /// Those that are still to come, the next one last; and those that this row is in.
    merged: Vec<Merged>,
    open: Vec<Merged>,
    row: u64,
    over: bool,
}

/// A cell under way.
#[derive(Default)]
struct Cell {
    column: usize,
    kind: String,
    date: bool,
    value: String,
    formula: String,
    has_value: bool,
}

/// What text belongs to.
#[derive(Clone, Copy, PartialEq)]
enum In {
    Nothing,
    Value,
    Formula,
}

impl Sheet {
    pub fn new(part: Part, strings: Strings, dates: Vec<bool>, epoch_1904: bool, merged: Vec<Merged>) -> Self {
        Self { xml: Xml::new(part), strings, dates, epoch_1904, merged, open: Vec::new(), row: 0, over: false }
    }

    pub fn next(&mut self) -> Result<Option<Record>, String> {
        let mut record: Option<Record> = None;
        let (mut cell, mut within, mut bytes, mut spoken) = (Cell::default(), In::Nothing, 0, false);
        let mut next = 0;
        if self.over {
            return Ok(None);
        }
        loop {
            let event = self.xml.next()?;
            let ends = matches!(event, Event::Empty(_));
            match event {
                Event::Eof => return Err("the file is no whole XLSX: its sheet ends too early".into()),
                Event::Start(element) | Event::Empty(element) => match element.local_name().into_inner() {
                    "sheetData" if ends => {
                        self.over = true;
                        return Ok(None);
                    }
                    "row" => {
                        let given = attribute(&element, "r").and_then(|row| row.parse().ok());
                        self.row = given.unwrap_or(self.row + 1);
                        if !ends {
                            record = Some(Record { line: self.row, cells: Vec::new(), fault: None });
                        }
                    }
                    "c" => {
                        cell = begun(&element, next, &self.dates);
                        next = cell.column + 1;
                    }
                    "v" if !ends => within = In::Value,
                    "t" if !ends && !spoken => within = In::Value,
                    "f" if !ends => within = In::Formula,
                    "rPh" => spoken = !ends,
                    _ => {}
                },
                Event::Text(text) => cell.add(within, &text.xml10_content(), &mut bytes),
                Event::CData(text) => cell.add(within, &text.xml10_content(), &mut bytes),
                Event::GeneralRef(reference) => cell.add(within, &resolved(&reference), &mut bytes),
                Event::End(element) => match element.local_name().into_inner() {
                    "v" | "t" | "f" => within = In::Nothing,
                    "rPh" => spoken = false,
                    "c" => {
                        let Some(record) = &mut record else { continue };
                        if cell.column >= MAX_COLUMNS {
                            continue;
                        }
                        let text = text(&cell, &mut self.strings, self.epoch_1904)?;
                        bytes += text.len();
                        if bytes > MAX_ROW {
                            record.fault = Some(format!("the row is longer than {} MiB", MAX_ROW >> 20));
                            record.cells.truncate(1);
                            continue;
                        }
                        if record.cells.len() <= cell.column {
                            record.cells.resize(cell.column + 1, String::new());
                        }
                        record.cells[cell.column] = text;
                    }
                    "row" => {
                        if let Some(mut record) = record {
                            self.fill(&mut record);
                            return Ok(Some(record));
                        }
                    }
                    "sheetData" => {
                        self.over = true;
                        return Ok(None);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }

    /// The text of a range that goes down is that of each of its rows.
    fn fill(&mut self, record: &mut Record) {
        let row = record.line.saturating_sub(1);
        self.open.retain(|range| range.rows.1 >= row);
        while let Some(range) = self.merged.pop_if(|range| range.rows.0 <= row) {
            let text = record.cells.get(range.columns.0).cloned().unwrap_or_default();
            if range.rows.1 >= row {
                self.open.push(Merged { text, ..range });
            }
        }
        // A row of nothing else is no row.
        if record.cells.iter().all(|cell| cell.is_empty()) {
            return;
        }
        for range in &self.open {
            let last = range.columns.1.min(MAX_COLUMNS - 1);
            for column in range.columns.0..=last {
                if record.cells.len() <= column {
                    record.cells.resize(column + 1, String::new());
                }
                if record.cells[column].is_empty() && column == range.columns.0 {
                    record.cells[column] = range.text.clone();
                }
            }
        }
    }
}

fn begun(element: &BytesStart<'_>, next: usize, dates: &[bool]) -> Cell {
    let style = attribute(element, "s").and_then(|style| style.parse::<usize>().ok());
    let column = attribute(element, "r").and_then(|reference| place(&reference)).map_or(next, |(_, column)| column);
    let kind = attribute(element, "t").unwrap_or_else(|| "n".into());
    let date = style.and_then(|style| dates.get(style)).copied().unwrap_or_default();
    Cell { column, kind, date, ..Cell::default() }
}

impl Cell {
    fn add(&mut self, within: In, text: &str, bytes: &mut usize) {
        let into = match within {
            In::Nothing => return,
            In::Value => &mut self.value,
            In::Formula => &mut self.formula,
        };
        self.has_value |= within == In::Value;
        *bytes += text.len();
        if into.len() < MAX_LINE && *bytes <= MAX_ROW {
            into.push_str(text);
        }
    }
}

/// What a cell says.
fn text(cell: &Cell, strings: &mut Strings, epoch_1904: bool) -> Result<String, String> {
    if !cell.has_value {
        return Ok(if cell.formula.is_empty() { String::new() } else { format!("={}", cell.formula) });
    }
    let value = cell.value.as_str();
    Ok(match cell.kind.as_str() {
        "s" => match value.trim().parse() {
            Ok(place) => strings.get(place)?.unwrap_or_default(),
            Err(_) => String::new(),
        },
        "b" => if value.trim() == "1" { "TRUE" } else { "FALSE" }.into(),
        "n" => number(value.trim(), cell.date, epoch_1904),
        // An error of a formula is nothing that anybody said.
        "e" => String::new(),
        _ => value.to_owned(),
    })
}

/// Whole numbers without a point or exponent: telephones are numbers to a spreadsheet.
fn number(value: &str, date: bool, epoch_1904: bool) -> String {
    let Ok(float) = value.parse::<f64>() else { return value.to_owned() };
    match date.then(|| serial_day(float, epoch_1904)).flatten() {
        Some(day) => day,
        None if float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
        None => value.to_owned(),
    }
}

/// One of the five, or a character by number; nothing else exists without a DTD.
pub(super) fn resolved(reference: &BytesRef<'_>) -> String {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => character.to_string(),
        _ => quick_xml::escape::resolve_xml_entity(reference).unwrap_or_default().to_owned(),
    }
}
