//! Files as rows, one at a time: memory stays flat, however long a file is.

mod csv;
mod lines;
mod ndjson;
mod table;
mod xlsx;

use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes of one line, or of one cell, at most.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// One row.
pub struct Row {
    /// The line that it begins on (the row of a spreadsheet), from 1.
    pub line: u64,
    /// Its cells as they stand, for the reject file.
    pub cells: Vec<String>,
    /// Its columns by name; why it cannot be read.
    pub fields: Result<Map<String, Value>, String>,
}

/// Reads rows.
pub trait Rows: Send {
    /// The next row; none at the end.
    ///
    /// # Errors
    /// The file cannot be read any further.
    fn next(&mut self) -> Result<Option<Row>, String>;

    /// The names of the columns.
    fn columns(&self) -> &[String];
}

/// A file with a count of how much of it was read.
pub(crate) struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Opens a file by what it holds; `read` counts how much was read.
///
/// # Errors
/// Why it cannot be read, and what would be right.
pub fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Box<dyn Rows>, String> {
    let mut file = File::open(path).map_err(|error| format!("the file cannot be opened: {error}"))?;
    let mut head = vec![0; 256 << 10];
    let mut length = 0;
    while length < head.len() {
        match file.read(&mut head[length..]).map_err(|error| unreadable(&error))? {
            0 => break,
            count => length += count,
        }
    }
    head.truncate(length);
    if head.is_empty() {
        return Err("the file is empty".into());
    }
    if head.starts_with(b"PK\x03\x04") {
        return Ok(Box::new(table::Table::new(xlsx::Xlsx::open(path, read.clone())?)?));
    }
    if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(
            "this is an old Excel file (.xls), or one with a password: save it as .xlsx without one, or as CSV".into(),
        );
    }
    if head.starts_with(b"%PDF") || head.starts_with(b"\x1f\x8b") {
        return Err("this is neither CSV nor XLSX nor NDJSON".into());
    }
    if is_page(&head) {
        return Err("this is a web page or XML under a spreadsheet's name: open it and save it as .xlsx or CSV".into());
    }
    file.rewind().map_err(|error| unreadable(&error))?;
    let lines = lines::Lines::new(Counted { file, read: read.clone() }, &head);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let json = matches!(extension.as_str(), "ndjson" | "jsonl") || lines.begins_with_object(&head);
    if json {
        return Ok(Box::new(ndjson::NdJson::new(lines)));
    }
    Ok(Box::new(table::Table::new(csv::Csv::new(lines)?)?))
}

/// Many systems export HTML, or the XML of Excel 2003, and call it `.xls`.
fn is_page(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begin = text[..text.len().min(16)].to_ascii_lowercase();
    ["<html", "<table", "<!doctype", "<?xml", "<head", "<meta", "<!--"]
        .iter()
        .any(|tag| begin.starts_with(tag.as_bytes()))
}

fn unreadable(error: &io::Error) -> String {
    format!("the file cannot be read: {error}")
}
