//! Answers as axum wants them, and the problems that the router itself has to tell.

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response as HttpResponse},
};
use http::{HeaderValue, StatusCode, header};
use jiesu_connector::{Problem, Response};

/// A connector's answer, or a problem (RFC 9457), as an HTTP response.
#[derive(Debug, Clone)]
pub struct Http<T>(
    /// The answer.
    pub T,
);

impl IntoResponse for Http<Response> {
    fn into_response(self) -> HttpResponse {
        let Response { status, headers, body } = self.0;
        let mut response = HttpResponse::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl IntoResponse for Http<Problem> {
    fn into_response(self) -> HttpResponse {
        Http(Response::from(self.0)).into_response()
    }
}

impl<T> From<T> for Http<T> {
    fn from(answer: T) -> Self {
        Self(answer)
    }
}

impl Http<Problem> {
    /// The bytes of a last answer on a connection, for where no exchange is under way.
    pub(super) fn to_wire(&self) -> Vec<u8> {
        let status = self.0.status;
        let body = self.0.to_json();
        let mut bytes = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }
}

/// The router's own refusals are plain text: a path or query that it cannot read.
async fn as_problem(response: HttpResponse) -> HttpResponse {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    if !response.status().is_client_error() || response.headers().get(header::CONTENT_TYPE) != Some(&plain) {
        return response;
    }
    Http(Problem::new(response.status(), "the address or its query cannot be read")).into_response()
}

/// Answers what the extractors of the routes so far refuse with problems. Not for the routes of channels, whose refusals
/// are in words of their own.
pub fn with_problems<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(axum::middleware::map_response(as_problem))
}

/// Answers 404 and 405 of `router` with problems. To be called when all routes are in.
pub fn with_fallbacks(router: Router) -> Router {
    router
        .fallback(async || Http(Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")))
        .method_not_allowed_fallback(async || {
            Http(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method; see Allow"))
        })
}
