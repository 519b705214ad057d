//! Delivery keys: recent ones in memory and in their message's own row, the others in an index.
//!
//! Their names are digests, so each goes to another page of the index. Written one by one with their messages, they
//! would cost a page of the log each: more than the message itself. So a new key is written with its message and
//! remembered in memory, and a fold takes many at a time into the index, in the index's own order. After a crash the
//! recent ones are read back from the messages beyond [`folded_to`].

use super::handle::Handle;
use crate::store::{MessageId, NewMessage};
use jiesu_connector::{DeliveryKey, digest};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, hash_map::Entry};

/// A name, and a digest of content.
type Digest = [u8; 16];
const DIGEST: usize = size_of::<Digest>();
/// Keys taken into the index by one transaction, so that nobody waits long for it.
pub(super) const SLICE: usize = 256;
/// Messages since the last fold that are worth another: few enough for the memory (5 MB) and for a quick start, many
/// enough that several keys meet on one page.
pub(super) const FOLD_AT: i64 = 32_768;

/// What the store knows of a key.
pub(super) enum Found {
    Nothing,
    OtherContent,
    Same(MessageId),
}

/// The keys of the messages that no fold has reached yet.
#[derive(Default)]
pub(super) struct RecentKeys {
    known: HashMap<Digest, Uses>,
    /// Remembered in the transaction under way.
    new: Vec<(Digest, Digest)>,
    /// Folded up to this message, if the transaction under way is committed.
    folded: Option<i64>,
}

/// What a name was used for: nearly always one thing.
struct Uses {
    first: (Digest, i64),
    others: Vec<(Digest, i64)>,
}

impl Uses {
    fn iter(&self) -> impl Iterator<Item = &(Digest, i64)> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// What is left, if anything.
    fn without(self, gone: impl Fn(&(Digest, i64)) -> bool) -> Option<Self> {
        let mut left = std::iter::once(self.first).chain(self.others).filter(|use_| !gone(use_));
        Some(Self { first: left.next()?, others: left.collect() })
    }
}

impl RecentKeys {
    /// Reads them back from their messages.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut keys = Self::default();
        let mut messages = connection.prepare("SELECT id, keys, digest FROM message WHERE id > ?1 ORDER BY id")?;
        let mut rows = messages.query([folded_to(connection)?])?;
        while let Some(row) = rows.next()? {
            let Ok(content) = row.get_ref(2)?.as_blob()?.try_into() else { continue };
            keys.add(row.get_ref(1)?.as_blob()?, content, MessageId(row.get(0)?));
        }
        keys.committed();
        Ok(keys)
    }

    /// Remembers the keys of a message that was just written, under its `names`.
    pub(super) fn add(&mut self, names: &[u8], content: Digest, message: MessageId) {
        for name in names.as_chunks::<DIGEST>().0 {
            let use_ = (content, message.0);
            match self.known.entry(*name) {
                Entry::Vacant(place) => _ = place.insert(Uses { first: use_, others: Vec::new() }),
                // The first message of a key and a content is the one whose receipt counts.
                Entry::Occupied(uses) if uses.get().iter().any(|(known, _)| *known == content) => continue,
                Entry::Occupied(mut uses) => uses.get_mut().others.push(use_),
            }
            self.new.push((*name, content));
        }
    }

    fn find(&self, name: &Digest, content: &Digest) -> Found {
        let Some(uses) = self.known.get(name) else { return Found::Nothing };
        match uses.iter().find(|(known, _)| known == content) {
            Some((_, message)) => Found::Same(MessageId(*message)),
            None => Found::OtherContent,
        }
    }

    /// The transaction under way is on disk.
    pub(super) fn committed(&mut self) {
        self.new.clear();
        if let Some(to) = self.folded.take() {
            self.known = std::mem::take(&mut self.known)
                .into_iter()
                .filter_map(|(name, uses)| Some((name, uses.without(|(_, message)| *message <= to)?)))
                .collect();
        }
    }

    /// The transaction under way never was.
    pub(super) fn rolled_back(&mut self) {
        self.folded = None;
        for (name, content) in std::mem::take(&mut self.new) {
            let left = self.known.remove(&name).and_then(|uses| uses.without(|(known, _)| *known == content));
            left.and_then(|left| self.known.insert(name, left));
        }
    }
}

/// Puts the keys of all messages into the index, after some of it was lost.
pub(super) fn refill(connection: &Connection) -> rusqlite::Result<()> {
    let mut messages = connection.prepare("SELECT id, keys, digest FROM message ORDER BY id")?;
    let mut insert = connection.prepare("INSERT OR IGNORE INTO delivery_key VALUES (?1, ?2, ?3)")?;
    let mut rows = messages.query([])?;
    while let Some(row) = rows.next()? {
        for name in row.get_ref(1)?.as_blob()?.as_chunks::<DIGEST>().0 {
            insert.execute(params![name, row.get_ref(2)?.as_blob()?, row.get::<_, i64>(0)?])?;
        }
    }
    Ok(())
}

