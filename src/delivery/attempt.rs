//! One attempt over HTTP: one POST of one event, signed, and its whole answer.

use super::{
    destination::{Destination, Success},
    outcome::{Fault, FaultClass, Outcome, classify},
    pool::{self, Connection, Failure, Message, Pool},
    signature::{self, BadSecret, SigningKey},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, Uri,
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, USER_AGENT},
};
use hyper::body::Incoming;
use jiff::Timestamp;
use reqwest::Url;
use rustls::ClientConfig;
use std::{fmt, future::Future, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Of an answer, so much is kept for the predicate and for a dead letter's reason.
const KEPT: usize = 64 * 1024;
/// An answer longer than this is not read to its end.
const READ: usize = 8 * 1024 * 1024;
/// For connecting, at most.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that rests for longer is closed.
const REST: Duration = Duration::from_secs(30);
const AGENT: HeaderValue = HeaderValue::from_static(concat!("jiesu/", env!("CARGO_PKG_VERSION")));
const ANY: HeaderValue = HeaderValue::from_static("*/*");

const ID: HeaderName = HeaderName::from_static(signature::ID);
const TIMESTAMP: HeaderName = HeaderName::from_static(signature::TIMESTAMP);
const SIGNATURE: HeaderName = HeaderName::from_static(signature::SIGNATURE);

/// Sends events; what the worker is tested without.
pub trait Transport: Send + Sync + 'static {
    /// One attempt to deliver `body` as the event `id`.
    fn attempt(&self, id: &str, body: Bytes) -> impl Future<Output = Outcome> + Send;
}

/// A destination's configuration cannot work.
#[derive(Debug, thiserror::Error)]
pub enum BadDestination {
    /// The URL is none, not http(s), or holds a password.
    #[error("url: give an http:// or https:// address without user and password")]
    Url,
    /// The secret cannot sign.
    #[error("secret: {0}")]
    Secret(#[from] BadSecret),
    /// The system's certificates cannot be read, for one.
    #[error("no HTTP client: {0}")]
    Client(#[from] rustls::Error),
}

/// Posts to one destination, over connections of its own.
pub struct Http {
    pool: Pool,
    timeout: Duration,
    /// Path and query.
    target: Uri,
    host: HeaderValue,
    key: Option<SigningKey>,
    media_type: HeaderValue,
    success: Success,
}

// Without the target: it may hold a key.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Http {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// [`BadDestination`]
    pub fn new(destination: &Destination) -> Result<Self, BadDestination> {
        Self::trusting(destination, pool::trusted)
    }

    /// As [`Self::new`], and says which certificates are trusted.
    pub(super) fn trusting(
        destination: &Destination,
        trusted: impl FnOnce(&Uri) -> Result<ClientConfig, rustls::Error>,
    ) -> Result<Self, BadDestination> {
        let address = address(&destination.url).ok_or(BadDestination::Url)?;
        let authority = address.authority().ok_or(BadDestination::Url)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| BadDestination::Url)?;
        let target = address.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
        let (tls, patience) = (trusted(&address)?, CONNECT.min(destination.timeout));
        let media_type = if destination.map.is_some() { "application/json" } else { "application/cloudevents+json" };
        Ok(Self {
            pool: Pool::new(address, tls, patience, destination.concurrency, REST),
            timeout: destination.timeout,
            target,
            host,
            key: destination.secret.as_ref().map(SigningKey::new).transpose()?,
            media_type: HeaderValue::from_static(media_type),
            success: destination.success.clone(),
        })
    }

    pub(super) fn message(&self, id: &str, body: Bytes) -> Option<Message> {
        let now = Timestamp::now().as_second();
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, AGENT);
        headers.insert(ACCEPT, ANY);
        headers.insert(CONTENT_TYPE, self.media_type.clone());
        headers.insert(ID, HeaderValue::from_str(id).ok()?);
        headers.insert(TIMESTAMP, HeaderValue::from(now));
        if let Some(key) = &self.key {
            headers.insert(SIGNATURE, HeaderValue::try_from(key.sign(id, now, &body)).ok()?);
        }
        let mut message = Message::new(body.into());
        *message.method_mut() = Method::POST;
        *message.uri_mut() = self.target.clone();
        *message.headers_mut() = headers;
        Some(message)
    }

    async fn exchange(&self, mut message: Message) -> Result<Outcome, FaultClass> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let mut connection = self.pool.take(deadline).await?;
            let answered = async {
                let response = connection.send(message).await?;
                Ok(answer(&mut connection, response, &self.success).await?)
            };
            match timeout_at(deadline, answered).await {
                Ok(Ok(outcome)) => {
                    self.pool.put(connection).await;
                    return Ok(outcome);
                }
                // The destination had closed a connection that rested.
                Ok(Err(Failure::Unsent(unsent))) => message = *unsent,
                Ok(Err(Failure::Fault(class))) => return Err(class),
                Err(_) => return Err(FaultClass::Timeout),
            }
        }
    }
}

impl Transport for Http {
    async fn attempt(&self, id: &str, body: Bytes) -> Outcome {
        let Some(message) = self.message(id, body) else {
            return Outcome::MessageAtFault { reason: "its id does not fit in a header".into() };
        };
        let outcome = self.exchange(message).await;
        outcome.unwrap_or_else(|class| Outcome::DestinationAtFault(Fault::without_answer(class)))
    }
}

/// An address as HTTP takes it: the host as it is looked up, the path as it is sent.
fn address(url: &str) -> Option<Uri> {
    let mut url: Url = url.parse().ok()?;
    let is_secret = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || is_secret {
        return None;
    }
    url.set_fragment(None);
    url.as_str().parse().ok()
}

/// Only a whole answer is one: an answer that breaks off may be about anything. One without end is read so far.
async fn answer(
    connection: &mut Connection,
    response: Response<Incoming>,
    success: &Success,
) -> Result<Outcome, FaultClass> {
    let (head, mut body) = response.into_parts();
    let (mut kept, mut read) = (Bytes::new(), 0);
    while let Some(piece) = connection.piece(&mut body).await? {
        read += piece.len();
        keep(&mut kept, piece);
        // Enough was said to know what it means: the status stands, only a predicate has not read it all.
        if read > READ {
            break;
        }
    }
    Ok(classify(head.status, &head.headers, &kept, read == kept.len(), success, Timestamp::now()))
}

/// Most answers are one piece, which is kept as it is.
fn keep(kept: &mut Bytes, piece: Bytes) {
    let room = KEPT - kept.len();
    let piece = piece.slice(..piece.len().min(room));
    *kept = if kept.is_empty() { piece } else { [&kept[..], &piece[..]].concat().into() };
}
