//! Work that one node does at a time.

use super::{seat::Seat, term::Term};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// At the stop, for giving the resource back.
const LEAVE: Duration = Duration::from_secs(2);

/// The right to work on one resource, whenever this node holds it. Given back when dropped.
pub struct Role(Option<Arc<Seat>>);

impl Role {
    /// Where no other node is: it is always held, and costs nothing.
    pub fn alone() -> Self {
        Self(None)
    }

    /// Whether it is always held.
    pub fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn of(seat: Arc<Seat>) -> Self {
        Self(Some(seat))
    }

    /// Does `work` anew for each term, until `stop`; then gives the resource back. Each time the work gets a token of its
    /// own: it ends in good order with `stop`, and is dropped where it waits when the resource is lost.
    pub async fn run<W, F>(self, stop: CancellationToken, mut work: W)
    where
        W: FnMut(Term, CancellationToken) -> F + Send,
        F: Future<Output = ()> + Send,
    {
        let Some(seat) = &self.0 else { return work(Term::for_ever(), stop).await };
        let mut terms = seat.terms.subscribe();
        while !stop.is_cancelled() {
            let term = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                term = terms.wait_for(Option::is_some) => match term {
                    Ok(term) => term.clone(),
                    Err(_) => break,
                },
            };
            let Some(term) = term else { continue };
            let own = stop.child_token();
            seat.working.send_replace(true);
            tokio::select! {
                biased;
                () = term.over() => {}
                () = work(term.clone(), own.clone()) => {}
            }
            // For what the work has left running beside it.
            own.cancel();
            seat.working.send_replace(false);
            tokio::select! {
                () = stop.cancelled() => {}
                () = term.over() => {}
            }
        }
        seat.left.cancel();
        let _ = timeout(LEAVE, seat.gone.cancelled()).await;
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if let Some(seat) = &self.0 {
            seat.left.cancel();
        }
    }
}