/// The names of a message's keys, as its row keeps them.
pub(super) fn names(message: &NewMessage) -> Vec<u8> {
    message.incoming.keys.iter().flat_map(|key| name(message, key)).collect()
}

fn name(message: &NewMessage, key: &DeliveryKey) -> Digest {
    digest([message.channel.as_bytes(), key.scope.as_bytes(), key.value.as_bytes()])
}

/// Looks a key up, among the recent ones first.
pub(super) fn find(handle: &Handle, message: &NewMessage, key: &DeliveryKey) -> rusqlite::Result<Found> {
    let (name, content) = (name(message, key), &message.incoming.digest);
    let recent = handle.keys().find(&name, content);
    if let Found::Same(message) = recent {
        return Ok(Found::Same(message));
    }
    let mut statement = handle.prepare_cached("SELECT content, message FROM delivery_key WHERE name = ?1")?;
    let mut rows = statement.query([&name[..]])?;
    let mut found = recent;
    while let Some(row) = rows.next()? {
        if row.get_ref(0)?.as_blob()? == content {
            return Ok(Found::Same(MessageId(row.get(1)?)));
        }
        found = Found::OtherContent;
    }
    Ok(found)
}

/// A message that is there already came again: the names that are new with it stand for the first one from now on. No
/// message of its own has them, so they go into the index at once.
pub(super) fn also(handle: &Handle, message: &NewMessage, first: MessageId) -> rusqlite::Result<()> {
    for key in &message.incoming.keys {
        if !matches!(find(handle, message, key)?, Found::Same(_)) {
            handle.prepare_cached("INSERT OR IGNORE INTO delivery_key VALUES (?1, ?2, ?3)")?.execute(params![
                name(message, key),
                message.incoming.digest,
                first.0
            ])?;
        }
    }
    Ok(())
}

/// The first message that came under a key, whatever its content.
pub(super) fn first(handle: &Handle, channel: &str, scope: &str, value: &str) -> rusqlite::Result<Option<MessageId>> {
    let name = digest([channel.as_bytes(), scope.as_bytes(), value.as_bytes()]);
    let recent = handle.keys().known.get(&name).and_then(|uses| uses.iter().map(|(_, message)| *message).min());
    let indexed = handle
        .prepare_cached("SELECT min(message) FROM delivery_key WHERE name = ?1")?
        .query_row([&name[..]], |row| row.get::<_, Option<i64>>(0))?;
    Ok(recent.into_iter().chain(indexed).min().map(MessageId))
}

