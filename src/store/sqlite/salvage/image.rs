//! The pages of a store as SQLite would see them: the file, with the newest frames of the log laid over it.
//!
//! Nothing here goes through SQLite, and nothing is written: opening a damaged file with SQLite could already copy
//! the log into it, or throw the log away.

use super::{
    super::{open::beside, schema::PAGE_SIZE},
    log::{Frames, Log},
};
use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

/// Bytes of a page.
pub(super) const PAGE: usize = PAGE_SIZE as usize;

/// A page as far as it could be read; the rest is zeros.
pub(super) struct Page {
    pub(super) bytes: Box<[u8; PAGE]>,
    /// Bytes that were really there.
    pub(super) read: usize,
}

/// A store file and its log, open for reading only.
pub(in super::super) struct Files {
    file: Option<File>,
    wal: Option<File>,
    pub(super) file_bytes: u64,
    pub(super) log: Log,
    cut: bool,
}

impl Files {
    /// Opens what is there.
    pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let wal = open(&beside(path, "-wal"))?;
        let file_bytes = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|metadata| metadata.len()))?;
        let mut log = wal.as_ref().map_or_else(|| Ok(Log::default()), Log::read)?;
        let cut = log.pages > 0 && file_bytes / PAGE as u64 > u64::from(log.pages);
        if cut {
            // Older than the pages of the file, which they must not hide.
            let committed = std::mem::take(&mut log.committed);
            log.doubtful.extend(committed);
        }
        Ok(Self { file, wal, file_bytes, log, cut })
    }

    /// What SQLite sees.
    pub(super) fn image(&self) -> Image<'_> {
        Image { files: self, layers: vec![&self.log.committed] }
    }

    /// With the transactions behind a damaged frame, and the frames that nothing vouches for.
    pub(super) fn with_all(&self, doubtful: bool) -> Image<'_> {
        let mut layers = vec![&self.log.behind, &self.log.committed];
        if doubtful {
            layers.insert(0, &self.log.doubtful);
        }
        Image { files: self, layers }
    }

    /// Whether there is neither a page nor a frame.
    pub(in super::super) fn empty(&self) -> bool {
        let log = &self.log;
        self.file_bytes == 0 && log.committed.is_empty() && log.behind.is_empty() && log.doubtful.is_empty()
    }

    /// Whether the file has begun; without that, SQLite throws the log away.
    pub(in super::super) fn starts(&self) -> bool {
        self.file_bytes > 0
    }

    /// Whether the log holds acknowledged transactions that SQLite would not read, or would hide some from it.
    pub(in super::super) fn log_is_damaged(&self) -> bool {
        self.log.damaged() || self.log_is_cut()
    }

    /// Whether the file goes on beyond the last transaction of the log. The file never shrinks, so the log was longer when
    /// it was copied: what is left of it would lay old pages over newer ones.
    pub(in super::super) fn log_is_cut(&self) -> bool {
        self.cut
    }

    /// Bytes at the end of the log that SQLite will drop: a transaction that was never acknowledged.
    pub(in super::super) fn torn_tail(&self) -> u64 {
        self.log.tail
    }

    /// The first page as SQLite will see it.
    pub(in super::super) fn first_page(&self) -> Vec<u8> {
        self.image().page(1).map(|page| page.bytes[..page.read].to_vec()).unwrap_or_default()
    }

    pub(super) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn has_log(&self) -> bool {
        self.wal.is_some()
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One view of the pages.
pub(super) struct Image<'a> {
    files: &'a Files,
    /// Newest first.
    layers: Vec<&'a Frames>,
}

impl Image<'_> {
    /// The numbers of all pages there may be, ascending.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let in_file = self.files.file_bytes.div_ceil(PAGE as u64).min(u64::from(u32::MAX)) as u32;
        let mut beyond: Vec<u32> =
            self.layers.iter().flat_map(|frames| frames.keys()).copied().filter(|page| *page > in_file).collect();
        beyond.sort_unstable();
        beyond.dedup();
        (1..=in_file).chain(beyond).collect()
    }

    /// The page `number`, counted from 1; `None` where there is nothing, or the disk cannot read it.
    pub(super) fn page(&self, number: u32) -> Option<Page> {
        let mut bytes = Box::new([0; PAGE]);
        for frames in &self.layers {
            if let (Some(at), Some(wal)) = (frames.get(&number), &self.files.wal) {
                wal.read_exact_at(&mut bytes[..], *at).ok()?;
                return Some(Page { bytes, read: PAGE });
            }
        }
        let at = u64::from(number.checked_sub(1)?) * PAGE as u64;
        let there = self.files.file_bytes.saturating_sub(at).min(PAGE as u64) as usize;
        let file = self.files.file.as_ref().filter(|_| there > 0)?;
        file.read_exact_at(&mut bytes[..there], at).ok()?;
        Some(Page { bytes, read: there })
    }

    /// Whether this view differs from the one below its first layer, in page `number`.
    pub(super) fn is_newer(&self, number: u32) -> bool {
        self.layers.first().is_some_and(|frames| frames.contains_key(&number))
    }
}
