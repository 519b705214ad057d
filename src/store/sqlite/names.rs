//! Names of citizens: those learnt lately in memory and in a table of their own, the others in the index `identity`.
//!
//! As with delivery keys, a name is a digest, and each goes to another page of the index: written one by one, they would
//! make up nearly half of the log. And most appeals come from somebody new, so what is not in the index need not be looked
//! for there: a Bloom filter knows (B. H. Bloom, 1970).

use super::{citizens, filter::Filter};
use crate::store::Identity;
use rusqlite::{Connection, params};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Names in memory that are worth a fold: few enough for a quick start, many enough that several meet on one page.
const FOLD_AT: usize = 8_192;
/// Names taken into the index by one transaction, so that nobody waits long for it.
const SLICE: usize = 256;

/// The names of citizens, as far as they are not only in the file. Shared by the writer, the line and the keeper.
#[derive(Default)]
pub(super) struct Names(Mutex<State>);

#[derive(Default)]
struct State {
    /// By name; all of the table `learnt`.
    recent: HashMap<String, Recent>,
    /// What the last fold took into the index: who began to look at the file before that does not see it there.
    before: HashMap<String, Recent>,
    /// The next row of the table. Never goes back, so that a fold knows what was there when it began.
    next: i64,
    /// The transaction under way has changed something.
    changed: bool,
    /// One that had was rolled back, and what the table holds could not be read since.
    doubtful: bool,
    indexed: Filter,
}

struct Recent {
    row: i64,
    identity: Identity,
}

/// Names on their way into the index.
pub(super) struct Fold {
    /// The rows up to this one.
    to: i64,
    /// In the index's order.
    names: Vec<String>,
}

impl Fold {
    /// How many transactions it takes.
    pub(super) fn slices(&self) -> usize {
        self.names.len() / SLICE + 1
    }
}

