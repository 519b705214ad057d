//! One resource at one node: asks for it, renews it, and tells who works on it.

use super::{
    claim::{Answer, Change, Claim, Next, TTL},
    term::{Term, now},
};
use crate::store::Store;
use jiff::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// A wait is cut into such pieces: timers stand still while the machine sleeps, the lease does not.
const LOOK: Duration = Duration::from_secs(1);
/// For giving a lease back.
const LEAVE: Duration = Duration::from_millis(1_500);

/// One resource at one node.
pub(super) struct Seat {
    pub resource: Arc<str>,
    /// The term that is under way.
    pub terms: watch::Sender<Option<Term>>,
    /// Somebody works on it.
    pub working: watch::Sender<bool>,
    /// Somebody may have given it back.
    pub hurry: Notify,
    /// Nobody will work on it any more.
    pub left: CancellationToken,
    /// It was given back after that.
    pub gone: CancellationToken,
    /// When somebody was last known to hold it, in milliseconds of [`now`].
    manned_at: AtomicU64,
}

impl Seat {
    pub fn new(resource: &str) -> Self {
        let seat = Self {
            resource: resource.into(),
            terms: watch::Sender::new(None),
            working: watch::Sender::new(false),
            hurry: Notify::new(),
            left: CancellationToken::new(),
            gone: CancellationToken::new(),
            manned_at: AtomicU64::new(0),
        };
        seat.manned();
        seat.show(false);
        seat
    }

    /// Nobody can take it.
    pub fn hold_for_ever(&self) {
        self.terms.send_replace(Some(Term::for_ever()));
        self.show(true);
    }

    pub fn is_held(&self) -> bool {
        self.terms.borrow().as_ref().is_some_and(|term| !term.is_over())
    }

    /// For how long nobody is known to hold it.
    pub fn vacant_for(&self) -> Duration {
        now().saturating_sub(Duration::from_millis(self.manned_at.load(Ordering::Relaxed)))
    }

    fn manned(&self) {
        self.manned_at.store(u64::try_from(now().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn show(&self, held: bool) {
        super::show_held(&self.resource, held);
    }

    /// Holds it whenever nobody else does, until it is left.
    pub async fn keep(&self, store: &dyn Store, node: &str) {
        let mut claim = Claim::new(now());
        // Each term is another holder's, so that what was decided in an earlier one is told from what is decided now.
        let mut term = 0u64;
        let name = |term: u64| format!("{node}.{term}");
        while !self.left.is_cancelled() {
            let change = match claim.next(now()) {
                Next::Wait(wait) => {
                    tokio::select! {
                        () = self.left.cancelled() => {}
                        () = self.hurry.notified() => claim.hurry(now()),
                        () = sleep(wait.min(LOOK)) => {}
                    }
                    continue;
                }
                Next::GiveUp => Some(claim.give_up(now())),
                Next::Ask => {
                    let asked = now();
                    let holder = name(term);
                    let asking = store.lease(&self.resource, &holder, Timestamp::now(), TTL);
                    let answer = match timeout(claim.patience(asked), asking).await {
                        Ok(Ok(Some(fence))) => Answer::Ours(fence),
                        Ok(Ok(None)) => Answer::Others,
                        Ok(Err(_)) | Err(_) => Answer::Silence,
                    };
                    if answer != Answer::Silence {
                        self.manned();
                    }
                    claim.answered(asked, now(), answer)
                }
            };
            match (change, claim.until()) {
                (Some(Change::Gained(fence)), Some(until)) => self.gain(Term::new(fence, until)),
                (Some(loss), _) => {
                    self.lose(loss).await;
                    self.give_back(store, &name(term)).await;
                    term += 1;
                }
                (None, Some(until)) => {
                    if let Some(term) = &*self.terms.borrow() {
                        term.extend(until);
                    }
                }
                (None, None) => {}
            }
        }
        self.end();
        self.give_back(store, &name(term)).await;
        self.gone.cancel();
    }

    fn gain(&self, term: Term) {
        tracing::info!(resource = &*self.resource, fence = term.fence(), "this node has it now");
        self.terms.send_replace(Some(term));
        self.show(true);
    }

    /// On return nobody works on it here.
    async fn lose(&self, loss: Change) {
        let why = match loss {
            Change::Unheard => "the store was not heard of for too long",
            _ => "another node has taken it",
        };
        tracing::warn!(resource = &*self.resource, why, "this node has it no more");
        self.end();
        let mut working = self.working.subscribe();
        tokio::select! {
            () = self.left.cancelled() => {}
            _ = working.wait_for(|working| !working) => {}
        }
    }

    fn end(&self) {
        if let Some(term) = self.terms.send_replace(None) {
            term.end();
        }
        self.show(false);
    }

    /// So that the next need not wait until the lease runs out. What is not ours any more is left alone by the store.
    async fn give_back(&self, store: &dyn Store, holder: &str) {
        let _ = timeout(LEAVE, store.release_lease(&self.resource, holder)).await;
    }
}
