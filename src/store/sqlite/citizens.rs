//! What citizens are known by.

use super::{handle::Handle, inbox::time};
use crate::{
    number::Number,
    store::{Contested, Identity, Learnt},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Names of one citizen that are shown, and that a citizen may have.
const MOST: i64 = 200;

/// The names of a citizen: their key is one, as a rule the only one; the others have an index.
const NAMES: &str = "(SELECT name FROM identity WHERE name = ?1 AND citizen = ?1
                      UNION ALL SELECT name FROM identity WHERE citizen = ?1 AND citizen <> name)";

/// Of `learnt`, in the order of `identity`.
const COLUMNS: &str = "name, citizen, kind, shown, proven, channel, number, at";

fn kind(text: &str) -> &'static str {
    match text {
        "phone" => "phone",
        "email" => "email",
        _ => "wechat_openid",
    }
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        name: row.get("name")?,
        citizen: row.get("citizen")?,
        kind: kind(row.get_ref("kind")?.as_str()?),
        shown: row.get("shown")?,
        proven: row.get("proven")?,
        channel: row.get("channel")?,
        number: Number::from_key(row.get("number")?),
        at: time(row, "at")?,
    })
}

/// Those of these names (at most three) that are known.
pub(super) fn named(connection: &Connection, names: &[String]) -> rusqlite::Result<Vec<Identity>> {
    let name = |place: usize| names.get(place);
    let sql = "SELECT * FROM identity WHERE name IN (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.query_map(params![name(0), name(1), name(2)], read)?.collect()
}

pub(super) fn of(connection: &Connection, citizen: &str) -> rusqlite::Result<(Vec<Identity>, Vec<Contested>)> {
    // Few enough were learnt lately to look at each.
    let sql = format!(
        "SELECT * FROM identity WHERE name IN {NAMES} UNION ALL SELECT {COLUMNS} FROM learnt
         WHERE citizen = ?1 AND NOT EXISTS (SELECT 1 FROM identity WHERE identity.name = learnt.name)
         ORDER BY at, name LIMIT ?2"
    );
    let known: Vec<Identity> =
        connection.prepare_cached(&sql)?.query_map(params![citizen, MOST], read)?.collect::<rusqlite::Result<_>>()?;
    let mut contested = Vec::new();
    let sql = "SELECT * FROM contested WHERE name = ?1 ORDER BY at LIMIT ?2";
    for identity in &known {
        let rows = connection
            .prepare_cached(sql)?
            .query_map(params![identity.name, MOST], |row| {
                let (name, citizen) = (row.get("name")?, row.get("citizen")?);
                Ok(Contested { name, citizen, number: Number::from_key(row.get("number")?), at: time(row, "at")? })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        contested.extend(rows);
    }
    Ok((known, contested))
}

pub(super) fn learn(handle: &Handle, learnt: &[Learnt]) -> rusqlite::Result<()> {
    for one in learnt {
        match one {
            Learnt::Known(identity) => handle.names().learn(handle, identity)?,
            Learnt::Contested(Contested { name, citizen, number, at }) => {
                let sql = "INSERT OR IGNORE INTO contested VALUES (?1, ?2, ?3, ?4)";
                let at = at.as_millisecond();
                handle.prepare_cached(sql)?.execute(params![name, citizen, number.to_key(), at])?;
            }
        }
    }
    Ok(())
}

/// Puts a name into the index, if it is not there.
pub(super) fn add(connection: &Connection, identity: &Identity) -> rusqlite::Result<()> {
    let Identity { name, citizen, kind, shown, proven, channel, number, at } = identity;
    let sql = "INSERT OR IGNORE INTO identity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (number, at) = (number.to_key(), at.as_millisecond());
    let mut insert = connection.prepare_cached(sql)?;
    insert.execute(params![name, citizen, kind, shown, proven, channel, number, at]).map(drop)
}

/// Notes in the index that a name is proven, if it is there.
pub(super) fn prove(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE identity SET proven = 1 WHERE name = ?1")?.execute([name]).map(drop)
}

/// Whether a name is in the index.
pub(super) fn is_known(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM identity WHERE name = ?1")?.exists([name])
}

/// Makes the name another citizen's, if it is `from`'s and not the only one of theirs; tells where it was learnt.
pub(super) fn split(handle: &Handle, from: &str, name: &str, to: &str) -> rusqlite::Result<Option<Option<Number>>> {
    handle.names().settle(handle)?;
    let sql = format!("SELECT number, (SELECT count(*) FROM {NAMES}) FROM identity WHERE name = ?2 AND citizen = ?1");
    let found: Option<(i64, i64)> =
        handle.prepare_cached(&sql)?.query_row(params![from, name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((number, names)) = found else { return Ok(None) };
    if names < 2 {
        return Ok(Some(None));
    }
    handle.prepare_cached("UPDATE identity SET citizen = ?2 WHERE name = ?1")?.execute(params![name, to])?;
    handle.names().give(name, to);
    Ok(Some(Some(Number::from_key(number))))
}
