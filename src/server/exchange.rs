//! One request and its answer.

use super::{
    accept::Shared,
    host,
    peer::{Peer, client},
    problem::Http,
    turn::Turn,
};
use axum::{Router, body::Body, response::IntoResponse};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use jiesu_connector::Problem;
use std::{
    convert::Infallible,
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::Service;

/// Answers one request.
///
/// Whatever the handler does, the client gets an answer: a panic becomes a 500, and an order given to the turn
/// (408 for a body that does not come, 503 at the end of the drain) overtakes it.
pub(super) async fn exchange(
    shared: Arc<Shared>,
    turn: Arc<Turn>,
    mut app: Router,
    address: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (mut parts, body) = request.into_parts();
    turn.request(!body.is_end_stream());
    if let Some(problem) = host::fault(parts.version, &parts.headers) {
        let mut response = Http(problem).into_response();
        // What is behind it on this connection may not be meant for us either.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        shared.meters.answered(response.status());
        return Ok(response.map(|body| Answer { body, turn }));
    }
    parts.extensions.insert(Peer(client(address, &parts.headers, &shared.settings.proxies)));
    let request = Request::from_parts(parts, Received { body, turn: turn.clone() });

    let mut handler = pin!(AssertUnwindSafe(async move { app.call(request).await }).catch_unwind());
    let outcome = std::future::poll_fn(|cx| match turn.verdict() {
        Some(status) => Poll::Ready(Err(status)),
        None => handler.as_mut().poll(cx).map(Ok),
    });
    let mut response = match outcome.await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_panic)) => {
            tracing::error!(listener = shared.settings.name, "a handler panicked; answered 500");
            let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "an internal error; it has been logged");
            Http(problem).into_response()
        }
        Err(status) => Http(refusal(status)).into_response(),
    };
    if turn.body_open() || shared.closing() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    shared.meters.answered(response.status());
    Ok(response.map(|body| Answer { body, turn }))
}

/// What a client is told whom the loop itself refuses.
pub(super) fn refusal(status: StatusCode) -> Problem {
    match status {
        StatusCode::REQUEST_TIMEOUT => Problem::new(status, "the request did not arrive in time; send it again"),
        StatusCode::SERVICE_UNAVAILABLE => {
            Problem::new(status, "the gateway is stopping; send the request again").retry(Duration::from_secs(5))
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Problem::new(status, "too many header fields, or too long: at most 100 fields and 64 KiB")
        }
        StatusCode::URI_TOO_LONG => Problem::new(status, "the address is too long"),
        _ => Problem::new(status, "this is no valid HTTP/1.1 request"),
    }
}

/// A request's body, which keeps the turn.
struct Received {
    body: Incoming,
    turn: Arc<Turn>,
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Pending => self.turn.body_wanted(),
            Poll::Ready(None) => self.turn.body_piece(0, true),
            Poll::Ready(Some(Ok(frame))) => {
                self.turn.body_piece(frame.data_ref().map_or(0, Bytes::len), self.body.is_end_stream());
            }
            Poll::Ready(Some(Err(_))) => self.turn.body_piece(0, false),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, which ends the turn when hyper has taken it all.
pub(super) struct Answer {
    body: Body,
    turn: Arc<Turn>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.turn.answered();
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
