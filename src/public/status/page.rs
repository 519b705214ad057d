//! The page of the look-up.

use super::progress::{Progress, status_name};
use crate::server::problem::Http;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use jiesu_web::{Look, Page};
use maud::{Markup, html};

/// Where it stands, what happened, and what comes next.
pub(super) fn shown(progress: &Progress) -> Markup {
    html! {
        section.card aria-labelledby="result" {
            h2 id="result" { "办理进度" }
            dl {
                dt { "工单号" } dd { (progress.number) }
                dt { "当前状态" } dd { strong { (status_name(&progress.status)) } }
            }
            ol.track {
                @for (index, step) in progress.steps.iter().enumerate() {
                    li.now[index + 1 == progress.steps.len()] {
                        strong { (step.name()) }
                        time datetime=(step.at) { (clock(&step.at)) }
                        @if let Some(text) = &step.text { p.reply dir="auto" { (text) } }
                    }
                }
                @if let Some(next) = progress.next { li.next { "接下来：" (next) } }
            }
        }
    }
}

/// RFC 3339 as people write it, to the minute, in the city's time.
fn clock(time: &str) -> String {
    time.chars().take(16).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}

pub(super) fn show(look: &Look, status: StatusCode, error: Option<&str>, number: &str, result: Markup) -> Response {
    let main = html! {
        h1 { "进度查询" }
        @if let Some(error) = error {
            div.alert role="alert" id="error" tabindex="-1" autofocus { p { (error) } }
        }
        (result)
        form method="post" action="/status" novalidate {
            fieldset {
                legend { "输入受理回执上的号码" }
                div.field {
                    label for="number" { "工单号" }
                    p.hint id="number-hint" { "例如 20261122-000123-4" }
                    input id="number" name="number" value=(number) required aria-describedby="number-hint"
                        autocomplete="off" maxlength="32" inputmode="numeric";
                }
                div.field {
                    label for="code" { "查询码" }
                    p.hint id="code-hint" { "例如 7Q3M-K9TD，不分大小写" }
                    input id="code" name="code" required aria-describedby="code-hint" autocomplete="off"
                        maxlength="16" autocapitalize="characters" spellcheck="false";
                }
                div.field { button type="submit" { "查询" } }
            }
        }
        p.hint { "号码丢失了？请拨打 " (look.phone()) "，由话务员为您查询。" }
    };
    let heading = if error.is_some() { "错误：进度查询" } else { "进度查询" };
    let page = Page { status, heading, main, script: None, links: &[("/", "登记诉求")] };
    let mut response = Http(look.page(page)).into_response();
    response.headers_mut().insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}
