//! What citizens are known by.

use super::{
    fail::Fail,
    inbox::time,
    link::{Link, Text},
    tx::Tx,
};
use crate::{
    number::Number,
    store::{Contested, Identity, Learnt},
};
use std::collections::BTreeMap;
use tokio_postgres::Row;

/// Names of one citizen that are shown, and that a citizen may have.
const MOST: i64 = 200;

const COLUMNS: &str = "name, citizen, kind, shown, proven, channel, number, at";

fn kind(text: &str) -> &'static str {
    match text {
        "phone" => "phone",
        "email" => "email",
        _ => "wechat_openid",
    }
}

fn read(row: &Row) -> Result<Identity, Fail> {
    Ok(Identity {
        name: row.try_get(0)?,
        citizen: row.try_get(1)?,
        kind: kind(row.try_get(2)?),
        shown: row.try_get(3)?,
        proven: row.try_get(4)?,
        channel: row.try_get(5)?,
        number: Number::from_key(row.try_get(6)?),
        at: time(row.try_get(7)?),
    })
}

/// Those of these names that are known.
pub(super) async fn named(link: &Link, names: &[String]) -> Result<Vec<Identity>, Fail> {
    let names: Vec<Text<&str>> = names.iter().map(|name| Text(&**name)).collect();
    let sql = format!("SELECT {COLUMNS} FROM identity WHERE name = ANY($1) ORDER BY name");
    link.rows(&sql, &[&names]).await?.iter().map(read).collect()
}

pub(super) async fn of(link: &Link, citizen: &str) -> Result<(Vec<Identity>, Vec<Contested>), Fail> {
    let sql = format!("SELECT {COLUMNS} FROM identity WHERE citizen = $1 ORDER BY at, name LIMIT $2");
    let rows = link.rows(&sql, &[&Text(citizen), &MOST]).await?;
    let known: Vec<Identity> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let mut contested = Vec::new();
    let sql = "SELECT name, citizen, number, at FROM contested WHERE name = $1 ORDER BY at LIMIT $2";
    for identity in &known {
        for row in link.rows(sql, &[&Text(&*identity.name), &MOST]).await? {
            contested.push(Contested {
                name: row.try_get(0)?,
                citizen: row.try_get(1)?,
                number: Number::from_key(row.try_get(2)?),
                at: time(row.try_get(3)?),
            });
        }
    }
    Ok((known, contested))
}

/// Writes what was learnt, in its order.
pub(super) async fn learn(tx: &Tx<'_>, learnt: &[&Learnt]) -> Result<(), Fail> {
    // Of each name one row, as a statement changes a row once: the first says whose it is, any says that it is proven.
    let mut known: BTreeMap<&str, (&Identity, bool)> = BTreeMap::new();
    let mut contested: Vec<&Contested> = Vec::new();
    for one in learnt {
        match one {
            Learnt::Known(identity) => {
                known.entry(&identity.name).or_insert((identity, false)).1 |= identity.proven;
            }
            Learnt::Contested(one) => contested.push(one),
        }
    }
    if !known.is_empty() {
        let text = |of: fn(&Identity) -> &str| known.values().map(|(it, _)| Text(of(it))).collect::<Vec<_>>();
        let (names, citizens) = (text(|it| &it.name), text(|it| &it.citizen));
        let (kinds, shown, channels) = (text(|it| it.kind), text(|it| &it.shown), text(|it| &it.channel));
        let proven: Vec<bool> = known.values().map(|(_, proven)| *proven).collect();
        let numbers: Vec<i64> = known.values().map(|(it, _)| it.number.to_key()).collect();
        let at: Vec<i64> = known.values().map(|(it, _)| it.at.as_millisecond()).collect();
        let sql =
            "INSERT INTO identity SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[],
                                                             $6::text[], $7::bigint[], $8::bigint[])
                   ON CONFLICT (name) DO UPDATE SET proven = identity.proven OR excluded.proven";
        tx.execute(sql, &[&names, &citizens, &kinds, &shown, &proven, &channels, &numbers, &at]).await?;
    }
    if !contested.is_empty() {
        let names: Vec<Text<&str>> = contested.iter().map(|it| Text(&*it.name)).collect();
        let citizens: Vec<Text<&str>> = contested.iter().map(|it| Text(&*it.citizen)).collect();
        let numbers: Vec<i64> = contested.iter().map(|it| it.number.to_key()).collect();
        let at: Vec<i64> = contested.iter().map(|it| it.at.as_millisecond()).collect();
        let sql = "INSERT INTO contested SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
                   ON CONFLICT DO NOTHING";
        tx.execute(sql, &[&names, &citizens, &numbers, &at]).await?;
    }
    Ok(())
}

/// Makes the name another citizen's, if it is `from`'s and not the only one of theirs; tells where it was learnt.
pub(super) async fn split(tx: &Tx<'_>, from: &str, name: &str, to: &str) -> Result<Option<Option<Number>>, Fail> {
    let sql = "SELECT number, (SELECT count(*) FROM identity AS all_of WHERE all_of.citizen = $1)
               FROM identity WHERE name = $2 AND citizen = $1";
    let Some(row) = tx.row(sql, &[&Text(from), &Text(name)]).await? else { return Ok(None) };
    if row.try_get::<_, i64>(1)? < 2 {
        return Ok(Some(None));
    }
    tx.execute("UPDATE identity SET citizen = $2 WHERE name = $1", &[&Text(name), &Text(to)]).await?;
    Ok(Some(Some(Number::from_key(row.try_get(0)?))))
}
