//! Opening: one process, a version we know, and nothing of others' is touched.

use super::{
    super::{OpenError, lock_is_free, open, schema},
    *,
};
use crate::store::{ParityRun, Records};
use rusqlite::Connection;
use std::{fs, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn one_process_has_the_file_and_the_second_is_told_which() {
    let place = Place::new();
    let store = place.open();
    assert!(!lock_is_free(&place.path()));
    match SqliteStore::open(&place.path()).map(drop) {
        Err(OpenError::InUse { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
        other => panic!("{other:?}"),
    }
    store.close().await.unwrap();
    drop(store);
    assert!(lock_is_free(&place.path()));
    place.open().close().await.unwrap();
}

fn refused(place: &Place) -> OpenError {
    let read = || -> Vec<_> {
        let names = place.names().into_iter().filter(|name| !name.ends_with(".lock"));
        names.map(|name| (fs::read(place.path().with_file_name(&name)).unwrap(), name)).collect()
    };
    let before = read();
    let error = SqliteStore::open(&place.path()).err().unwrap();
    assert!(read() == before, "nothing was touched: {:?}", place.names());
    error
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let place = Place::new();
    let newer = || {
        let mut connection = open::connect(&place.path()).unwrap();
        schema::migrate(&mut connection).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        connection
    };
    // Only its log knows that it is newer.
    drop(newer());
    assert!(fs::metadata(place.wal()).unwrap().len() > 0);
    assert!(matches!(refused(&place), OpenError::Newer { found: 99, known, .. } if known == schema::version()));
    drop(fs::remove_file(place.wal()));
    newer().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert!(matches!(refused(&place), OpenError::Newer { found: 99, known, .. } if known == schema::version()));
}

#[test]
fn somebody_elses_file_is_refused_untouched() {
    for sql in ["CREATE TABLE theirs (x)", "PRAGMA application_id = 7; CREATE TABLE theirs (x)"] {
        let place = Place::new();
        Connection::open(place.path()).unwrap().execute_batch(sql).unwrap();
        assert!(matches!(refused(&place), OpenError::Foreign(_)));
        assert!(matches!(super::super::inspect(&place.path()), Err(OpenError::Foreign(_))));
    }
    let place = Place::new();
    fs::write(place.path(), "Dear diary, ".repeat(1000)).unwrap();
    assert!(matches!(refused(&place), OpenError::Foreign(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_becomes_a_store() {
    let place = Place::new();
    fs::write(place.path(), b"").unwrap();
    place.open().close().await.unwrap();
    let place = Place::new();
    Connection::open(place.path()).unwrap().execute_batch("CREATE TABLE x (x); DROP TABLE x; VACUUM").unwrap();
    let store = place.open();
    assert_eq!(accept(&store, message("x", None)).await.sequence, 1);
    store.close().await.unwrap();
    let version = |place: &Place| {
        let connection = Connection::open(place.path()).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).unwrap();
        (pragma("user_version"), pragma("application_id"))
    };
    assert_eq!(version(&place), (schema::version(), schema::APPLICATION_ID));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_gone_gives_no_number_twice() {
    let place = Place::new();
    let store = place.open();
    let first = accept(&store, message("x", None)).await;
    store.close().await.unwrap();
    drop(store);
    // As a killed process leaves it, but for the log.
    fs::write(place.path().with_file_name("jiesu.db.lock"), "4711 open").unwrap();
    let store = place.open();
    let next = accept(&store, message("y", None)).await;
    assert!(next.sequence > first.sequence + 1000, "{next}");
    store.issue(vec![ticket(MessageId(2), next, "")]).await.unwrap();
    assert!(events(&store).await[0].sequence.0 > 1000);
    store.close().await.unwrap();
    drop(store);
    // An orderly end takes the log away, and nothing is skipped.
    let store = place.open();
    assert_eq!(accept(&store, message("z", None)).await.sequence, next.sequence + 1);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_holder_has_a_lease_and_each_new_one_a_higher_fence() {
    let place = Place::new();
    let store = place.open();
    let ttl = Duration::from_secs(30);
    let later = |seconds| now() + Duration::from_secs(seconds);
    assert_eq!(store.lease("issue", "a", now(), ttl).await.unwrap(), Some(1));
    assert_eq!(store.lease("issue", "b", later(29), ttl).await.unwrap(), None);
    assert_eq!(store.lease("issue", "a", later(29), ttl).await.unwrap(), Some(1));
    assert_eq!(store.lease("issue", "b", later(58), ttl).await.unwrap(), None, "renewed");
    assert_eq!(store.lease("issue", "b", later(59), ttl).await.unwrap(), Some(2));
    assert_eq!(store.lease("issue", "a", later(60), ttl).await.unwrap(), None);
    assert_eq!(store.lease("other", "a", now(), ttl).await.unwrap(), Some(1));
    store.close().await.unwrap();
}

#[tokio::test]
async fn comparisons_are_known_also_without_a_gateway() {
    let place = Place::new();
    assert_eq!(super::super::parity_at_rest(&place.path()), Ok(Vec::new()));
    let store = place.open();
    let run = ParityRun {
        line: "12319".into(),
        first: DAY,
        last: DAY,
        at: now(),
        file: "old.csv".into(),
        matched: 8,
        different: 1,
        missing_here: 0,
        missing_there: 1,
    };
    store.record_parity(run.clone()).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(super::super::parity_at_rest(&place.path()).unwrap(), [run]);
    assert!(!place.names().iter().any(|name| name.ends_with("-wal")), "looking leaves nothing behind");
}
