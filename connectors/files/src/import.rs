//! One file under way.

use crate::{
    read::{self, Row, Rows},
    rejects::Rejects,
    row::Meaning,
    usual,
};
use jiesu_connector::{Import, Imported, Importer, Incoming};
use std::{
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

/// Rows, and bytes of them, that are stored together.
const ROWS: usize = 500;
const BYTES: usize = 2 << 20;
/// Rows that are read before somebody hears of it, whatever comes of them.
const LOOK: usize = 5_000;

/// Opens files.
pub(crate) struct Reader {
    pub meaning: Meaning,
}

impl Importer for Reader {
    fn open(&self, file: &Path) -> Result<Box<dyn Import>, String> {
        Ok(Box::new(self.read(file, file)?))
    }
}

impl Reader {
    /// Opens `file`; what is rejected is told beside `away`, where the file will be when it is through.
    pub fn read(&self, file: &Path, away: &Path) -> Result<Reading, String> {
        let read = Arc::new(AtomicU64::new(0));
        let stamp = Stamp::of(file).map_err(|error| format!("the file cannot be opened: {error}"))?;
        let size = stamp.size;
        let mut rows = read::open(file, &read)?;
        let mut first = None;
        if self.meaning.0.is_none() {
            // The columns of NDJSON are those of its first object.
            first = rows.next()?;
            let own = first.as_ref().and_then(|row| row.fields.as_ref().ok());
            let own = own.map(|fields| fields.keys().cloned().collect::<Vec<_>>());
            let columns = own.unwrap_or_else(|| rows.columns().to_vec());
            if first.is_some()
                && !usual::has_content(columns.iter())
                && first.as_ref().is_some_and(|row| row.fields.is_ok())
            {
                let shown: Vec<&str> = columns.iter().take(20).map(String::as_str).collect();
                return Err(format!(
                    "no column is known for the citizen's words (such as 诉求内容 or content); there are: {}; set `map`",
                    shown.join(", ")
                ));
            }
        }
        let rejects = Rejects::beside(away, rows.columns());
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Reading {
            rows,
            first,
            meaning: self.meaning.clone(),
            rejects,
            name,
            read,
            stamp,
            done: Imported { size, ..Imported::default() },
        })
    }
}

/// A file that is being read.
pub(crate) struct Reading {
    rows: Box<dyn Rows>,
    first: Option<Row>,
    meaning: Meaning,
    rejects: Rejects,
    name: String,
    read: Arc<AtomicU64>,
    stamp: Stamp,
    done: Imported,
}

/// Which file this is, and what it looked like.
#[derive(PartialEq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let found = path.metadata()?;
        Ok(Self { file: (found.dev(), found.ino()), size: found.len(), modified: found.modified().ok() })
    }
}

impl Reading {
    /// Whether there is another file under its name now, or more in it. One that is gone is no other.
    pub fn is_outdated(&self, path: &Path) -> bool {
        Stamp::of(path).is_ok_and(|now| now != self.stamp)
    }

    fn row(&mut self, row: Row) -> Result<Vec<Incoming>, String> {
        self.done.rows += 1;
        let Row { line, cells, fields } = row;
        let messages =
            fields.and_then(|fields| self.meaning.messages(fields, line, &self.name).map_err(|error| error.detail()));
        match messages {
            Ok(messages) => {
                self.done.skipped += u64::from(messages.is_empty());
                Ok(messages)
            }
            Err(reason) => {
                self.done.rejected += 1;
                let written = self.rejects.add(line, &reason, &cells);
                written
                    .map(|()| Vec::new())
                    .map_err(|error| format!("the file of rejected rows cannot be written: {error}"))
            }
        }
    }
}

impl Import for Reading {
    fn next(&mut self) -> Result<Option<Vec<Incoming>>, String> {
        let (mut batch, mut bytes, mut seen) = (Vec::new(), 0, 0);
        while batch.len() < ROWS && bytes < BYTES && seen < LOOK {
            seen += 1;
            let row = match self.first.take() {
                Some(row) => Some(row),
                None => self.rows.next()?,
            };
            let Some(row) = row else { return Ok((!batch.is_empty()).then_some(batch)) };
            let messages = self.row(row)?;
            bytes += messages.iter().map(|message| message.raw.body.len()).sum::<usize>();
            batch.extend(messages);
        }
        Ok(Some(batch))
    }

    fn progress(&self) -> Imported {
        Imported { read: self.read.load(Ordering::Relaxed).min(self.done.size), ..self.done.clone() }
    }

    fn finish(self: Box<Self>) -> Result<Imported, String> {
        let mut done = self.progress();
        let rejects = self.rejects.finish();
        done.rejects = rejects.map_err(|error| format!("the file of rejected rows cannot be written: {error}"))?;
        done.read = done.size;
        Ok(done)
    }
}
