//! One attempt over HTTP: one POST of one event, signed, and its whole answer.

use super::{
    destination::{Destination, Success},
    outcome::{Fault, FaultClass, Outcome, classify},
    signature::{self, BadSecret, SigningKey},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CONTENT_TYPE, HeaderName},
};
use jiff::Timestamp;
use reqwest::{Client, Request, Response, Url, redirect};
use std::{future::Future, sync::Once, time::Duration};

/// Of an answer, so much is kept for the predicate and for a dead letter's reason.
const KEPT: usize = 64 * 1024;
/// An answer longer than this is not read to its end.
const READ: usize = 8 * 1024 * 1024;
/// For connecting, at most.
const CONNECT: Duration = Duration::from_secs(5);
const AGENT: &str = concat!("jiesu/", env!("CARGO_PKG_VERSION"));

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
    /// The URL is none, or not http(s).
    #[error("url: give an http:// or https:// address")]
    Url,
    /// The secret cannot sign.
    #[error("secret: {0}")]
    Secret(#[from] BadSecret),
    /// There is no client: the system's certificates cannot be read, for one.
    #[error("no HTTP client: {0}")]
    Client(reqwest::Error),
}

/// Posts to one destination, over connections of its own.
#[derive(Debug)]
pub struct Http {
    client: Client,
    url: Url,
    key: Option<SigningKey>,
    media_type: &'static str,
    success: Success,
}

impl Http {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// [`BadDestination`]
    pub fn new(destination: &Destination) -> Result<Self, BadDestination> {
        let url: Url = destination.url.parse().map_err(|_| BadDestination::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadDestination::Url);
        }
        let mut client = Client::builder()
            .user_agent(AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT.min(destination.timeout))
            .timeout(destination.timeout)
            .pool_max_idle_per_host(destination.concurrency)
            .pool_idle_timeout(Duration::from_secs(30));
        install_tls();
        if url.scheme() == "http" {
            // No certificates are needed, so none are read.
            client = client.tls_certs_only([]);
        }
        Ok(Self {
            client: client.build().map_err(BadDestination::Client)?,
            url,
            key: destination.secret.as_ref().map(SigningKey::new).transpose()?,
            media_type: if destination.map.is_some() { "application/json" } else { "application/cloudevents+json" },
            success: destination.success.clone(),
        })
    }

    fn request(&self, id: &str, body: Bytes) -> Option<Request> {
        let now = Timestamp::now().as_second();
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(ID, HeaderValue::from_str(id).ok()?);
        headers.insert(TIMESTAMP, HeaderValue::from(now));
        if let Some(key) = &self.key {
            headers.insert(SIGNATURE, HeaderValue::try_from(key.sign(id, now, &body)).ok()?);
        }
        let mut request = Request::new(Method::POST, self.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        Some(request)
    }
}

impl Transport for Http {
    async fn attempt(&self, id: &str, body: Bytes) -> Outcome {
        let Some(request) = self.request(id, body) else {
            return Outcome::MessageAtFault { reason: "its id does not fit in a header".into() };
        };
        // This is the helper that reads the status and caps the answer.
        #[expect(clippy::disallowed_methods)]
        let sent = self.client.execute(request).await;
        match sent {
            Ok(response) => answer(response, &self.success).await,
            Err(error) => failed(&error),
        }
    }
}

/// Only a whole answer is one: an answer that breaks off may be about anything. One without end is read so far.
async fn answer(mut response: Response, success: &Success) -> Outcome {
    let (mut kept, mut read) = (Bytes::new(), 0);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                read += chunk.len();
                keep(&mut kept, chunk);
                // Enough was said to know what it means: the status stands, only a predicate has not read it all.
                if read > READ {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => return failed(&error),
        }
    }
    classify(response.status(), response.headers(), &kept, read == kept.len(), success, Timestamp::now())
}

/// Most answers are one chunk, which is kept as it is.
fn keep(kept: &mut Bytes, chunk: Bytes) {
    let room = KEPT - kept.len();
    let chunk = chunk.slice(..chunk.len().min(room));
    *kept = if kept.is_empty() { chunk } else { [&kept[..], &chunk[..]].concat().into() };
}

fn failed(error: &reqwest::Error) -> Outcome {
    let class = if error.is_connect() {
        FaultClass::Connect
    } else if error.is_timeout() {
        FaultClass::Timeout
    } else {
        FaultClass::Broken
    };
    Outcome::DestinationAtFault(Fault::without_answer(class))
}

/// One TLS provider in the process: ring.
fn install_tls() {
    static ONCE: Once = Once::new();
    // An error only says that one is installed already.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}
