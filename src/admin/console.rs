//! The console: one page that reads the admin API. It holds no data itself, so it needs no token; its script asks for
//! one when the API does.

use crate::server::pages::harden;
use axum::{body::Body, response::Response};
use http::{HeaderValue, header};

fn asset(media_type: &'static str, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    harden(response.headers_mut());
    response
}

pub(super) async fn page() -> Response {
    asset("text/html; charset=utf-8", include_str!("console/index.html"))
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("console/console.js"))
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("console/console.css"))
}
