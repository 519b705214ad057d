//! The rows that make no appeal, as a CSV of their own: line, reason, and the row as it stood.
//!
//! It is written under another name and put in its place when the file is through, so that a kill midway leaves none, and
//! beginning anew writes it whole. Cells that a spreadsheet would take for a formula are guarded (CWE-1236).

use std::{
    fs, io,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Bytes of one cell, at most.
const MAX_CELL: usize = 64 << 10;

pub(crate) struct Rejects {
    place: PathBuf,
    columns: Vec<String>,
    file: Option<BufWriter<NamedTempFile>>,
}

impl Rejects {
    /// Those of `file`, which is, or will be, beside them.
    pub fn beside(file: &Path, columns: &[String]) -> Self {
        let mut name = file.file_name().unwrap_or_default().to_os_string();
        name.push(".rejected.csv");
        let place = file.with_file_name(name);
        remove_left(folder_of(&place), &prefix(&place));
        Self { place, columns: columns.to_vec(), file: None }
    }

    pub fn add(&mut self, line: u64, reason: &str, cells: &[String]) -> io::Result<()> {
        if self.file.is_none() {
            let folder = folder_of(&self.place);
            let mut made = tempfile::Builder::new().prefix(&prefix(&self.place)).suffix(".part").tempfile_in(folder)?;
            // So that spreadsheets take it for UTF-8.
            made.write_all(b"\xef\xbb\xbf")?;
            let mut file = BufWriter::new(made);
            record(&mut file, ["line", "reason"].into_iter().chain(self.columns.iter().map(String::as_str)))?;
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let line = line.to_string();
        record(file, [line.as_str(), reason].into_iter().chain(cells.iter().map(String::as_str)))
    }

    /// Puts it in its place; where it is, if there is one.
    pub fn finish(self) -> io::Result<Option<PathBuf>> {
        let folder = folder_of(&self.place).to_owned();
        let Some(file) = self.file else {
            // Of an earlier run, with another map.
            return match fs::remove_file(&self.place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(None),
            };
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.place).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()?;
        Ok(Some(self.place))
    }
}

fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn prefix(place: &Path) -> String {
    format!(".{}.", place.file_name().unwrap_or_default().to_string_lossy())
}

/// What a kill left.
fn remove_left(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(".part") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn record<'a>(file: &mut impl Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let cells: Vec<String> = cells.map(guarded).collect();
    writeln!(file, "{}\r", cells.join(","))
}

/// In quotes where that is needed, and never a formula.
fn guarded(cell: &str) -> String {
    let cut = &cell[..cell.floor_char_boundary(MAX_CELL)];
    let mark = if cut.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    let text = format!("{mark}{cut}");
    if text.contains(['"', ',', ';', '\n', '\r', '\t', '\0']) || text != text.trim() {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_marks_quoted() {
        assert_eq!(guarded("=cmd|'/c calc'!A0"), "'=cmd|'/c calc'!A0");
        assert_eq!(guarded("+8613800138000"), "'+8613800138000");
        assert_eq!(guarded("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(guarded("a\nb"), "\"a\nb\"");
        assert_eq!(guarded("路灯"), "路灯");
    }
}
