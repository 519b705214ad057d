//! Connections to one destination, kept open between attempts.
//!
//! A connection has no task of its own: whoever uses it drives it, and nobody does while it rests. So an attempt costs no
//! switch between tasks; and what befell the connection meanwhile shows when it is taken, before anything is written.

use super::outcome::FaultClass;
use bytes::Bytes;
use http::{Request, Response, Uri, uri::Scheme};
use http_body::Body;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{ClientConfig, RootCertStore, client::Resumption};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::{
    error::Error,
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tower::ServiceExt as _;

/// For taking leave of the destination.
const LEAVE: Duration = Duration::from_secs(1);
/// A peer that is gone without a word is noticed by asking for it: after so long, so often, so many times.
const ASK: (Duration, u32) = (Duration::from_secs(15), 3);
/// What was sent and is not confirmed for so long was sent to nobody.
const UNCONFIRMED: Duration = Duration::from_secs(30);

/// For handshakes that are cut short: as many as rustls keeps of a server.
const TICKETS: usize = 8;

/// What is sent.
pub type Message = Request<Full<Bytes>>;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

// Large, and connections come and go.
type Driver = Box<http1::Connection<Stream, Full<Bytes>>>;

/// The connections to one destination.
pub struct Pool {
    connector: HttpsConnector<HttpConnector>,
    address: Uri,
    /// For connecting.
    patience: Duration,
    /// So many rest at once, at most.
    most: usize,
    /// For so long, at most.
    rest: Duration,
    resting: Arc<Mutex<Resting>>,
}

/// The connections that rest, the one that has rested longest first.
#[derive(Default)]
struct Resting {
    connections: Vec<Connection>,
    /// Somebody closes those that rest too long.
    watched: bool,
}

/// A connection, and what has to be polled for anything to happen on it.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it is over.
    driver: Option<Driver>,
    /// It has brought an answer before.
    used: bool,
    rests_until: Instant,
}

/// Why there is no answer.
pub enum Failure {
    /// The connection was over since an earlier answer, and nothing of the message was written: another may take it.
    Unsent(Box<Message>),
    /// Anything else.
    Fault(FaultClass),
}

impl From<FaultClass> for Failure {
    fn from(class: FaultClass) -> Self {
        Self::Fault(class)
    }
}

impl Pool {
    /// Connects to `address` within `patience`; at most `most` connections rest at once, for `rest` at most. Opens nothing
    /// yet.
    pub fn new(address: Uri, tls: ClientConfig, patience: Duration, most: usize, rest: Duration) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(patience));
        http.set_keepalive(Some(ASK.0));
        http.set_keepalive_interval(Some(ASK.0));
        http.set_keepalive_retries(Some(ASK.1));
        http.set_tcp_user_timeout(Some(UNCONFIRMED));
        let connector = HttpsConnector::from((http, tls));
        Self { connector, address, patience, most, rest, resting: Arc::default() }
    }

    /// A connection that is open, as far as can be known, before `deadline`.
    ///
    /// # Errors
    /// [`FaultClass::Connect`]
    pub async fn take(&self, deadline: Instant) -> Result<Connection, FaultClass> {
        while let Some(mut connection) = self.rested() {
            if Instant::now() < connection.rests_until && connection.is_free().await {
                return Ok(connection);
            }
        }
        match timeout_at(deadline.min(Instant::now() + self.patience), self.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(_)) | Err(_) => Err(FaultClass::Connect),
        }
    }

    /// The one that has rested least.
    fn rested(&self) -> Option<Connection> {
        lock(&self.resting).connections.pop()
    }

    async fn connect(&self) -> Result<Connection, Box<dyn Error + Send + Sync>> {
        let stream = self.connector.clone().oneshot(self.address.clone()).await?;
        let (sender, driver) = http1::handshake(stream).await?;
        Ok(Connection { sender, driver: Some(Box::new(driver)), used: false, rests_until: Instant::now() })
    }

    /// Lets a connection rest whose answer was read to its end, if it can be used again.
    pub async fn put(&self, mut connection: Connection) {
        if !connection.is_free().await {
            return;
        }
        (connection.used, connection.rests_until) = (true, Instant::now() + self.rest);
        let end = connection.rests_until;
        let watched = {
            let mut resting = lock(&self.resting);
            if resting.connections.len() >= self.most {
                return;
            }
            resting.connections.push(connection);
            std::mem::replace(&mut resting.watched, true)
        };
        if !watched {
            tokio::spawn(watch(Arc::downgrade(&self.resting), end));
        }
    }
}

