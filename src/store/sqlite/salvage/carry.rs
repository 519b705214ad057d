//! Carries the rows that were found into a new store.

use super::{
    image::{Files, Image},
    page,
    report::Report,
    shape::{MOST_EVENTS, SHAPES, Shape, integer},
    tree::Trees,
};
use rusqlite::{Connection, Statement, params_from_iter, types::Value};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Rows in one transaction.
const BATCH: u32 = 10_000;
/// Between lines of the log that say how far it is.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// A message of which only the beginning is left.
pub(super) struct Torn {
    pub(super) message: i64,
    pub(super) number: i64,
    /// Bytes of its body that were read.
    pub(super) read: usize,
    /// Bytes that it had.
    pub(super) of: usize,
}

/// What is known of the old store after carrying.
pub(super) struct Carried {
    /// The trees of the newest view.
    pub(super) trees: Trees,
    /// Transactions are missing in the middle of the log: nothing that looks whole need be the newest.
    pub(super) gap: bool,
    /// Messages that lack their end.
    pub(super) torn: Vec<Torn>,
    /// The highest event sequence that anything speaks of.
    pub(super) last_event: i64,
}

impl Carried {
    /// Whether `table` was read whole, and as it was last.
    pub(super) fn whole(&self, table: &str) -> bool {
        !self.gap && self.trees.whole(table)
    }
}

/// Carries over every row of `files` that can be read.
pub(super) fn carry(files: &Files, new: &Connection, report: &mut Report) -> rusqlite::Result<Carried> {
    let gap = files.log_is_damaged();
    let newest = if gap { files.with_all(false) } else { files.image() };
    let trees = Trees::climb(&newest);
    let mut work = Work {
        new,
        report,
        insert: prepare(new)?,
        carried: Carried { trees, gap, torn: Vec::new(), last_event: 0 },
        in_transaction: 0,
    };
    new.execute_batch("BEGIN")?;
    let started = Instant::now();
    let mut said = started;
    let all = newest.numbers();
    for (done, number) in all.iter().enumerate() {
        work.page(&newest, *number, true)?;
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            tracing::info!(pages = done, of = all.len(), "carrying over what can be read of the damaged store");
        }
    }
    if gap {
        // Older versions of pages whose newer ones may be damaged.
        let (below, doubtful) = (files.image(), files.with_all(true));
        for number in all.iter().filter(|number| newest.is_newer(**number)) {
            work.page(&below, *number, false)?;
        }
        for number in doubtful.numbers().iter().filter(|number| doubtful.is_newer(**number)) {
            work.page(&doubtful, *number, false)?;
        }
    }
    new.execute_batch("COMMIT")?;
    let Work { carried, report, .. } = work;
    report.pages = all.len();
    Ok(carried)
}

struct Work<'a> {
    new: &'a Connection,
    report: &'a mut Report,
    insert: HashMap<&'static str, Statement<'a>>,
    carried: Carried,
    in_transaction: u32,
}

impl Work<'_> {
    fn page(&mut self, image: &Image<'_>, number: u32, newest: bool) -> rusqlite::Result<()> {
        let owner = self.carried.trees.owner.get(&number).copied().filter(|_| newest);
        let contents = page::contents(image, number);
        for mut row in contents.rows {
            let Some(shape) = Shape::of(&mut row) else { continue };
            self.note_sequence(shape, &row.values);
            if owner.is_some_and(|owner| owner != shape) || !self.wanted(shape, owner.is_some()) {
                continue;
            }
            if let (true, Some(Value::Blob(body))) = (row.missing > 0, row.values.last()) {
                let (message, number) = (integer(&row.values[0]), integer(&row.values[1]));
                self.carried.torn.push(Torn { message, number, read: body.len(), of: body.len() + row.missing });
            }
            self.carry(shape, &row.values)?;
        }
        Ok(())
    }

    /// Whether a row of a page that is, or is not, `live` can be believed.
    fn wanted(&self, shape: &Shape, live: bool) -> bool {
        match shape.table {
            // Rows of these go; without the whole table nobody knows which went.
            "pending" | "quarantine" => live && self.carried.whole(shape.table),
            "paused_channel" | "paused_destination" => live,
            // Rows of these only come, or the insert knows which is the newest.
            _ => live || !self.carried.whole(shape.table),
        }
    }

    fn note_sequence(&mut self, shape: &Shape, values: &[Value]) {
        let sequence = match shape.table {
            "event" => integer(&values[0]),
            "destination" | "dead_letter" => integer(&values[1]),
            _ => 0,
        };
        if sequence < MOST_EVENTS / 2 {
            self.carried.last_event = self.carried.last_event.max(sequence);
        }
    }

    fn carry(&mut self, shape: &Shape, values: &[Value]) -> rusqlite::Result<()> {
        let Some(insert) = self.insert.get_mut(shape.table) else { return Ok(()) };
        let changed = insert.execute(params_from_iter(values))?;
        self.report.found(shape.table, changed > 0);
        self.in_transaction += 1;
        if self.in_transaction == BATCH {
            self.in_transaction = 0;
            self.new.execute_batch("COMMIT; BEGIN")?;
        }
        Ok(())
    }
}

fn prepare(new: &Connection) -> rusqlite::Result<HashMap<&'static str, Statement<'_>>> {
    SHAPES.iter().map(|shape| Ok((shape.table, new.prepare(&insert(shape))?))).collect()
}

/// How a row goes in when one with its key is there already.
fn insert(shape: &Shape) -> String {
    let places = (1..=shape.columns.len()).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
    let table = shape.table;
    let newest = match table {
        // One version may lack its end.
        "message" => "(id) DO UPDATE SET body = excluded.body WHERE length(excluded.body) > length(body)",
        "ticket" => {
            "(number) DO UPDATE SET version = excluded.version, status = excluded.status,
             document = excluded.document, kind = excluded.kind WHERE excluded.version > version"
        }
        "counter" => "(day) DO UPDATE SET last = max(last, excluded.last), first = min(first, excluded.first)",
        "tally" => {
            "(day, channel, hotline) DO UPDATE SET ticketed = max(ticketed, excluded.ticketed),
             supplement = max(supplement, excluded.supplement), repeat = max(repeat, excluded.repeat),
             redelivery = max(redelivery, excluded.redelivery), refused = max(refused, excluded.refused),
             noted = max(noted, excluded.noted)"
        }
        "contact" => {
            "(name) DO UPDATE SET brings = brings | excluded.brings, expects = expects | excluded.expects,
             last_at = max(last_at, excluded.last_at)"
        }
        // Rather everything again than a gap.
        "destination" => {
            "(name) DO UPDATE SET cursor = excluded.cursor, ahead = excluded.ahead WHERE excluded.cursor < cursor"
        }
        "dead_letter" => {
            "(destination, sequence) DO UPDATE SET reason = excluded.reason, attempts = excluded.attempts,
             at = excluded.at, state = excluded.state WHERE excluded.at > at"
        }
        _ => "DO NOTHING",
    };
    format!("INSERT INTO {table} VALUES ({places}) ON CONFLICT {newest}")
}
