//! The writer's transaction: the connection, and what is known within it.
//!
//! It begins with the lock of the one row that has the last id and the last sequence, and holds it to its end. So of all
//! nodes one transaction writes at a time, each sees all that was written before, and ids and sequences become visible in
//! their order: as with one writer on one file.

use super::{fail::Fail, link::Link, schema};
use crate::{
    number::Number,
    store::{MessageId, Signal},
};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

/// Where nodes tell each other what they did.
pub(super) const CHANNEL: &str = "jiesu";

const LOCK: &str = "SELECT message, event, (SELECT max(version) FROM jiesu) FROM line WHERE one = 1 FOR UPDATE";
const LAST: &str = "UPDATE line SET message = $1, event = $2 WHERE one = 1";
const COUNTERS: &str = "UPDATE counter SET last = given.last
                        FROM unnest($1::bigint[], $2::bigint[]) AS given (day, last) WHERE counter.day = given.day";
const NOTIFY: &str = "SELECT count(pg_notify($1, kind)) FROM unnest($2::text[]) AS kind";

/// What became of a commit.
pub(super) enum Committed {
    /// It is durable.
    Yes,
    /// It never was.
    No(Fail),
    /// Nobody knows: its answer was lost.
    Unknown(Fail),
}

/// A transaction under way.
pub(super) struct Tx<'a> {
    link: &'a Link,
    message: Cell<i64>,
    event: Cell<i64>,
    /// What they were at the beginning.
    begun: (i64, i64),
    /// The last sequence of each day's numbers, as far as it was asked for.
    days: RefCell<BTreeMap<u32, i64>>,
    signals: RefCell<BTreeSet<Signal>>,
}

impl Deref for Tx<'_> {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.link
    }
}

impl<'a> Tx<'a> {
    /// Begins, once no other node writes.
    pub(super) async fn begin(link: &'a Link) -> Result<Self, Fail> {
        let lock = link.prepare(LOCK).await?;
        let begin = link.client().batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
        // One journey for both.
        let (begun, locked) = tokio::join!(biased; begin, link.client().query_one(&lock, &[]));
        begun?;
        let row = locked?;
        let (message, event, version): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if version > schema::version() {
            let what = format!("the store is of version {version} by now: run the newer jiesu on this node, too");
            return Err(Fail::NotNow(what));
        }
        Ok(Self {
            link,
            message: Cell::new(message),
            event: Cell::new(event),
            begun: (message, event),
            days: RefCell::default(),
            signals: RefCell::default(),
        })
    }

    /// The id of the next message.
    pub(super) fn next_message(&self) -> MessageId {
        self.message.update(|last| last + 1);
        MessageId(self.message.get())
    }

    /// The sequence of the next event.
    pub(super) fn next_event(&self) -> i64 {
        self.event.update(|last| last + 1);
        self.event.get()
    }

    /// The day's next number; the day's first `message` is remembered with it.
    pub(super) async fn next_number(&self, day: u32, message: MessageId) -> Result<Number, Fail> {
        let known = self.days.borrow().get(&day).copied();
        let last = match known {
            Some(last) => last,
            None => {
                let sql = "SELECT last FROM counter WHERE day = $1";
                match self.row(sql, &[&i64::from(day)]).await? {
                    Some(row) => row.try_get(0)?,
                    None => {
                        let sql = "INSERT INTO counter (day, last, first) VALUES ($1, 0, $2)";
                        self.execute(sql, &[&i64::from(day), &message.0]).await?;
                        0
                    }
                }
            }
        };
        self.days.borrow_mut().insert(day, last + 1);
        Ok(Number { day, sequence: (last + 1) as u32 })
    }

    /// Other nodes are told, if this is committed.
    pub(super) fn tell(&self, signal: Signal) {
        self.signals.borrow_mut().insert(signal);
    }

    /// Commits.
    pub(super) async fn commit(self) -> Committed {
        match self.send_commit().await {
            Ok(committed) => committed,
            Err(fail) => Committed::No(fail),
        }
    }

    async fn send_commit(self) -> Result<Committed, Fail> {
        let last = (self.message.get(), self.event.get());
        let (days, counts): (Vec<i64>, Vec<i64>) =
            self.days.take().into_iter().map(|(day, last)| (i64::from(day), last)).unzip();
        let kinds: Vec<&str> = self.signals.take().into_iter().map(name).collect();
        let client = self.link.client();
        let (update, counters, notify) =
            (self.prepare(LAST).await?, self.prepare(COUNTERS).await?, self.prepare(NOTIFY).await?);
        // All in one journey, in this order: each is sent when it is first looked at.
        let mut sent: Vec<BoxFuture<'_, Result<(), tokio_postgres::Error>>> = Vec::with_capacity(4);
        if last != self.begun {
            sent.push(async { client.execute(&update, &[&last.0, &last.1]).await.map(drop) }.boxed());
        }
        if !days.is_empty() {
            sent.push(async { client.execute(&counters, &[&days, &counts]).await.map(drop) }.boxed());
        }
        if !kinds.is_empty() {
            sent.push(async { client.execute(&notify, &[&CHANNEL, &kinds]).await.map(drop) }.boxed());
        }
        sent.push(client.batch_execute("COMMIT").boxed());
        for outcome in join_all(sent).await {
            if let Err(error) = outcome {
                // The server has said no, or it has said nothing.
                return Ok(match (error.as_db_error().is_some(), Fail::from(error)) {
                    (true, fail) => Committed::No(fail),
                    (false, fail) => Committed::Unknown(fail),
                });
            }
        }
        Ok(Committed::Yes)
    }
}

/// What [`Signal::Left`] is called.
pub(super) const LEFT: &str = "left";

/// What a signal is called between the nodes.
pub(super) fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Arrived => "arrived",
        Signal::Issued => "issued",
        Signal::ReplyDue => "reply",
        Signal::MediaDue => "media",
        Signal::Desk => "desk",
        Signal::Left => LEFT,
    }
}

/// All there are.
pub(super) const SIGNALS: [Signal; 6] =
    [Signal::Arrived, Signal::Issued, Signal::ReplyDue, Signal::MediaDue, Signal::Desk, Signal::Left];
