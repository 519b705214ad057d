//! What waits costs those nothing who do not wait, however much it is.

use super::{Place, now};
use crate::store::{
    Pass, Store,
    sqlite::{inbox, pieces},
};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, StatementStatus, params};

/// Parts of long messages whose others never come.
const ORPHANS: i64 = 150_000;
/// One round of the line.
const ROUND: i64 = 128;

/// So many first parts, each due a moment after the one before, from an hour from now on; between them and behind them
/// messages that wait for nothing.
fn fill(connection: &Connection, orphans: i64) {
    let due = now().as_millisecond() + 3_600_000;
    connection
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {orphans})
             INSERT INTO message SELECT i, 202611220000000000 + i, 'sms', '12345', 0, 'c' || i, 't', '{{}}', x'', x'', x''
             FROM n;
             INSERT INTO pending SELECT id, number, iif(id % ({orphans} / 100) = 0, 0, {due} + id) FROM message;
             INSERT INTO piece SELECT randomblob(16), 1, id, number, x'', 0, 0, 0 FROM message;
             COMMIT;"
        ))
        .unwrap();
}

/// Steps of SQLite's machine for one look at the line, and how many messages it finds.
fn look(connection: &Connection, pass: Pass, at: Timestamp) -> (i32, usize) {
    let (mut steps, mut found) = (0, 0);
    let mut count = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
        let mut statement = connection.prepare(sql).unwrap();
        let mut rows = statement.query(params).unwrap();
        while rows.next().unwrap().is_some() {
            found += 1;
        }
        drop(rows);
        assert_eq!(statement.get_status(StatementStatus::FullscanStep), 0, "{sql}");
        steps += statement.get_status(StatementStatus::VmStep);
    };
    count(&inbox::ready(), params![pass.ready.0, ROUND]);
    count(&inbox::ripe(), params![pass.due, pass.ripe.0, at.as_millisecond(), ROUND]);
    (steps, found)
}

/// Steps for what one more piece asks of those that wait.
fn another(connection: &Connection, orphans: i64) -> i32 {
    let number = 202_611_220_000_000_000 + orphans - 1;
    let steps = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
        let mut statement = connection.prepare(sql).unwrap();
        let mut rows = statement.query(params).unwrap();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        statement.get_status(StatementStatus::VmStep)
    };
    [pieces::MISSING, pieces::OPENED, pieces::DUE].map(|sql| steps(sql, params![number])).iter().sum::<i32>()
        + steps(pieces::SET_DUE, params![number, 1])
}

#[tokio::test]
async fn a_look_at_the_line_and_another_piece_cost_the_same_with_a_few_orphans_and_with_very_many() {
    let mut costs = Vec::new();
    for orphans in [1_000, ORPHANS] {
        let place = Place::new();
        let store = place.open();
        let connection = Connection::open(place.path()).unwrap();
        fill(&connection, orphans);
        let later = now().saturating_add(SignedDuration::from_hours(9)).unwrap();
        let waiting = look(&connection, Pass::default(), now());
        assert_eq!(waiting.1, 100, "only those that wait for nothing");
        let ripe = look(&connection, Pass::default(), later);
        assert_eq!(ripe.1, 100 + ROUND as usize);
        // In the middle of them.
        let due = now().as_millisecond() + 3_600_000 + orphans / 2;
        let middle =
            look(&connection, Pass { due, ripe: crate::store::MessageId(orphans / 2), ..Pass::default() }, later);

        // A whole pass finds each once.
        if orphans == 1_000 {
            let (mut pass, mut all) = (Pass::default(), Vec::new());
            loop {
                let some = store.pending(pass, later, 100).await.unwrap();
                if some.is_empty() {
                    break;
                }
                pass = pass.behind(&some);
                all.extend(some.into_iter().map(|message| message.id));
            }
            all.sort_unstable();
            assert!(all.iter().map(|id| id.0).eq(1..=orphans));
            assert_eq!(store.pending(Pass::default(), now(), 200).await.unwrap().len(), 100);
            assert_eq!(
                store.next_due(now()).await.unwrap().map(Timestamp::as_millisecond),
                Some(now().as_millisecond() + 3_600_001)
            );
        }
        costs.push((waiting.0, ripe.0, middle.0, another(&connection, orphans)));
        assert_eq!(store.backlog().await.unwrap().messages, orphans as u64);
        store.close().await.unwrap();
    }
    let [(waiting, ripe, middle, another), many] = costs[..] else { panic!("{costs:?}") };
    let close = |few: i32, many: i32| assert!(many < few + few / 10 + 50, "{costs:?}");
    close(waiting, many.0);
    close(ripe, many.1);
    close(middle, many.2);
    close(another, many.3);
}
