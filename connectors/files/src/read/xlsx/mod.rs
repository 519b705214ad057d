//! XLSX (ECMA-376) as a stream: the first visible sheet, row by row.
//!
//! The shared strings go to a file that has no name, the rest is never held: neither a million rows nor a bomb
//! fill the memory. Nothing is computed: a formula is the value that was saved with it, else its text.

mod package;
mod sheet;
mod strings;
mod styles;
mod xml;

use super::table::{Record, Records};
use package::Package;
use sheet::Sheet;
use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

/// Reads records.
pub(super) struct Xlsx {
    sheet: Sheet,
}

impl Xlsx {
    pub fn open(path: &Path, read: Arc<AtomicU64>) -> Result<Self, String> {
        let mut package = Package::open(path, read)?;
        let book = package.book()?;
        if !book.others.is_empty() {
            let (file, others) = (path.display(), book.others.join(", "));
            tracing::warn!(%file, others, "only the first visible sheet is read; save others as files of their own");
        }
        let dates = match package.part("xl/styles.xml", false)? {
            Some(part) => styles::date_styles(part)?,
            None => Vec::new(),
        };
        let strings = match package.part("xl/sharedStrings.xml", true)? {
            Some(part) => strings::Strings::read(part)?,
            None => strings::Strings::empty()?,
        };
        let merged = match package.part(&book.sheet, false)? {
            Some(part) => sheet::merged(part)?,
            None => Vec::new(),
        };
        let part = package.part(&book.sheet, true)?.ok_or("the workbook's sheet is missing")?;
        Ok(Self { sheet: Sheet::new(part, strings, dates, book.epoch_1904, merged) })
    }
}

impl Records for Xlsx {
    fn next(&mut self) -> Result<Option<Record>, String> {
        self.sheet.next()
    }

    fn expect(&mut self, _: usize) -> bool {
        true
    }
}
