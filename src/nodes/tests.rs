//! Two nodes on one real store.

use super::*;
use crate::store::sqlite::SqliteStore;
use jiff::Timestamp;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

impl Node {
    /// One of several on a store that does not know it.
    pub(crate) fn sharing(store: &Arc<dyn Store>) -> Self {
        Self { shared: Some(Arc::clone(store)), ..Self::new(store) }
    }
}

struct Trial {
    _directory: tempfile::TempDir,
    store: Arc<dyn Store>,
    /// How many work at the moment.
    at_work: Arc<AtomicUsize>,
}

impl Trial {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("jiesu.db")).unwrap());
        Self { _directory: directory, store, at_work: Arc::default() }
    }

    /// A node that works whenever it may; the number of its terms so far.
    fn work(&self, stop: &CancellationToken) -> (Node, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
        let node = Node::sharing(&self.store);
        let (role, terms, at_work) = (node.role("line"), Arc::<AtomicUsize>::default(), Arc::clone(&self.at_work));
        let counted = Arc::clone(&terms);
        let working = role.run(stop.clone(), move |term, stop| {
            let (counted, at_work) = (Arc::clone(&counted), Arc::clone(&at_work));
            async move {
                let _there = There::new(at_work);
                counted.fetch_add(1, SeqCst);
                assert!(!term.is_over());
                stop.cancelled().await;
            }
        });
        (node, terms, tokio::spawn(working))
    }
}

struct There(Arc<AtomicUsize>);

impl There {
    fn new(at_work: Arc<AtomicUsize>) -> Self {
        assert_eq!(at_work.fetch_add(1, SeqCst), 0, "one works at a time");
        Self(at_work)
    }
}

impl Drop for There {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

async fn until(what: &str, within: Duration, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(within, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn one_node_works_and_when_it_stops_the_other_does_at_once() {
    let trial = Trial::new();
    let (stop, stop_too) = (CancellationToken::new(), CancellationToken::new());
    let (first, terms, one) = trial.work(&stop);
    until("the first works", SOON, || terms.load(SeqCst) == 1).await;
    let (second, others, two) = trial.work(&stop_too);
    // Longer than it takes to ask.
    sleep(Duration::from_millis(1_200)).await;
    assert_eq!((others.load(SeqCst), first.held(), second.held()), (0, vec!["line".to_owned()], vec![]));
    let stopped = Instant::now();
    stop.cancel();
    until("the other works", SOON, || others.load(SeqCst) == 1).await;
    assert!(stopped.elapsed() < Duration::from_secs(2), "{:?}", stopped.elapsed());
    assert!(second.holds("line") && !first.holds("line"));
    stop_too.cancel();
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(trial.at_work.load(SeqCst), 0);
    let holder = trial.store.lease("line", "a third", Timestamp::now(), claim::TTL).await.unwrap();
    assert_eq!(holder, Some(3), "it was given back, and each holder had a fence of its own");
}

#[tokio::test]
async fn what_was_taken_is_dropped_where_it_waits_and_begun_anew_when_it_comes_back() {
    let trial = Trial::new();
    let stop = CancellationToken::new();
    let (node, terms, working) = trial.work(&stop);
    until("it works", SOON, || terms.load(SeqCst) == 1).await;
    trial.store.release_lease("line", &format!("{}.0", node.name())).await.unwrap();
    let short = Duration::from_secs(4);
    assert_eq!(trial.store.lease("line", "another", Timestamp::now(), short).await.unwrap(), Some(2));
    until("it has stopped", SOON, || trial.at_work.load(SeqCst) == 0).await;
    assert!(!node.holds("line") && node.vacant().is_empty(), "another has it");
    until("it works again", SOON, || terms.load(SeqCst) == 2).await;
    stop.cancel();
    working.await.unwrap();
}

#[tokio::test]
async fn alone_everything_is_held_and_the_store_is_not_asked() {
    let trial = Trial::new();
    let node = Node::new(&trial.store);
    let (role, stop) = (node.role("line"), CancellationToken::new());
    let seen = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&seen);
    stop.cancel();
    role.run(stop, move |term, _| {
        assert_eq!((term.fence(), term.is_over()), (0, false));
        counted.fetch_add(1, SeqCst);
        async {}
    })
    .await;
    assert_eq!((seen.load(SeqCst), node.holds("line")), (1, true));
    let fence = trial.store.lease("line", "somebody", Timestamp::now(), claim::TTL).await.unwrap();
    assert_eq!(fence, Some(1), "nobody had asked before");
}