/// The keys of the messages up to here are in the index.
fn folded_to(connection: &Connection) -> rusqlite::Result<i64> {
    let found = connection.prepare_cached("SELECT message FROM folded")?.query_row([], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// Keys on their way into the index.
pub(super) struct Fold {
    /// The messages up to here will have their keys in the index.
    to: i64,
    /// Name, content, message; in the index's order.
    keys: Vec<(Digest, Digest, i64)>,
}

impl Fold {
    /// In the index's order; for a thread that may take its time.
    pub(super) fn sort(&mut self) {
        self.keys.sort_unstable();
    }

    /// How many transactions it takes.
    pub(super) fn slices(&self) -> usize {
        self.keys.len() / SLICE + 1
    }
}

/// Begins a fold if there have been `at` messages since the last one.
pub(super) fn begin(handle: &Handle, at: i64) -> rusqlite::Result<Option<Fold>> {
    let sql = "SELECT coalesce(max(id), 0) FROM message";
    let to: i64 = handle.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    if to - folded_to(handle)? < at {
        return Ok(None);
    }
    let recent = handle.keys();
    let uses = recent.known.iter().flat_map(|(name, uses)| uses.iter().map(|(content, at)| (*name, *content, *at)));
    Ok(Some(Fold { to, keys: uses.collect() }))
}

/// One slice of a fold. Running it again does no harm; with the last one the keys are known by the index.
pub(super) fn fold(handle: &Handle, fold: &Fold, slice: usize) -> rusqlite::Result<()> {
    let mut insert = handle.prepare_cached("INSERT OR IGNORE INTO delivery_key VALUES (?1, ?2, ?3)")?;
    for (name, content, message) in fold.keys.chunks(SLICE).nth(slice).unwrap_or_default() {
        insert.execute(params![name, content, message])?;
    }
    if slice + 1 == fold.slices() {
        handle.execute("INSERT OR REPLACE INTO folded (one, message) VALUES (1, ?1)", [fold.to])?;
        handle.keys().folded = Some(fold.to);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Pace;
    use crate::store::{Accepted, sqlite::inbox, sqlite::schema};
    use bytes::Bytes;
    use jiesu_connector::{Incoming, OnOtherContent, Raw};
    use jiff::Timestamp;
    use std::path::Path;

    fn message(key: usize, content: &str) -> NewMessage {
        let raw = Raw { media_type: "text/plain".into(), meta: Default::default(), body: Bytes::new() };
        let key =
            DeliveryKey { scope: "id".into(), value: key.to_string(), on_other_content: OnOtherContent::NewAppeal };
        let digest = digest([content.as_bytes()]);
        let incoming =
            Incoming { raw, keys: vec![key], digest, sender: None, hotline: None, joins: true, receipt: false };
        let (channel, hotline) = ("partner".into(), "12345".into());
        NewMessage {
            channel,
            hotline,
            received_at: Timestamp::UNIX_EPOCH,
            day: 20_261_122,
            window: None,
            pace: Pace::Usual,
            incoming,
            piece: None,
            contact: None,
        }
    }

    fn accept(handle: &Handle, keys: usize) -> rusqlite::Result<()> {
        for key in 0..keys {
            let accepted = inbox::accept(handle, &[message(key, "same")])?;
            assert!(matches!(accepted[..], [Accepted::New { reused_key: false, .. }]));
        }
        Ok(())
    }

    fn open(path: &Path) -> Handle {
        let mut connection = Connection::open(path).unwrap();
        schema::migrate(&mut connection).unwrap();
        Handle::new(connection, Default::default(), Default::default()).unwrap()
    }

    /// Keys in memory and in the index.
    fn count(handle: &Handle) -> (usize, usize) {
        let sql = "SELECT count(*) FROM delivery_key";
        let index: i64 = handle.query_row(sql, [], |row| row.get(0)).unwrap();
        (handle.keys().known.len(), index as usize)
    }

    fn assert_all_known(handle: &Handle, keys: usize) {
        let find = |key, content| {
            let message = message(key, content);
            find(handle, &message, &message.incoming.keys[0]).unwrap()
        };
        for key in 0..keys {
            assert!(matches!(find(key, "same"), Found::Same(MessageId(id)) if id == key as i64 + 1), "key {key}");
            assert!(matches!(find(key, "other"), Found::OtherContent), "key {key}");
        }
        assert!(matches!(find(keys, "same"), Found::Nothing));
    }

    #[test]
    fn a_redelivery_is_recognised_before_during_and_after_a_fold_and_after_a_restart_at_any_of_them() {
        const KEYS: usize = 3 * SLICE + 7;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let handle = open(&path);
        handle.transaction(|| accept(&handle, KEYS)).unwrap();
        assert_eq!(count(&handle), (KEYS, 0));
        assert_all_known(&open(&path), KEYS);

        let mut some = begin(&handle, 1).unwrap().unwrap();
        some.sort();
        for slice in 0..some.slices() {
            assert_eq!(count(&handle), (KEYS, slice * SLICE));
            handle.transaction(|| fold(&handle, &some, slice)).unwrap();
            // What runs twice does no harm.
            handle.transaction(|| fold(&handle, &some, slice)).unwrap();
            assert_all_known(&handle, KEYS);
            assert_all_known(&open(&path), KEYS);
        }
        assert_eq!(count(&handle), (0, KEYS));
        assert!(begin(&open(&path), 1).unwrap().is_none(), "nothing is left to fold");
        assert_all_known(&open(&path), KEYS);
    }

    #[test]
    fn what_a_transaction_knew_is_forgotten_when_it_is_rolled_back() {
        let directory = tempfile::tempdir().unwrap();
        let handle = open(&directory.path().join("store.db"));
        let failure = || Err(rusqlite::Error::QueryReturnedNoRows);
        handle.transaction(|| accept(&handle, 2)).unwrap();
        let other = || inbox::accept(&handle, &[message(1, "other"), message(7, "same")]);
        handle.transaction(|| other().and_then(|_| failure())).unwrap_err();
        assert_all_known(&handle, 2);

        let some = begin(&handle, 1).unwrap().unwrap();
        handle.transaction(|| fold(&handle, &some, 0).and_then(|()| failure())).unwrap_err();
        assert_eq!(count(&handle), (2, 0));
        assert_all_known(&handle, 2);
    }

    #[test]
    fn a_number_and_an_id_are_given_again_only_when_nobody_got_them() {
        let directory = tempfile::tempdir().unwrap();
        let handle = open(&directory.path().join("store.db"));
        // Ids and sequences follow what is written, and nothing is.
        let give = |expected: [(i64, u32, i64); 3], outcome: rusqlite::Result<()>| {
            handle.transaction(|| {
                for (day, expected) in [20_261_122, 20_261_123, 20_261_122].into_iter().zip(expected) {
                    let message = handle.next_message()?;
                    let number = handle.next_number(day, message)?;
                    assert_eq!((message.0, number.sequence, handle.next_event()?), expected);
                }
                outcome
            })
        };
        let first = [(1, 1, 1), (2, 1, 2), (3, 2, 3)];
        give(first, Err(rusqlite::Error::QueryReturnedNoRows)).unwrap_err();
        give(first, Ok(())).unwrap();
        give([(1, 3, 1), (2, 2, 2), (3, 4, 3)], Ok(())).unwrap();
    }
}
