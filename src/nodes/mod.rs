//! Several nodes on one store: who does what, and how the others learn of it.
//!
//! Whoever receives accepts. What must be done by one at a time (the line, each destination, each session with a channel)
//! is a [`Role`]: a lease in the store, renewed while the work goes on. A node that cannot renew stops before the lease
//! ends for the others; what it has under way then is refused by the store's fence, or is harmless twice. Where one process
//! has the store for itself, every role is always held: no lease, no timer, no write.

mod claim;
mod common;
mod news;
mod role;
mod seat;
mod standing;
mod term;

#[cfg(test)]
mod tests;

pub use common::{other_key, sign_of};
pub use news::{News, REINDEX, REWIND};
pub use role::Role;
pub use standing::{Seen, Standing, Standings};
pub use term::Term;

use crate::store::Store;
use seat::Seat;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;

/// Who makes tickets.
pub const LINE: &str = "line";
/// Who answers citizens, and holds the sessions over which answers leave.
pub const REPLIES: &str = "replies";
/// Who fetches what channels still have.
pub const MEDIA: &str = "media";

/// Who delivers to a destination.
pub fn to(destination: &str) -> String {
    format!("to/{destination}")
}

/// A resource that nobody is known to hold for so long is a fault: a killed node's is taken over sooner.
const VACANT: Duration = Duration::from_secs(30);

/// This process among those of one store.
pub struct Node {
    name: Arc<str>,
    /// The store, if others share it.
    shared: Option<Arc<dyn Store>>,
    /// Where leases are renewed: not among the work that they are for.
    runtime: Handle,
    seats: Mutex<BTreeMap<Arc<str>, Arc<Seat>>>,
    /// Seconds, as the bits of an f64.
    clock_ahead: AtomicU64,
}

impl Node {
    /// One of those that share `store`, or the only one. To be called in the runtime that takes messages in.
    pub fn new(store: &Arc<dyn Store>) -> Self {
        let shared = store.signals().is_some().then(|| Arc::clone(store));
        let own = ulid::Ulid::generate().to_string();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let name = format!("{host}/{}", own.get(16..).unwrap_or(&own).to_lowercase());
        Self {
            name: name.into(),
            shared,
            runtime: Handle::current(),
            seats: Mutex::default(),
            clock_ahead: AtomicU64::new(0),
        }
    }

    /// Its name: the host's, and something that no other process has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether other nodes may share the store.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// From now on asks for `resource` whenever nobody holds it, until the role is dropped.
    pub fn role(&self, resource: &str) -> Role {
        let seat = Arc::new(Seat::new(resource));
        self.seats().insert(seat.resource.clone(), Arc::clone(&seat));
        let Some(store) = self.shared.clone() else {
            seat.hold_for_ever();
            return Role::alone();
        };
        let (kept, name) = (Arc::clone(&seat), Arc::clone(&self.name));
        self.runtime.spawn(async move { kept.keep(&*store, &name).await });
        Role::of(seat)
    }

    /// Asks at once for what it does not hold: something was given back.
    pub fn hurry(&self) {
        self.seats().values().for_each(|seat| seat.hurry.notify_waiters());
    }

    /// What it holds now.
    pub fn held(&self) -> Vec<String> {
        self.seats().values().filter(|seat| seat.is_held()).map(|seat| seat.resource.to_string()).collect()
    }

    /// Whether it holds `resource` now.
    pub fn holds(&self, resource: &str) -> bool {
        self.seats().get(resource).is_some_and(|seat| seat.is_held())
    }

    /// What nobody is known to work on, here or elsewhere.
    pub fn vacant(&self) -> Vec<String> {
        let vacant = |seat: &&Arc<Seat>| !seat.is_held() && seat.vacant_for() > VACANT;
        self.seats().values().filter(vacant).map(|seat| seat.resource.to_string()).collect()
    }

    /// How far this node's clock is ahead of the store's, in seconds.
    pub fn clock_ahead(&self) -> f64 {
        f64::from_bits(self.clock_ahead.load(Ordering::Relaxed))
    }

    /// Notes it; gives what was noted before.
    fn set_clock_ahead(&self, seconds: f64) -> f64 {
        f64::from_bits(self.clock_ahead.swap(seconds.to_bits(), Ordering::Relaxed))
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn show_held(resource: &str, held: bool) {
    let held = f64::from(u8::from(held));
    metrics::gauge!("jiesu_lease_held", "resource" => resource.to_owned()).set(held);
}
