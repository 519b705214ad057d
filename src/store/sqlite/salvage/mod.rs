//! A damaged store file: what can be read of it is carried over into a new one, and nothing is destroyed.
//!
//! The damaged files are only read, page by page, never opened with SQLite: that stops at the first bad page of a
//! table, and may change what it opens. The steps, a file each: the frames of the log ([`log`]); the pages as they
//! would be seen ([`image`]); the rows on a page ([`page`]) and what they are ([`shape`]); which pages are in use
//! ([`tree`]); their way into the new store ([`carry`]); what must hold there ([`mend`]); the change of place
//! ([`aside`]); and what a person should know ([`report`]).

mod aside;
mod carry;
mod image;
mod log;
mod mend;
mod page;
mod report;
mod shape;
mod tree;

pub(super) use aside::finish;
pub(super) use image::Files;
pub(super) use mend::skip;

use super::{open::OpenError, schema};
use jiff::Timestamp;
use report::Report;
use rusqlite::Connection;
use shape::SHAPES;
use std::{fs, path::Path};

/// Replaces the damaged store at `path` by a new one with every row that can be read. The lock must be held.
///
/// # Errors
/// [`OpenError::Foreign`], if nothing in the file speaks for a store of ours; the disk fails, or has no room for a
/// second file. The damaged files are where they were then.
pub(super) fn salvage(path: &Path, damage: &str) -> Result<(), OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    tracing::error!(alarm = true, damage, path = %path.display(), "THE STORE FILE IS DAMAGED: carrying over what can be read");
    let files = Files::open(path)?;
    let mut report = Report { damage: damage.to_owned(), ..Report::default() };
    let building = aside::building(path)?;
    let mut new = Connection::open(&building).map_err(failed)?;
    let carried = build(&mut new, &files, &mut report).map_err(failed)?;
    if report.rows.is_empty() && !looks_like_ours(&files) {
        drop(new);
        aside::building(path)?;
        return Err(OpenError::Foreign(path.to_owned()));
    }
    report.incomplete = SHAPES.iter().map(|shape| shape.table).filter(|table| !carried.whole(table)).collect();
    mend::mend(&new, &carried, &mut report).map_err(failed)?;
    new.close().map_err(|(_, error)| failed(error))?;
    drop(files);

    let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    aside::complete(path, &building, &time)?;
    report.kept = finish(path)?;
    let text = aside::report(path, &time);
    if let Err(error) = fs::write(&text, report.text()) {
        tracing::warn!(%error, "the report of the damage cannot be written");
    }
    tracing::error!(
        alarm = true,
        damage,
        carried = report.counts(),
        incomplete = report.incomplete.join(", "),
        numbers_lost = report.lost_count,
        messages_cut_short = report.torn.len(),
        back_in_the_line = report.again,
        events_written_anew = report.rebuilt,
        kept = %report.kept.iter().map(|kept| kept.display().to_string()).collect::<Vec<_>>().join(", "),
        report = %text.display(),
        "the damaged store file is kept aside; what could be read of it is in a new one"
    );
    Ok(())
}

fn build(new: &mut Connection, files: &Files, report: &mut Report) -> rusqlite::Result<carry::Carried> {
    new.pragma_update(None, "page_size", schema::PAGE_SIZE)?;
    // Worth nothing until it is complete, and then synced as a whole.
    new.pragma_update(None, "journal_mode", "OFF")?;
    new.pragma_update(None, "synchronous", "OFF")?;
    new.pragma_update(None, "temp_store", "FILE")?;
    new.pragma_update(None, "cache_size", -65_536)?;
    schema::migrate(new)?;
    carry::carry(files, new, report)
}

/// Whether every table is there: a damaged schema may lack one without SQLite's noticing.
pub(super) fn check_tables(connection: &Connection) -> rusqlite::Result<()> {
    for shape in SHAPES {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        if connection.query_row(sql, [shape.table], |row| row.get::<_, i64>(0))? == 0 {
            let what = format!("there is no table {}", shape.table);
            return Err(super::open::failure(rusqlite::ffi::SQLITE_CORRUPT, &what));
        }
    }
    Ok(())
}

/// Without a single row: an empty store, or one cut off or zeroed at the very beginning.
fn looks_like_ours(files: &Files) -> bool {
    let first = files.first_page();
    let magic = b"SQLite format 3\0";
    let beginning = &first[..first.len().min(magic.len())];
    !files.has_file() && files.has_log() || magic.starts_with(beginning) || beginning.iter().all(|byte| *byte == 0)
}
