//! Delivery keys: recent ones in memory and in their message's own row, the others in an index.
//!
//! Their names are digests, so each goes to another page of the index. Written one by one with their messages, they
//! would cost a page of the log each: more than the message itself. So a new key is appended with its message and kept
//! in a temporary table (in memory, and part of the transaction like any other), and [`fold`] takes many at a time into
//! the index, in the index's own order. After a crash they are read back from the messages beyond [`folded_to`].

use crate::store::{MessageId, NewMessage};
use jiesu_connector::{DeliveryKey, digest};
use rusqlite::{Connection, OptionalExtension, params};

/// Bytes of a name, and of a content digest.
const DIGEST: usize = 16;
/// Keys taken into the index by one transaction, so that nobody waits long for it.
const SLICE: usize = 256;
/// Messages since the last fold that are worth another: few enough for the memory (3 MB) and for a quick start, many
/// enough that several keys meet on one page.
pub(super) const FOLD_AT: i64 = 32_768;

/// What the store knows of a key.
pub(super) enum Found {
    Nothing,
    OtherContent,
    Same(MessageId),
}

/// Makes a handle the writer's: with the recent keys, read back from their messages.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE recent_key (
             name BLOB NOT NULL, content BLOB NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (name, content)
         ) STRICT, WITHOUT ROWID",
    )?;
    let mut messages = connection.prepare("SELECT id, keys, digest FROM message WHERE id > ?1 ORDER BY id")?;
    let mut rows = messages.query([folded_to(connection)?])?;
    while let Some(row) = rows.next()? {
        for name in row.get_ref(1)?.as_blob()?.chunks_exact(DIGEST) {
            remember(connection, name, row.get_ref(2)?.as_blob()?, row.get(0)?)?;
        }
    }
    Ok(())
}

/// Puts the keys of all messages into the index, after some of it was lost.
pub(super) fn refill(connection: &Connection) -> rusqlite::Result<()> {
    let mut messages = connection.prepare("SELECT id, keys, digest FROM message ORDER BY id")?;
    let mut insert = connection.prepare("INSERT OR IGNORE INTO delivery_key VALUES (?1, ?2, ?3)")?;
    let mut rows = messages.query([])?;
    while let Some(row) = rows.next()? {
        for name in row.get_ref(1)?.as_blob()?.chunks_exact(DIGEST) {
            insert.execute(params![name, row.get_ref(2)?.as_blob()?, row.get::<_, i64>(0)?])?;
        }
    }
    Ok(())
}

/// The names of a message's keys, as its row keeps them.
pub(super) fn names(message: &NewMessage) -> Vec<u8> {
    message.incoming.keys.iter().flat_map(|key| name(message, key)).collect()
}

fn name(message: &NewMessage, key: &DeliveryKey) -> [u8; DIGEST] {
    digest([message.channel.as_bytes(), key.scope.as_bytes(), key.value.as_bytes()])
}

/// Looks a key up, among the recent ones first.
pub(super) fn find(connection: &Connection, message: &NewMessage, key: &DeliveryKey) -> rusqlite::Result<Found> {
    let name = name(message, key);
    let mut statement = connection.prepare_cached(
        "SELECT content, message FROM temp.recent_key WHERE name = ?1
         UNION ALL SELECT content, message FROM delivery_key WHERE name = ?1",
    )?;
    let mut rows = statement.query([&name[..]])?;
    let mut found = Found::Nothing;
    while let Some(row) = rows.next()? {
        if row.get_ref(0)?.as_blob()? == message.incoming.digest {
            return Ok(Found::Same(MessageId(row.get(1)?)));
        }
        found = Found::OtherContent;
    }
    Ok(found)
}

/// Remembers the keys of a message that was just written.
pub(super) fn add(connection: &Connection, names: &[u8], content: &[u8], message: i64) -> rusqlite::Result<()> {
    names.chunks_exact(DIGEST).try_for_each(|name| remember(connection, name, content, message))
}

fn remember(connection: &Connection, name: &[u8], content: &[u8], message: i64) -> rusqlite::Result<()> {
    // The first message of a key and a content is the one whose receipt counts.
    connection
        .prepare_cached("INSERT OR IGNORE INTO temp.recent_key VALUES (?1, ?2, ?3)")?
        .execute(params![name, content, message])
        .map(drop)
}

