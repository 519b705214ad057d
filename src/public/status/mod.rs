//! A citizen's look-up (进度查询): a number and its code, by page or JSON.

mod page;
mod progress;

use super::{Public, answer, unavailable};
use crate::server::{Peer, limits::too_many, read_body};
use axum::{
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use jiesu_connector::{FieldFault, Problem};
use maud::html;
use page::{show, shown};
use progress::{Found, Query, look_up};
use serde_json::Value;
use std::sync::Arc;

/// A look-up is a few dozen bytes.
const MAX_BODY: u64 = 4 << 10;

/// Number and code, each a text.
fn read(body: &[u8]) -> Result<Query, Vec<FieldFault>> {
    let fault = |field: &str, detail: &str| FieldFault { field: field.into(), detail: detail.into() };
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err(vec![fault("body", "is no JSON object; send {\"number\": \"…\", \"code\": \"…\"}")]);
    };
    match (fields.remove("number"), fields.remove("code")) {
        (Some(Value::String(number)), Some(Value::String(code))) => Ok(Query { number, code }),
        (number, code) => {
            let given = [("number", number), ("code", code)];
            let wrong = given.iter().filter(|(_, value)| !matches!(value, Some(Value::String(_))));
            Err(wrong.map(|(field, _)| fault(field, "is required, as text: both stand on the receipt")).collect())
        }
    }
}

const NOT_FOUND: &str = "no appeal has this number and code; check both";

/// `POST /api/v1/status`.
pub(super) async fn json(
    State(public): State<Arc<Public>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    if let Err(wait) = public.per_address.check_address(peer).await {
        return answer(too_many(wait));
    }
    let body = match read_body(request.into_body(), MAX_BODY).await {
        Ok(body) => body,
        Err(problem) => return answer(problem),
    };
    let query = match read(&body) {
        Ok(query) => query,
        Err(faults) => return answer(Problem::fields(faults)),
    };
    let mut response = match look_up(&public, &query).await {
        Found::Progress(progress) => axum::Json(progress).into_response(),
        Found::Nothing => answer(Problem::new(StatusCode::NOT_FOUND, NOT_FOUND)),
        Found::Wait(wait) => answer(too_many(wait)),
        Found::Unavailable => unavailable(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /status`: the form. The number may stand in the query; the code never does.
pub(super) async fn form_page(State(public): State<Arc<Public>>, request: Request) -> Response {
    let number = request.uri().query().and_then(|query| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "number").map(|(_, value)| value)
    });
    let number: String = number.unwrap_or_default().chars().take(32).collect();
    show(&public.look, StatusCode::OK, None, &number, html! {})
}

/// `POST /status`: the form, sent.
pub(super) async fn form(
    State(public): State<Arc<Public>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    if let Err(wait) = public.per_address.check_address(peer).await {
        return answer(too_many(wait));
    }
    let body = match read_body(request.into_body(), MAX_BODY).await {
        Ok(body) => body,
        Err(problem) => return answer(problem),
    };
    let mut query = Query { number: String::new(), code: String::new() };
    for (name, value) in form_urlencoded::parse(&body) {
        match &*name {
            "number" => query.number = value.into_owned(),
            "code" => query.code = value.into_owned(),
            _ => {}
        }
    }
    match look_up(&public, &query).await {
        Found::Progress(progress) => show(&public.look, StatusCode::OK, None, &progress.number, shown(&progress)),
        Found::Nothing => {
            let what = "没有找到。请核对工单号和查询码，两者都在您的受理回执上。";
            show(&public.look, StatusCode::NOT_FOUND, Some(what), &query.number, html! {})
        }
        Found::Wait(wait) => {
            let what = format!("这个编号输错次数太多，请 {} 分钟后再试，或拨打 12345。", wait.as_secs().div_ceil(60));
            let mut response = show(&public.look, StatusCode::TOO_MANY_REQUESTS, Some(&what), &query.number, html! {});
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
            response
        }
        Found::Unavailable => {
            let what = "系统暂时无法查询，请稍后再试，或拨打 12345。";
            show(&public.look, StatusCode::SERVICE_UNAVAILABLE, Some(what), &query.number, html! {})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn each_missing_or_mistyped_part_of_a_look_up_is_named() {
        let fields = |body: &str| match read(body.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.field).collect::<Vec<String>>(),
        };
        assert_eq!(fields(r#"{"number":"n","code":"c"}"#), [""; 0]);
        assert_eq!(fields(r#"{"number":5,"code":"c"}"#), ["number"]);
        assert_eq!(fields("{}"), ["number", "code"]);
        assert_eq!(fields("[]"), ["body"]);
        assert_eq!(fields("nope"), ["body"]);
    }
}
