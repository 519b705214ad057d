//! One connection, watched.

use super::{
    accept::Shared,
    exchange::{exchange, refusal},
    turn::{Phase, Turn},
    wire::Wire,
};
use axum::Router;
use http::StatusCode;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};

/// After the order to stop, how long a connection must have been silent before it is closed.
const QUIET: Duration = Duration::from_millis(500);
/// How long an answer that was forced may take to be written.
const LAST_WORD: Duration = Duration::from_millis(250);
/// A body that brings this many bytes earns another second.
const BODY_BYTES_PER_SECOND: u64 = 16 << 10;
/// Longer than any connection lives.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// hyper is done with it.
    Done,
    /// hyper is done with it: this is no HTTP/1.1.
    Malformed,
    /// Nothing came for long.
    Silent,
    /// A request's head did not come in time.
    Late,
    /// Time is up and the client takes nothing any more.
    Cut,
}

/// Serves one connection to its end.
pub(super) async fn run(shared: Arc<Shared>, app: Router, stream: TcpStream, address: SocketAddr) {
    let _open = shared.meters.connection();
    // Answers are small and written whole: waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let turn = Arc::new(Turn::new());
    let wire = TokioIo::new(Wire::new(stream, turn.clone()));
    let address = address.ip().to_canonical();
    let service = {
        let (shared, turn) = (shared.clone(), turn.clone());
        service_fn(move |request| exchange(shared.clone(), turn.clone(), app.clone(), address, request))
    };
    let mut connection = shared.http.serve_connection(wire, service);
    let mut watch = Watch::new(&shared, &turn);
    let mut alarm = pin!(sleep_until(watch.since + watch.tick));
    let mut stop = pin!(shared.stop.cancelled());
    let mut registered = false;

    let end = std::future::poll_fn(|cx| {
        loop {
            if !registered {
                // Once is enough, as a task's waker stays the same; and it takes a lock that all connections share.
                let _ = stop.as_mut().poll(cx);
                registered = true;
            }
            if let Poll::Ready(result) = Pin::new(&mut connection).poll(cx) {
                let malformed = result.is_err_and(|error| error.is_parse());
                return Poll::Ready(if malformed { End::Malformed } else { End::Done });
            }
            let deadline = watch.deadline();
            if deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
            }
            loop {
                if alarm.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                if now >= deadline {
                    break;
                }
                alarm.as_mut().reset(deadline.min(now + watch.tick));
            }
            if let Some(end) = watch.expired() {
                return Poll::Ready(end);
            }
            // The exchange was ordered to answer: see to it at once, and watch on.
            alarm.as_mut().reset(Instant::now() + LAST_WORD);
        }
    })
    .await;

    let wire = connection.into_parts().io.into_inner();
    let refused = match end {
        End::Cut => return,
        End::Late => Some(StatusCode::REQUEST_TIMEOUT),
        End::Malformed if wire.refused().is_none() && turn.clean() => Some(StatusCode::BAD_REQUEST),
        End::Malformed | End::Done | End::Silent => wire.refused(),
    };
    if let Some(status) = refused {
        shared.meters.answered(status);
    }
    let until = if shared.stopping() { shared.hard_end() + LAST_WORD } else { Instant::now() + NEVER };
    wire.finish(refused.map(refusal), until).await;
}

/// Knows when a connection's time is up.
struct Watch<'a> {
    shared: &'a Shared,
    turn: &'a Turn,
    /// The alarm rings at least this often, so that it never has to be moved forward for a request.
    tick: Duration,
    steps: u32,
    requests: u32,
    since: Instant,
    body_since: Option<Instant>,
    last_word: Option<Instant>,
}

impl<'a> Watch<'a> {
    fn new(shared: &'a Shared, turn: &'a Turn) -> Self {
        let caps = &shared.settings.caps;
        let tick = caps.header_timeout.min(caps.body_gap).min(caps.body_timeout).min(caps.idle);
        Self {
            shared,
            turn,
            tick: tick.max(Duration::from_millis(1)),
            steps: turn.steps(),
            requests: 0,
            since: Instant::now(),
            body_since: None,
            last_word: None,
        }
    }

    /// When the present turn ends; notes progress first.
    fn deadline(&mut self) -> Instant {
        if self.turn.steps() != self.steps {
            self.steps = self.turn.steps();
            self.since = Instant::now();
        }
        if self.turn.requests() != self.requests {
            self.requests = self.turn.requests();
            self.body_since = None;
            self.last_word = None;
        }
        if let Some(end) = self.last_word {
            return end;
        }
        let caps = &self.shared.settings.caps;
        let stopping = self.shared.stopping();
        let deadline = match self.turn.phase() {
            Phase::Silent if stopping => (self.since + QUIET).max(self.shared.grace_end()),
            // A new connection has to say something, and a crowd leaves nobody a seat to sleep in.
            Phase::Silent if self.requests == 0 || self.shared.crowded() => {
                self.since + caps.header_timeout.min(caps.idle)
            }
            Phase::Silent => self.since + caps.idle,
            Phase::Head => self.since + caps.header_timeout,
            Phase::Body => {
                let began = *self.body_since.get_or_insert(self.since);
                let earned = Duration::from_secs(self.turn.body_bytes() / BODY_BYTES_PER_SECOND);
                (self.since + caps.body_gap).min(began + caps.body_timeout + earned)
            }
            Phase::Handling if self.turn.stalled() => self.since + caps.idle,
            Phase::Handling => self.since + NEVER,
        };
        if stopping { deadline.min(self.shared.hard_end()) } else { deadline }
    }

    /// Time is up: how the connection ends, or `None` if the exchange under way was ordered to answer.
    fn expired(&mut self) -> Option<End> {
        if self.last_word.is_some() || self.turn.stalled() {
            return Some(End::Cut);
        }
        let status = match self.turn.phase() {
            Phase::Silent => return Some(End::Silent),
            Phase::Head => return Some(End::Late),
            Phase::Body => StatusCode::REQUEST_TIMEOUT,
            Phase::Handling => StatusCode::SERVICE_UNAVAILABLE,
        };
        self.turn.sentence(status);
        self.last_word = Some(Instant::now() + LAST_WORD);
        None
    }
}
