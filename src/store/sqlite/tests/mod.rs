//! The store against real files.

mod accept;
mod damage;
mod in_place;
mod opening;
mod tail;
mod waiting;

use super::SqliteStore;
pub(super) use crate::store::tests::*;
use crate::{
    number::Number,
    store::{MessageId, NewMessage, Outcome, Pass, Sequence, Store},
};
use jiesu_connector::OnOtherContent;
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;

pub(super) struct Place {
    directory: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("jiesu.db")
    }

    pub(super) fn wal(&self) -> PathBuf {
        self.directory.path().join("jiesu.db-wal")
    }

    pub(super) fn open(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&self.path()).unwrap())
    }

    /// Names of the files there, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