/// The keys of the messages up to here are in the index.
fn folded_to(connection: &Connection) -> rusqlite::Result<i64> {
    let found = connection.prepare_cached("SELECT message FROM folded")?.query_row([], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// How far a [`fold`] has come.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    /// The messages up to here will have their keys in the index.
    to: i64,
    /// The keys up to here are.
    name: Vec<u8>,
}

/// Begins a fold if there have been `at` messages since the last one.
pub(super) fn begin(connection: &Connection, at: i64) -> rusqlite::Result<Option<Fold>> {
    let sql = "SELECT coalesce(max(id), 0) FROM message";
    let to: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    if to - folded_to(connection)? < at {
        return Ok(None);
    }
    Ok(Some(Fold { to, name: Vec::new() }))
}

/// One slice of a fold; what is left of it, if anything. Running it again does no harm.
pub(super) fn fold(connection: &Connection, fold: &Fold) -> rusqlite::Result<Option<Fold>> {
    let last: Option<Vec<u8>> = connection
        .prepare_cached("SELECT name FROM temp.recent_key WHERE name > ?1 ORDER BY name LIMIT 1 OFFSET ?2")?
        .query_row(params![fold.name, SLICE as i64 - 1], |row| row.get(0))
        .optional()?;
    // No digest is longer than this one, nor greater.
    let until = last.as_deref().unwrap_or(&[0xff; DIGEST + 1]);
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO delivery_key
             SELECT name, content, message FROM temp.recent_key WHERE name > ?1 AND name <= ?2 ORDER BY name",
        )?
        .execute(params![fold.name, until])?;
    connection
        .prepare_cached("DELETE FROM temp.recent_key WHERE name > ?1 AND name <= ?2")?
        .execute(params![fold.name, until])?;
    match last {
        Some(name) => Ok(Some(Fold { to: fold.to, name })),
        None => {
            connection.execute("INSERT OR REPLACE INTO folded (one, message) VALUES (1, ?1)", [fold.to])?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let incoming = Incoming { raw, keys: vec![key], digest, sender: None, hotline: None, joins: true };
        let (channel, hotline) = ("partner".into(), "12345".into());
        NewMessage { channel, hotline, received_at: Timestamp::UNIX_EPOCH, day: 20_261_122, window: None, incoming }
    }

    fn accept(connection: &Connection, keys: usize) {
        connection.execute_batch("BEGIN").unwrap();
        for key in 0..keys {
            let accepted = inbox::accept(connection, &[message(key, "same")]).unwrap();
            assert!(matches!(accepted[..], [Accepted::New { reused_key: false, .. }]));
        }
    }

    fn open(path: &Path) -> Connection {
        let mut connection = Connection::open(path).unwrap();
        schema::migrate(&mut connection).unwrap();
        prepare(&connection).unwrap();
        connection
    }

    fn count(connection: &Connection, table: &str) -> usize {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap() as usize
    }

    fn assert_all_known(connection: &Connection, keys: usize) {
        let find = |key, content| {
            let message = message(key, content);
            find(connection, &message, &message.incoming.keys[0]).unwrap()
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
        let connection = open(&path);
        accept(&connection, KEYS);
        connection.execute_batch("COMMIT").unwrap();
        assert_eq!((count(&connection, "temp.recent_key"), count(&connection, "delivery_key")), (KEYS, 0));
        assert_all_known(&open(&path), KEYS);

        let mut left = begin(&connection, 1).unwrap();
        while let Some(slice) = left {
            left = fold(&connection, &slice).unwrap();
            // What runs twice does no harm.
            fold(&connection, &slice).unwrap();
            assert_all_known(&connection, KEYS);
            assert_all_known(&open(&path), KEYS);
        }
        assert_eq!((count(&connection, "temp.recent_key"), count(&connection, "delivery_key")), (0, KEYS));
        assert!(begin(&open(&path), 1).unwrap().is_none(), "nothing is left to fold");
        assert_all_known(&open(&path), KEYS);
    }

    #[test]
    fn a_key_is_forgotten_with_the_transaction_that_was_rolled_back() {
        let directory = tempfile::tempdir().unwrap();
        let connection = open(&directory.path().join("store.db"));
        accept(&connection, 2);
        assert_all_known(&connection, 2);
        connection.execute_batch("ROLLBACK").unwrap();
        assert_all_known(&connection, 0);
    }
}
