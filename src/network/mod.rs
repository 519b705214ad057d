//! The way out over HTTP, for connectors: one place for connections, TLS, the address filter, and the caps.

mod address;
mod filter;
#[cfg(test)]
mod tests;

pub use address::is_public;

use crate::config::FetchRule;
use async_trait::async_trait;
use bytes::BytesMut;
use filter::{Filter, Refused};
use jiesu_connector::{HttpClient, Origin, OutRequest, OutResponse, SendError};
use reqwest::{Client, ClientBuilder, Request, Response, Url, redirect};
use std::{error::Error, sync::OnceLock, time::Duration};

/// For connecting, at most: name, connection and TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// Connections that are kept for the next request, of each host.
const IDLE: usize = 8;
const KEEP: Duration = Duration::from_secs(30);
/// What an answer only announces is believed up to so many bytes.
const ROOM: u64 = 1 << 20;
const AGENT: &str = concat!("jiesu/", env!("CARGO_PKG_VERSION"));

/// Sends connectors' requests. Makes its connections, and reads the system's certificates, when it is first needed.
///
/// Redirects are not followed, the environment's proxies are not asked, compressed answers are not unpacked (so the cap
/// counts what arrives). A request whose time is over while it still connects is [`SendError::Unknown`] unless it had more
/// than 5 s: only the connection's own time-out tells for sure that nothing left. Whatever [`Origin::Foreign`] names goes through the address filter, over connections that
/// nothing else uses.
#[derive(Debug, Default)]
pub struct GatewayClient {
    filter: Filter,
    configured: OnceLock<Result<Client, String>>,
    foreign: OnceLock<Result<Client, String>>,
}

impl GatewayClient {
    /// A client whose address filter excepts `allow_fetch`.
    pub fn new(allow_fetch: &[FetchRule]) -> Self {
        Self { filter: Filter::new(allow_fetch), ..Self::default() }
    }

    fn client(&self, origin: Origin) -> Result<&Client, SendError> {
        let client = match origin {
            Origin::Configured => self.configured.get_or_init(|| build(builder)),
            Origin::Foreign => self.foreign.get_or_init(|| build(|| builder().dns_resolver(self.filter.clone()))),
        };
        client.as_ref().map_err(|why| SendError::NotSent(why.clone()))
    }

    fn request(&self, request: OutRequest) -> Result<(Request, Origin, u64), SendError> {
        // The parser's words name no part of the address.
        let url: Url = request.url.parse().map_err(|error| match request.origin {
            Origin::Configured => SendError::NotSent(format!("the address is no URL: {error}")),
            // It will be none the next time either.
            Origin::Foreign => SendError::Forbidden(format!("the address is no URL: {error}")),
        })?;
        if request.origin == Origin::Foreign {
            self.filter.check(&url).map_err(|refused| SendError::Forbidden(refused.0))?;
        }
        let mut sent = Request::new(request.method, url);
        *sent.headers_mut() = request.headers;
        *sent.timeout_mut() = Some(request.timeout);
        if !request.body.is_empty() {
            *sent.body_mut() = Some(request.body.into());
        }
        Ok((sent, request.origin, request.max_answer))
    }
}

#[async_trait]
impl HttpClient for GatewayClient {
    // This is the helper that caps the answer; any status is an answer.
    #[allow(clippy::disallowed_methods)]
    async fn send(&self, request: OutRequest) -> Result<OutResponse, SendError> {
        let (request, origin, max) = self.request(request)?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let response = self.client(origin)?.execute(request).await.map_err(|error| failed(&error, &host))?;
        read(response, max, &host).await
    }
}

/// The whole answer; one that breaks off is none.
async fn read(mut response: Response, max: u64, host: &str) -> Result<OutResponse, SendError> {
    let announced = response.content_length().unwrap_or_default();
    if announced > max {
        return Err(SendError::TooLarge(max));
    }
    let mut body = BytesMut::with_capacity(announced.min(ROOM) as usize);
    while let Some(chunk) = response.chunk().await.map_err(|error| unknown(&error, host))? {
        if (body.len() + chunk.len()) as u64 > max {
            return Err(SendError::TooLarge(max));
        }
        body.extend_from_slice(&chunk);
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(OutResponse { status: response.status(), headers, body: body.freeze() })
}

/// No answer began. What failed while connecting has not left; of the rest nobody knows.
fn failed(error: &reqwest::Error, host: &str) -> SendError {
    if let Some(refused) = causes(error).find_map(|cause| cause.downcast_ref::<Refused>()) {
        return SendError::Forbidden(format!("{host}: {refused}"));
    }
    if !error.is_connect() && !error.is_builder() {
        return unknown(error, host);
    }
    let why = match error.is_timeout() {
        true => format!("no connection within {} s", CONNECT.as_secs()),
        false => reason(error),
    };
    SendError::NotSent(format!("{host}: {why}"))
}

fn unknown(error: &reqwest::Error, host: &str) -> SendError {
    let why = if error.is_timeout() { "the time is over".to_owned() } else { reason(error) };
    SendError::Unknown(format!("{host}: {why}"))
}

/// The innermost cause: what the system, or TLS, said. Only the outermost one holds the address.
fn reason(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| "the request cannot be made".to_owned(), ToString::to_string)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(AGENT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(IDLE)
        .pool_idle_timeout(KEEP)
}

/// A machine without certificates can still speak http; https then fails by name.
fn build(builder: impl Fn() -> ClientBuilder) -> Result<Client, String> {
    // An error only says that one is installed already: the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder().build().or_else(|error| {
        tracing::warn!("https cannot be used: {}; install the package ca-certificates", reason(&error));
        builder().tls_certs_only([]).build().map_err(|error| format!("no HTTP client: {}", reason(&error)))
    })
}
