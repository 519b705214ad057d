//! The line's reader: for one thread that may wait for the disk, and asks much about the same.
//!
//! A hop to another thread and back costs more than a look into an index, and with each commit of the writer's SQLite
//! forgets the pages that a reader has read. So the line reads in place, and a round of it has one look.

use super::{
    open,
    reader::{begin, end, failed},
};
use crate::store::Result;
use rusqlite::Connection;
use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A handle of its own.
pub(super) struct LineReader {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// The look that is asked for lasts over several reads.
    lasting: bool,
    /// A look has begun.
    looking: bool,
}

impl LineReader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, state: Mutex::default() }
    }

    /// The next read begins a new look, which lasts until [`Self::look_away`].
    pub(super) fn look(&self) {
        self.look_away();
        self.state().lasting = true;
    }

    /// The next read sees what is there then.
    pub(super) fn look_away(&self) {
        let mut state = self.state();
        state.lasting = false;
        if std::mem::take(&mut state.looking) {
            // A handle that failed is not used again.
            state.connection = state.connection.take().filter(|connection| end(connection).is_ok());
        }
    }

    /// Runs `work` here and now.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut state = self.state();
        let looking = std::mem::take(&mut state.looking);
        let connection = state.connection.take().map_or_else(|| open::connect_reader(&self.path), Ok);
        let outcome = connection.and_then(|connection| {
            if !looking {
                begin(&connection)?;
            }
            let value = work(&connection)?;
            if !state.lasting {
                end(&connection)?;
            }
            (state.connection, state.looking) = (Some(connection), state.lasting);
            Ok(value)
        });
        outcome.map_err(|error| failed(&self.path, &error))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
