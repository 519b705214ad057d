//! `POST requests`: an appeal by way of an `api` channel, whose token is the key.

use super::{Refused, array, described, parameters, said, services};
use crate::{
    public::{Public, channel},
    server::{Room, read_body_into},
};
use axum::extract::Request;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiesu_connector::{
    Appellant, Datum, IDEMPOTENCY_KEY, Inbound, Location, Reception, Rejection, Response, Submission,
};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Characters of a description, at most (GeoReport v2, POST Service Request).
const MAX_DESCRIPTION: usize = 4_000;

pub(super) async fn create(public: &Public, request: Request, peer: IpAddr) -> Result<Value, Refused> {
    let (head, body) = request.into_parts();
    let mut room = Room::of(&public.body_budget);
    let body = read_body_into(body, public.max_body, &mut room).await;
    let body = body.map_err(|problem| Refused::new(problem.status, problem.detail))?;
    let mut given = parameters(&body);
    given.extend(parameters(head.uri.query().unwrap_or_default().as_bytes()));
    let Some(key) = said(&given, "api_key") else {
        return Err(Refused::new(StatusCode::FORBIDDEN, "api_key is missing: the token of an api channel"));
    };
    let answer = |submission: &Submission| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {key}")).ok()?);
        headers.extend(head.headers.get(IDEMPOTENCY_KEY).map(|value| (IDEMPOTENCY_KEY, value.clone())));
        let body = serde_json::to_vec(submission).unwrap_or_default().into();
        let (method, path, query) = (Method::POST, String::new(), None);
        Some(jiesu_connector::Request { method, path, query, headers, body, peer })
    };
    let submission = submission(public, &given);
    // The key first: who has none learns nothing of what would be right.
    let asked = answer(submission.as_ref().unwrap_or(&Submission::default()));
    let refused = || Refused::new(StatusCode::FORBIDDEN, "api_key is not the token of an api channel");
    let asked = asked.ok_or_else(refused)?;
    for channel in public.channels.values().filter(|channel| channel.kind == "api") {
        if !matches!(channel.parts.inbound, Inbound::Push(_)) {
            continue;
        }
        let received = channel::receive(channel, &asked, None);
        let response = match received {
            None | Some(Err(Rejection::Unauthenticated(_))) => continue,
            _ if submission.is_err() => {
                public.intake.rejected(channel, "fields");
                return Err(submission.err().unwrap_or_else(refused));
            }
            _ if channel.is_paused() => {
                return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "this channel is paused; try again later"));
            }
            Some(Ok(Reception::Accept(accept))) => channel::take(public, channel, accept).await,
            Some(Err(Rejection::Malformed { reason, response })) => {
                public.intake.rejected(channel, reason);
                response
            }
            Some(Ok(_)) => return Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the channel failed")),
        };
        return made(response);
    }
    Err(refused())
}

/// The receipt as the specification has it. The status code is for the citizen: it goes into the notice.
fn made(response: Response) -> Result<Value, Refused> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let Some(number) = body["number"].as_str().filter(|_| response.status.is_success()) else {
        return Err(Refused::new(response.status, described(&body)));
    };
    let notice = match body["code"].as_str() {
        Some(code) => format!("查询码 {code}，请告知诉求人：凭编号和查询码查询进度"),
        None => String::new(),
    };
    Ok(array(json!({ "service_request_id": number, "service_notice": notice, "account_id": null })))
}

fn submission(public: &Public, given: &[(String, String)]) -> Result<Submission, Refused> {
    let bad = |description: String| Refused::new(StatusCode::BAD_REQUEST, description);
    let text = |name: &str| said(given, name).map(str::to_owned);
    let Some(code) = said(given, "service_code") else { return Err(bad("service_code is missing".into())) };
    let service = services::find(public, code)?;
    let degrees = |name: &str, most: f64| {
        let Some(value) = said(given, name) else { return Ok(None) };
        let degrees = value.parse::<f64>().ok().filter(|degrees| degrees.abs() <= most);
        degrees.map(Some).ok_or_else(|| bad(format!("{name} is no number of degrees (WGS 84), as 29.55")))
    };
    let (lat, lon) = (degrees("lat", 90.0)?, degrees("long", 180.0)?);
    if lat.is_some() != lon.is_some() {
        return Err(bad("lat and long belong together: one is missing".into()));
    }
    let address = text("address_string").or_else(|| text("address_id"));
    if lat.is_none() && address.is_none() {
        return Err(bad("where is it? lat and long, address_string or address_id is missing".into()));
    }
    let description = text("description").unwrap_or_default();
    if description.chars().count() > MAX_DESCRIPTION {
        return Err(bad(format!("description is longer than {MAX_DESCRIPTION} characters")));
    }
    let mut content = if description.is_empty() { service.name.clone() } else { description };
    for (_, link) in given.iter().filter(|(name, link)| name == "media_url" && !link.trim().is_empty()) {
        content.push_str(&format!("\n{}", link.trim()));
    }
    let name: String =
        [said(given, "last_name"), said(given, "first_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let who = Appellant {
        name: Some(name).filter(|name| !name.is_empty()),
        phone: text("phone"),
        email: text("email"),
        ..Appellant::default()
    };
    let publish = said(given, "publish").is_some_and(|it| matches!(it, "yes" | "true" | "1" | "on"));
    Ok(Submission {
        content: Some(content),
        category: Some(service.code.clone()),
        appellant: (who != Appellant::default()).then_some(who),
        location: Some(Location { text: address, lat, lon, region: None, datum: lat.map(|_| Datum::Wgs84) }),
        publish: publish.then_some(true),
        ..Submission::default()
    })
}
