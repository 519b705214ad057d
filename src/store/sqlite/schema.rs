//! The tables, versioned. A migration that has shipped is never edited, only followed by another.

use rusqlite::Connection;

/// `application_id` of a Jiesu store: "JIES".
pub const APPLICATION_ID: i32 = 0x4A49_4553;
/// Fixed, so that a damaged file can be read page by page.
pub const PAGE_SIZE: u32 = 4096;

/// Each brings the file from the version of its index to the next.
pub const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_line.sql"),
    include_str!("schema/002_pieces.sql"),
    include_str!("schema/003_contacts.sql"),
    include_str!("schema/004_published.sql"),
    include_str!("schema/005_register.sql"),
    include_str!("schema/006_citizens.sql"),
    include_str!("schema/007_waiting.sql"),
    include_str!("schema/008_citizens.sql"),
    include_str!("schema/009_additions.sql"),
    include_str!("schema/010_learnt.sql"),
    include_str!("schema/011_noted.sql"),
];

/// The version this program writes.
pub fn version() -> i32 {
    MIGRATIONS.len() as i32
}

/// Brings an open file up to [`version`], each step in a transaction of its own.
pub fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found.max(0) as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", step as i32 + 1)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}
