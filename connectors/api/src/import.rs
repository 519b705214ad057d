//! Files that somebody hands over: the exports of a legacy hotline (`jiesu import`).

use crate::Incoming;
use std::path::{Path, PathBuf};

/// A channel whose messages can also be had from files by hand.
pub trait Importer: Send + Sync {
    /// Opens a file and reads enough of it to know what it is. Blocks.
    ///
    /// # Errors
    /// Why it cannot be read, in words for an operator.
    fn open(&self, file: &Path) -> Result<Box<dyn Import>, String>;
}

/// One file under way. What is not finished leaves no trace, and can be begun anew: messages that came before are known.
pub trait Import: Send {
    /// The next messages, in the file's order, perhaps an empty list; `None` at its end. Blocks.
    ///
    /// # Errors
    /// Why the file cannot be read any further. What came before it stands.
    fn next(&mut self) -> Result<Option<Vec<Incoming>>, String>;

    /// How far it is.
    fn progress(&self) -> Imported;

    /// Puts the file with what was rejected in its place, once every message is on disk. Blocks.
    ///
    /// # Errors
    /// That file could not be written.
    fn finish(self: Box<Self>) -> Result<Imported, String>;
}

/// How far a file is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Bytes of the file that were read.
    pub read: u64,
    /// Bytes of the file.
    pub size: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that make no appeal.
    pub rejected: u64,
    /// Rows that the map skips.
    pub skipped: u64,
    /// The file with the rejected rows, once it is there.
    pub rejects: Option<PathBuf>,
}
