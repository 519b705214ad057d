//! `/open311/v2/…`: Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2), for apps that speak it. Services are the
//! categories; requests are made with the token of an `api` channel; told are only tickets that their citizens agreed to
//! publish.

mod create;
mod format;
mod list;
mod redact;
mod services;

use super::Public;
use crate::server::Peer;
use axum::{
    extract::{Extension, Request, State},
    response::Response,
};
use format::{Format, Names};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use std::{fmt::Write, sync::Arc};

/// What a request is called in XML.
const REQUESTS: Names = Names { root: "service_requests", item: "request" };

/// Why a request is refused.
struct Refused(StatusCode, String);

impl Refused {
    fn new(status: StatusCode, description: impl Into<String>) -> Self {
        Self(status, description.into())
    }
}

pub(super) async fn serve(
    State(public): State<Arc<Public>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    let path = request.uri().path().strip_prefix("/open311/v2/").unwrap_or_default().to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let last = segments.last().copied().unwrap_or_default();
    let Some((name, format)) = Format::of(last, request.headers()) else {
        return Format::accepted(request.headers()).error(StatusCode::NOT_FOUND, "answers end in .json or .xml");
    };
    if let Err(wait) = public.per_address.check_address(peer).await {
        let mut response = format.error(StatusCode::TOO_MANY_REQUESTS, "too many requests; see Retry-After");
        let seconds = wait.as_millis().div_ceil(1000).max(1) as u64;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let names = |root, item| Names { root, item };
    let answered = match (segments.len(), segments[0]) {
        (1, _) if name == "requests" && request.method() == Method::POST => {
            create::create(&public, request, peer).await.map(|made| (REQUESTS, made))
        }
        _ if !reading => {
            let allow = if segments.len() == 1 && name == "requests" { "GET, HEAD, POST" } else { "GET, HEAD" };
            let mut response = format.error(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
            return response;
        }
        (1, _) if name == "discovery" => Ok((names("discovery", "endpoint"), services::discovery(&public))),
        (1, _) if name == "services" => Ok((names("services", "service"), services::all(&public))),
        (2, "services") => {
            services::one(&public, &decoded(name)).map(|it| (names("service_definition", "attribute"), it))
        }
        (1, _) if name == "requests" => {
            list::list(&public, request.uri().query().unwrap_or_default()).await.map(|found| (REQUESTS, found))
        }
        (2, "requests") => list::one(&public, &decoded(name)).await.map(|found| (REQUESTS, found)),
        _ => Err(Refused::new(StatusCode::NOT_FOUND, "there is nothing at this address")),
    };
    match answered {
        Ok((names, value)) => format.answer(StatusCode::OK, &names, &value),
        Err(Refused(status, description)) => format.error(status, &description),
    }
}

fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn unavailable() -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway cannot reach its store now; try again")
}

/// Name and value, of a query or a form.
fn parameters(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).take(500).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The first value called `name`, unless it is blank.
fn said<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let value = parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())?;
    Some(value).filter(|value| !value.is_empty())
}

/// Faults of an appeal's fields as one description.
fn described(problem: &Value) -> String {
    let mut description = String::new();
    for error in problem["errors"].as_array().into_iter().flatten() {
        let (field, detail) =
            (error["field"].as_str().unwrap_or_default(), error["detail"].as_str().unwrap_or_default());
        let field = match field {
            "content" => "description",
            "location.lat" => "lat",
            "location.lon" => "long",
            "location.text" => "address_string",
            "appellant.phone" => "phone",
            "appellant.email" => "email",
            "appellant.name" => "first_name, last_name",
            other => other,
        };
        let _ = write!(description, "{}{field}: {detail}", if description.is_empty() { "" } else { "; " });
    }
    match description.is_empty() {
        true => problem["detail"].as_str().unwrap_or("the request cannot be taken").to_owned(),
        false => description,
    }
}

/// `[{}]`
fn array(item: Value) -> Value {
    json!([item])
}
