//! Who may come in: the token where there is one; and never another web page through an operator's browser.

use super::{Admin, answer};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiesu_connector::Problem;
use std::{net::IpAddr, sync::Arc};

pub(super) async fn check(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    match refuse(&admin, &request) {
        Some(problem) => {
            let status = problem.status;
            let mut response = answer(problem);
            if status == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
        None => next.run(request).await,
    }
}

fn refuse(admin: &Admin, request: &Request) -> Option<Problem> {
    let (path, headers) = (request.uri().path(), request.headers());
    // Health says nothing of anybody, and the console's page holds no data of its own.
    if matches!(path, "/healthz" | "/readyz") {
        return None;
    }
    if admin.token.is_none() && !host_is_loopback(headers) {
        let detail = "without admin.token this listener answers only to localhost: set a token, or use localhost";
        return Some(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    if request.method() != Method::GET && !same_origin(headers) {
        return Some(Problem::new(StatusCode::FORBIDDEN, "another web page may not do this"));
    }
    let open = path == "/" || path.starts_with("/console/") || (path == "/metrics" && admin.loopback);
    match &admin.token {
        Some(token) if !open => {
            let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
            let bearer = given.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
            let right = bearer.is_some_and(|(_, candidate)| token.matches(candidate));
            let detail = "the bearer token is missing or is not admin.token";
            (!right).then(|| Problem::new(StatusCode::UNAUTHORIZED, detail))
        }
        _ => None,
    }
}

/// A page whose name was bent to 127.0.0.1 (DNS rebinding) shows its own name here.
fn host_is_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        (Some(_), None) => false,
    }
}
