//! Where a destination is delivered to: at one node at a time, by a worker that begins anew with each term.

use super::{
    Command, Handle, Worker,
    attempt::{BadDestination, Http, Transport},
    calls::patiently,
    destination::Destination,
    health,
    status::{Meters, Shared},
    worker::Delivery,
};
use crate::{
    nodes::Role,
    store::{EventLog, Records, Sequence},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, MutexGuard, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Commands that may wait for a worker.
const COMMANDS: usize = 16;

/// The right to deliver to one destination.
pub struct Post {
    /// Held by one node at a time.
    pub role: Role,
    /// Knows whether an operator has stopped the destination meanwhile.
    pub desk: Option<Arc<dyn Records>>,
}

impl Post {
    /// Where no other node is, and nobody stops anything.
    pub fn alone() -> Self {
        Self { role: Role::alone(), desk: None }
    }
}

/// Starts delivering to `destination`. `wake` holds the newest event's sequence and changes with it.
///
/// # Errors
/// [`BadDestination`]: nothing was started.
pub fn start(
    store: Arc<dyn EventLog>,
    destination: Destination,
    post: Post,
    wake: watch::Receiver<Sequence>,
    stop: CancellationToken,
) -> Result<Worker, BadDestination> {
    let transport = Http::new(&destination)?;
    Ok(start_with(store, destination, transport, health::PROBE_INTERVAL, post, wake, stop))
}

pub(super) fn start_with(
    store: Arc<dyn EventLog>,
    destination: Destination,
    transport: impl Transport,
    probe_interval: Duration,
    post: Post,
    wake: watch::Receiver<Sequence>,
    stop: CancellationToken,
) -> Worker {
    let (commands, orders) = mpsc::channel(COMMANDS);
    let shared = Arc::new(Shared::new(&destination.name));
    shared.set_paused(destination.paused);
    let handle = Handle { commands, shared: Arc::clone(&shared) };
    let (transport, orders) = (Arc::new(transport), Arc::new(Mutex::new(orders)));
    let Post { role, desk } = post;
    // Before its task has begun, too.
    shared.set_here(role.is_alone());
    let work = role.run(stop, move |term, stop| {
        let (store, transport, wake) = (Arc::clone(&store), Arc::clone(&transport), wake.clone());
        let (orders, shared, desk) = (Arc::clone(&orders), Arc::clone(&shared), desk.clone());
        let mut destination = destination.clone();
        async move {
            let mut orders = orders.lock().await;
            let mut here = Here::begin(&mut orders, &shared);
            if let Some(desk) = &desk {
                let paused = tokio::select! {
                    () = stop.cancelled() => return,
                    paused = patiently(|| desk.paused_destinations()) => paused,
                };
                destination.paused = paused.contains(&destination.name);
            }
            let delivery = Delivery::new(store, destination, transport, probe_interval, Arc::clone(&shared));
            delivery.run(here.orders(), wake, &term, stop).await;
        }
    });
    Worker { join: tokio::spawn(work), handle }
}

/// This node delivers to the destination, until it is dropped.
struct Here<'a> {
    orders: &'a mut mpsc::Receiver<Command>,
    shared: &'a Shared,
}

impl<'a> Here<'a> {
    fn begin(orders: &'a mut MutexGuard<'_, mpsc::Receiver<Command>>, shared: &'a Shared) -> Self {
        shared.set_here(true);
        Self { orders, shared }
    }

    fn orders(&mut self) -> &mut mpsc::Receiver<Command> {
        self.orders
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.shared.set_here(false);
        self.shared.left();
        Meters::left(self.shared.name());
        // Whoever waits for an answer learns that there is none.
        while self.orders.try_recv().is_ok() {}
    }
}
