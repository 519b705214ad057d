//! The writer's handle: the connection, and what is known beside it.
//!
//! Only one handle of a file writes, so within a transaction it need not ask the file again for what it has just
//! written: the last numbers given are read once and written once, and recent delivery keys are in memory.

use super::{keys::RecentKeys, log, names::Names, tail::Tail};
use crate::{
    number::Number,
    store::{MessageId, StoredEvent},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    cell::{Cell, RefCell, RefMut},
    ops::Deref,
    sync::Arc,
};

/// The writer's handle.
pub(super) struct Handle {
    connection: Connection,
    keys: RefCell<RecentKeys>,
    names: Arc<Names>,
    tail: Arc<Tail>,
    /// Events of the transaction under way.
    appended: RefCell<Vec<StoredEvent>>,
    last: RefCell<Last>,
    /// Commits wait for the disk.
    sync: Cell<bool>,
}

/// The last ones given in the transaction under way; `None` until the first is asked for.
#[derive(Default)]
struct Last {
    message: Option<i64>,
    event: Option<i64>,
    /// The day, and the last sequence of its numbers.
    number: Option<(u32, u32)>,
}

impl Handle {
    /// Of a connection to a store of this version; with it, `names` are what the store holds, and `tail` is where its log
    /// ends.
    pub(super) fn new(connection: Connection, names: Arc<Names>, tail: Arc<Tail>) -> rusqlite::Result<Self> {
        let keys = RecentKeys::read(&connection)?;
        names.read(&connection)?;
        tail.begin(log::last(&connection)?);
        Ok(Self {
            connection,
            keys: RefCell::new(keys),
            names,
            tail,
            appended: RefCell::default(),
            last: RefCell::default(),
            sync: Cell::new(true),
        })
    }

    /// Whether the next transactions are on the disk when they are done, as usual; else they are when the next one is that
    /// waits for it (SQLite, `PRAGMA synchronous`: in the log a NORMAL commit is whole or not there, and none is there
    /// without those before it).
    pub(super) fn set_sync(&self, sync: bool) -> rusqlite::Result<()> {
        if self.sync.get() != sync {
            self.pragma_update(None, "synchronous", if sync { "FULL" } else { "NORMAL" })?;
            self.sync.set(sync);
        }
        Ok(())
    }

    /// Runs `work` in a transaction. What fails leaves nothing behind.
    pub(super) fn transaction(&self, work: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        self.names.begin(self)?;
        self.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = work().and_then(|()| self.write_number());
        let done = done.and_then(|()| self.prepare_cached("COMMIT")?.execute([]).map(drop));
        self.last.take();
        match &done {
            Ok(()) => {
                self.keys.borrow_mut().committed();
                self.names.committed();
                self.tail.committed(self.appended.take());
            }
            Err(_) => {
                self.keys.borrow_mut().rolled_back();
                self.appended.take();
                if !self.is_autocommit() {
                    let _ = self.execute_batch("ROLLBACK");
                }
                self.names.rolled_back(self);
            }
        }
        done
    }

    /// The delivery keys of recent messages.
    pub(super) fn keys(&self) -> RefMut<'_, RecentKeys> {
        self.keys.borrow_mut()
    }

    /// The names of citizens.
    pub(super) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// The end of the log, as it is committed.
    pub(super) fn tail(&self) -> &Arc<Tail> {
        &self.tail
    }

    /// Takes note of an event that the transaction under way has written.
    pub(super) fn appended(&self, event: StoredEvent) {
        self.appended.borrow_mut().push(event);
    }

    /// The id of the next message.
    pub(super) fn next_message(&self) -> rusqlite::Result<MessageId> {
        let next = 1 + match self.last.borrow().message {
            Some(last) => last,
            None => self
                .prepare_cached("SELECT coalesce(max(id), 0) FROM message")?
                .query_row([], |row| row.get::<_, i64>(0))?,
        };
        self.last.borrow_mut().message = Some(next);
        Ok(MessageId(next))
    }

    /// The sequence of the next event.
    pub(super) fn next_event(&self) -> rusqlite::Result<i64> {
        let next = 1 + match self.last.borrow().event {
            Some(last) => last,
            None => log::last(self)?.0,
        };
        self.last.borrow_mut().event = Some(next);
        Ok(next)
    }

    /// The day's next number; the day's first `message` is remembered with it.
    pub(super) fn next_number(&self, day: u32, message: MessageId) -> rusqlite::Result<Number> {
        let known = self.last.borrow().number;
        let last = match known {
            Some((of, last)) if of == day => last,
            _ => {
                self.write_number()?;
                self.read_number(day, message)?
            }
        };
        self.last.borrow_mut().number = Some((day, last + 1));
        Ok(Number { day, sequence: last + 1 })
    }

    fn read_number(&self, day: u32, message: MessageId) -> rusqlite::Result<u32> {
        let sql = "SELECT last FROM counter WHERE day = ?1";
        let last = self.prepare_cached(sql)?.query_row([day], |row| row.get(0)).optional()?;
        if let Some(last) = last {
            return Ok(last);
        }
        self.prepare_cached("INSERT INTO counter (day, last, first) VALUES (?1, 0, ?2)")?
            .execute(params![day, message.0])?;
        Ok(0)
    }

    fn write_number(&self) -> rusqlite::Result<()> {
        let Some((day, last)) = self.last.borrow().number else { return Ok(()) };
        self.prepare_cached("UPDATE counter SET last = ?2 WHERE day = ?1")?.execute([day, last]).map(drop)
    }
}

impl Deref for Handle {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}
