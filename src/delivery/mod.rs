//! Deliver: every event, to the core and to each subscriber, at least once and in order per ticket (contract §5).
//!
//! One task per destination reads the event log from its own cursor, so that one destination's trouble is nobody
//! else's. What the parts decide is pure and told the time: `window` which event may go next, `health` whether the
//! destination may be tried, `ledger` what is done with, `outcome` what an answer means. The `worker` does the
//! waiting, `attempt` the sending. Of several nodes one delivers to a destination at a time: `post`.

mod attempt;
mod calls;
mod destination;
mod filter;
mod health;
mod ledger;
mod mask;
mod outcome;
mod pace;
mod pool;
mod post;
pub mod predicate;
mod status;
mod veil;
mod window;
mod worker;

#[cfg(test)]
mod tests;

pub use attempt::BadDestination;
pub use destination::{Contact, Destination, Map, Predicate, RetryPolicy, Success};
pub use filter::Filter;
pub use jiesu_signing as signature;
pub use post::{Post, start};
pub use status::DestinationStatus;

use crate::store::Sequence;
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// A destination's running task.
#[derive(Debug)]
pub struct Worker {
    /// Ends within 6 s of `stop`: 4 for what is under way, 2 for the last save.
    pub join: JoinHandle<()>,
    /// To watch and command it.
    pub handle: Handle,
}

/// Watches and commands a worker.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    shared: Arc<status::Shared>,
}

/// The worker has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the delivery to this destination has stopped")]
pub struct Stopped;

impl Handle {
    /// How the destination is.
    pub fn status(&self) -> DestinationStatus {
        self.shared.status()
    }

    /// Whether this node delivers to it, and not another.
    pub fn is_here(&self) -> bool {
        self.shared.is_here()
    }

    /// Sends everything after `after` again, to this destination only. Never goes forward. Answers with the cursor
    /// once it is saved.
    ///
    /// # Errors
    /// [`Stopped`], also where another node delivers.
    pub async fn rewind(&self, after: Sequence) -> Result<Sequence, Stopped> {
        if !self.is_here() {
            return Err(Stopped);
        }
        let (done, saved) = oneshot::channel();
        self.commands.send(Command::Rewind { after, done }).await.map_err(|_| Stopped)?;
        saved.await.map_err(|_| Stopped)
    }

    /// Sends nothing until it is told otherwise; what is under way is finished. Where another node delivers, it is only
    /// noted.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn pause(&self, paused: bool) -> Result<(), Stopped> {
        self.shared.set_paused(paused);
        match self.is_here() {
            true => self.commands.send(Command::Pause(paused)).await.map_err(|_| Stopped),
            false if self.is_finished() => Err(Stopped),
            false => Ok(()),
        }
    }

    /// Whether its task has ended.
    pub fn is_finished(&self) -> bool {
        self.commands.is_closed()
    }

    /// Dead letters were requeued in the store. Whoever begins to deliver finds them by itself.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn requeued(&self) -> Result<(), Stopped> {
        match self.is_here() {
            true => self.commands.send(Command::Requeued).await.map_err(|_| Stopped),
            false if self.is_finished() => Err(Stopped),
            false => Ok(()),
        }
    }
}

/// What a worker is told.
#[derive(Debug)]
enum Command {
    /// Go back to `after`.
    Rewind {
        after: Sequence,
        /// Told the cursor, once it is saved.
        done: oneshot::Sender<Sequence>,
    },
    /// There are dead letters to send again.
    Requeued,
    /// Send nothing, or go on.
    Pause(bool),
}
