//! The parts of a package (ECMA-376, part 2): a ZIP archive, each part inflated as it is read.

use super::xml::{Xml, attribute};
use flate2::read::DeflateDecoder;
use quick_xml::events::Event;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Take},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use zip::{CompressionMethod, ZipArchive};

/// Bytes of a part that are inflated without a look at how much that is.
const FREE: u64 = 256 << 20;
/// Beyond that, a part that is so many times its size is a bomb: sheets come to fifty at most.
const MAX_RATIO: u64 = 400;
/// Bytes of a part, at most.
const MAX_PART: u64 = 16 << 30;

pub(super) struct Package {
    archive: ZipArchive<BufReader<File>>,
    path: std::path::PathBuf,
    read: Arc<AtomicU64>,
}

/// Which sheet, which others, and what its dates count from.
pub(super) struct Book {
    pub sheet: String,
    /// The names of further sheets that are not hidden.
    pub others: Vec<String>,
    pub epoch_1904: bool,
}

impl Package {
    pub fn open(path: &Path, read: Arc<AtomicU64>) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("the file cannot be opened: {error}"))?;
        let archive = ZipArchive::new(BufReader::new(file));
        let archive = archive.map_err(|error| format!("the file is no whole XLSX: {error}"))?;
        if archive.len() > 10_000 {
            return Err("the file is no XLSX: it has more than 10000 parts".into());
        }
        Ok(Self { archive, path: path.to_owned(), read })
    }

    /// A part by its name, without regard to case; `counted` if its bytes tell how far the file is.
    pub fn part(&mut self, name: &str, counted: bool) -> Result<Option<Part>, String> {
        let found = {
            let mut names = self.archive.file_names().flatten();
            names.find(|known| known.eq_ignore_ascii_case(name)).map(std::borrow::Cow::into_owned)
        };
        let Some(found) = found else { return Ok(None) };
        let broken = |error: &dyn std::fmt::Display| format!("the file is no whole XLSX: {error}");
        let entry = self.archive.index_for_name(&found).ok_or_else(|| broken(&"a part is missing"))?;
        let entry = self.archive.by_index_raw(entry).map_err(|error| broken(&error))?;
        if entry.encrypted() {
            return Err("the file is encrypted: save it without a password".into());
        }
        let (method, size) = (entry.compression(), entry.compressed_size());
        let start = entry.data_start().ok_or_else(|| broken(&"a part has no place"))?;
        drop(entry);
        let mut file = File::open(&self.path).map_err(|error| broken(&error))?;
        file.seek(SeekFrom::Start(start)).map_err(|error| broken(&error))?;
        let counted = Packed { file: file.take(size), read: counted.then(|| self.read.clone()) };
        let packed = BufReader::with_capacity(64 << 10, counted);
        let reader: Box<dyn Read + Send> = match method {
            CompressionMethod::Stored => Box::new(packed),
            CompressionMethod::Deflated => Box::new(DeflateDecoder::new(packed)),
            other => return Err(format!("the file is packed with {other}; save it anew")),
        };
        Ok(Some(Part { reader, inflated: 0, packed: size.max(1) }))
    }

    /// The first sheet that is not hidden.
    pub fn book(&mut self) -> Result<Book, String> {
        let (mut id, mut others, mut epoch_1904) = (None, Vec::new(), false);
        let book = self.part("xl/workbook.xml", false)?.ok_or("the file is no XLSX: it has no workbook")?;
        let mut xml = Xml::new(book);
        xml.each(|event| {
            if let Event::Start(element) | Event::Empty(element) = event {
                match element.local_name().into_inner() {
                    "workbookPr" => {
                        epoch_1904 = attribute(element, "date1904").is_some_and(|value| value == "1" || value == "true")
                    }
                    "sheet" if attribute(element, "state").is_none_or(|state| state == "visible") => match id {
                        None => id = attribute(element, "id"),
                        Some(_) => others.extend(attribute(element, "name")),
                    },
                    _ => {}
                }
            }
            true
        })?;
        let id = id.ok_or("the workbook has no visible sheet")?;
        let mut target = None;
        let relations = self.part("xl/_rels/workbook.xml.rels", false)?.ok_or("the workbook has no relations")?;
        Xml::new(relations).each(|event| {
            if let Event::Start(element) | Event::Empty(element) = event
                && attribute(element, "Id").as_deref() == Some(&id)
            {
                target = attribute(element, "Target");
            }
            target.is_none()
        })?;
        let target = target.ok_or("the workbook's sheet is missing")?;
        let sheet = match target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("xl/{}", target.trim_start_matches("./")),
        };
        Ok(Book { sheet, others, epoch_1904 })
    }
}

struct Packed {
    file: Take<File>,
    read: Option<Arc<AtomicU64>>,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(read) = &self.read {
            read.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(count)
    }
}

/// One part, inflated.
pub(super) struct Part {
    reader: Box<dyn Read + Send>,
    inflated: u64,
    packed: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.inflated += count as u64;
        if self.inflated > MAX_PART || (self.inflated > FREE && self.inflated / self.packed > MAX_RATIO) {
            return Err(io::Error::other("the file swells beyond measure when it is unpacked"));
        }
        Ok(count)
    }
}
