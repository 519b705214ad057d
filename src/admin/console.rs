//! The console: one page that reads the admin API. It holds no data itself, so it needs no token; its script asks for
//! one when the API does.

use super::not_found;
use crate::server::pages::harden;
use axum::{body::Body, extract::Path, response::Response};
use http::{HeaderValue, header};

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page's files, each with its media type.
const FILES: &[(&str, &str, &str)] = &[
    ("console.css", "text/css; charset=utf-8", include_str!("console/console.css")),
    ("icon.svg", "image/svg+xml", include_str!("console/icon.svg")),
    ("console.js", SCRIPT, include_str!("console/console.js")),
    ("api.js", SCRIPT, include_str!("console/api.js")),
    ("page.js", SCRIPT, include_str!("console/page.js")),
    ("picture.js", SCRIPT, include_str!("console/picture.js")),
    ("tickets.js", SCRIPT, include_str!("console/tickets.js")),
    ("desk.js", SCRIPT, include_str!("console/desk.js")),
];

fn file(media_type: &'static str, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    harden(response.headers_mut());
    response
}

/// `GET /`.
pub(super) async fn page() -> Response {
    file("text/html; charset=utf-8", include_str!("console/index.html"))
}

/// `GET /console/{file}`.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, text)) => file(media_type, text),
        None => not_found("the console has no such file"),
    }
}
