//! A citizen's look-up (进度查询): a number and its code, by page or JSON.

use super::{Public, answer, unavailable};
use crate::{
    number::Number,
    server::{Peer, limits::too_many, pages::harden, read_body},
    store::Known,
    ticket,
};
use axum::{
    body::Body,
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use jiesu_connector::{FieldFault, Problem};
use maud::{DOCTYPE, Markup, html};
use serde::Serialize;
use serde_json::Value;
use std::{sync::Arc, time::Instant};

/// A look-up is a few dozen bytes.
const MAX_BODY: u64 = 4 << 10;

struct Query {
    number: String,
    code: String,
}

/// What a citizen is shown: no personal data, and only replies that are public or theirs to read.
#[derive(Serialize)]
struct Progress {
    number: String,
    status: String,
    received_at: String,
    replies: Vec<serde_json::Value>,
}

enum Found {
    Progress(Progress),
    Nothing,
    Wait(std::time::Duration),
    Unavailable,
}

async fn look_up(public: &Public, query: &Query) -> Found {
    let now = Instant::now();
    let typed: String = query.number.trim().chars().take(32).collect();
    if let Err(wait) = public.tries.check(&typed, now) {
        return Found::Wait(wait);
    }
    // Unknown number and wrong code take the same way and the same time.
    let number = typed.parse::<Number>().unwrap_or(Number { day: 0, sequence: 0 });
    let Ok(known) = public.store.known(number).await else { return Found::Unavailable };
    let hash = match &known {
        Known::Ticket(row) => row.code_hash.clone(),
        Known::InTheLine { .. } | Known::Nothing => public.key.code_hash(number).to_vec(),
    };
    let right = public.key.code_matches(number, &query.code, &hash);
    let progress = match known {
        Known::Ticket(row) if right => of_ticket(&row.document),
        Known::InTheLine { received_at } if right => Some(Progress {
            number: number.to_string(),
            status: "accepted".into(),
            received_at: ticket::rfc3339(received_at, &public.zone),
            replies: Vec::new(),
        }),
        _ => None,
    };
    match progress {
        Some(progress) => Found::Progress(progress),
        None => {
            public.tries.wrong(&typed, now);
            Found::Nothing
        }
    }
}

fn of_ticket(document: &str) -> Option<Progress> {
    let ticket: serde_json::Value = serde_json::from_str(document).ok()?;
    let text = |field: &str| ticket[field].as_str().unwrap_or_default().to_owned();
    let replies = ticket["replies"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let shown = replies.map(|reply| serde_json::json!({ "at": reply["at"], "text": reply["text"] }));
    Some(Progress {
        number: text("number"),
        status: text("status"),
        received_at: text("received_at"),
        replies: shown.collect(),
    })
}

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
    if let Err(wait) = public.per_address.check_address(peer) {
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
pub(super) async fn page(request: Request) -> Response {
    let number = request.uri().query().and_then(|query| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "number").map(|(_, value)| value)
    });
    let number: String = number.unwrap_or_default().chars().take(32).collect();
    show(StatusCode::OK, None, &number, html! {})
}

/// `POST /status`: the form, sent.
pub(super) async fn form(
    State(public): State<Arc<Public>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    if let Err(wait) = public.per_address.check_address(peer) {
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
        Found::Progress(progress) => show(StatusCode::OK, None, &progress.number, shown(&progress)),
        Found::Nothing => {
            let what = "没有找到。请核对工单号和查询码，两者都在您的受理回执上。";
            show(StatusCode::NOT_FOUND, Some(what), &query.number, html! {})
        }
        Found::Wait(wait) => {
            let what = format!("这个编号输错次数太多，请 {} 分钟后再试，或拨打 12345。", wait.as_secs().div_ceil(60));
            let mut response = show(StatusCode::TOO_MANY_REQUESTS, Some(&what), &query.number, html! {});
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
            response
        }
        Found::Unavailable => {
            let what = "系统暂时无法查询，请稍后再试，或拨打 12345。";
            show(StatusCode::SERVICE_UNAVAILABLE, Some(what), &query.number, html! {})
        }
    }
}

fn shown(progress: &Progress) -> Markup {
    html! {
        section aria-labelledby="result" {
            h2 id="result" { "办理进度" }
            dl {
                dt { "工单号" } dd { (progress.number) }
                dt { "当前状态" } dd { strong { (status_name(&progress.status)) } }
                dt { "收到时间" } dd { (clock(&progress.received_at)) }
            }
            @for reply in &progress.replies {
                article {
                    h3 { "答复 · " (clock(reply["at"].as_str().unwrap_or_default())) }
                    p dir="auto" { (reply["text"].as_str().unwrap_or_default()) }
                }
            }
        }
    }
}

/// RFC 3339 as people write it, to the minute, in the city's time.
fn clock(time: &str) -> String {
    time.chars().take(16).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}

fn status_name(status: &str) -> &str {
    match status {
        "accepted" => "已受理",
        "dispatched" => "已派单",
        "in_progress" => "办理中",
        "returned" => "已退回，正在重新派单",
        "replied" => "已答复",
        "closed" => "已办结",
        "reopened" => "重新办理",
        other => other,
    }
}

const STYLE: &str = include_str!("status.css");

fn show(status: StatusCode, error: Option<&str>, number: &str, result: Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { @if error.is_some() { "错误：" } "进度查询" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "进度查询" }
                    @if let Some(error) = error {
                        div class="error" role="alert" id="error" tabindex="-1" autofocus { p { (error) } }
                    }
                    (result)
                    form method="post" action="/status" {
                        label for="number" { "工单号" }
                        p class="hint" id="number-hint" { "例如 20261122-000123-4" }
                        input id="number" name="number" value=(number) required aria-describedby="number-hint"
                            autocomplete="off" maxlength="32";
                        label for="code" { "查询码" }
                        p class="hint" id="code-hint" { "例如 7Q3M-K9TD，不分大小写" }
                        input id="code" name="code" required aria-describedby="code-hint" autocomplete="off"
                            maxlength="16";
                        button type="submit" { "查询" }
                    }
                }
            }
        }
    };
    let mut response = Response::new(Body::from(page.into_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // The page's only style is its own, and it has no script at all.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    harden(headers);
    response
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