impl Names {
    /// Reads back what the table holds. What a fold that was interrupted has taken into the index is known from there.
    pub(super) fn read(&self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT * FROM learnt WHERE NOT EXISTS (SELECT 1 FROM identity WHERE identity.name = learnt.name)";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            let recent = Recent { row: row.get("id")?, identity: citizens::read(row)? };
            Ok((recent.identity.name.clone(), recent))
        })?;
        let recent = rows.collect::<rusqlite::Result<HashMap<_, _>>>()?;
        let last: i64 =
            connection.prepare_cached("SELECT coalesce(max(id), 0) FROM learnt")?.query_row([], |row| row.get(0))?;
        let mut state = self.state();
        state.next = state.next.max(last + 1);
        (state.recent, state.changed, state.doubtful) = (recent, false, false);
        Ok(())
    }

    /// Before a transaction.
    pub(super) fn begin(&self, connection: &Connection) -> rusqlite::Result<()> {
        let doubtful = self.state().doubtful;
        if doubtful { self.read(connection) } else { Ok(()) }
    }

    /// The transaction under way is on disk.
    pub(super) fn committed(&self) {
        self.state().changed = false;
    }

    /// The transaction under way never was.
    pub(super) fn rolled_back(&self, connection: &Connection) {
        let changed = self.state().changed;
        if changed && self.read(connection).is_err() {
            self.state().doubtful = true;
        }
    }

    /// Those of `names` that are known here, and those that the index may know.
    pub(super) fn known(&self, mut names: Vec<String>) -> (Vec<Identity>, Vec<String>) {
        let state = self.state();
        let mut known = Vec::new();
        names.retain(|name| match state.recent.get(name).or_else(|| state.before.get(name)) {
            Some(recent) => {
                known.push(recent.identity.clone());
                false
            }
            None => state.indexed.may_have(name),
        });
        (known, names)
    }

    /// Writes down whose a name is, unless it is somebody's already; then only that it is proven, if it is.
    pub(super) fn learn(&self, connection: &Connection, identity: &Identity) -> rusqlite::Result<()> {
        let Identity { name, citizen, kind, shown, proven, channel, number, at } = identity;
        let mut state = self.state();
        state.changed = true;
        if let Some(known) = state.recent.get_mut(name) {
            if *proven && !known.identity.proven {
                known.identity.proven = true;
                connection.prepare_cached("UPDATE learnt SET proven = 1 WHERE id = ?1")?.execute([known.row])?;
                // A fold under way may have taken it already.
                citizens::prove(connection, name)?;
            }
            return Ok(());
        }
        if state.indexed.may_have(name) && citizens::is_known(connection, name)? {
            if *proven {
                citizens::prove(connection, name)?;
                state.before.get_mut(name).into_iter().for_each(|known| known.identity.proven = true);
            }
            return Ok(());
        }
        let row = state.next;
        let sql = "INSERT INTO learnt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let (number, at) = (number.to_key(), at.as_millisecond());
        let mut insert = connection.prepare_cached(sql)?;
        insert.execute(params![row, name, citizen, kind, shown, proven, channel, number, at])?;
        state.next += 1;
        state.recent.insert(name.clone(), Recent { row, identity: identity.clone() });
        Ok(())
    }

    /// What a fold has to do, if there is enough.
    pub(super) fn due(&self) -> Option<Fold> {
        let state = self.state();
        (state.recent.len() >= FOLD_AT).then(|| state.fold())
    }

    /// One slice of a fold. Running it again does no harm; with the last one the names are known by the index.
    pub(super) fn fold(&self, connection: &Connection, fold: &Fold, slice: usize) -> rusqlite::Result<()> {
        let mut state = self.state();
        state.changed = true;
        for name in fold.names.chunks(SLICE).nth(slice).unwrap_or_default() {
            // As it is now: it may have been proven since the fold began.
            let Some(recent) = state.recent.get(name) else { continue };
            citizens::add(connection, &recent.identity)?;
            state.indexed.add(name);
        }
        if slice + 1 == fold.slices() {
            connection.execute("DELETE FROM learnt WHERE id <= ?1", [fold.to])?;
            let (before, recent) =
                std::mem::take(&mut state.recent).into_iter().partition(|(_, recent)| recent.row <= fold.to);
            (state.before, state.recent) = (before, recent);
        }
        Ok(())
    }

    /// Takes all into the index at once, for what an operator does there.
    pub(super) fn settle(&self, connection: &Connection) -> rusqlite::Result<()> {
        let fold = self.state().fold();
        (0..fold.slices()).try_for_each(|slice| self.fold(connection, &fold, slice))
    }

    /// An operator has made the name, which is settled, another citizen's.
    pub(super) fn give(&self, name: &str, citizen: &str) {
        if let Some(known) = self.state().before.get_mut(name) {
            citizen.clone_into(&mut known.identity.citizen);
        }
    }

    /// Learns which names the index holds, if that is not known or they have become too many; for the keeper, which may wait.
    pub(super) fn look_through(&self, connection: &Connection) -> rusqlite::Result<()> {
        // What is folded from now on is noted, so that nothing is missed.
        if !self.state().indexed.begin() {
            return Ok(());
        }
        let mut names = connection.prepare("SELECT name FROM identity")?;
        let mut rows = names.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Filter::mark(row.get_ref(0)?.as_str()?));
        }
        self.state().indexed.fill(&found);
        // What was read is not read again.
        connection.execute_batch("PRAGMA shrink_memory")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fold(&self) -> Fold {
        let mut names: Vec<String> = self.recent.keys().cloned().collect();
        names.sort_unstable();
        Fold { to: self.next - 1, names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        number::Number,
        store::sqlite::{handle::Handle, schema},
    };
    use jiff::Timestamp;
    use std::path::Path;

    const COUNT: usize = 2 * SLICE + 9;

    fn open(path: &Path) -> Handle {
        let mut connection = Connection::open(path).unwrap();
        schema::migrate(&mut connection).unwrap();
        let handle = Handle::new(connection, Default::default(), Default::default()).unwrap();
        look_through(&handle, path);
        handle
    }

    fn look_through(handle: &Handle, path: &Path) {
        handle.names().look_through(&Connection::open(path).unwrap()).unwrap();
    }

    fn identity(at: usize, citizen: &str, proven: bool) -> Identity {
        Identity {
            name: format!("ap_{at}"),
            citizen: citizen.into(),
            kind: "phone",
            shown: "138****8000".into(),
            proven,
            channel: "app".into(),
            number: Number { day: 20_261_122, sequence: 1 },
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn learn(handle: &Handle, identities: &[Identity]) {
        handle.transaction(|| identities.iter().try_for_each(|one| handle.names().learn(handle, one))).unwrap();
    }

    /// As the store asks: here first, then the index.
    fn ask(handle: &Handle, at: usize) -> Option<Identity> {
        let (mut known, asked) = handle.names().known(vec![format!("ap_{at}")]);
        known.extend(citizens::named(handle, &asked).unwrap());
        assert!(known.len() < 2, "{known:?}");
        known.pop()
    }

    fn assert_known(handle: &Handle, proven: impl Fn(usize) -> bool) {
        for at in 0..COUNT {
            assert_eq!(ask(handle, at), Some(identity(at, "x", proven(at))));
        }
        assert_eq!(ask(handle, COUNT), None);
        assert_eq!(citizens::of(handle, "x").unwrap().0.len(), 200, "as many as are shown");
    }

    fn rows(handle: &Handle, table: &str) -> usize {
        let count: i64 = handle.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        count as usize
    }

    #[test]
    fn a_name_is_known_before_during_and_after_a_fold_and_after_a_restart_at_any_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let handle = open(&path);
        let names: Vec<Identity> = (0..COUNT).map(|at| identity(at, "x", false)).collect();
        learn(&handle, &names);
        // Somebody else's it never becomes.
        learn(&handle, &[identity(1, "y", true), identity(2, "y", false)]);
        assert_known(&handle, |at| at == 1);
        assert_known(&open(&path), |at| at == 1);

        let (names, fold) = (handle.names(), handle.names().state().fold());
        for slice in 0..fold.slices() {
            assert_eq!(rows(&handle, "identity"), slice * SLICE);
            handle.transaction(|| names.fold(&handle, &fold, slice)).unwrap();
            // What runs twice does no harm; what is proven meanwhile is, whether it is in the index yet or not.
            handle.transaction(|| names.fold(&handle, &fold, slice)).unwrap();
            learn(&handle, &[identity(100 + slice, "x", true), identity(400 + slice, "y", true)]);
            let proven = |at: usize| at == 1 || (100..=100 + slice).contains(&at) || (400..=400 + slice).contains(&at);
            assert_known(&handle, proven);
            assert_known(&open(&path), proven);
        }
        assert_eq!((rows(&handle, "identity"), rows(&handle, "learnt")), (COUNT, 0));
        assert!(handle.names().state().recent.is_empty());
        learn(&handle, &[identity(COUNT, "z", false), identity(7, "y", true)]);
        assert_eq!((rows(&handle, "identity"), rows(&handle, "learnt")), (COUNT, 1), "new ones only");
        assert!(ask(&handle, 7).is_some_and(|known| known.citizen == "x" && known.proven));
    }

    #[test]
    fn what_a_transaction_learnt_or_folded_is_forgotten_when_it_is_rolled_back() {
        let directory = tempfile::tempdir().unwrap();
        let handle = open(&directory.path().join("store.db"));
        let names: Vec<Identity> = (0..COUNT).map(|at| identity(at, "x", false)).collect();
        let failure = || Err(rusqlite::Error::QueryReturnedNoRows);
        let lost = || handle.names().learn(&handle, &identity(3, "y", true)).and_then(|()| failure());
        handle.transaction(lost).unwrap_err();
        assert_eq!(ask(&handle, 3), None);
        learn(&handle, &names);
        let settled = || handle.names().settle(&handle).and_then(|()| failure());
        handle.transaction(settled).unwrap_err();
        assert_eq!((rows(&handle, "identity"), rows(&handle, "learnt")), (0, COUNT));
        assert_known(&handle, |_| false);
    }

    #[test]
    fn a_name_that_was_given_to_another_is_theirs_also_if_a_fold_was_under_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let handle = open(&path);
        let names: Vec<Identity> = (0..COUNT).map(|at| identity(at, "x", false)).collect();
        learn(&handle, &names);
        let fold = handle.names().state().fold();
        handle.transaction(|| handle.names().fold(&handle, &fold, 0)).unwrap();
        let mut split = None;
        handle
            .transaction(|| {
                split = citizens::split(&handle, "x", "ap_3", "z")?;
                Ok(())
            })
            .unwrap();
        assert!(matches!(split, Some(Some(_))));
        learn(&handle, &[identity(COUNT, "x", false)]);
        for slice in 1..fold.slices() {
            handle.transaction(|| handle.names().fold(&handle, &fold, slice)).unwrap();
        }
        for handle in [&handle, &open(&path)] {
            assert_eq!(ask(handle, 3), Some(identity(3, "z", false)));
            assert_eq!(ask(handle, COUNT), Some(identity(COUNT, "x", false)), "it came after the fold had begun");
            assert_eq!(ask(handle, 4), Some(identity(4, "x", false)));
        }
    }
}