/// Which certificates are trusted: the system's. Those of an address that needs none are not read.
///
/// # Errors
/// They cannot be read.
pub fn trusted(address: &Uri) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = match address.scheme() == Some(&Scheme::HTTPS) {
        true => config.with_platform_verifier()?,
        false => config.with_root_certificates(RootCertStore::empty()),
    };
    let mut config = config.with_no_client_auth();
    // Of one server.
    config.resumption = Resumption::in_memory_sessions(TICKETS);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("host", &self.address.host()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Sends a message; the answer is here when its head is.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn send(&mut self, message: Message) -> Result<Response<Incoming>, Failure> {
        let mut answer = pin!(self.sender.try_send_request(message));
        let driver = &mut self.driver;
        let answer = poll_fn(|context| drive(driver, context, |context| answer.as_mut().poll(context))).await;
        answer.map_err(|mut error| match error.take_message().filter(|_| self.used) {
            Some(message) => Failure::Unsent(Box::new(message)),
            None => FaultClass::Broken.into(),
        })
    }

    /// The next piece of an answer's body; nothing at its end.
    ///
    /// # Errors
    /// [`FaultClass::Broken`]
    pub async fn piece(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, FaultClass> {
        let driver = &mut self.driver;
        loop {
            let frame = poll_fn(|context| drive(driver, context, |context| Pin::new(&mut *body).poll_frame(context)));
            let Some(frame) = frame.await else { return Ok(None) };
            // Trailers are none of ours.
            if let Ok(data) = frame.map_err(|_| FaultClass::Broken)?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Whether a message can be sent now: it is open, and nothing of an earlier answer is left.
    async fn is_free(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        poll_fn(|context| {
            let _ = drive(driver, context, |_| Poll::<()>::Pending);
            Poll::Ready(driver.is_some() && sender.is_ready())
        })
        .await
    }

    /// Says good-bye, so that the destination need not wonder.
    async fn close(self) {
        let Self { sender, driver, .. } = self;
        drop(sender);
        if let Some(driver) = driver {
            let _ = timeout(LEAVE, driver).await;
        }
    }
}

/// Moves the connection on until what is `wanted` of it is there.
fn drive<T>(
    driver: &mut Option<Driver>,
    context: &mut Context<'_>,
    mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if let Poll::Ready(wanted) = wanted(context) {
        return Poll::Ready(wanted);
    }
    if driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(context).is_ready()) {
        // With it, whatever still waits for it learns that nothing will come.
        *driver = None;
    }
    wanted(context)
}

/// Closes the connections that rest too long, until none rests.
async fn watch(resting: Weak<Mutex<Resting>>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        let Some(resting) = resting.upgrade() else { return };
        let (old, rest) = lock(&resting).rested_out(Instant::now());
        drop(resting);
        for connection in old {
            connection.close().await;
        }
        match rest {
            Some(at) => next = at,
            None => return,
        }
    }
}

impl Resting {
    /// Takes out those that rest too long, and says when that will be true of the next one.
    fn rested_out(&mut self, now: Instant) -> (Vec<Connection>, Option<Instant>) {
        let old = self.connections.partition_point(|connection| connection.rests_until <= now);
        let old = self.connections.drain(..old).collect();
        let next = self.connections.first().map(|connection| connection.rests_until);
        self.watched = next.is_some();
        (old, next)
    }
}

fn lock(resting: &Mutex<Resting>) -> MutexGuard<'_, Resting> {
    resting.lock().unwrap_or_else(PoisonError::into_inner)
}
