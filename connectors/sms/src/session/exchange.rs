//! The way out over whatever links there are at the moment: sessions open and close, answers find one that is open.

use super::{
    Submission,
    link::{Order, Outcome},
};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// For room in a link's window.
const ROOM: Duration = Duration::from_secs(30);

/// The open links of one channel.
#[derive(Default)]
pub(crate) struct Exchange {
    links: Mutex<Vec<mpsc::Sender<Order>>>,
    turn: AtomicUsize,
}

/// The two ends of the way to a link. Room for one: what waits here can still go over another link.
pub(super) fn pair() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(1)
}

impl Exchange {
    /// Another link is open.
    pub(super) fn connect(&self, link: mpsc::Sender<Order>) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| !link.is_closed());
        links.push(link);
    }

    /// Sends one part over the next link that is open.
    pub(crate) async fn submit(&self, submission: Submission) -> Outcome {
        let none = || Outcome::Unsent("there is no open link to the carrier".into());
        let mut order = submission;
        loop {
            let link = {
                let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
                links.retain(|link| !link.is_closed());
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                match links.len() {
                    0 => return none(),
                    count => links.get(turn % count).cloned(),
                }
            };
            let Some(link) = link else { return none() };
            let room = match timeout(ROOM, link.reserve()).await {
                Ok(Ok(room)) => room,
                // It closed meanwhile: another one, if there is.
                Ok(Err(_)) => continue,
                Err(_) => return Outcome::Unsent("the carrier answers nothing; the window is full".into()),
            };
            let (outcome, told) = oneshot::channel();
            room.send(Order { submission: order.clone(), outcome });
            match told.await {
                Ok(Outcome::Unsent(_)) => order = order.clone(),
                Ok(outcome) => return outcome,
                Err(_) => return Outcome::Unknown("the link was lost".into()),
            }
        }
    }
}
