//! The tables, versioned. A migration that has shipped is never edited, only followed by another.

use super::{OpenError, address::Address, fail::Fail, link::Link};

/// Each brings the database from the version of its index to the next.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_line.sql"),
    include_str!("schema/002_nodes.sql"),
    include_str!("schema/003_additions.sql"),
    include_str!("schema/004_noted.sql"),
];
/// One node at a time looks at the version: "JIESU", as a number that nobody else takes by chance.
const LOCK: i64 = 0x4A_4945_5355;
/// The first version of PostgreSQL that does all that is asked of it.
const SERVER: i32 = 120_000;

/// The version this program writes.
pub(super) fn version() -> i64 {
    MIGRATIONS.len() as i64
}

/// What is said of the server before anything is written.
async fn inspect(link: &Link, address: &Address) -> Result<(), OpenError> {
    let unfit = |what: String| Err(OpenError::Unfit { address: address.to_string(), what });
    let setting = async |name: &str| -> Result<String, Fail> {
        link.one("SELECT coalesce(current_setting($1, true), '')", &[&name]).await
    };
    let failed = |fail: Fail| OpenError::Unreachable(fail.text().to_owned());
    let server = setting("server_version_num").await.map_err(failed)?;
    if server.parse::<i32>().is_ok_and(|server| server < SERVER) {
        return unfit(format!("the server is of version {server}; it must be PostgreSQL 12 or later"));
    }
    let encoding = setting("server_encoding").await.map_err(failed)?;
    if encoding != "UTF8" {
        return unfit(format!("the database is encoded in {encoding}; make one with ENCODING 'UTF8'"));
    }
    if link.one("SELECT pg_is_in_recovery()", &[]).await.map_err(failed)? {
        return unfit("the server is a standby, which cannot be written to; name the primary, or both".into());
    }
    for (name, why) in
        [("fsync", "the server may lose everything"), ("full_page_writes", "the server may damage pages")]
    {
        if setting(name).await.map_err(failed)? == "off" {
            tracing::warn!(alarm = true, "{address}: {name} is off: {why} in a power cut; set it to on");
        }
    }
    Ok(())
}

/// The version of the store there; 0 where there is none.
pub(super) async fn found(link: &Link) -> Result<i64, Fail> {
    let there: bool = link.one("SELECT to_regclass('jiesu') IS NOT NULL", &[]).await?;
    match there {
        true => link.one("SELECT max(version) FROM jiesu", &[]).await,
        false => Ok(0),
    }
}

/// Looks at the server and at the version of the store there, and writes nothing.
pub(super) async fn check(link: &Link, address: &Address) -> Result<(), OpenError> {
    inspect(link, address).await?;
    let version = found(link).await.map_err(|fail| OpenError::Unreachable(fail.text().to_owned()))?;
    refuse_newer(version, address)
}

fn refuse_newer(found: i64, address: &Address) -> Result<(), OpenError> {
    match found > version() {
        true => Err(OpenError::Newer { address: address.to_string(), found, known: version() }),
        false => Ok(()),
    }
}

/// Brings the database up to [`version`], all steps in one transaction.
pub(super) async fn migrate(link: &Link, address: &Address) -> Result<(), OpenError> {
    check(link, address).await?;
    let failed = |fail: Fail| OpenError::Migration { address: address.to_string(), what: fail.text().to_owned() };
    link.batch("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await.map_err(failed)?;
    // `void` has no type on our side.
    let sql = format!("SELECT pg_advisory_xact_lock({LOCK})");
    link.batch(&sql).await.map_err(failed)?;
    // Another node may have done it meanwhile.
    let found = found(link).await.map_err(failed)?;
    refuse_newer(found, address)?;
    if found == 0 {
        let sql = "CREATE TABLE jiesu (version bigint PRIMARY KEY, since timestamptz NOT NULL DEFAULT now())";
        link.batch(sql).await.map_err(failed)?;
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found.max(0) as usize) {
        link.batch(sql).await.map_err(failed)?;
        let version = step as i64 + 1;
        link.execute("INSERT INTO jiesu (version) VALUES ($1)", &[&version]).await.map_err(failed)?;
    }
    link.batch("COMMIT").await.map_err(failed)
}
