//! Accepting connections, and stopping without anybody being cut off untold.

use super::{Settings, connection, meters::Meters};
use axum::Router;
use hyper::server::conn::http1;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long to wait when the system cannot give a connection (no descriptors, no memory).
const BACK_OFF: Duration = Duration::from_millis(100);
/// At the end of the grace: how long clients may gather in the backlog before it is taken whole and closed.
const GATHER: Duration = Duration::from_millis(50);
/// What is taken from the backlog at the end, at most.
const LAST_GUESTS: usize = 4096;
/// How much longer than the drain the connections' own clocks may take.
const MARGIN: Duration = Duration::from_millis(750);
/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// What all connections of one listener share.
pub(super) struct Shared {
    pub settings: Settings,
    pub meters: Meters,
    pub http: http1::Builder,
    /// Cancelled once `stopped_at` is set.
    pub stop: CancellationToken,
    stopped_at: OnceLock<Instant>,
    crowded: AtomicBool,
}

impl Shared {
    /// Starts the clock of the drain and wakes every connection.
    fn begin_drain(&self) {
        self.stopped_at.get_or_init(Instant::now);
        self.stop.cancel();
    }

    /// Whether the order to stop has come.
    pub fn stopping(&self) -> bool {
        self.stopped_at.get().is_some()
    }

    /// When the grace ends, once the order to stop has come.
    pub fn grace_end(&self) -> Instant {
        self.stopped_at.get().copied().unwrap_or_else(Instant::now) + self.settings.caps.grace
    }

    /// When requests under way are cut.
    pub fn hard_end(&self) -> Instant {
        self.grace_end() + self.settings.caps.drain
    }

    /// Whether all seats are taken and others wait.
    pub fn crowded(&self) -> bool {
        self.crowded.load(Relaxed)
    }

    /// Whether answers say `Connection: close`: the gateway stops, or others wait for the seat.
    pub fn closing(&self) -> bool {
        self.stopping() || self.crowded()
    }
}

/// Serves what `app` makes, for the first connection, on `listener` until `stop` is cancelled, then drains, and returns when all is done: after at most
/// `grace` and `drain`, and a second.
///
/// From the order to stop, every answer carries `Connection: close`. For `grace`, new connections and further
/// requests on kept ones are answered as ever, so that each busy client is told. Then silent connections are closed,
/// the backlog is taken whole and answered, and nobody can connect any more. Requests under way get `drain`, then
/// 503.
///
/// Handlers find the client's address as the extension [`Peer`](super::Peer).
pub async fn serve(
    listener: TcpListener,
    app: impl FnOnce() -> Router + Send,
    settings: Settings,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    // No timer of hyper's: its head timer also runs while a connection is idle, and costs an allocation a request.
    http.max_buf_size(MAX_HEAD);
    // A client that has sent all and closed its half still wants its answer; and a handler is not dropped half-way
    // because a client left.
    http.half_close(true);
    let shared = Arc::new(Shared {
        meters: Meters::new(settings.name),
        settings,
        http,
        stop: CancellationToken::new(),
        stopped_at: OnceLock::new(),
        crowded: AtomicBool::new(false),
    });
    let host = Host { shared: shared.clone(), app: LazyLock::new(app), guests: TaskTracker::new() };
    tokio::select! {
        () = host.welcome(&listener) => {}
        () = async {
            stop.cancelled().await;
            shared.begin_drain();
            tokio::time::sleep_until(shared.grace_end()).await;
        } => {}
    }
    // Whoever connects now waits in the backlog. A connection that is complete when the listener closes is reset, so
    // let busy clients gather there first: then next to none arrives in the microseconds before the close.
    sleep(GATHER).await;
    host.last_guests(listener);
    host.guests.close();
    if timeout_at(shared.hard_end() + MARGIN, host.guests.wait()).await.is_err() {
        tracing::warn!(listener = shared.settings.name, left = host.guests.len(), "connections left after the drain");
    }
}

struct Host<F> {
    shared: Arc<Shared>,
    /// The code of all handlers comes into memory with it: an idle gateway does without.
    app: LazyLock<Router, F>,
    guests: TaskTracker,
}

impl<F: FnOnce() -> Router> Host<F> {
    /// Accepts for ever.
    async fn welcome(&self, listener: &TcpListener) {
        let seats = Arc::new(Semaphore::new(self.shared.settings.caps.connections.min(Semaphore::MAX_PERMITS)));
        let mut failing = false;
        loop {
            let Some(seat) = self.seat(&seats).await else { return };
            match listener.accept().await {
                Ok((stream, address)) => {
                    failing = false;
                    self.seated(stream, address, Some(seat));
                }
                // The client is gone already.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(listener = self.shared.settings.name, %error, "cannot accept connections");
                    }
                    failing = true;
                    sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// Waits for a seat; `None` never happens, as the semaphore is never closed.
    async fn seat(&self, seats: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if let Ok(seat) = seats.clone().try_acquire_owned() {
            return Some(seat);
        }
        self.shared.crowded.store(true, Relaxed);
        let seat = seats.clone().acquire_owned().await.ok();
        self.shared.crowded.store(false, Relaxed);
        seat
    }

    fn seated(&self, stream: TcpStream, address: SocketAddr, seat: Option<OwnedSemaphorePermit>) {
        let (shared, app) = (self.shared.clone(), Router::clone(&self.app));
        self.guests.spawn(async move {
            connection::run(shared, app, stream, address).await;
            drop(seat);
        });
    }

    /// Takes the whole backlog and closes the listener at once after, before anything is answered.
    fn last_guests(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        let mut waiting = Vec::new();
        while waiting.len() < LAST_GUESTS {
            match listener.accept() {
                Ok(guest) => waiting.push(guest),
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(_) => break,
            }
        }
        drop(listener);
        for (stream, address) in waiting {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                self.seated(stream, address, None);
            }
        }
    }
}
